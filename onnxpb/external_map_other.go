//go:build !unix

package onnxpb

import (
	"io"
	"os"
)

// mapData reads a file of so many bytes.
func mapData(f *os.File, size int64) ([]byte, func(), error) {
	b := make([]byte, size)
	_, err := io.ReadFull(io.NewSectionReader(f, 0, size), b)
	return b, func() {}, err
}
