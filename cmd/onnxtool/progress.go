package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// progress returns what shows on a terminal how far a command is; nil where standard error is none, or nothing is to be printed. The bar comes when the command takes longer than a second,
// and is gone at the end.
func progress(c *cli.Context) func(done, of int) {
	st, err := os.Stderr.Stat()
	if err != nil || st.Mode()&os.ModeCharDevice == 0 || c.Bool("quiet") || os.Getenv("TERM") == "dumb" {
		return nil
	}
	start, shown := time.Now(), time.Time{}
	return func(done, of int) {
		now := time.Now()
		switch {
		case done >= of:
			if !shown.IsZero() {
				fmt.Fprint(os.Stderr, "\r\x1b[K")
			}
		case now.Sub(start) > time.Second && now.Sub(shown) > 100*time.Millisecond:
			shown = now
			const width = 30
			full := done * width / of
			left := time.Duration(float64(now.Sub(start)) / float64(done) * float64(of-done)).Round(time.Second)
			fmt.Fprintf(os.Stderr, "\r\x1b[K[%s%s] %d of %d, %v left", strings.Repeat("#", full), strings.Repeat(".", width-full), done, of, left)
		}
	}
}
