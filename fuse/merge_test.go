package fuse_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery"
)

// mini builds a model from text: "x[N,3] c:int64[] -> y[N,3]" declares inputs and outputs (float32 unless told), and each line after it is a
// node, "y = Add(x, h)", with the name "Add_y". A line "w = 1 2 3" is an initializer of floats.
func mini(t testing.TB, signature string, lines ...string) *onnxpb.ModelProto {
	t.Helper()
	in, out, ok := strings.Cut(signature, "->")
	if !ok {
		t.Fatalf("signature %q has no arrow", signature)
	}
	g := &onnxpb.GraphProto{Name: proto.String("mini")}
	for _, s := range strings.Fields(in) {
		g.Input = append(g.Input, value(t, s))
	}
	for _, s := range strings.Fields(out) {
		g.Output = append(g.Output, value(t, s))
	}
	for _, l := range lines {
		outs, call, ok := strings.Cut(l, "=")
		if !ok {
			t.Fatalf("line %q has no =", l)
		}
		op, args, isNode := strings.Cut(strings.TrimSpace(call), "(")
		if !isNode {
			var v []float32
			for _, f := range strings.Fields(call) {
				var x float32
				if _, err := fmt.Sscan(f, &x); err != nil {
					t.Fatal(err)
				}
				v = append(v, x)
			}
			g.Initializer = append(g.Initializer, onnxpb.TensorOf(strings.TrimSpace(outs), []int64{int64(len(v))}, v))
			continue
		}
		n := onnxpb.Node(op, "", list(strings.TrimSuffix(args, ")")), list(outs))
		n.Name = proto.String(op + "_" + n.Output[0])
		if domain, name, ok := strings.Cut(op, "."); ok {
			n.Domain, n.OpType = &domain, &name
		}
		g.Node = append(g.Node, n)
	}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: g}
}

