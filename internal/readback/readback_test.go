package readback

import (
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
)

const testModels = "/usr/share/libonnx-testdata/data"

// survey counts what became of models.
type survey struct {
	models, compared, withTensors int
	limits, tensorLimits          map[string][]string // names of models, by reason
}

// hold writes a model anew, lets the second reader read that, and compares.
func (s *survey) hold(t *testing.T, name, path string) {
	t.Helper()
	s.models++
	f, err := onnxpb.Open(path)
	if err != nil {
		t.Error(err)
		return
	}
	written, err := onnxpb.Marshal(f.Model)
	if err != nil {
		t.Error(err)
		return
	}
	rec, err := Read(written)
	var limit *Limit
	if errors.As(err, &limit) {
		s.limits[limit.Reason] = append(s.limits[limit.Reason], name)
		return
	}
	if err == nil {
		err = Compare(f.Model, rec)
	}
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	s.compared++
	if rec.TensorLimit == nil {
		s.withTensors++
	} else {
		s.tensorLimits[rec.TensorLimit.Reason] = append(s.tensorLimits[rec.TensorLimit.Reason], name)
	}
}

func newSurvey() *survey {
	return &survey{limits: map[string][]string{}, tensorLimits: map[string][]string{}}
}

// report lists what could not be read and why, and fails where less was compared than there was when this was written.
func (s *survey) report(t *testing.T, models, compared, withTensors int) {
	t.Helper()
	t.Logf("%d models: %d compared, %d of them with their initializers", s.models, s.compared, s.withTensors)
	for _, reason := range sorted(s.limits) {
		t.Logf("not read, because of %s: %d: %s", reason, len(s.limits[reason]), strings.Join(s.limits[reason], " "))
	}
	for _, reason := range sorted(s.tensorLimits) {
		t.Logf("initializers not read, because of %s: %d: %s", reason, len(s.tensorLimits[reason]), strings.Join(s.tensorLimits[reason], " "))
	}
	if s.models < models || s.compared < compared || s.withTensors < withTensors {
		t.Errorf("want %d models, %d compared, %d with their initializers", models, compared, withTensors)
	}
}

func TestDebianModels(t *testing.T) {
	if _, err := os.Stat(testModels); err != nil {
		t.Skip("the package libonnx-testdata is not installed: " + err.Error())
	}
	s := newSurvey()
	err := filepath.WalkDir(testModels, func(path string, d os.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".onnx" {
			s.hold(t, strings.TrimPrefix(filepath.Dir(path), testModels+"/"), path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	s.report(t, 1072, 1049, 1009)
}

func TestModelsOfONNX122(t *testing.T) {
	s := newSurvey()
	for _, c := range corpus.Cases(t) {
		if strings.HasPrefix(c.Suite, "1.22/") {
			s.hold(t, c.ID(), c.Model)
		}
	}
	if s.models == 0 {
		t.Skip("the test models of ONNX 1.22 are not on this machine")
	}
	s.report(t, 1914, 1861, 1589)
}

func sorted(m map[string][]string) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

// sound returns a model with an attribute of every type that the reader knows, a value used twice by one node, one that is left out, and a node with
// two outputs.
func sound() *onnxpb.ModelProto {
	x := onnxpb.Numbers(2)
	return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: &onnxpb.GraphProto{
		Node: []*onnxpb.NodeProto{
			onnxpb.Node("Constant", "c", nil, []string{"k"}, onnxpb.TensorAttr("value", onnxpb.TensorOf("", []int64{2}, []int64{3, 4}))),
			onnxpb.Node("Mul", "m", []string{"x", "x"}, []string{"xx"}),
			onnxpb.Node("Odd", "o", []string{"xx", "", "w"}, []string{"a", "b"}, onnxpb.Int("i", 1), onnxpb.Ints("is", 1, 2), onnxpb.Float("f", 0.5),
				onnxpb.Floats("fs", 1, 2), onnxpb.Str("s", "t"), onnxpb.Strs("ss", "u", "v")),
			onnxpb.Node("Sub", "", []string{"a", "b"}, []string{"y"}),
		},
		Input:       []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, x), onnxpb.TensorValue("w", onnxpb.TensorProto_FLOAT, x)},
		Output:      []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", onnxpb.TensorProto_FLOAT, x), onnxpb.TensorValue("k", onnxpb.TensorProto_INT64, x)},
		Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("w", []int64{2}, []float32{5, 6}), onnxpb.TensorOf("v", nil, []float64{7})},
	}}
}

