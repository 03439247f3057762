//go:build !linux

package onnxpb

import "os"

// copyFileRange appends nothing: this system has no way that it knows of.
func copyFileRange(_, _ *os.File, _, _ int64) int64 { return 0 }
