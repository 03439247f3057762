package corpus

import (
	_ "embed"
	"fmt"
	"strings"
)

//go:embed testdata/ort-unsupported.txt
var unsupportedText string

// Unsupported tells which cases ONNX Runtime does not reproduce, by ID, and why. The reason begins with a word for its kind: "refused" where ONNX
// Runtime does not run the model, "differs" where it gives other values than were recorded, "data" where the recorded data does not fit the model, "random" where the model draws without a seed,
// "locale" where it needs a locale that not every machine has. Cases of the last two kinds may pass all the same.
// A test of verify/ort holds the list to what happens.
func Unsupported() map[string]string {
	list := map[string]string{}
	for i, line := range strings.Split(unsupportedText, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		id, reason, ok := strings.Cut(line, ": ")
		if !ok {
			panic(fmt.Sprintf("corpus: ort-unsupported.txt:%d: no reason", i+1))
		}
		list[id] = reason
	}
	return list
}
