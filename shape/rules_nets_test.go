package shape

import (
	"fmt"
	"strings"
	"testing"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

// netCase is one node of which the outputs are to be told.
type netCase struct {
	name   string
	opset  int
	inputs string // of the graph, in ONNX's text
	inits  string // likewise; a comma after each
	node   string // outputs and all
	given  map[string]*Value
	want   string // OUTPUT TYPE, one a line
	fault  string // part of what is found wrong; "" where nothing is
}

// elements is a tensor of int64 whose elements are these expressions.
func elements(t *testing.T, list ...string) *Value {
	t.Helper()
	v := TensorOf(onnxpb.TensorProto_INT64, []Dim{Number(int64(len(list)))})
	for _, s := range list {
		d, err := expr.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		v.Ints = append(v.Ints, d)
	}
	return v
}

// scalarOf is a scalar that is an expression.
func scalarOf(t *testing.T, elem onnxpb.TensorProto_DataType, s string) *Value {
	t.Helper()
	v := elements(t, s)
	v.Elem, v.Dims = elem, nil
	return v
}

func runNet(t *testing.T, cases []netCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			opset := c.opset
			if opset == 0 {
				opset = 22
			}
			inits := ""
			if c.inits != "" {
				inits = "<" + c.inits + ">"
			}
			m, err := onnxtext.Parse(fmt.Sprintf("<ir_version: 10, opset_import: [\"\": %d, \"com.microsoft\": 1]> g (%s) => () %s { %s }", opset, c.inputs, inits, c.node))
			if err != nil {
				t.Fatal(err)
			}
			r := Infer(m, Options{Inputs: c.given})
			faults := []string{}
			for _, f := range r.Faults {
				faults = append(faults, f.String())
			}
			all := strings.Join(faults, "; ")
			if (c.fault == "") != (all == "") || !strings.Contains(all, c.fault) {
				t.Errorf("faults %q, want %q", all, c.fault)
			}
			for _, line := range strings.Split(strings.TrimSpace(c.want), "\n") {
				if line = strings.TrimSpace(line); line == "" {
					continue
				}
				name, want, _ := strings.Cut(line, " ")
				if got := r.Value(name).String(); got != want {
					t.Errorf("%s is %s, want %s", name, got, want)
				}
			}
			hostile(t, m)
		})
	}
}

// hostile runs a model with what a rule may not expect; nothing is to panic.
func hostile(t *testing.T, m *onnxpb.ModelProto) {
	t.Helper()
	dims := func(n int, d Dim) []Dim {
		list := make([]Dim, n)
		for i := range list {
			list[i] = d
		}
		return list
	}
	odd := []*Value{unknownValue, unranked(onnxpb.TensorProto_FLOAT), {Kind: Sequence}, TensorOf(onnxpb.TensorProto_INT64, nil), TensorOf(onnxpb.TensorProto_UNDEFINED, dims(1, Number(0)))}
	for n := range 7 {
		odd = append(odd, TensorOf(onnxpb.TensorProto_FLOAT, dims(n, Symbol("Z"))), TensorOf(onnxpb.TensorProto_FLOAT, dims(n, Number(0))),
			TensorOf(onnxpb.TensorProto_FLOAT, dims(n, Number(1<<62))), TensorOf(onnxpb.TensorProto_FLOAT, dims(n, expr.Count(hidden+"99"))),
			&Value{Kind: Tensor, Elem: onnxpb.TensorProto_INT64, Ranked: true, Dims: []Dim{Number(int64(n))}, Ints: dims(n, Number(-3))},
			&Value{Kind: Tensor, Elem: onnxpb.TensorProto_INT64, Ranked: true, Dims: []Dim{Number(int64(n))}, Ints: dims(n, Dim{})})
	}
	try := func(m *onnxpb.ModelProto, given map[string]*Value) {
		r := Infer(m, Options{Inputs: given})
		for _, o := range m.GetGraph().GetNode()[0].GetOutput() {
			v := r.Value(o)
			if v == nil || !v.Ranked {
				continue
			}
			for _, d := range v.Dims {
				if n, ok := d.Const(); ok && n < 0 || !d.Known() {
					t.Errorf("%s is %s", o, v)
				}
			}
		}
	}
	strip := func(m *onnxpb.ModelProto) *onnxpb.ModelProto {
		x := onnxpb.Clone(m)
		x.GetGraph().Initializer = nil
		x.GetGraph().Input = nil
		for _, name := range m.GetGraph().GetNode()[0].GetInput() {
			if name != "" {
				x.GetGraph().Input = append(x.GetGraph().Input, &onnxpb.ValueInfoProto{Name: &name})
			}
		}
		return x
	}
	free := strip(m)
	for i := range odd {
		given := map[string]*Value{}
		for k, in := range m.GetGraph().GetInput() { // some as they are, one odd
			v := odd[(i+k)%len(odd)]
			try(m, map[string]*Value{in.GetName(): v})
			given[in.GetName()] = v
		}
		try(m, given)
		for k, name := range m.GetGraph().GetNode()[0].GetInput() {
			given[name] = odd[(i+k*3)%len(odd)]
		}
		try(free, given)
		for _, name := range m.GetGraph().GetNode()[0].GetInput() {
			given[name] = odd[i]
		}
		try(free, given)
	}
	n := m.GetGraph().GetNode()[0]
	for i := range n.GetAttribute() {
		for _, change := range []func(*onnxpb.AttributeProto){
			func(a *onnxpb.AttributeProto) { *a = *onnxpb.Int(a.GetName(), -7) },
			func(a *onnxpb.AttributeProto) { *a = *onnxpb.Int(a.GetName(), 1<<62) },
			func(a *onnxpb.AttributeProto) { *a = *onnxpb.Ints(a.GetName(), -1, 1<<62, 0) },
			func(a *onnxpb.AttributeProto) { *a = *onnxpb.Ints(a.GetName(), 1<<62, 1<<62) },
			func(a *onnxpb.AttributeProto) { *a = *onnxpb.Ints(a.GetName(), 1<<62, 1<<62, 1<<62, 1<<62) },
			func(a *onnxpb.AttributeProto) { *a = *onnxpb.Ints(a.GetName()) },
			func(a *onnxpb.AttributeProto) { *a = *onnxpb.Str(a.GetName(), "nonsense") },
		} {
			x := onnxpb.Clone(m)
			change(x.GetGraph().GetNode()[0].GetAttribute()[i])
			try(x, nil)
		}
	}
	for k := range n.GetInput() {
		x := onnxpb.Clone(m)
		x.GetGraph().GetNode()[0].GetInput()[k] = ""
		try(x, nil)
		x.GetGraph().GetNode()[0].Input = n.GetInput()[:k]
		try(x, nil)
	}
	x := onnxpb.Clone(m)
	x.GetGraph().GetNode()[0].Attribute = nil
	try(x, nil)
	x.GetGraph().GetNode()[0].Output = nil
	Infer(x, Options{})
	x.GetGraph().GetNode()[0].Output = []string{"", "a", "b", "c", "d", "e"}
	Infer(x, Options{})
}
