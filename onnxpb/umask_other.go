//go:build !unix

package onnxpb

import "io/fs"

func umask() fs.FileMode { return 0o022 }
