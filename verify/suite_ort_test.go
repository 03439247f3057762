package verify_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// corpusRoots are the folders of the suites that are here, with what their cases' IDs begin with. Those that are not in the form of a data set, the light models, are linked into a
// folder that has it.
func corpusRoots(t *testing.T, cases []corpus.Case) (roots map[string]string, count int) {
	t.Helper()
	roots = map[string]string{}
	light := t.TempDir()
	for _, c := range cases {
		if !strings.HasSuffix(c.Suite, "/light") {
			roots[filepath.Dir(filepath.Dir(c.Model))] = c.Suite
			continue
		}
		roots[light] = c.Suite
		set := filepath.Join(light, c.Name, "test_data_set_0")
		err := os.MkdirAll(set, 0o777)
		links := map[string]string{filepath.Join(light, c.Name, "model.onnx"): c.Model}
		for i, f := range c.Sets[0].Inputs {
			links[filepath.Join(set, fmt.Sprintf("input_%d.pb", i))] = f
		}
		for i, f := range c.Sets[0].Outputs {
			links[filepath.Join(set, fmt.Sprintf("output_%d.pb", i))] = f
		}
		for to, from := range links {
			if err == nil {
				err = os.Symlink(from, to)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return roots, len(cases)
}

// expected are the statuses that a case may end with, by what internal/corpus/testdata/ort-unsupported.txt says of it.
func expected(reason string, listed bool) []verify.CaseStatus {
	kind, rest, _ := strings.Cut(reason, " ")
	switch {
	case !listed:
		return []verify.CaseStatus{verify.CasePassed}
	case kind == "refused" && strings.Contains(rest, "Non-zero status code returned while running"): // it took the model, and then did not run it
		return []verify.CaseStatus{verify.CaseFailed}
	case kind == "refused":
		return []verify.CaseStatus{verify.CaseUnsupported}
	case kind == "differs":
		return []verify.CaseStatus{verify.CaseFailed}
	case kind == "data":
		return []verify.CaseStatus{verify.CaseBroken}
	case kind == "random": // may pass by chance
		return []verify.CaseStatus{verify.CaseFailed, verify.CasePassed}
	case kind == "locale": // by the machine
		return []verify.CaseStatus{verify.CaseUnsupported, verify.CasePassed}
	}
	return nil
}

// TestRunSuiteCorpus runs ONNX's own test suites: every case is found, and passes but for those that ONNX Runtime is known not to reproduce.
func TestRunSuiteCorpus(t *testing.T) {
	e := newEngine(t)
	cases := corpus.Cases(t)
	roots, n := corpusRoots(t, cases)
	r, err := verify.RunSuite(e, slices.Sorted(maps.Keys(roots)), verify.SuiteOptions{Workers: 4})
	if err != nil {
		t.Fatal(err)
	}
	if r.Counts.Found != n || len(r.Cases) != n {
		t.Errorf("%d cases were found, %d run, of %d", r.Counts.Found, len(r.Cases), n)
	}
	listed := corpus.Unsupported()
	tally := verify.SuiteCounts{Found: n}
	for _, c := range r.Cases {
		id := roots[filepath.Dir(c.Name)] + "/" + filepath.Base(c.Name)
		reason, isListed := listed[id]
		allowed := expected(reason, isListed)
		if !slices.Contains(allowed, c.Status) {
			t.Errorf("%s is %s, not %v as listed (%s): %s", id, c.Status, allowed, reason, c.Why)
		}
		switch c.Status {
		case verify.CasePassed:
			tally.Passed++
		case verify.CaseFailed:
			tally.Failed++
		case verify.CaseUnsupported:
			tally.Unsupported++
		case verify.CaseBroken:
			tally.Broken++
		}
	}
	if r.Counts != tally {
		t.Errorf("counts %+v, but %+v", r.Counts, tally)
	}
	t.Logf("%+v", r.Counts)
}

// collections is a model with a sequence in and out, and an optional out of which one data set holds nothing:
// seq_out is seq_in with x put at its end; opt is opt_in as it came; n is the length of seq_out.
func collections() *onnxpb.ModelProto {
	float := onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N")})
	seq := func(name string) *onnxpb.ValueInfoProto {
		return &onnxpb.ValueInfoProto{Name: proto.String(name), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: float.Type}}}}
	}
	opt := func(name string) *onnxpb.ValueInfoProto {
		return &onnxpb.ValueInfoProto{Name: proto.String(name), Type: &onnxpb.TypeProto{Value: &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: float.Type}}}}
	}
	return &onnxpb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)},
		Graph: &onnxpb.GraphProto{
			Name: proto.String("collections"),
			Node: []*onnxpb.NodeProto{
				onnxpb.Node("SequenceInsert", "insert", []string{"seq_in", "x"}, []string{"seq_out"}),
				onnxpb.Node("SequenceLength", "length", []string{"seq_out"}, []string{"n"}),
				onnxpb.Node("Identity", "same", []string{"opt_in"}, []string{"opt"}),
			},
			Input:  []*onnxpb.ValueInfoProto{seq("seq_in"), float, opt("opt_in")},
			Output: []*onnxpb.ValueInfoProto{seq("seq_out"), onnxpb.TensorValue("n", onnxpb.TensorProto_INT64, []onnxpb.Dim{}), opt("opt")},
		},
	}
}