func recorded(t *testing.T, m *onnxpb.ModelProto) (*Recording, error) {
	t.Helper()
	b, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return Read(b)
}

func TestCompareFindsEveryChange(t *testing.T) {
	rec, err := recorded(t, sound())
	if err != nil || rec.TensorLimit != nil {
		t.Fatal(err, rec)
	}
	if err := Compare(sound(), rec); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(g *onnxpb.GraphProto){
		"operator":         func(g *onnxpb.GraphProto) { g.Node[3].OpType = proto.String("Add") },
		"inputs swapped":   func(g *onnxpb.GraphProto) { g.Node[3].Input = []string{"b", "a"} },
		"input renamed":    func(g *onnxpb.GraphProto) { g.Node[1].Input[1] = "w" },
		"input given":      func(g *onnxpb.GraphProto) { g.Node[2].Input[1] = "x" },
		"input dropped":    func(g *onnxpb.GraphProto) { g.Node[2].Input = g.Node[2].Input[:1] },
		"outputs swapped":  func(g *onnxpb.GraphProto) { g.Node[2].Output = []string{"b", "a"} },
		"output renamed":   func(g *onnxpb.GraphProto) { g.Node[3].Output[0] = "z" },
		"node dropped":     func(g *onnxpb.GraphProto) { g.Node = g.Node[:3] },
		"nodes swapped":    func(g *onnxpb.GraphProto) { g.Node[0], g.Node[1] = g.Node[1], g.Node[0] },
		"int":              func(g *onnxpb.GraphProto) { g.Node[2].Attr("i").I = proto.Int64(2) },
		"ints":             func(g *onnxpb.GraphProto) { g.Node[2].Attr("is").Ints = []int64{1} },
		"float":            func(g *onnxpb.GraphProto) { g.Node[2].Attr("f").F = proto.Float32(0.25) },
		"floats":           func(g *onnxpb.GraphProto) { g.Node[2].Attr("fs").Floats[1] = 3 },
		"string":           func(g *onnxpb.GraphProto) { g.Node[2].Attr("s").S = []byte("T") },
		"strings":          func(g *onnxpb.GraphProto) { g.Node[2].Attr("ss").Strings[0] = nil },
		"tensor":           func(g *onnxpb.GraphProto) { g.Node[0].Attribute[0].T.RawData[8]++ },
		"tensor's shape":   func(g *onnxpb.GraphProto) { g.Node[0].Attribute[0].T.Dims = []int64{2, 1} },
		"attribute's name": func(g *onnxpb.GraphProto) { g.Node[2].Attr("s").Name = proto.String("S") },
		"attribute's type": func(g *onnxpb.GraphProto) { g.Node[2].Attr("i").Type = onnxpb.AttributeProto_INTS.Enum() },
		"attribute gone":   func(g *onnxpb.GraphProto) { g.Node[2].Attribute = g.Node[2].Attribute[1:] },
		"attribute more":   func(g *onnxpb.GraphProto) { g.Node[3].Attribute = []*onnxpb.AttributeProto{onnxpb.Int("z", 0)} },
		"graph input":      func(g *onnxpb.GraphProto) { g.Input[0].Name = proto.String("X") },
		"graph inputs":     func(g *onnxpb.GraphProto) { g.Initializer = g.Initializer[1:] },
		"graph outputs":    func(g *onnxpb.GraphProto) { g.Output[0], g.Output[1] = g.Output[1], g.Output[0] },
		"weight":           func(g *onnxpb.GraphProto) { g.Initializer[0].RawData[5]++ },
		"weight's shape":   func(g *onnxpb.GraphProto) { g.Initializer[1].Dims = []int64{1} },
		"weight's name":    func(g *onnxpb.GraphProto) { g.Initializer[1].Name = proto.String("V") },
		"weight's type":    func(g *onnxpb.GraphProto) { g.Initializer[1].DataType = proto.Int32(int32(onnxpb.TensorProto_INT64)) },
	} {
		m := sound()
		change(m.Graph)
		if err := Compare(m, rec); err == nil {
			t.Errorf("%s: not found", name)
		}
	}
}

