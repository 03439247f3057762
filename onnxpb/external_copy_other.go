//go:build !linux

package onnxpb

import "os"

// cloneFile would make dst share the blocks of src.
func cloneFile(dst, src *os.File) bool { return false }

// cloneRange would make a part of dst share the blocks of src.
func cloneRange(dst *os.File, to int64, src *os.File, from, n int64) bool { return false }

// gatherWrite would write two pieces one after the other.
func gatherWrite(f *os.File, a, b []byte) (int, error) { return 0, nil }

// anotherOf would open an open file once more, for cloneRange.
func anotherOf(f *os.File) *os.File { return nil }

// nextExtent would tell where the next hole of a file is.
func nextExtent(f *os.File, off, size int64) (from, to int64) { return off, size }
