package shape

import (
	"fmt"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// Check returns every fault of a model: those of its structure, as opset.Check finds them, and behind them those of its types and shapes: inputs of a type that
// their operator does not take, or that are to be of one type and are not, inputs whose shapes do not fit each other or the attributes, and declarations that what
// is inferred contradicts. With warnings it tells of declarations that hold for some sizes only, too. It is linear in the number of nodes.
func Check(m *onnxpb.ModelProto, o opset.CheckOptions) []opset.Fault {
	faults := opset.Check(m, o)
	if m.GetGraph() == nil {
		return faults
	}
	r, more := CheckTypes(m)
	faults = append(faults, more...)
	if o.Warnings {
		for _, f := range r.Notes {
			faults = append(faults, opset.Fault{Code: opset.FaultInference, Warning: true, Graph: f.Graph, Node: f.Node, Tensor: f.Tensor, Message: f.Msg})
		}
	}
	return faults
}

// CheckTypes returns what follows for the values of a model, and the faults of its types and shapes alone, as Check tells them.
func CheckTypes(m *onnxpb.ModelProto) (*Result, []opset.Fault) {
	var faults, inFunctions []opset.Fault
	t := typeCheck{functions: map[string]bool{}, imports: importsOf(m.GetOpsetImport()), ops: map[opKey]*typedOperator{}, faults: &inFunctions}
	for _, f := range m.GetFunctions() {
		t.functions[functionKey(f.GetDomain(), f.GetName(), f.GetOverload())] = true
	}
	r := infer(m, Options{}, t.inner)
	for _, f := range r.Faults {
		faults = append(faults, opset.Fault{Code: opset.FaultInference, Graph: f.Graph, Node: f.Node, Tensor: f.Tensor, Message: f.Msg})
	}
	t.r, t.faults = r, &faults
	t.graph(m.GetGraph(), "", nil)
	told := map[opset.Fault]bool{} // of another call of the function
	for _, f := range inFunctions {
		if !told[f] {
			told[f] = true
			faults = append(faults, f)
		}
	}
	return r, faults
}

// typeCheck holds the inputs of nodes to the signatures of their operators.
type typeCheck struct {
	r         *Result
	functions map[string]bool
	imports   map[string]int64
	ops       map[opKey]*typedOperator
	faults    *[]opset.Fault
}

// typedOperator is an operator with the types that its formal inputs may have; nil where it has none that can be looked at.
type typedOperator struct {
	facts *opset.Operator
	types [][]*Value
	bound bool // whether inputs of one type variable have one type, those of a variadic input among them
}

// inner holds a node of a function's body, at one of its calls.
func (t *typeCheck) inner(s *scope, n *onnxpb.NodeProto, in []*Value) {
	domain := onnxpb.NormalDomain(n.GetDomain())
	if t.functions[functionKey(domain, n.GetOpType(), n.GetOverload())] {
		return
	}
	if op := t.operator(domain, n.GetOpType(), s.imports[domain]); op != nil {
		t.node(n, op, s.path, in)
	}
}

func (t *typeCheck) operator(domain, name string, version int64) *typedOperator {
	k := opKey{domain, name, version}
	if op, ok := t.ops[k]; ok {
		return op
	}
	t.ops[k] = nil
	facts, ok := opset.Lookup(domain, name, k.version)
	if !ok {
		return nil
	}
	op := &typedOperator{facts: facts, bound: domain == "" || domain == "ai.onnx.ml"}
	for _, a := range facts.Attributes {
		op.bound = op.bound && a.Type != "graph" // Loop takes anything there
	}
	for _, f := range facts.Inputs {
		var types []*Value
		for _, s := range facts.TypeStrings(f) {
			v := parseType(s)
			if v == nil { // a type that is not understood could be any
				types = nil
				break
			}
			types = append(types, v)
		}
		op.types = append(op.types, types)
	}
	t.ops[k] = op
	return op
}

func (t *typeCheck) graph(g *onnxpb.GraphProto, path string, outer []*onnxpb.GraphProto) {
	scopes := append(outer[:len(outer):len(outer)], g)
	for _, n := range g.GetNode() {
		domain := onnxpb.NormalDomain(n.GetDomain())
		if !t.functions[functionKey(domain, n.GetOpType(), n.GetOverload())] {
			if op := t.operator(domain, n.GetOpType(), t.imports[domain]); op != nil {
				in := make([]*Value, len(n.GetInput()))
				for i, name := range n.GetInput() {
					if name != "" {
						in[i] = t.value(name, scopes)
					}
				}
				t.node(n, op, func() string { return path }, in)
				if domain == "" {
					t.bodies(n, path, in)
				}
			}
		}
		for _, a := range n.GetAttribute() {
			inner := n.Label() + "/" + a.GetName()
			if path != "" {
				inner = path + "/" + inner
			}
			if a.G != nil {
				t.graph(a.G, inner, scopes)
			}
			for i, x := range a.GetGraphs() {
				t.graph(x, inner+"["+strconv.Itoa(i)+"]", scopes)
			}
		}
	}
}

func (t *typeCheck) node(n *onnxpb.NodeProto, op *typedOperator, path func() string, in []*Value) {
	fail := func(tensor, msg string) {
		*t.faults = append(*t.faults, opset.Fault{Code: opset.FaultInputType, Graph: path(), Node: n.Label(), Tensor: tensor, Message: msg})
	}
	var first map[string]int // the first input of a type variable
	for i, name := range n.GetInput() {
		at, ok := formalAt(op.facts.Inputs, i)
		if !ok || name == "" {
			continue
		}
		v := in[i]
		if v == nil || v.Kind == Unknown {
			continue
		}
		formal := op.facts.Inputs[at]
		if types := op.types[at]; len(types) > 0 && !fitsOne(v, types) {
			fail(name, n.GetOpType()+" (version "+strconv.FormatInt(op.facts.SinceVersion, 10)+") takes no "+typeOnly(v)+" as input "+strconv.Quote(formal.Name)+": "+typeList(op.facts.TypeStrings(formal)))
			continue
		}
		if _, variable := op.facts.Types[formal.Type]; !variable || !op.bound {
			continue
		}
		if first == nil {
			first = map[string]int{}
		}
		k, seen := first[formal.Type]
		if !seen {
			first[formal.Type] = i
			continue
		}
		if w := in[k]; !sameTypes(v, w) {
			fail(name, "is of type "+typeOnly(v)+", and input "+strconv.Itoa(k)+", "+onnxpb.Quoted(n.GetInput()[k])+", of type "+typeOnly(w)+": "+n.GetOpType()+" takes one type for both")
		}
	}
}

// bodies holds what the graphs of If, Loop and Scan take and give to each other, and to what the node is given. Types that are not known go with any.
func (t *typeCheck) bodies(n *onnxpb.NodeProto, path string, in []*Value) {
	fail := func(g *onnxpb.GraphProto, tensor, format string, args ...any) {
		where := n.Label() + "/" + attributeOf(n, g)
		if path != "" {
			where = path + "/" + where
		}
		*t.faults = append(*t.faults, opset.Fault{Code: opset.FaultSubgraph, Graph: where, Tensor: tensor, Message: fmt.Sprintf(format, args...)})
	}
	output := func(g *onnxpb.GraphProto, i int) (string, *Value) {
		if i >= len(g.GetOutput()) {
			return "", unknownValue
		}
		name := g.GetOutput()[i].GetName()
		if v := t.r.Of(g, name); v != nil {
			return name, v
		}
		return name, unknownValue // of a graph around
	}
	switch n.GetOpType() {
	case "If":
		then, other := n.Attr("then_branch").GetG(), n.Attr("else_branch").GetG()
		for i := range n.GetOutput() {
			_, a := output(then, i)
			if name, b := output(other, i); !sameTypes(a, b) {
				fail(other, name, "output %d is a %s, and that of then_branch a %s: one If gives one type", i, typeOnly(b), typeOnly(a))
			}
		}
	case "Loop":
		g := n.Attr("body").GetG()
		for i, what := range []string{"the trip count", "the condition"} {
			if i < len(in) && in[i] != nil && in[i].Kind == Tensor && in[i].Ranked {
				if one, known := elementCount(in[i].Dims); known && one != 1 {
					fail(g, n.GetInput()[i], "%s is %s: a Loop takes one element", what, in[i])
				}
			}
		}
		if name, v := output(g, 0); v.Kind == Tensor && v.Elem != onnxpb.TensorProto_BOOL && v.Elem != onnxpb.TensorProto_UNDEFINED {
			fail(g, name, "the condition of the next pass is a %s, not a bool", typeOnly(v))
		}
		t.carried(n, g, 2, 1, len(n.GetInput())-2, false, output, fail)
	case "Scan":
		g := n.Attr("body").GetG()
		if states := len(n.GetInput()) - int(n.AttrInt("num_scan_inputs", 0)); n.Attr("num_scan_inputs") != nil {
			if t.imports[""] < 9 {
				states-- // the lengths of the sequences, which the body does not see
			}
			t.carried(n, g, 0, 0, states, true, output, fail)
		}
	}
}

// carried holds the values that a body carries from one pass to the next: what it gives is what it takes then, of a Scan in its shape too.
func (t *typeCheck) carried(n *onnxpb.NodeProto, g *onnxpb.GraphProto, firstIn, firstOut, count int, shapes bool, output func(*onnxpb.GraphProto, int) (string, *Value),
	fail func(*onnxpb.GraphProto, string, string, ...any)) {
	for i := range count {
		if firstIn+i >= len(g.GetInput()) {
			return
		}
		taken := t.r.Of(g, g.GetInput()[firstIn+i].GetName())
		name, given := output(g, firstOut+i)
		if taken != nil && taken.Kind == Optional && given.Kind != Optional {
			taken = taken.Of // which a value that is there goes for
		}
		switch {
		case taken == nil:
		case !sameTypes(taken, given):
			fail(g, name, "is a %s, and the next pass takes a %s as %q", typeOnly(given), typeOnly(taken), g.GetInput()[firstIn+i].GetName())
		case shapes && differentShapes(taken, given):
			fail(g, name, "is %s, and the next pass takes %s as %q: a Scan keeps the shape of what it carries", given, taken, g.GetInput()[firstIn+i].GetName())
		}
	}
}

// elementCount returns how many elements a shape has, where that is a number.
func elementCount(dims []Dim) (int64, bool) {
	count := int64(1)
	for _, d := range dims {
		n, ok := d.Const()
		if !ok {
			return 0, false
		}
		count *= n
	}
	return count, true
}

// differentShapes tells whether two tensors have other ranks, or other numbers for a dimension.
func differentShapes(a, b *Value) bool {
	if a.Kind != Tensor || b.Kind != Tensor || !a.Ranked || !b.Ranked {
		return false
	}
	if len(a.Dims) != len(b.Dims) {
		return true
	}
	for i, d := range a.Dims {
		x, known := d.Const()
		if y, also := b.Dims[i].Const(); known && also && x != y {
			return true
		}
	}
	return false
}

// value finds a value by name, from the innermost graph outwards.
func (t *typeCheck) value(name string, scopes []*onnxpb.GraphProto) *Value {
	for i := len(scopes) - 1; i >= 0; i-- {
		if v := t.r.Of(scopes[i], name); v != nil {
			return v
		}
	}
	return nil
}

func fitsOne(v *Value, types []*Value) bool {
	for _, x := range types {
		if sameTypes(v, x) {
			return true
		}
	}
	return false
}

// sameTypes tells whether two types are the same, or could be where one is not known whole.
func sameTypes(a, b *Value) bool {
	if a == nil || b == nil || a.Kind == Unknown || b.Kind == Unknown {
		return true
	}
	same := func(x, y onnxpb.TensorProto_DataType) bool {
		return x == y || x == onnxpb.TensorProto_UNDEFINED || y == onnxpb.TensorProto_UNDEFINED
	}
	return a.Kind == b.Kind && same(a.Elem, b.Elem) && same(a.Key, b.Key) && sameTypes(a.Of, b.Of)
}

// typeOnly writes a type without shapes.
func typeOnly(v *Value) string {
	if v.Kind == Tensor {
		return "tensor of " + onnxpb.TypeName(v.Elem)
	}
	return withoutShape(v).String()
}

// typeList writes the types that are allowed, cut where they are many.
func typeList(types []string) string {
	const most = 8
	s := strings.Join(types[:min(most, len(types))], ", ")
	if len(types) > most {
		s += " and " + strconv.Itoa(len(types)-most) + " more"
	}
	return "it takes " + s
}
