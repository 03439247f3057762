package surgery_test

import (
	"bytes"
	"errors"
	"flag"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/mutate"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

// FuzzEdits holds every edit to the first and the sixth law on any model: it fails with an error for people and leaves the model as it was, or succeeds, and what was valid is
// valid. Models that are not valid are edited too, as --force does it, and must not bring an edit down.
func FuzzEdits(f *testing.F) {
	for i := range mutate.Seeds() {
		for pick := range uint8(8) {
			f.Add(uint8(i), pick, []byte{})
			f.Add(uint8(i), pick, []byte{0, 10, 2, 7, 1, 4, 90, 3})
		}
	}
	f.Fuzz(holdEdits)
}

// damaged is how many damaged models TestDamaged tries.
var damaged = flag.Int("damaged", 400, "the number of damaged models")

// TestDamaged is FuzzEdits on models that are damaged at random.
func TestDamaged(t *testing.T) {
	n := 0
	mutate.Scripts(1, *damaged, func(r *rand.Rand, script []byte) {
		t.Run(strconv.Itoa(n), func(t *testing.T) { holdEdits(t, uint8(r.Uint32()), uint8(r.Uint32()), script) })
		n++
	})
}

func holdEdits(t *testing.T, seed, pick uint8, script []byte) {
	defer func() {
		if e := recover(); e != nil {
			t.Fatalf("seed %d, pick %d, script %q: %v\n%s", seed, pick, script, e, debug.Stack())
		}
		if t.Failed() {
			t.Fatalf("seed %d, pick %d, script %q", seed, pick, script)
		}
	}()
	seeds := mutate.Seeds()
	m := mutate.Apply(seeds[int(seed)%len(seeds)], script)
	before, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	valid := len(opset.Check(m, opset.CheckOptions{})) == 0
	for name, edit := range editsOf(m, pick) {
		c := onnxpb.Clone(m)
		r, err := edit(c)
		after, merr := onnxpb.Marshal(c)
		if merr != nil {
			t.Fatalf("%s: %v", name, merr)
		}
		if err != nil {
			var e *onnxpb.Error
			if !errors.As(err, &e) || err.Error() == "" {
				t.Fatalf("%s: error %#v", name, err)
			}
			if !bytes.Equal(before, after) {
				t.Fatalf("%s failed (%v), and changed the model", name, err)
			}
			continue
		}
		if r == nil {
			t.Fatalf("%s: no report", name)
		}
		if faults := opset.Check(c, opset.CheckOptions{}); valid && len(faults) > 0 {
			t.Fatalf("%s: the result has faults: %v", name, faults)
		}
		c = onnxpb.Clone(m)
		if _, err := edit(c); err != nil {
			t.Fatalf("%s: the second time: %v", name, err)
		}
		if again, _ := onnxpb.Marshal(c); !bytes.Equal(after, again) {
			t.Fatalf("%s: the second time other bytes", name)
		}
	}
	if now, _ := onnxpb.Marshal(m); !bytes.Equal(before, now) {
		t.Fatal("the edit of a copy changed the model")
	}
}

// editsOf returns edits that fit a model, with names of it that pick chooses.
func editsOf(m *onnxpb.ModelProto, pick uint8) map[string]func(*onnxpb.ModelProto) (*surgery.Report, error) {
	values := slices.Clone(surgery.NewGraph(m).Values())
	values = append(values, "nosuch", "")
	any := func(i int) string { return values[(int(pick)*7+i*3)%len(values)] }
	input := "nosuch"
	if in := m.GetGraph().GetInput(); len(in) > 0 {
		input = in[int(pick)%len(in)].GetName()
	}
	rename := func(rules ...surgery.RenameRule) func(*onnxpb.ModelProto) (*surgery.Report, error) {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Rename(m, rules) }
	}
	extract := func(from, to []string) func(*onnxpb.ModelProto) (*surgery.Report, error) {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Extract(m, from, to) }
	}
	setInput := func(s surgery.InputSpec) func(*onnxpb.ModelProto) (*surgery.Report, error) {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.SetInput(m, input, s) }
	}
	setBatch := func(d onnxpb.Dim) func(*onnxpb.ModelProto) (*surgery.Report, error) {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.SetBatch(m, d) }
	}
	batchOf := func(o surgery.BatchOptions) func(*onnxpb.ModelProto) (*surgery.Report, error) {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.SetBatchOf(m, onnxpb.Symbol("batch"), o)
		}
	}
	infer := func(o surgery.InferOptions) func(*onnxpb.ModelProto) (*surgery.Report, error) {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Infer(m, o) }
	}
	setDim := func(c surgery.DimChange) func(*onnxpb.ModelProto) (*surgery.Report, error) {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.SetDim(m, c) }
	}
	edits := map[string]func(*onnxpb.ModelProto) (*surgery.Report, error){
		"rename all":        rename(surgery.RenameRule{Kind: surgery.KindTensor, From: "*", To: "t/$1"}),
		"rename nodes":      rename(surgery.RenameRule{Kind: surgery.KindNode, From: "*", To: "n/$1"}),
		"rename dimensions": rename(surgery.RenameRule{Kind: surgery.KindDim, From: "*", To: "d$1"}),
		"rename one":        rename(surgery.RenameRule{Kind: surgery.KindTensor, From: any(0), To: "fresh"}),
		"swap":              rename(surgery.RenameRule{Kind: surgery.KindTensor, From: any(0), To: any(1)}, surgery.RenameRule{Kind: surgery.KindTensor, From: any(1), To: any(0)}),
		"rename to another": rename(surgery.RenameRule{Kind: surgery.KindTensor, From: any(0), To: any(2)}),
		"sort":              surgery.Sort,
		"tidy":              surgery.Tidy,
		"extract to":        extract(nil, []string{any(0)}),
		"extract from":      extract([]string{any(0)}, nil),
		"extract between":   extract([]string{any(0), any(1)}, []string{any(2), any(3)}),
		"set layout":        setInput(surgery.InputSpec{Layout: surgery.NHWC, Type: onnxpb.TensorProto_UINT8, SwapRGB: pick%2 == 0, Mean: []float64{1, 2, 3}, Std: []float64{1}, Scale: 0.5}),
		"set type":          setInput(surgery.InputSpec{Type: onnxpb.TensorProto_FLOAT16}),
		"set shape":         setInput(surgery.InputSpec{Shape: []onnxpb.Dim{onnxpb.Symbol("B"), onnxpb.Number(3)}}),
		"set batch":         setBatch(onnxpb.Symbol("batch")),
		"set batch 3":       setBatch(onnxpb.Number(3)),
		"set batch to N":    setBatch(onnxpb.Symbol("N")),
		"set batch beside":  batchOf(surgery.BatchOptions{Inputs: []string{input}, Axes: map[string]int{input: 1}, Explain: true}),
		"trust the batch":   batchOf(surgery.BatchOptions{Trust: operatorsOf(m)}),
		"force the batch":   batchOf(surgery.BatchOptions{Force: true}),
		"infer":             infer(surgery.InferOptions{}),
		"infer strictly":    infer(surgery.InferOptions{Strict: true, Assume: map[string]int64{"N": 3}}),
		"set an axis":       setDim(surgery.DimChange{Input: input, Axis: int(pick%3) - 1, To: onnxpb.Symbol("fresh")}),
		"set an axis to 5":  setDim(surgery.DimChange{Input: input, Axis: int(pick % 3), To: onnxpb.Number(5)}),
		"set a symbol":      setDim(surgery.DimChange{Symbol: "N", To: onnxpb.Number(int64(pick))}),
	}
	maps.Copy(edits, wiringEditsOf(m, pick, any))
	maps.Copy(edits, valueEditsOf(m, pick, any))
	return edits
}

