package shape_test

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"sort"
	"strings"
	"testing"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/shape"
)

var onlyOperator = flag.String("op", "", "of the corpus, only models that hold this operator, with all of their problems")

// dataDependent lists the outputs whose shape cannot be told from the shapes and the small integers that go in, or whose model declares them wrongly itself: MODEL OUTPUT, then why.
func dataDependent(t *testing.T) map[string]string {
	t.Helper()
	f, err := os.Open("testdata/data-dependent.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	list := map[string]string{}
	for s := bufio.NewScanner(f); s.Scan(); {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		words := strings.SplitN(line, " ", 3)
		if len(words) != 3 {
			t.Fatalf("%q is not MODEL OUTPUT REASON", line)
		}
		list[words[0]+" "+words[1]] = words[2]
	}
	return list
}

// valueOf tells the inference what goes into a model: the type and the shape; and the elements of small tensors, where they are wanted.
func valueOf(v *onnxpb.Value, declared *onnxpb.TypeProto, elements bool) *shape.Value {
	switch v.Kind {
	case onnxpb.KindTensor:
		if t := declared.GetTensorType(); t != nil && !fitsDeclared(v.Array, t) {
			return nil // recorded otherwise than declared
		}
		if _, optional := declared.GetValue().(*onnxpb.TypeProto_OptionalType); optional {
			return nil // as it is declared
		}
		x := shape.TensorOf(v.Array.Type, nil)
		for _, d := range v.Array.Dims {
			x.Dims = append(x.Dims, shape.Number(d))
		}
		if elements {
			shape.SetElements(x, v.Array)
		}
		return x
	}
	return nil
}

// fitsDeclared tells whether a recorded tensor is of the type and shape that the model declares. Some are not: bfloat16 is recorded as uint16, and a tensor of which only the type
// counts as any.
func fitsDeclared(a *onnxpb.Array, t *onnxpb.TypeProto_Tensor) bool {
	if int32(a.Type) != t.GetElemType() {
		return false
	}
	if t.Shape == nil {
		return true
	}
	if len(t.Shape.Dim) != len(a.Dims) {
		return false
	}
	for i, d := range t.Shape.Dim {
		if n := onnxpb.DimOf(d); n.Known && n.Value != a.Dims[i] {
			return false
		}
	}
	return true
}

// agrees compares what was inferred of a value with what was recorded: wrong is a contradiction, unknown what could not be told.
func agrees(got *shape.Value, want *onnxpb.Value) (wrong, unknown string) {
	if got == nil || got.Kind == shape.Unknown {
		return "", "the kind"
	}
	if got.Kind == shape.Optional && want.Kind != onnxpb.KindNone {
		return agrees(got.Of, want)
	}
	switch want.Kind {
	case onnxpb.KindTensor:
		if got.Kind != shape.Tensor {
			return fmt.Sprintf("is a %v", got.Kind), ""
		}
		if got.Elem != want.Array.Type {
			if got.Elem == onnxpb.TensorProto_UNDEFINED {
				return "", "the element type"
			}
			return "holds " + onnxpb.TypeName(got.Elem), ""
		}
		if !got.Ranked {
			return "", "the rank"
		}
		if len(got.Dims) != len(want.Array.Dims) {
			return "has shape " + got.String(), ""
		}
		for i, d := range got.Dims {
			n, ok := d.Const()
			if ok && n != want.Array.Dims[i] {
				return "has shape " + got.String(), ""
			}
			if !ok {
				unknown = "the shape"
			}
		}
		if unknown != "" {
			return "", unknown
		}
		return elementsAgree(got, want.Array), ""
	case onnxpb.KindSequence:
		if got.Kind != shape.Sequence {
			return fmt.Sprintf("is a %v", got.Kind), ""
		}
		for _, x := range want.Elems {
			if got.Of == nil {
				return "", "what the sequence holds"
			}
			if x.Kind == onnxpb.KindTensor && got.Of.Ranked { // its elements may have different shapes: then they are open
				w, _ := agrees(got.Of, x)
				if w != "" {
					return w, ""
				}
			}
		}
	}
	return "", ""
}

// elementsAgree holds elements that were followed to those that were recorded.
func elementsAgree(got *shape.Value, want *onnxpb.Array) string {
	if got.Ints == nil {
		return ""
	}
	have, err := want.Float64s()
	if err != nil {
		return ""
	}
	if len(have) != len(got.Ints) {
		return fmt.Sprintf("has %d elements followed", len(got.Ints))
	}
	for i, d := range got.Ints {
		if n, ok := d.Const(); ok && float64(n) != have[i] {
			return fmt.Sprintf("has element %d followed as %d, which is %v", i, n, have[i])
		}
	}
	return ""
}

// TestCorpus infers every model of ONNX's own tests from the recorded inputs: by their shapes alone, where what is told has to be right, and by their shapes and their small
// integers, where the shapes of all outputs have to be told, but for those that depend on data.
func TestCorpus(t *testing.T) {
	exceptions := dataDependent(t)
	used := map[string]bool{}
	told, open := 0, 0
	problems := map[string][]string{}
	for _, c := range corpus.Cases(t) {
		f, err := onnxpb.Open(c.Model)
		if err != nil {
			continue
		}
		if *onlyOperator != "" && !holds(f.Model.GetGraph(), *onlyOperator) {
			f.Close()
			continue
		}
		for _, set := range c.Sets {
			inputs, outputs, err := set.Values(f.Model)
			if err != nil {
				continue
			}
			for _, elements := range []bool{false, true} {
				given := map[string]*shape.Value{}
				for _, v := range f.Model.GetGraph().GetInput() {
					if x := inputs[v.GetName()]; x != nil {
						given[v.GetName()] = valueOf(x, v.GetType(), elements)
					}
				}
				m := onnxpb.Clone(f.Model)
				for _, o := range m.GetGraph().GetOutput() { // what is declared of the outputs is not to help
					o.Type = nil
				}
				m.GetGraph().ValueInfo = nil
				r := shape.Infer(m, shape.Options{Inputs: given})
				op := firstOperator(f.Model)
				for _, x := range r.Faults {
					problems[op] = append(problems[op], fmt.Sprintf("%s: fault: %v", c.ID(), x))
				}
				for _, o := range f.Model.GetGraph().GetOutput() {
					want := outputs[o.GetName()]
					if want == nil {
						continue
					}
					if a := want.Array; a != nil && a.Type == onnxpb.TensorProto_UINT16 && o.ElemType() == onnxpb.TensorProto_BFLOAT16 {
						want = onnxpb.TensorVal(&onnxpb.Array{Type: onnxpb.TensorProto_BFLOAT16, Dims: a.Dims, Data: a.Data})
					}
					got := r.Value(o.GetName())
					wrong, unknown := agrees(got, want)
					key := c.ID() + " " + o.GetName()
					switch {
					case wrong != "" && exceptions[key] != "":
						used[key] = true
					case wrong != "":
						problems[op] = append(problems[op], fmt.Sprintf("%s: WRONG (elements %v): output %s %s, recorded %s", c.ID(), elements, o.GetName(), wrong, describe(want)))
					case unknown == "":
						told++
					case !elements:
						open++
					case exceptions[key] != "":
						used[key] = true
					default:
						problems[op] = append(problems[op], fmt.Sprintf("%s: output %s: %s is not told: %s, recorded %s", c.ID(), o.GetName(), unknown, got, describe(want)))
					}
				}
			}
		}
		f.Close()
	}
	if len(problems) > 0 {
		names := []string{}
		for op := range problems {
			names = append(names, op)
		}
		sort.Strings(names)
		for _, op := range names {
			list := problems[op]
			shown := list
			if *onlyOperator == "" {
				shown = list[:min(len(list), 6)]
			}
			t.Errorf("%s: %d problems, such as\n\t%s", op, len(list), strings.Join(shown, "\n\t"))
		}
	}
	if *onlyOperator == "" {
		for key := range exceptions {
			if !used[key] && presentSuites(t)[strings.SplitN(key, "/", 2)[0]] {
				t.Errorf("%s is listed as depending on data, and is told", key)
			}
		}
	}
	t.Logf("%d outputs told, %d open without the elements of the inputs, %d depend on data", told, open, len(used))
}

func presentSuites(t *testing.T) map[string]bool {
	suites := map[string]bool{}
	for _, c := range corpus.Cases(t) {
		suites[c.Suite] = true
	}
	return suites
}

func describe(v *onnxpb.Value) string {
	if v.Kind == onnxpb.KindTensor {
		return fmt.Sprintf("%s%v", onnxpb.TypeName(v.Array.Type), v.Array.Dims)
	}
	return v.Kind.String()
}

func firstOperator(m *onnxpb.ModelProto) string {
	if n := m.GetGraph().GetNode(); len(n) > 0 {
		return n[0].GetOpType()
	}
	return "none"
}

func holds(g *onnxpb.GraphProto, op string) bool {
	for _, n := range g.GetNode() {
		if n.GetOpType() == op {
			return true
		}
		for sub := range n.Subgraphs() {
			if holds(sub, op) {
				return true
			}
		}
	}
	return false
}
