package onnxpb

import (
	"errors"

	"golang.org/x/sys/unix"
)

// adviseSoon has whole pages of a map brought in at once, rather than a few at each first touch. Kernels before 5.14 do not know it. Its error is that the file
// ends before them.
func adviseSoon(data []byte) error {
	if err := unix.Madvise(data, unix.MADV_POPULATE_READ); errors.Is(err, unix.EFAULT) {
		return errCutShort
	}
	return nil
}
