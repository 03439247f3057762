package diff

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	"onnxtool/internal/mutate"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/opset"
)

func parse(t *testing.T, text string) *onnxpb.ModelProto {
	t.Helper()
	m, err := onnxtext.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const base = `<ir_version: 10, opset_import: ["" : 18, "local" : 1]>
net (float[N,4] x, bool c) => (float[N,4] y, float[N,4] z)
<float[4] w = {1, 2, 3, 4}, float[4] b = {0, 0, 0, 1}>
{
  [first] p = Mul (x, w)
  [second] q = Add (p, b)
  [act] r = Relu (q)
  [fun] s = local.twice (r)
  [choose] y = If (c) <then_branch = yes () => (float[N,4] t) { [neg] t = Neg (s) }, else_branch = no () => (float[N,4] e) { [abs] e = Abs (s) }>
  [soft] z = Softmax <axis: int = 1> (s)
}
<domain: "local", opset_import: ["" : 18]>
twice (a) => (d) { d = Add (a, a) }`

func differences(t *testing.T, a, b *onnxpb.ModelProto, ignore ...string) []string {
	t.Helper()
	list, err := Models(a, b, Options{Ignore: ignore})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range list {
		out = append(out, d.String())
	}
	return out
}

// Each edit of the text makes the differences that it should, and no other.
func TestOneEditOneDifference(t *testing.T) {
	for name, c := range map[string]struct {
		edits []string // pairs of what is replaced by what
		want  []string
	}{
		"nothing":               {nil, nil},
		"an attribute":          {[]string{"int = 1", "int = 0"}, []string{`changed node "soft" attribute "axis": 1 -> 0`}},
		"an initializer":        {[]string{"w = {1, 2, 3, 4}", "w = {1, 2, 3, 6}"}, []string{`changed initializer "w": float32 [4], other elements: 1 of 4 differ, the most by 2`}},
		"zero and -0":           {[]string{"b = {0, 0", "b = {0, -0.0"}, []string{`changed initializer "b": float32 [4], other elements: they differ in the sign of zeros or the bits of NaNs`}},
		"an input's name":       {[]string{" x,", " image,", "(x,", "(image,"}, []string{`renamed input "x": "x" -> "image"`}},
		"an output's name":      {[]string{"z)", "prob)", "z =", "prob ="}, []string{`renamed output "z": "z" -> "prob"`}},
		"an inner name":         {[]string{"q =", "sum =", "(q)", "(sum)"}, []string{`renamed tensor "q": "q" -> "sum"`}},
		"a node's name":         {[]string{"[act]", "[relu]"}, []string{`renamed node "act": "act" -> "relu"`}},
		"a weight's name":       {[]string{" w =", " weight =", ", w)", ", weight)"}, []string{`renamed initializer "w": "w" -> "weight"`}},
		"a shape":               {[]string{"float[N,4] x", "float[M,4] x"}, []string{`changed input "x": float32 [N,4] -> float32 [M,4]`}},
		"a type":                {[]string{"bool c", "int64 c"}, []string{`changed input "c": bool [] -> int64 []`}},
		"an operator set":       {[]string{"\"\" : 18, \"local\"", "\"\" : 19, \"local\""}, []string{`changed opset "ai.onnx": 18 -> 19`}},
		"an operator":           {[]string{"Relu", "Elu"}, []string{`changed node "act" operator: Relu -> Elu`}},
		"a node more":           {[]string{"r = Relu (q)", "rr = Relu (q) [more] r = Exp(rr)"}, []string{`changed node "fun" node_input "0": "r" -> "r"`, `added node "more": Exp(rr) -> r`, `renamed tensor "r": "r" -> "rr"`}},
		"a node less":           {[]string{"[act] r = Relu (q)", "", "(r)", "(q)"}, []string{`removed node "act": Relu(q) -> r`, `changed node "fun" node_input "0": "r" -> "q"`}},
		"a subgraph":            {[]string{"[abs] e = Abs (s)", "[abs] e = Abs (q)"}, []string{`changed in choose/else_branch: node "abs" node_input "0": "s" -> "q"`}},
		"a node of a subgraph":  {[]string{"[abs] e = Abs (s)", "[abs] e = Floor (s)"}, []string{`changed in choose/else_branch: node "abs" operator: Abs -> Floor`}},
		"a name in a subgraph":  {[]string{"[neg] t =", "[neg] k =", "float[N,4] t)", "float[N,4] k)"}, []string{`renamed in choose/then_branch: output "t": "t" -> "k"`}},
		"the order of outputs":  {[]string{"(float[N,4] y, float[N,4] z)", "(float[N,4] z, float[N,4] y)"}, []string{`changed output_order: y, z -> z, y`}},
		"a wire":                {[]string{"Softmax <axis: int = 1> (s)", "Softmax <axis: int = 1> (r)"}, []string{`changed node "soft" node_input "0": "s" -> "r"`}},
		"a function":            {[]string{"d = Add (a, a)", "d = Mul (a, a)"}, []string{`changed in function local.twice: node "Add -> d" operator: Add -> Mul`}},
		"an output that is new": {[]string{"float[N,4] z)", "float[N,4] z, float[N,4] r)"}, []string{`added output "r": float32 [N,4]`}},
		"the order of initializers": {[]string{"float[4] w = {1, 2, 3, 4}, float[4] b = {0, 0, 0, 1}", "float[4] b = {0, 0, 0, 1}, float[4] w = {1, 2, 3, 4}"},
			nil},
		"an unused weight": {[]string{"<float[4] w", "<float[1] u = {5}, float[4] w"}, []string{`added initializer "u": float32 [1]`}},
		"an input more":    {[]string{"bool c)", "bool c, float[2] k)"}, []string{`added input "k": float32 [2]`}},
	} {
		t.Run(name, func(t *testing.T) {
			other := parse(t, strings.NewReplacer(c.edits...).Replace(base))
			got := differences(t, parse(t, base), other)
			slices.Sort(got)
			slices.Sort(c.want)
			if !slices.Equal(got, c.want) {
				t.Errorf("%s\nis not\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
			// The other way round there are as many.
			if back := differences(t, other, parse(t, base)); len(back) != len(c.want) {
				t.Errorf("the other way round: %s", strings.Join(back, "\n"))
			}
		})
	}
}

// What only has other names is the same where names do not count, and what differs in more is not.
func TestIgnore(t *testing.T) {
	a := parse(t, base)
	renamed := parse(t, strings.NewReplacer(" x,", " image,", "(x, w)", "(image, weight)", "z)", "prob)", "z =", "prob =", "q =", "sum =", "(q)", "(sum)", "[act]", "[relu]", " w =", " weight =", "[N,4]", "[batch,4]", "net (", "other (", "[neg] t =", "[neg] k =", "float[N,4] t)", "float[batch,4] k)").Replace(base))
	if got := differences(t, a, renamed); len(got) < 8 {
		t.Errorf("names: %q", got)
	}
	if got := differences(t, a, renamed, "names"); len(got) != 0 {
		t.Errorf("without names: %q", got)
	}
	// Two dimensions that are one in the other model are no other name of each.
	if got := differences(t, a, parse(t, strings.Replace(base, "float[N,4] x", "float[M,4] x", 1)), "names"); len(got) == 0 {
		t.Error("N became M in one place only, and nothing is told")
	}
	for part, edit := range map[string]func(*onnxpb.ModelProto){
		"docs": func(m *onnxpb.ModelProto) {
			m.DocString, m.Graph.Node[1].DocString = proto.String("d"), proto.String("e")
		},
		"metadata": func(m *onnxpb.ModelProto) {
			m.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: proto.String("k"), Value: proto.String("v")}}
		},
		"value_info": func(m *onnxpb.ModelProto) {
			m.Graph.ValueInfo = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("q", onnxpb.TensorProto_FLOAT, nil)}
		},
		"data": func(m *onnxpb.ModelProto) {
			m.Graph.Initializer[0] = onnxpb.TensorOf("w", []int64{4}, []float32{5, 6, 7, 8})
		},
		"producer": func(m *onnxpb.ModelProto) { m.ProducerName, m.IrVersion = proto.String("p"), proto.Int64(9) },
		"opsets":   func(m *onnxpb.ModelProto) { m.OpsetImport = m.OpsetImport[:1] },
		"training": func(m *onnxpb.ModelProto) { m.TrainingInfo = []*onnxpb.TrainingInfoProto{{}} },
	} {
		b := parse(t, base)
		edit(b)
		if got := differences(t, a, b); len(got) == 0 {
			t.Errorf("%s: nothing is told", part)
		}
		if got := differences(t, a, b, part); len(got) != 0 {
			t.Errorf("without %s: %q", part, got)
		}
	}
	if _, err := Models(a, a, Options{Ignore: []string{"nonsense"}}); onnxpb.KindOf(err) != onnxpb.Usage {
		t.Errorf("ignoring nonsense: %v", err)
	}
}