func list(s string) []string {
	parts := strings.Split(s, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// value reads x[N,3], x:int64[N], x:float32 (of unknown shape) or x:? (of unknown type).
func value(t testing.TB, s string) *onnxpb.ValueInfoProto {
	t.Helper()
	name, shape, hasShape := strings.Cut(s, "[")
	name, elem, hasElem := strings.Cut(name, ":")
	if elem == "?" {
		return &onnxpb.ValueInfoProto{Name: &name}
	}
	typ := onnxpb.TensorProto_FLOAT
	if hasElem {
		var err error
		if typ, err = onnxpb.ParseType(elem); err != nil {
			t.Fatal(err)
		}
	}
	var dims []onnxpb.Dim
	if hasShape {
		var err error
		if dims, err = onnxpb.ParseShape("[" + shape); err != nil {
			t.Fatal(err)
		}
	}
	return onnxpb.TensorValue(name, typ, dims)
}

// show writes a model's interface and nodes as mini reads them.
func show(m *onnxpb.ModelProto) string {
	var lines []string
	values := func(list []*onnxpb.ValueInfoProto) string {
		var s []string
		for _, v := range list {
			typ := strings.ReplaceAll(onnxpb.FormatTypeProto(v.GetType()), "float32 ", "")
			if !strings.HasPrefix(typ, "[") {
				typ = ":" + strings.ReplaceAll(typ, " ", "")
			}
			s = append(s, v.GetName()+strings.TrimSuffix(typ, "[...]"))
		}
		return strings.Join(s, " ")
	}
	lines = append(lines, values(m.Graph.Input)+" -> "+values(m.Graph.Output))
	for _, t := range m.Graph.Initializer {
		lines = append(lines, t.GetName()+" = ...")
	}
	for _, n := range m.Graph.Node {
		lines = append(lines, showNode(n))
	}
	return strings.Join(lines, "\n")
}

func showNode(n *onnxpb.NodeProto) string {
	op := n.GetOpType()
	if n.GetDomain() != "" {
		op = n.GetDomain() + "." + op
	}
	s := fmt.Sprintf("%s = %s(%s)", strings.Join(n.Output, ", "), op, strings.Join(n.Input, ", "))
	for sub := range n.Subgraphs() {
		var nodes []string
		for _, inner := range sub.Node {
			nodes = append(nodes, showNode(inner))
		}
		var outs []string
		for _, o := range sub.Output {
			outs = append(outs, o.GetName())
		}
		s += " { " + strings.Join(nodes, "; ") + " -> " + strings.Join(outs, ", ") + " }"
	}
	return s
}

// connections reads "a:y=b:x c:z=d:w".
func connections(t testing.TB, s string) []fuse.Connection {
	t.Helper()
	var list []fuse.Connection
	for _, f := range strings.Fields(s) {
		from, to, _ := strings.Cut(f, "=")
		fm, ft, ok1 := strings.Cut(from, ":")
		tm, tt, ok2 := strings.Cut(to, ":")
		if !ok1 || !ok2 {
			t.Fatalf("bad connection %q", f)
		}
		list = append(list, fuse.Connection{From: fuse.End{Model: fm, Tensor: ft}, To: fuse.End{Model: tm, Tensor: tt}})
	}
	return list
}

// outputs reads "a:y b:z=name".
func outputs(t testing.TB, s string) []fuse.OutputSpec {
	t.Helper()
	var specs []fuse.OutputSpec
	for _, f := range strings.Fields(s) {
		end, as, _ := strings.Cut(f, "=")
		m, x, ok := strings.Cut(end, ":")
		if !ok {
			t.Fatalf("bad output %q", f)
		}
		specs = append(specs, fuse.OutputSpec{End: fuse.End{Model: m, Tensor: x}, As: as})
	}
	return specs
}

func ptr(s string) *string { return &s }

// merge merges, wants what comes out to pass the checker and the inputs to stay as they were, byte for byte.
func merge(t testing.TB, models []fuse.Input, o fuse.MergeOptions) (*onnxpb.ModelProto, *surgery.Report) {
	t.Helper()
	m, r, err := tryMerge(t, models, o)
	if err != nil {
		t.Fatal(err)
	}
	mustPass(t, m)
	return m, r
}

// mustPass wants a model to pass the checker.
func mustPass(t testing.TB, m *onnxpb.ModelProto) {
	t.Helper()
	if faults := opset.Check(m, opset.CheckOptions{}); len(faults) > 0 {
		t.Fatalf("the merged model is not valid: %v\n%s", faults, show(m))
	}
}

func tryMerge(t testing.TB, models []fuse.Input, o fuse.MergeOptions) (*onnxpb.ModelProto, *surgery.Report, error) {
	t.Helper()
	before := make([][]byte, len(models))
	for i, in := range models {
		before[i] = marshal(t, in.Model)
	}
	m, r, err := fuse.Merge(models, o)
	for i, in := range models {
		if !bytes.Equal(before[i], marshal(t, in.Model)) {
			t.Errorf("model %q was changed", in.Name)
		}
	}
	if err != nil && (m != nil || r != nil) {
		t.Errorf("a model or report beside the error %v", err)
	}
	if err == nil {
		again, _, err := fuse.Merge(models, o)
		if err != nil || !bytes.Equal(marshal(t, m), marshal(t, again)) {
			t.Errorf("merging again gives another model (%v)", err)
		}
	}
	return m, r, err
}

func marshal(t testing.TB, m *onnxpb.ModelProto) []byte {
	t.Helper()
	b, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// told wants a report to tell something.
func told(t *testing.T, r *surgery.Report, patterns ...string) {
	t.Helper()
	var b strings.Builder
	r.Write(&b)
	for _, p := range patterns {
		if !regexp.MustCompile(p).MatchString(b.String()) {
			t.Errorf("the report does not tell %q:\n%s", p, b.String())
		}
	}
}

// relu is a model y = Relu(x) by way of an inner tensor h.
func relu(t testing.TB, shape string) *onnxpb.ModelProto {
	return mini(t, "x"+shape+" -> y"+shape, "h = Relu(x)", "y = Neg(h)")
}

func add(t testing.TB) *onnxpb.ModelProto {
	return mini(t, "a[M,3] b[M,3] -> sum[M,3]", "sum = Add(a, b)")
}

func TestMerge(t *testing.T) {
	tests := []struct {
		name    string
		models  []fuse.Input
		connect string
		outputs string
		want    string
	}{
		{
			name:   "side by side, names collide",
			models: []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}, {Name: "two", Model: relu(t, "[2,3]")}},
			want:   "x[2,3] two_x[2,3] -> y[2,3] two_y[2,3]\nh = Relu(x)\ny = Neg(h)\ntwo_h = Relu(two_x)\ntwo_y = Neg(two_h)",
		},
		{
			name:   "side by side, names differ",
			models: []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}, {Name: "two", Model: add(t)}},
			want:   "x[2,3] a[M,3] b[M,3] -> y[2,3] sum[M,3]\nh = Relu(x)\ny = Neg(h)\nsum = Add(a, b)",
		},
		{
			name:    "an output feeds an input",
			models:  []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}, {Name: "two", Model: relu(t, "[2,3]")}},
			connect: "one:y=two:x",
			want:    "x[2,3] -> two_y[2,3]\nh = Relu(x)\ny = Neg(h)\ntwo_h = Relu(y)\ntwo_y = Neg(two_h)",
		},
		{
			name:    "an inner tensor feeds an input, the output stays",
			models:  []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}, {Name: "two", Model: mini(t, "in[2,3] -> out[2,3]", "out = Exp(in)")}},
			connect: "one:h=two:in",
			want:    "x[2,3] -> y[2,3] out[2,3]\nh = Relu(x)\ny = Neg(h)\nout = Exp(h)",
		},
		{
			name:    "inputs become one",
			models:  []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}, {Name: "two", Model: mini(t, "in[2,3] -> out[2,3]", "out = Exp(in)")}},
			connect: "one:x=two:in",
			want:    "x[2,3] -> y[2,3] out[2,3]\nh = Relu(x)\ny = Neg(h)\nout = Exp(x)",
		},
		{
			name:    "the input of the later model stays",
			models:  []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}, {Name: "two", Model: mini(t, "x[2,3] -> out[2,3]", "out = Exp(x)")}},
			connect: "two:x=one:x",
			want:    "x[2,3] -> y[2,3] out[2,3]\nh = Relu(x)\ny = Neg(h)\nout = Exp(x)",
		},
		{
			name: "one source feeds many, of several models",
			models: []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}, {Name: "two", Model: add(t)},
				{Name: "three", Model: mini(t, "in[2,3] -> out[2,3]", "out = Exp(in)")}},
			connect: "one:y=two:a one:y=two:b one:y=three:in",
			want:    "x[2,3] -> sum[2,3] out[2,3]\nh = Relu(x)\ny = Neg(h)\nsum = Add(y, y)\nout = Exp(y)",
		},
		{
			name:    "the later model feeds the earlier",
			models:  []fuse.Input{{Name: "two", Model: mini(t, "in[2,3] -> out[2,3]", "out = Exp(in)")}, {Name: "one", Model: relu(t, "[2,3]")}},
			connect: "one:y=two:in",
			want:    "x[2,3] -> out[2,3]\nh = Relu(x)\ny = Neg(h)\nout = Exp(y)",
		},
		{
			name: "models feed each other without a cycle",
			models: []fuse.Input{
				{Name: "a", Model: mini(t, "x[2] back[2] -> out[2] end[2]", "out = Relu(x)", "end = Neg(back)")},
				{Name: "b", Model: mini(t, "in[2] -> u[2] v[2]", "u = Exp(in)", "v = Abs(in)")}},
			connect: "a:out=b:in b:v=a:back",
			want:    "x[2] -> end[2] u[2]\nout = Relu(x)\nu = Exp(out)\nv = Abs(out)\nend = Neg(v)",
		},
		{
			name:    "a model feeds itself",
			models:  []fuse.Input{{Name: "a", Model: mini(t, "x[2] again[2] -> y[2] z[2]", "z = Neg(again)", "y = Relu(x)")}},
			connect: "a:y=a:again",
			want:    "x[2] -> z[2]\ny = Relu(x)\nz = Neg(y)",
		},
		{
			name: "a chain of inputs",
			models: []fuse.Input{{Name: "a", Model: mini(t, "x[2] -> u[2]", "u = Exp(x)")}, {Name: "b", Model: mini(t, "y[2] -> v[2]", "v = Abs(y)")},
				{Name: "c", Model: mini(t, "z[2] -> w[2]", "w = Neg(z)")}},
			connect: "b:y=c:z a:x=b:y",
			want:    "x[2] -> u[2] v[2] w[2]\nu = Exp(x)\nv = Abs(x)\nw = Neg(x)",
		},
		{
			name:    "an initializer feeds an input",
			models:  []fuse.Input{{Name: "a", Model: mini(t, "x[2] -> u[2]", "w = 1 2", "u = Mul(x, w)")}, {Name: "b", Model: mini(t, "y[2] -> v[2]", "v = Abs(y)")}},
			connect: "a:w=b:y",
			want:    "x[2] -> u[2] v[2]\nw = ...\nu = Mul(x, w)\nv = Abs(w)",
		},
		{
			name:    "a default value is overridden",
			models:  []fuse.Input{{Name: "a", Model: relu(t, "[2]")}, {Name: "b", Model: mini(t, "in[2] w[2] -> out[2]", "w = 1 2", "out = Mul(in, w)")}},
			connect: "a:y=b:w",
			want:    "x[2] in[2] -> out[2]\nh = Relu(x)\ny = Neg(h)\nout = Mul(in, y)",
		},
		{
			name:    "outputs as asked for, joined and inner ones too",
			models:  []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}, {Name: "two", Model: mini(t, "in[2,3] -> out[2,3] more[2,3]", "out = Exp(in)", "more = Abs(in)")}},
			connect: "one:y=two:in",
			outputs: "two:out one:y=joined one:h",
			want:    "x[2,3] -> out[2,3] joined[2,3] h\nh = Relu(x)\njoined = Neg(h)\nout = Exp(joined)\nmore = Abs(joined)",
		},
		{
			name:    "an asked name pushes another aside",
			models:  []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}, {Name: "two", Model: mini(t, "in[2,3] -> out[2,3]", "out = Exp(in)")}},
			connect: "one:y=two:in",
			outputs: "two:out=y",
			want:    "x[2,3] -> y[2,3]\nh = Relu(x)\none_y = Neg(h)\ny = Exp(one_y)",
		},
		{
			name:    "an input and the same tensor twice as outputs",
			models:  []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}},
			outputs: "one:x=seen one:y one:y=again one:x",
			want:    "x[2,3] -> seen[2,3] y[2,3] again[2,3] one_x[2,3]\nh = Relu(x)\ny = Neg(h)\nseen = Identity(x)\nagain = Identity(y)\none_x = Identity(x)",
		},
		{
			name:    "an output that is an input passes on what feeds it",
			models:  []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}, {Name: "pass", Model: mini(t, "in[2,3] -> in[2,3] out[2,3]", "out = Exp(in)")}},
			connect: "one:y=pass:in",
			want:    "x[2,3] -> y[2,3] out[2,3]\nh = Relu(x)\ny = Neg(h)\nout = Exp(y)",
		},
		{
			name:   "given prefixes",
			models: []fuse.Input{{Name: "one", Model: relu(t, "[2,3]"), Prefix: ptr("1/")}, {Name: "two", Model: relu(t, "[2,3]")}, {Name: "three", Model: relu(t, "[2,3]")}},
			want: "1/x[2,3] x[2,3] three_x[2,3] -> 1/y[2,3] y[2,3] three_y[2,3]\n1/h = Relu(1/x)\n1/y = Neg(1/h)\nh = Relu(x)\ny = Neg(h)\n" +
				"three_h = Relu(three_x)\nthree_y = Neg(three_h)",
		},
		{
			name: "an invented name avoids names that exist",
			models: []fuse.Input{{Name: "one", Model: mini(t, "x[2] -> two_y[2] y[2]", "two_y = Exp(x)", "y = Abs(x)")},
				{Name: "two", Model: mini(t, "in[2] -> y[2]", "y = Relu(in)")}},
			want: "x[2] in[2] -> two_y[2] y[2] two_y_1[2]\ntwo_y = Exp(x)\ny = Abs(x)\ntwo_y_1 = Relu(in)",
		},
		{
			name:    "unknown types are accepted",
			models:  []fuse.Input{{Name: "one", Model: mini(t, "x:float32 -> y:float32", "y = Relu(x)")}, {Name: "two", Model: mini(t, "in[2,3] -> out[2,3]", "out = Exp(in)")}},
			connect: "one:y=two:in",
			want:    "x -> out[2,3]\ny = Relu(x)\nout = Exp(y)",
		},
		{
			name:    "an input that becomes one with another learns its shape",
			models:  []fuse.Input{{Name: "one", Model: mini(t, "x:float32 -> y:float32", "y = Relu(x)")}, {Name: "two", Model: mini(t, "in[N,3] -> out[N,3]", "out = Exp(in)")}},
			connect: "one:x=two:in",
			want:    "x[N,3] -> y out[N,3]\ny = Relu(x)\nout = Exp(x)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, _ := merge(t, tt.models, fuse.MergeOptions{Connect: connections(t, tt.connect), Outputs: outputs(t, tt.outputs)})
			if got := show(m); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestMergeRefuses(t *testing.T) {
	one := fuse.Input{Name: "one", Model: relu(t, "[2,3]")}
	tests := []struct {
		name    string
		models  []fuse.Input
		connect string
		outputs string
		kind    onnxpb.Kind
		want    string
	}{
		{name: "no model", kind: onnxpb.Usage, want: "no model"},
		{name: "no name", models: []fuse.Input{{Model: relu(t, "[2,3]")}}, kind: onnxpb.Usage, want: "model 1 has no name"},
		{name: "one name twice", models: []fuse.Input{one, one}, kind: onnxpb.Usage, want: `two models are called "one"`},
		{name: "unknown model", models: []fuse.Input{one}, connect: "onee:y=one:x", kind: onnxpb.Unfit, want: `no model "onee".*did you mean one\?`},
		{name: "unknown tensor", models: []fuse.Input{one, {Name: "two", Model: mini(t, "input[2] -> output[2]", "output = Relu(input)")}}, connect: "two:outptu=one:x", kind: onnxpb.Unfit,
			want: `tensor "two:outptu": there is no such tensor \(did you mean output`},
		{name: "unknown input", models: []fuse.Input{one, {Name: "two", Model: mini(t, "input[2] -> output[2]", "output = Relu(input)")}}, connect: "one:y=two:inptu", kind: onnxpb.Unfit,
			want: `tensor "two:inptu": there is no such input \(did you mean input`},
		{name: "no input", models: []fuse.Input{one, {Name: "two", Model: relu(t, "[2,3]")}}, connect: "one:y=two:h", kind: onnxpb.Unfit,
			want: `tensor "two:h": it is no graph input.*the inputs of two are x`},
		{name: "two sources", models: []fuse.Input{one, {Name: "two", Model: add(t)}}, connect: "one:y=two:a one:h=two:a", kind: onnxpb.Unfit,
			want: `tensor "two:a": the input has two sources, one:y and one:h`},
		{name: "a cycle in one model", models: []fuse.Input{one}, connect: "one:y=one:x", kind: onnxpb.Refused,
			want: `the connections close a cycle: node "Relu_h" of one -> node "Neg_y" of one -> one:y -> one:x -> node "Relu_h" of one`},
		{name: "a cycle through two models",
			models: []fuse.Input{one, {Name: "two", Model: mini(t, "in[2,3] -> out[2,3]", "out = Exp(in)")}}, connect: "one:y=two:in two:out=one:x", kind: onnxpb.Refused,
			want: `the connections close a cycle: node "Exp_out" of two -> two:out -> one:x -> node "Relu_h" of one -> node "Neg_y" of one -> one:y -> two:in -> node "Exp_out" of two`},
		{name: "a circle of inputs",
			models: []fuse.Input{one, {Name: "two", Model: mini(t, "in[2,3] -> out[2,3]", "out = Exp(in)")}}, connect: "one:x=two:in two:in=one:x", kind: onnxpb.Refused,
			want: `the connections close a cycle: two:in -> one:x -> two:in`},
		{name: "element types", models: []fuse.Input{one, {Name: "two", Model: mini(t, "in:int64[2,3] -> out:int64[2,3]", "out = Neg(in)")}}, connect: "one:y=two:in", kind: onnxpb.Unfit,
			want: `tensor "two:in": one:y is float32 \[2,3\], and two:in is int64 \[2,3\]: the element types differ \(put a Cast between them\)`},
		{name: "element types that only the operators tell", models: []fuse.Input{one, {Name: "two", Model: mini(t, "in:int64[2,3] -> out:int64[2,3]", "out = Neg(in)")}}, connect: "one:h=two:in",
			kind: onnxpb.Unfit, want: `one:h is float32 \[...\], and two:in is int64 \[2,3\]: the element types differ`},
		{name: "ranks", models: []fuse.Input{one, {Name: "two", Model: mini(t, "in[2,3,1] -> out[2,3,1]", "out = Neg(in)")}}, connect: "one:y=two:in", kind: onnxpb.Unfit,
			want: `one:y is float32 \[2,3\], and two:in is float32 \[2,3,1\]: the ranks differ, 2 and 3`},
		{name: "numbers", models: []fuse.Input{one, {Name: "two", Model: mini(t, "in[2,4] -> out[2,4]", "out = Neg(in)")}}, connect: "one:y=two:in", kind: onnxpb.Unfit,
			want: `one:y is float32 \[2,3\], and two:in is float32 \[2,4\]: axis 1: 3 is not 4`},
		{name: "inputs that become one", models: []fuse.Input{one, {Name: "two", Model: mini(t, "in[2,4] -> out[2,4]", "out = Neg(in)")}}, connect: "one:x=two:in", kind: onnxpb.Unfit,
			want: `one:x is float32 \[2,3\], and two:in is float32 \[2,4\]`},
		{name: "a dimension that is two numbers",
			models: []fuse.Input{one, {Name: "two", Model: mini(t, "in[5,3] -> out[5,3]", "out = Neg(in)")}, {Name: "sum", Model: add(t)}}, connect: "one:y=sum:a two:out=sum:b", kind: onnxpb.Unfit,
			want: `two:out is float32 \[5,3\], and sum:b is float32 \[M,3\]: axis 0: 5 is not M \(2 by another connection\)`},
		{name: "the end of a chain of inputs",
			models: []fuse.Input{{Name: "a", Model: mini(t, "x[4] -> u[4]", "u = Exp(x)")}, {Name: "b", Model: mini(t, "y:float32 -> v:float32", "v = Abs(y)")},
				{Name: "c", Model: mini(t, "z[5] -> w[5]", "w = Neg(z)")}},
			connect: "a:x=b:y b:y=c:z", kind: onnxpb.Unfit, want: `a:x is float32 \[4\], and c:z is float32 \[5\].*\(joined by b:y=c:z\)`},
		{name: "no output left", models: []fuse.Input{{Name: "a", Model: mini(t, "x[2] back[2] -> out[2] end[2]", "out = Relu(x)", "end = Neg(back)")},
			{Name: "b", Model: mini(t, "in[2] -> v[2]", "v = Abs(in)")}, {Name: "c", Model: mini(t, "p[2] q[2] -> p[2]", "q2 = Neg(q)")}},
			connect: "a:out=b:in b:v=a:back a:end=c:q c:p=c:p", kind: onnxpb.Refused, want: "cycle"},
		{name: "an output asked for twice", models: []fuse.Input{one}, outputs: "one:y one:y", kind: onnxpb.Usage, want: `tensor "one:y": it is asked for as an output twice`},
		{name: "two outputs of one name", models: []fuse.Input{one}, outputs: "one:y=z one:h=z", kind: onnxpb.Usage, want: `two outputs are to be called "z": one:y and one:h`},
		{name: "an unknown output", models: []fuse.Input{one}, outputs: "one:z", kind: onnxpb.Unfit, want: `tensor "one:z": there is no such tensor`},
		{name: "prefixes that collide", models: []fuse.Input{{Name: "a", Model: relu(t, "[2,3]"), Prefix: ptr("p_")}, {Name: "b", Model: relu(t, "[2,3]"), Prefix: ptr("p_")}}, kind: onnxpb.Unfit,
			want: `tensor "b:x": with the prefix "p_" it is called "p_x", which is the name of a:x`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, _, err := tryMerge(t, tt.models, fuse.MergeOptions{Connect: connections(t, tt.connect), Outputs: outputs(t, tt.outputs)})
			if err == nil {
				t.Fatalf("no error, but\n%s", show(m))
			}
			if got := onnxpb.KindOf(err); got != tt.kind {
				t.Errorf("error of kind %d, want %d: %v", got, tt.kind, err)
			}
			if !regexp.MustCompile(tt.want).MatchString(err.Error()) {
				t.Errorf("error %q, want %q", err, tt.want)
			}
		})
	}
}