func write(t *testing.T, m proto.Message, path ...string) {
	t.Helper()
	data, err := proto.MarshalOptions{}.Marshal(m)
	p := filepath.Join(path...)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(p), 0o777)
	}
	if err == nil {
		err = os.WriteFile(p, data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRunSuiteCollections: sequences and optionals in and out, right and wrong, as other writers put them.
func TestRunSuiteCollections(t *testing.T) {
	e := newEngine(t)
	root := t.TempDir()
	tensor := func(v ...float32) *onnxpb.TensorProto { return onnxpb.TensorOf("", []int64{int64(len(v))}, v) }
	seq := func(v ...*onnxpb.TensorProto) *onnxpb.SequenceProto {
		return &onnxpb.SequenceProto{ElemType: proto.Int32(1), TensorValues: v}
	}
	some := &onnxpb.OptionalProto{ElemType: proto.Int32(1), TensorValue: tensor(7)}
	none := &onnxpb.OptionalProto{ElemType: proto.Int32(0)}
	n := func(v int64) *onnxpb.TensorProto { return onnxpb.TensorOf("n", nil, []int64{v}) }
	cases := map[string]struct {
		out  *onnxpb.SequenceProto
		n    *onnxpb.TensorProto
		opt  *onnxpb.OptionalProto
		want verify.CaseStatus
		why  string
	}{
		"right":         {seq(tensor(1), tensor(2, 3), tensor(9)), n(3), some, verify.CasePassed, ""},
		"element":       {seq(tensor(1), tensor(2, 4), tensor(9)), n(3), some, verify.CaseFailed, "output seq_out[1] float32[2]: 1 of 2 elements beyond the tolerance, most of all element 1: 3, recorded 4"},
		"shorter":       {seq(tensor(1), tensor(2, 3)), n(3), some, verify.CaseFailed, "output seq_out: the sequence has 3 elements, the reference 2"},
		"length":        {seq(tensor(1), tensor(2, 3), tensor(9)), n(2), some, verify.CaseFailed, "output n int64[]: 1 of 1 elements"},
		"held":          {seq(tensor(1), tensor(2, 3), tensor(9)), n(3), &onnxpb.OptionalProto{TensorValue: tensor(8)}, verify.CaseFailed, "output opt float32[1]: 1 of 1"},
		"holds nothing": {seq(tensor(1), tensor(2, 3), tensor(9)), n(3), none, verify.CaseFailed, "output opt: is of kind tensor, the reference of kind empty optional"},
	}
	for name, c := range cases {
		set := filepath.Join(root, name, "test_data_set_0")
		write(t, collections(), root, name, "model.onnx")
		write(t, seq(tensor(1), tensor(2, 3)), set, "input_0.pb")
		write(t, tensor(9), set, "input_1.pb")
		write(t, some, set, "input_2.pb")
		write(t, c.out, set, "output_0.pb")
		write(t, c.n, set, "output_1.pb")
		write(t, c.opt, set, "output_2.pb")
	}
	r, err := verify.RunSuite(e, []string{root}, verify.SuiteOptions{})
	if err != nil || len(r.Cases) != len(cases) {
		t.Fatalf("%+v, %v", r, err)
	}
	for _, got := range r.Cases {
		want := cases[filepath.Base(got.Name)]
		if got.Status != want.want || !strings.Contains(got.Why, want.why) {
			t.Errorf("%s: %s: %s", got.Name, got.Status, got.Why)
		}
	}
}

// TestRecordedRoundTrip records, compares with what was recorded, and runs the folder as a suite, for a model of every kind of value; another model differs.
func TestRecordedRoundTrip(t *testing.T) {
	e := newEngine(t)
	dir := t.TempDir()
	m := collections()
	write(t, m, dir, "model.onnx")
	s := verify.Source{Model: m, Dir: dir, Path: filepath.Join(dir, "model.onnx")}
	r, err := verify.Record(e, s, dir, verify.RecordOptions{Options: verify.Options{Samples: 3, Seed: 5, Dims: map[string]int64{"N": 4}}})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Sets) != 3 || r.Sets[0].Inputs != 3 || r.Sets[0].Outputs != 3 {
		t.Errorf("%+v", r.Sets)
	}
	a, err := verify.Against(e, s, dir, verify.Options{})
	if err != nil || !a.Equal {
		t.Errorf("%+v, %v", a, err)
	}
	one, err := verify.Against(e, s, r.Sets[1].Path, verify.Options{})
	if err != nil || !one.Equal || one.Reference.SHA256 != r.Sets[1].SHA256 {
		t.Errorf("%+v, %v", one, err)
	}
	suite, err := verify.RunSuite(e, []string{dir}, verify.SuiteOptions{Atol: proto.Float64(0), Rtol: proto.Float64(0)})
	if err != nil || !suite.OK || suite.Cases[0].Sets != 3 {
		t.Errorf("%+v, %v", suite, err)
	}
	// A model that puts the new element first.
	m.Graph.Node[0].Input = append(m.Graph.Node[0].Input, "first")
	m.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.TensorOf("first", nil, []int64{0})}
	if a, err = verify.Against(e, verify.Source{Model: m}, dir, verify.Options{}); err != nil || a.Equal || a.Outputs[0].Equal {
		t.Errorf("%+v, %v", a, err)
	}
}

