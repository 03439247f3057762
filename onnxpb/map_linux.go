package onnxpb

import "golang.org/x/sys/unix"

// adviseSoon has whole pages of a map brought in at once, rather than a few at each first touch. Kernels before 5.14 do not know it.
func adviseSoon(data []byte) { unix.Madvise(data, unix.MADV_POPULATE_READ) }
