package onnxjson

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
)

// exchange reads our JSON of every model with json_format, as json2onnx does, and tells whether it is the model; it writes JSON of its own, as onnx2json
// does, by turns with the names of JSON and of onnx.proto.
const exchange = `
import glob, os, sys
from google.protobuf import json_format
import onnx
for i, path in enumerate(sorted(glob.glob(os.path.join(sys.argv[1], "*.onnx")))):
    base = path[:-len(".onnx")]
    want = onnx.ModelProto()
    want.ParseFromString(open(path, "rb").read())
    try:
        for form in (".json", ".decoded.json"):
            got = json_format.Parse(open(base + form).read(), onnx.ModelProto())
            if form == ".json" and got.SerializeToString(deterministic=True) != want.SerializeToString(deterministic=True):
                print("DIFFERS", os.path.basename(base))
    except json_format.ParseError as e:
        print("REFUSED", os.path.basename(base), str(e).replace("\n", " "))
    with open(base + ".py.json", "w") as f:
        f.write(json_format.MessageToJson(want, preserving_proto_field_name=i % 2 == 1))
print("DONE")
`

// TestPython exchanges models with Python's json_format in both directions.
func TestPython(t *testing.T) {
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import onnx, google.protobuf.json_format").Run(); err != nil {
		t.Skip("Python's onnx (python3-onnx) is not on this machine")
	}
	dir := t.TempDir()
	models := map[string]*onnxpb.ModelProto{}
	for _, c := range corpus.Cases(t) {
		if !strings.HasPrefix(c.Suite, "libonnx") && !strings.HasPrefix(c.Suite, "1.22/light") {
			continue // those need messages that this onnx does not have
		}
		m, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := onnxpb.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.ReplaceAll(c.ID(), "/", "_")
		text, _ := write(t, m, Options{})
		plain, _ := write(t, m, Options{Decode: true})
		for suffix, content := range map[string][]byte{".onnx": data, ".json": text, ".decoded.json": plain} {
			if err := os.WriteFile(filepath.Join(dir, name+suffix), content, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		models[name] = m
	}
	cmd := exec.Command(python, "-c", exchange, dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || !bytes.HasSuffix(out, []byte("DONE\n")) {
		t.Fatalf("%v\n%s%s", err, out, stderr.Bytes())
	}
	if len(out) > len("DONE\n") {
		t.Errorf("Python does not read what we wrote:\n%.3000s", out)
	}
	for name, m := range models {
		text, err := os.ReadFile(filepath.Join(dir, name+".py.json"))
		if err != nil {
			t.Fatal(err)
		}
		if got := parse(t, text); !proto.Equal(m, got) {
			t.Errorf("%s: what Python wrote reads as another model:\n%s", name, cmp.Diff(m, got, protocmp.Transform()))
		}
	}
}