// TestRecordAsRecordedElsewhere records anew what ONNX's suite holds, from its inputs: the outputs must be those of its file, which another program has computed.
func TestRecordAsRecordedElsewhere(t *testing.T) {
	e := newEngine(t)
	names := []string{"test_abs", "test_softmax_axis_1", "test_conv_with_strides_padding", "test_lstm_defaults", "test_topk", "test_sequence_insert_at_back", "test_split_equal_parts_1d_opset13"}
	found := 0
	for _, c := range corpus.Cases(t) {
		if c.Suite != "libonnx/node" && c.Suite != "1.22/node" || !slices.Contains(names, c.Name) {
			continue
		}
		found++
		m, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		o := verify.RecordOptions{}
		for i, f := range c.Sets[0].Inputs {
			o.Files = append(o.Files, verify.InputFile{Name: m.Graph.Input[i].GetName(), Path: f})
		}
		r, err := verify.Record(e, verify.Source{Model: m, Path: c.Model}, t.TempDir(), o)
		if err != nil {
			t.Errorf("%s: %v", c.ID(), err)
			continue
		}
		var set corpus.Set
		for i := range m.Graph.Input {
			set.Inputs = append(set.Inputs, filepath.Join(r.Sets[0].Path, fmt.Sprintf("input_%d.pb", i)))
		}
		for i := range m.Graph.Output {
			set.Outputs = append(set.Outputs, filepath.Join(r.Sets[0].Path, fmt.Sprintf("output_%d.pb", i)))
		}
		in, out, err := set.Values(m)
		if err != nil {
			t.Fatal(err)
		}
		wantIn, wantOut, err := c.Sets[0].Values(m)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range wantIn {
			if err := corpus.Compare(in[name], want, 0, 0); err != nil {
				t.Errorf("%s: input %s: %v", c.ID(), name, err)
			}
		}
		for name, want := range wantOut {
			if err := corpus.Compare(out[name], want, corpus.RTol, corpus.ATol); err != nil {
				t.Errorf("%s: output %s: %v", c.ID(), name, err)
			}
		}
	}
	if found < len(names) {
		t.Errorf("only %d of the cases are here", found)
	}
}

// TestRecordRandom: ONNX Runtime draws anew in every session where a model has no seed, and that is no data to compare with.
func TestRecordRandom(t *testing.T) {
	e := newEngine(t)
	m := &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: &onnxpb.GraphProto{
		Name: proto.String("random"), Node: []*onnxpb.NodeProto{onnxpb.Node("RandomNormalLike", "draw", []string{"x"}, []string{"y"})},
		Input:  []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(100))},
		Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(100))},
	}}
	_, err := verify.Record(e, verify.Source{Model: m}, t.TempDir(), verify.RecordOptions{})
	if onnxpb.KindOf(err) != onnxpb.Refused || !strings.Contains(fmt.Sprint(err), "not the same in two runs") {
		t.Errorf("%v", err)
	}
	// With a seed it draws the same in every new session, though not in the next run of one: three sets are as three runs of another session, and that is told.
	m.Graph.Node[0].Attribute = []*onnxpb.AttributeProto{onnxpb.Float("seed", 3)}
	dir := t.TempDir()
	r, err := verify.Record(e, verify.Source{Model: m}, dir, verify.RecordOptions{Options: verify.Options{Samples: 3}})
	if err != nil || len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "in this order") {
		t.Fatalf("%+v, %v", r, err)
	}
	if r, err := verify.Against(e, verify.Source{Model: m}, dir, verify.Options{}); err != nil || !r.Equal {
		t.Errorf("%+v, %v", r, err)
	}
}