func TestLimits(t *testing.T) {
	tensorAttr := func(p *onnxpb.TensorProto) func(*onnxpb.GraphProto) {
		return func(g *onnxpb.GraphProto) { g.Node[0].Attribute[0].T = p }
	}
	external := onnxpb.TensorOf("e", []int64{1}, []float32{1})
	external.RawData, external.DataLocation = nil, onnxpb.TensorProto_EXTERNAL.Enum()
	for name, c := range map[string]struct {
		change func(g *onnxpb.GraphProto)
		reason string
	}{
		"subgraph": {func(g *onnxpb.GraphProto) {
			g.Node[1].Attribute = []*onnxpb.AttributeProto{onnxpb.GraphAttr("body", &onnxpb.GraphProto{})}
		}, GraphAttribute},
		"sparse":    {func(g *onnxpb.GraphProto) { g.Node[2].Attr("i").Type = onnxpb.AttributeProto_SPARSE_TENSOR.Enum() }, OtherAttribute},
		"float16":   {tensorAttr(onnxpb.NewArray(onnxpb.TensorProto_FLOAT16, []int64{1}).Proto("")), ElementType},
		"int4":      {tensorAttr(onnxpb.NewArray(onnxpb.TensorProto_INT4, []int64{1}).Proto("")), ElementType},
		"string":    {tensorAttr(onnxpb.TensorOf("", []int64{1}, []string{"a"})), ElementType},
		"external":  {tensorAttr(external), NoData},
		"one bool":  {tensorAttr(onnxpb.TensorOf("", []int64{1}, []bool{true})), RawBool},
		"8 bools":   {tensorAttr(onnxpb.TensorOf("", []int64{8}, make([]bool, 8))), RawBool},
		"no nodes":  {func(g *onnxpb.GraphProto) { g.Node = nil }, NoNodes},
		"no output": {func(g *onnxpb.GraphProto) { g.Output = nil }, NoOutputs},
		"sink":      {func(g *onnxpb.GraphProto) { g.Node[3].Output = nil }, NoOutputs},
		"latin 1":   {func(g *onnxpb.GraphProto) { g.Node[3].Name = proto.String("\xe9") }, NotUTF8},
	} {
		m := sound()
		c.change(m.Graph)
		_, err := recorded(t, m)
		var limit *Limit
		if !errors.As(err, &limit) || limit.Reason != c.reason {
			t.Errorf("%s: %v, want the limit %q", name, err, c.reason)
		}
		if limit != nil && !strings.Contains(limit.Error(), c.reason) {
			t.Errorf("%s: %v does not tell the reason", name, limit)
		}
	}
	// Where only initializers are beyond the reader, the rest is recorded all the same.
	for _, p := range []*onnxpb.TensorProto{onnxpb.NewArray(onnxpb.TensorProto_FLOAT16, []int64{1}).Proto("v"), external, onnxpb.TensorOf("v", []int64{0}, []float32{}),
		onnxpb.TensorOf("v", []int64{3}, make([]bool, 3))} {
		m := sound()
		p.Name = proto.String("v")
		m.Graph.Initializer[1] = p
		rec, err := recorded(t, m)
		if err != nil || rec.TensorLimit == nil || Compare(m, rec) != nil {
			t.Errorf("%v: %v, %v", p, rec, err)
		}
	}
	if _, err := Read([]byte("not a model")); err == nil || errors.As(err, new(*Limit)) {
		t.Errorf("what is no model: %v", err)
	}
}
