package verify

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"
)

var updateGolden = flag.Bool("update-golden", false, "rewrite the reports in testdata/golden")

// The forms of a report are an API: they stay what they are. What is in them is checked by other tests.
func TestGoldenReports(t *testing.T) {
	r := fakeReport(t)
	r.Command = []string{"onnxtool", "verify", "a.onnx", "b.onnx"}
	r.Outputs[1].Corner = "nan"
	for name, write := range map[string]func(io.Writer) error{
		"report.json": func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			return enc.Encode(r)
		},
		"report.md": r.WriteMarkdown, "report.txt": r.WriteText,
		"report.xml": func(w io.Writer) error {
			j := &JUnit{}
			j.Add(r)
			return j.Write(w)
		},
		"reports.json": func(w io.Writer) error {
			enc := json.NewEncoder(w)
			enc.SetIndent("", "  ")
			return enc.Encode(Together(r))
		},
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "golden", name)
		if *updateGolden {
			os.MkdirAll(filepath.Dir(path), 0o777)
			if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, b.Bytes()) {
			t.Errorf("%s has changed; if that is meant, go test ./verify -run Golden -update-golden, and a line in CHANGELOG.md:\n%s", name, &b)
		}
	}
}