// Whatever is changed in a valid model is told, or what was changed is an order that means nothing. Models that are not valid are compared without a panic.
func TestMutations(t *testing.T) {
	seeds := mutate.Seeds()
	told, silent := 0, 0
	mutate.Scripts(7, 4000, func(r *rand.Rand, script []byte) {
		m := seeds[r.IntN(len(seeds))]
		changed := mutate.Apply(m, script[:4])
		list, err := Models(m, changed, Options{})
		if err != nil || len(opset.Check(changed, opset.CheckOptions{})) > 0 {
			return
		}
		equal := bytes.Equal(canonical(t, m), canonical(t, changed))
		switch {
		case equal && len(list) > 0:
			t.Errorf("equal but for the order, and told are %v", list)
		case !equal && len(list) == 0:
			t.Errorf("nothing is told of\n%s", gocmp.Diff(m, changed, protocmp.Transform()))
		case equal:
			silent++
		default:
			told++
		}
	})
	t.Logf("%d with differences, %d without", told, silent)
	if told < 100 || silent < 10 {
		t.Errorf("only %d models with differences and %d without were compared", told, silent)
	}
}

// canonical writes a model with its lists sorted whose order means nothing.
func canonical(t *testing.T, m *onnxpb.ModelProto) []byte {
	m = proto.Clone(m).(*onnxpb.ModelProto)
	m.AllTensors(func(x *onnxpb.TensorProto) { x.ExternalData = nil }) // of tensors that have their data, which says nothing
	var visit func(protoreflect.Message)
	visit = func(x protoreflect.Message) {
		fields := x.Descriptor().Fields()
		for i := range fields.Len() {
			f := fields.Get(i)
			if f.Message() == nil {
				// A field that holds its default says what one says that is left out, but for the value of an attribute or a dimension.
				if !f.IsList() && x.Has(f) && x.Get(f).Equal(f.Default()) && f.ContainingOneof() == nil && (x.Descriptor().Name() != "AttributeProto" || f.Name() == "doc_string") {
					x.Clear(f)
				}
				if f.IsList() && x.Descriptor().Name() == "NodeProto" && x.Has(f) { // inputs and outputs that are left out at the end
					l := x.Mutable(f).List()
					for l.Len() > 0 && l.Get(l.Len()-1).String() == "" {
						l.Truncate(l.Len() - 1)
					}
				}
				continue
			}
			if !x.Has(f) {
				continue
			}
			if !f.IsList() {
				visit(x.Get(f).Message())
				continue
			}
			l := x.Get(f).List()
			var all []protoreflect.Value
			for k := range l.Len() {
				visit(l.Get(k).Message())
				all = append(all, l.Get(k))
			}
			switch f.Name() {
			case "node", "initializer", "sparse_initializer", "value_info", "metadata_props", "opset_import", "attribute", "functions", "quantization_annotation", "quant_parameter_tensor_names",
				"initialization_binding", "update_binding", "attribute_proto":
			default:
				continue
			}
			key := func(v protoreflect.Value) string {
				b, err := proto.MarshalOptions{Deterministic: true}.Marshal(v.Message().Interface())
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
			slices.SortFunc(all, func(a, b protoreflect.Value) int { return cmp.Compare(key(a), key(b)) })
			for k, v := range all {
				l.Set(k, v)
			}
		}
	}
	visit(m.ProtoReflect())
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A retrained model has the same nodes with other weights: that is told of each weight, and of nothing else, also where all is called otherwise.
func TestRetrained(t *testing.T) {
	build := func(scale float32, prefix string) *onnxpb.ModelProto {
		g := &onnxpb.GraphProto{Name: proto.String("g"), Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(4))}}
		last := "x"
		for i := range 30 {
			w, p, q := fmt.Sprintf("%sw%d", prefix, i), fmt.Sprintf("%sp%d", prefix, i), fmt.Sprintf("%sq%d", prefix, i)
			g.Initializer = append(g.Initializer, onnxpb.TensorOf(w, []int64{4}, []float32{scale, float32(i), 1, 2}))
			g.Node = append(g.Node, onnxpb.Node("Mul", prefix+"m"+w, []string{last, w}, []string{p}), onnxpb.Node("Add", prefix+"a"+w, []string{last, p}, []string{q}))
			last = q
		}
		g.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(last, onnxpb.TensorProto_FLOAT, onnxpb.Numbers(4))}
		return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: g}
	}
	for _, prefix := range []string{"", "other/"} {
		got := differences(t, build(1, ""), build(2, prefix), "names")
		if len(got) != 30 {
			t.Errorf("%d differences: %q", len(got), got)
		}
		for _, s := range got {
			if !strings.HasPrefix(s, "changed initializer") {
				t.Error(s)
			}
		}
	}
}

