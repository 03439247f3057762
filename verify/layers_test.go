package verify_test

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// fault is a change of a network, and where Layers has to find it.
type fault struct {
	// put changes the model at a node that it picks, and returns that node's place; -1 where there is none to pick.
	put func(m *onnxpb.ModelProto, rng *rand.Rand) int
	// at says which nodes are to be blamed: the node itself, or the first of those that read it and whose output differs.
	consumer, consumerRenamed bool
	// missing and added say that the report has to name a node that only one model has.
	missing, added, addedRenamed bool
	says                         string // what the differences have to say
}

var faults = map[string]fault{
	"weight":    {put: changeWeight, says: "constant w_"},
	"attribute": {put: changeAttribute, says: "attribute "},
	"swapped":   {put: swapInputs, says: "input 0 is "},
	"operator":  {put: changeOperator, says: "the operator is "},
	"dropped":   {put: dropNode, consumer: true, consumerRenamed: true, missing: true},
	"turned":    {put: turnOutput, consumerRenamed: true, added: true, addedRenamed: true},
}

func anyNode(m *onnxpb.ModelProto, rng *rand.Rand, fit func(*onnxpb.NodeProto) bool) int {
	var at []int
	for i, n := range m.Graph.Node {
		if fit(n) {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return -1
	}
	return at[rng.IntN(len(at))]
}

func changeWeight(m *onnxpb.ModelProto, rng *rand.Rand) int {
	i := anyNode(m, rng, func(n *onnxpb.NodeProto) bool { return n.GetOpType() == "Conv" || n.GetOpType() == "MatMul" })
	if i < 0 {
		return -1
	}
	for k, t := range m.Graph.Initializer {
		if t.GetName() == m.Graph.Node[i].Input[1] {
			a, err := onnxpb.Decode(t, "")
			if err != nil {
				panic(err)
			}
			a.Data.([]float32)[rng.IntN(a.Len())] += 1e-3
			m.Graph.Initializer[k] = a.Proto(t.GetName())
		}
	}
	return i
}

func changeAttribute(m *onnxpb.ModelProto, rng *rand.Rand) int {
	change := map[string]func(*onnxpb.AttributeProto){
		"alpha":   func(a *onnxpb.AttributeProto) { a.F = proto.Float32(a.GetF() + 0.1) },
		"epsilon": func(a *onnxpb.AttributeProto) { a.F = proto.Float32(a.GetF() + 0.1) },
		"axis":    func(a *onnxpb.AttributeProto) { a.I = proto.Int64(1 + a.GetI()%3) },
		"pads":    func(a *onnxpb.AttributeProto) { a.Ints = []int64{0, 0, 2, 2} },
		"perm":    func(a *onnxpb.AttributeProto) { a.Ints = []int64{0, 2, 3, 1} },
	}
	which := func(n *onnxpb.NodeProto) *onnxpb.AttributeProto {
		for _, a := range n.Attribute {
			if change[a.GetName()] != nil {
				return a
			}
		}
		return nil
	}
	i := anyNode(m, rng, func(n *onnxpb.NodeProto) bool { return which(n) != nil })
	if i >= 0 {
		a := which(m.Graph.Node[i])
		change[a.GetName()](a)
	}
	return i
}

func swapInputs(m *onnxpb.ModelProto, rng *rand.Rand) int {
	i := anyNode(m, rng, func(n *onnxpb.NodeProto) bool { return n.GetOpType() == "Sub" || n.GetOpType() == "Div" })
	if i >= 0 {
		slices.Reverse(m.Graph.Node[i].Input)
	}
	return i
}

func changeOperator(m *onnxpb.ModelProto, rng *rand.Rand) int {
	other := map[string]string{"Tanh": "Sigmoid", "Softplus": "Tanh", "Relu": "Abs", "Add": "Mul", "Max": "Min"}
	i := anyNode(m, rng, func(n *onnxpb.NodeProto) bool {
		// The new one must not be there already: what computes the same is the same.
		return other[n.GetOpType()] != "" && !slices.ContainsFunc(m.Graph.Node, func(x *onnxpb.NodeProto) bool {
			return x.GetOpType() == other[n.GetOpType()] && slices.ContainsFunc(x.Input, func(s string) bool { return slices.Contains(n.Input, s) })
		})
	})
	if i >= 0 {
		m.Graph.Node[i].OpType = proto.String(other[m.Graph.Node[i].GetOpType()])
	}
	return i
}

// readers lists the places of the nodes that read a value.
func readers(m *onnxpb.ModelProto, value string) (at []int) {
	for i, n := range m.Graph.Node {
		if slices.Contains(n.Input, value) {
			at = append(at, i)
		}
	}
	return at
}

// dropNode has those that read a node read what it reads. Without names, two nodes of an operator in a row, or side by side, are the same whichever of them goes: they are left alone.
func dropNode(m *onnxpb.ModelProto, rng *rand.Rand) int {
	i := anyNode(m, rng, func(n *onnxpb.NodeProto) bool {
		ops, twins := []string{n.GetOpType()}, 0
		for _, r := range readers(m, n.Input[0]) {
			ops = append(ops, m.Graph.Node[r].GetOpType())
			if m.Graph.Node[r].GetOpType() == n.GetOpType() {
				twins++
			}
		}
		return n.Output[0] != "y" && twins == 1 && !slices.ContainsFunc(readers(m, n.Output[0]), func(r int) bool { return slices.Contains(ops, m.Graph.Node[r].GetOpType()) })
	})
	if i < 0 {
		return -1
	}
	n := m.Graph.Node[i]
	for _, r := range readers(m, n.Output[0]) {
		for k, in := range m.Graph.Node[r].Input {
			if in == n.Output[0] {
				m.Graph.Node[r].Input[k] = n.Input[0]
			}
		}
	}
	m.Graph.Node = slices.Delete(m.Graph.Node, i, i+1)
	return i
}

// turnOutput puts a Transpose behind a node, under its output's name.
func turnOutput(m *onnxpb.ModelProto, rng *rand.Rand) int {
	i := anyNode(m, rng, func(n *onnxpb.NodeProto) bool {
		return n.GetOpType() != "Transpose" && !slices.ContainsFunc(readers(m, n.Output[0]), func(r int) bool { return m.Graph.Node[r].GetOpType() == "Transpose" })
	})
	n := m.Graph.Node[i]
	inner := "straight"
	turn := onnxpb.Node("Transpose", "turn", []string{inner}, []string{n.Output[0]}, onnxpb.Ints("perm", 0, 3, 1, 2))
	n.Output[0] = inner
	m.Graph.Node = slices.Insert(m.Graph.Node, i+1, turn)
	return i
}

// everything gives all tensors of a model in one run.
func everything(t *testing.T, e verify.Engine, m *onnxpb.ModelProto, x *onnxpb.Array) map[string]*onnxpb.Value {
	t.Helper()
	src, err := verify.WithOutputs(verify.Source{Model: m}, verify.Tensors(m))
	if err != nil {
		t.Fatal(err)
	}
	s, err := e.Open(src, verify.SessionOptions{Optimization: verify.OptimizeNone, Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.Run(map[string]*onnxpb.Value{"x": onnxpb.TensorVal(x)})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// same tells whether two tensors are the same, element by element.
func same(a, b *onnxpb.Value) bool {
	return a != nil && b != nil && reflect.DeepEqual(a.Array.Data, b.Array.Data) && reflect.DeepEqual(a.Array.Dims, b.Array.Dims)
}

// TestFaults puts one fault into each of many random networks. Layers and Bisect name the node, with the names kept and with all names changed and the nodes in another order. What is
// right follows from where the fault was put, and from values that were computed without either.
func TestFaults(t *testing.T) {
	e := testengine.New(t)
	sizes := []int{10, 12, 15, 20, 30, 40, 60, 80, 120, 200}
	trials, most := 0, 0
	for _, kind := range slices.Sorted(mapKeys(faults)) {
		f := faults[kind]
		for k := 0; k < 12; k++ {
			size := sizes[k%len(sizes)]
			if k == 11 {
				size = 500
			}
			for seed := uint64(1000 * k); ; seed++ {
				if seed > uint64(1000*k+50) {
					t.Fatalf("%s: no network of %d nodes shows it", kind, size)
				}
				sessions, ok := trial(t, e, kind, f, seed, size)
				if ok {
					trials++
					most = max(most, sessions)
					break
				}
			}
		}
	}
	// Two forms of each.
	if trials *= 2; trials < 100 {
		t.Errorf("%d trials are too few", trials)
	}
	t.Logf("%d trials, at most %d runs in a search", trials, most)
	if most > 16 {
		t.Errorf("a search took %d runs", most)
	}
}

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// trial returns false where the fault cannot be put, or does not show in the output.
func trial(t *testing.T, e verify.Engine, kind string, f fault, seed uint64, size int) (sessions int, ok bool) {
	ref := randomNetwork(seed, size)
	bad := onnxpb.Clone(ref)
	rng := rand.New(rand.NewPCG(seed, 3))
	at := f.put(bad, rng)
	if at < 0 {
		return 0, false
	}
	x, err := verify.Generate("x", onnxpb.TensorProto_FLOAT, []int64{1, side, side, side}, nil, seed)
	if err != nil {
		t.Fatal(err)
	}
	want, got := everything(t, e, ref, x), everything(t, e, bad, x)
	if same(want["y"], got["y"]) {
		return 0, false
	}
	node := ref.Graph.Node[at]
	readersOf := readers(ref, node.Output[0])
	first := node
	for _, r := range slices.Backward(readersOf) {
		if n := ref.Graph.Node[r]; !same(want[n.Output[0]], got[n.Output[0]]) {
			first = n
		}
	}
	if f.consumer && first == node || !f.consumer && same(want[node.Output[0]], got[node.Output[0]]) {
		return 0, false
	}
	for _, changed := range []bool{false, true} {
		model, how := bad, "names kept"
		expect := node
		if f.consumer {
			expect = first
		}
		if changed {
			model, _ = renamed(bad, seed)
			how = "names changed"
			if f.consumerRenamed && len(readersOf) > 0 {
				expect = first
			}
		}
		for _, search := range []func(verify.Engine, verify.Source, verify.Source, verify.LayerOptions) (*verify.LayerReport, error){verify.Layers, verify.Bisect} {
			r, err := search(e, verify.Source{Model: ref}, verify.Source{Model: model}, verify.LayerOptions{Options: verify.Options{Seed: seed, Session: verify.SessionOptions{Threads: 1}}})
			if err != nil {
				t.Fatal(err)
			}
			what := fmt.Sprintf("%s, seed %d, %d nodes, %s, %s", kind, seed, size, how, r.Method)
			if r.Method == "bisect" {
				sessions = max(sessions, r.Sessions)
			}
			if r.Blame == nil || r.Equal {
				t.Errorf("%s: nothing is blamed, but %s is to", what, expect.GetName())
				continue
			}
			b := r.Blame
			if b.Node != expect.GetName() {
				t.Errorf("%s: %s is blamed, %s is to; %+v", what, b.Node, expect.GetName(), b)
				continue
			}
			if f.says != "" && !strings.Contains(strings.Join(b.Differences, "\n"), f.says) {
				t.Errorf("%s: the differences are %q", what, b.Differences)
			}
			if f.missing && !slices.Equal(b.Missing, []string{fmt.Sprintf("%s (%s)", node.GetName(), node.GetOpType())}) {
				t.Errorf("%s: missing %q, but %s was dropped", what, b.Missing, node.GetName())
			}
			if f.added && len(b.Added) == 0 {
				t.Errorf("%s: nothing is said to be added: %+v", what, b)
			}
			for _, in := range b.Inputs {
				if !in.Equal && in.Kind != "constant" {
					t.Errorf("%s: the blamed node's input %s differs", what, in.Name)
				}
			}
			if d := want[b.Tensor.Reference].Array.Data.([]float32)[b.Tensor.Worst]; fmt.Sprint(float64(d)) != b.Tensor.Want {
				t.Errorf("%s: the worst element of the reference is %s, and really %v", what, b.Tensor.Want, d)
			}
		}
	}
	return sessions, true
}

// TestManyFaults puts three faults into each network. The tensors that differ, and the nodes that differ by themselves, are those that a comparison of all values by name tells;
// the first of these is to blame, and a search finds one of them.
func TestManyFaults(t *testing.T) {
	e := testengine.New(t)
	puts := []func(*onnxpb.ModelProto, *rand.Rand) int{changeWeight, changeAttribute, swapInputs, changeOperator}
	several := 0
	for seed := uint64(0); seed < 30; seed++ {
		ref := randomNetwork(seed, 30+int(seed)*4)
		bad := onnxpb.Clone(ref)
		rng := rand.New(rand.NewPCG(seed, 9))
		for range 3 {
			puts[rng.IntN(len(puts))](bad, rng)
		}
		x, err := verify.Generate("x", onnxpb.TensorProto_FLOAT, []int64{1, side, side, side}, nil, seed)
		if err != nil {
			t.Fatal(err)
		}
		want, got := everything(t, e, ref, x), everything(t, e, bad, x)
		var differ, sources []string
		for _, n := range ref.Graph.Node {
			if same(want[n.Output[0]], got[n.Output[0]]) {
				continue
			}
			differ = append(differ, n.Output[0])
			if !slices.ContainsFunc(n.Input, func(s string) bool { return want[s] != nil && !same(want[s], got[s]) }) {
				sources = append(sources, n.GetName())
			}
		}
		if len(sources) > 1 {
			several++
		}
		for _, how := range []string{"kept", "changed"} {
			model := bad
			if how == "changed" {
				model, _ = renamed(bad, seed)
			}
			o := verify.LayerOptions{Options: verify.Options{Seed: seed, Session: verify.SessionOptions{Threads: 1}}}
			r, err := verify.Layers(e, verify.Source{Model: ref}, verify.Source{Model: model}, o)
			if err != nil {
				t.Fatal(err)
			}
			var gotDiffer, gotSources []string
			for _, row := range r.Tensors {
				if !row.Equal {
					gotDiffer = append(gotDiffer, row.Reference)
				}
				if row.Source {
					gotSources = append(gotSources, row.Node)
				}
			}
			if !slices.Equal(differ, gotDiffer) || !slices.Equal(sources, gotSources) || r.Sources != len(sources) || r.Equal != (len(differ) == 0) {
				t.Errorf("seed %d, names %s: %d tensors differ, by themselves %q; the report says %d and %q", seed, how, len(differ), sources, len(gotDiffer), gotSources)
			}
			if len(sources) > 0 && (r.Blame == nil || r.Blame.Node != sources[0] || r.First.Node != sources[0]) {
				t.Errorf("seed %d, names %s: %+v is blamed, %s is to", seed, how, r.Blame, sources[0])
			}
			if r, err = verify.Bisect(e, verify.Source{Model: ref}, verify.Source{Model: model}, o); err != nil {
				t.Fatal(err)
			}
			if shows := !same(want["y"], got["y"]); shows != (r.Blame != nil) || shows && !slices.Contains(sources, r.Blame.Node) {
				t.Errorf("seed %d, names %s: the search blames %+v, of %q", seed, how, r.Blame, sources)
			}
		}
	}
	if several < 10 {
		t.Errorf("%d networks differ in several places", several)
	}
}
