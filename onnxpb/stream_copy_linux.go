package onnxpb

import (
	"os"

	"golang.org/x/sys/unix"
)

// copyFileRange appends bytes of one file to another within the kernel, as far as that goes: not between all file systems, not into pipes, and not in
// files that are open for appending. What was wrong shows when the rest is written in the ordinary way.
func copyFileRange(dst, src *os.File, offset, n int64) int64 {
	from, to := int(src.Fd()), int(dst.Fd())
	at := offset
	for left := n; left > 0; {
		k, err := unix.CopyFileRange(from, &at, to, nil, int(min(left, 1<<30)), 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil || k <= 0 {
			break
		}
		left -= int64(k)
	}
	return at - offset
}