// Four times the nodes cost about four times as much.
func TestLinear(t *testing.T) {
	cost := func(n int) float64 {
		a, b := chain(n, false), chain(n, true)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		list, err := Models(a, b, Options{})
		runtime.ReadMemStats(&after)
		if err != nil || len(list) < n/7 {
			t.Fatalf("%d nodes: %d differences, %v", n, len(list), err)
		}
		return float64(after.TotalAlloc - before.TotalAlloc)
	}
	if one, four := cost(2000), cost(8000); four > 5.5*one {
		t.Errorf("2000 nodes take %.0f bytes, 8000 take %.0f", one, four)
	}
}

// chain is a model of n nodes one behind another; an odd one has another operator at every seventh.
func chain(n int, odd bool) *onnxpb.ModelProto {
	g := &onnxpb.GraphProto{Name: proto.String("g"), Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(4))},
		Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("shared", []int64{4}, []float32{1, 2, 3, 4})}}
	last := "x"
	for i := range n {
		out := fmt.Sprintf("v%d", i)
		op := "Add"
		if odd && i%7 == 0 {
			op = "Sub"
		}
		g.Node = append(g.Node, onnxpb.Node(op, "n"+out, []string{last, "shared"}, []string{out}))
		last = out
	}
	g.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(last, onnxpb.TensorProto_FLOAT, onnxpb.Numbers(4))}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: g}
}
