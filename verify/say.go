package verify

import (
	"fmt"
	"io"

	"onnxtool/onnxpb"
)

// sayf is fmt.Fprintf for what people read: texts, which may hold names of a model from elsewhere, stay in their line and column and do nothing to a terminal.
func sayf(w io.Writer, format string, args ...any) (int, error) {
	for i, a := range args {
		if s, ok := a.(string); ok {
			args[i] = onnxpb.Visible(s)
		}
	}
	return fmt.Fprintf(w, format, args...)
}
