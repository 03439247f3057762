package onnxtext

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

const python = "/usr/bin/python3"

// parseAll has onnx.parser read every text of a directory, and writes the models and what it refuses.
const parseAll = `
import glob, os, sys
import onnx.parser
for path in sorted(glob.glob(os.path.join(sys.argv[1], "*.txt"))):
    base = path[:-len(".txt")]
    try:
        m = onnx.parser.parse_model(open(path).read())
    except Exception as e:
        text = e.args[0].decode() if e.args and isinstance(e.args[0], bytes) else str(e)
        print("REFUSED", os.path.basename(base), text.replace("\n", " "))
        continue
    open(base + ".onnx", "wb").write(m.SerializeToString())
print("DONE")
`

// byHand has what no model of ONNX's own tests has in plain words: functions, subgraphs, references to attributes, all of the header.
const byHand = `<
  ir_version: 8,
  opset_import: ["" : 17, "local.fns" : 1],
  producer_name: "p",
  producer_version: "2",
  domain: "d",
  model_version: 3,
  doc_string: "Some doc."
>
g (float[N] x, bool c) => (float[N] y) {
  t = local.fns.scaled <alpha: float = 2.0> (x)
  y = If (c) <then_branch: graph = a () => (float[N] ya) {
    ya = Identity (t)
  }, else_branch: graph = b () => (float[N] yb) {
    yb = Neg (t)
  }>
}

<
  domain: "local.fns",
  opset_import: ["" : 17],
  doc_string: "A function."
>
scaled <alpha> (x) => (y)
{
  y = LeakyRelu <alpha: float = @alpha> (x)
}
`

// plain makes a model one that onnx.parser of 1.12 knows all words of, and tells whether that can be: it has no names of nodes, no names in quotes, no
// types but tensors, no subgraphs' float16, and so on. Newer versions know more.
func plain(m *onnxpb.ModelProto) bool {
	ok := true
	name := func(s string) { ok = ok && isIdentifier(s) && !isTypeWord(s) }
	word := func(s string) { ok = ok && isPlain(s) && !strings.ContainsAny(s, `"\`) }
	tensor := func(t *onnxpb.TensorProto) {
		switch onnxpb.TensorProto_DataType(t.GetDataType()) {
		case onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_DOUBLE:
			a, err := onnxpb.Decode(t, "")
			if err != nil {
				ok = false
				return
			}
			v, _ := a.Float64s()
			for _, x := range v {
				ok = ok && x-x == 0 && (x == 0 || x > 1e-37 || x < -1e-37) // it knows no infinities and fails on denormals
			}
		case onnxpb.TensorProto_INT64, onnxpb.TensorProto_INT32:
		default:
			ok = false
		}
		ok = ok && t.GetDataLocation() != onnxpb.TensorProto_EXTERNAL
		if n, err := onnxpb.Count(t.GetDims()); err != nil || n == 0 {
			ok = false
		}
		if t.GetName() != "" {
			name(t.GetName())
		}
	}
	value := func(v *onnxpb.ValueInfoProto) {
		name(v.GetName())
		if v.GetType().GetTensorType() == nil {
			ok = false
			return
		}
		if e := v.ElemType(); e == onnxpb.TensorProto_UNDEFINED || e > onnxpb.TensorProto_BFLOAT16 {
			ok = false
		}
		dims, _ := v.Shape()
		for _, d := range dims {
			ok = ok && (d.Param == "" || isIdentifier(d.Param))
		}
	}
	var graph func(g *onnxpb.GraphProto)
	graph = func(g *onnxpb.GraphProto) {
		name(g.GetName())
		ok = ok && len(g.GetSparseInitializer()) == 0
		for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
			for _, v := range list {
				value(v)
			}
		}
		for _, t := range g.GetInitializer() {
			tensor(t)
		}
		for _, n := range g.GetNode() {
			n.Name = nil
			for _, list := range [][]string{n.GetInput(), n.GetOutput()} {
				for _, s := range list {
					name(s)
				}
			}
			ok = ok && len(n.GetOutput()) > 0
			if n.GetDomain() != "" {
				for part := range strings.SplitSeq(n.GetDomain(), ".") {
					ok = ok && isIdentifier(part)
				}
			}
			for _, a := range n.GetAttribute() {
				name(a.GetName())
				switch a.GetType() {
				case onnxpb.AttributeProto_INT:
				case onnxpb.AttributeProto_FLOAT:
					ok = ok && a.GetF()-a.GetF() == 0
				case onnxpb.AttributeProto_STRING:
					word(string(a.GetS()))
				case onnxpb.AttributeProto_INTS:
					ok = ok && len(a.GetInts()) > 0
				case onnxpb.AttributeProto_FLOATS:
					ok = ok && len(a.GetFloats()) > 0
				case onnxpb.AttributeProto_STRINGS:
					ok = ok && len(a.GetStrings()) > 0
					for _, s := range a.GetStrings() {
						word(string(s))
					}
				case onnxpb.AttributeProto_TENSOR:
					tensor(a.GetT())
				case onnxpb.AttributeProto_GRAPH:
					graph(a.GetG())
				default:
					ok = false
				}
			}
		}
	}
	word(m.GetProducerName() + m.GetProducerVersion() + m.GetDomain() + m.GetDocString())
	ok = ok && len(m.GetFunctions()) == 0 && len(m.GetMetadataProps()) == 0
	graph(m.GetGraph())
	return ok
}

// TestPython: what is written of the models of ONNX's own tests is read by onnx.parser, as the same models.
func TestPython(t *testing.T) {
	if err := exec.Command(python, "-c", "import onnx.parser").Run(); err != nil {
		t.Skip("Python's onnx.parser (python3-onnx) is not on this machine")
	}
	dir := t.TempDir()
	models := map[string]*onnxpb.ModelProto{}
	all := 0
	for _, c := range corpus.Cases(t) {
		m, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		all++
		m = proto.Clone(m).(*onnxpb.ModelProto)
		if !plain(m) {
			continue
		}
		text, _ := write(t, m, Options{})
		name := strings.ReplaceAll(c.ID(), "/", "_")
		if err := os.WriteFile(filepath.Join(dir, name+".txt"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		models[name] = m
	}
	hand, err := Parse(byHand)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "by_hand.txt"), []byte(byHand), 0o666); err != nil {
		t.Fatal(err)
	}
	models["by_hand"] = hand
	if text, _ := write(t, hand, Options{}); text != byHand {
		t.Errorf("written as:\n%s", text)
	}
	cmd := exec.Command(python, "-c", parseAll, dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || !bytes.HasSuffix(out, []byte("DONE\n")) {
		t.Fatalf("%v\n%s%s", err, out, stderr.Bytes())
	}
	if len(out) > len("DONE\n") {
		t.Errorf("onnx.parser does not read what we wrote:\n%.5000s", out)
	}
	t.Logf("%d of %d models have no words but those of onnx.parser 1.12", len(models), all)
	if len(models) < all/2 {
		t.Errorf("only %d of %d models were compared", len(models), all)
	}
	for name, m := range models {
		data, err := os.ReadFile(filepath.Join(dir, name+".onnx"))
		if err != nil {
			continue // refused: told above
		}
		got := &onnxpb.ModelProto{}
		if err := proto.Unmarshal(data, got); err != nil {
			t.Fatal(err)
		}
		if want, got := normal(t, m), normal(t, got); !proto.Equal(want, got) {
			t.Errorf("%s: onnx.parser reads another model:\n%s", name, cmp.Diff(want, got, protocmp.Transform()))
		}
	}
}