// operatorsOf lists the operators of a model, as BatchOptions.Trust names them.
func operatorsOf(m *onnxpb.ModelProto) []string {
	var ops []string
	for _, n := range m.GetGraph().GetNode() {
		op := n.GetOpType()
		if d := onnxpb.NormalDomain(n.GetDomain()); d != "" {
			op = d + "." + op
		}
		ops = append(ops, op)
	}
	return ops
}

// TestNoGraph gives every edit a model that has no graph, and none at all.
func TestNoGraph(t *testing.T) {
	for name, edit := range editsOf(&onnxpb.ModelProto{}, 0) {
		for _, m := range []*onnxpb.ModelProto{{}, nil} {
			if r, err := edit(m); err == nil || r != nil || onnxpb.KindOf(err) != onnxpb.Unfit {
				t.Errorf("%s: %v, %v", name, r, err)
			}
		}
	}
}

// TestSecondInput sets the batch of models that are not valid: two inputs have one name, the second of them no axes.
func TestSecondInput(t *testing.T) {
	float := onnxpb.TensorProto_FLOAT
	for _, axis := range []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(1)} {
		name := "g"
		m := &onnxpb.ModelProto{OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: &onnxpb.GraphProto{Name: &name,
			Input:  []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", float, []onnxpb.Dim{axis}), onnxpb.TensorValue("x", float, []onnxpb.Dim{})},
			Node:   []*onnxpb.NodeProto{onnxpb.Node("Neg", "", []string{"x"}, []string{"y"})},
			Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", float, []onnxpb.Dim{axis})}}}
		if _, err := surgery.SetBatch(m, onnxpb.Number(3)); err == nil || !strings.Contains(err.Error(), "two inputs of the model have this name") {
			t.Errorf("%v: %v", axis, err)
		}
	}
}

// TestExtractOddValueInfo extracts from values whose value_info is no type of ONNX's: the type is read off the operators, and where they do not tell it the edit fails.
func TestExtractOddValueInfo(t *testing.T) {
	odd := int32(-1)
	float := onnxpb.TensorProto_FLOAT
	for what, typ := range map[string]*onnxpb.TypeProto{
		"tensor":   onnxpb.TensorType(onnxpb.TensorProto_DataType(odd), nil),
		"sequence": {Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{}}},
		"map":      {Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{KeyType: &odd, ValueType: onnxpb.TensorType(float, nil)}}},
	} {
		name, middle := "g", "h"
		m := &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: &onnxpb.GraphProto{Name: &name,
			Input:     []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", float, nil)},
			Node:      []*onnxpb.NodeProto{onnxpb.Node("Neg", "", []string{"x"}, []string{"h"}), onnxpb.Node("Abs", "", []string{"h"}, []string{"y"})},
			Output:    []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", float, nil)},
			ValueInfo: []*onnxpb.ValueInfoProto{{Name: &middle, Type: typ}}}}
		if _, err := surgery.Extract(m, []string{"h"}, nil); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if in := m.Graph.Input[0]; in.GetName() != "h" || in.ElemType() != float {
			t.Errorf("%s: input %v", what, in)
		}
	}
}
