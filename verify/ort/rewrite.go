package ort

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// A form says how a value is handed to a session. It is a string so that the forms of all inputs make the key of a program:
//
//	""      as it is
//	"o"     not at all: the initializer of that name stands
//	"g"     as it is, in place of the initializer of that name
//	"s"     a tensor of rank 0, of a type that the binding has no scalars of: a string in one dimension, a number as a float32 that a Cast narrows
//	"n"     an optional that holds nothing: there is nothing to hand over
//	"[...]" a sequence handed over element by element, each in the form that stands between the brackets
type form string

const (
	asIs     form = ""
	omitted  form = "o"
	given    form = "g"
	asScalar form = "s"
	nothing  form = "n"
)

// slot is one value that a session takes: an input, or an element of one.
type slot struct {
	name  string // the session's name for it
	input string // the input
	elem  int    // the element of the sequence, -1 for the input itself
	as    slotKind
}

type slotKind int

const (
	whole     slotKind = iota // the value as it is
	stretched                 // a string of rank 0, in one dimension
	widened                   // a number of rank 0, as float32
	dummy                     // an input that nothing reads
)

// program is what is run in place of a model: the model itself, or a copy whose ends are extended.
type program struct {
	model   *onnxpb.ModelProto // shares its nodes and tensors with the original
	changed bool               // whether model is another than the original
	inputs  []slot
	outputs []string // the session's
	takes   []take   // one for each output of the model
}

// take says how an output of the model is put together from those of the session.
type take struct {
	kind takeKind
	elem onnxpb.TensorProto_DataType // flat: the element type to go back to; UNDEFINED for that of the data
	data int                         // the session's output that holds the value (or its elements in one dimension)
	dims int                         // flat, list: the session's output that holds the dimensions
	held int                         // maybe: the session's output that tells whether the optional holds something
	in   *take                       // maybe: what it holds
}

type takeKind int

const (
	direct    takeKind = iota // as it comes
	flat                      // a tensor: elements and dimensions apart
	list                      // a sequence of tensors: elements and dimensions apart, in two sequences
	maybe                     // an optional
	allocated                 // a tensor whose memory is allocated before the run
)

// rewriter builds a program.
type rewriter struct {
	p      *program
	opset  int64
	prefix string
	count  int
	before []*onnxpb.NodeProto
	after  []*onnxpb.NodeProto
	ins    []*onnxpb.ValueInfoProto
	outs   []*onnxpb.ValueInfoProto
	types  []*onnxpb.ValueInfoProto // declarations of what is an input or output no more
	drop   map[string]bool          // initializers that a given value replaces
	err    error
}

// rewrite makes the program that runs m with its inputs handed over in the given forms (one for each input of m). It shares m's nodes and tensors and
// changes nothing of m.
func rewrite(m *onnxpb.ModelProto, forms []form) (*program, error) {
	r := &rewriter{p: &program{model: m}, opset: m.OpsetVersion(""), drop: map[string]bool{}}
	if r.opset == 0 {
		r.opset = 13 // the import that is added where the default domain is missing
	}
	r.prefix = freePrefix(m)
	g := m.GetGraph()
	for i, v := range g.GetInput() {
		r.input(v, forms[i])
	}
	if len(r.p.inputs) == 0 {
		n := r.name()
		r.ins = append(r.ins, onnxpb.TensorValue(n, onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1)))
		r.p.inputs = append(r.p.inputs, slot{name: n, elem: -1, as: dummy})
		r.p.changed = true
	}
	seen := map[string]bool{}
	for _, v := range g.GetOutput() {
		if seen[v.GetName()] {
			return nil, &onnxpb.Error{Tensor: v.GetName(), Msg: "the model has two outputs of this name"}
		}
		seen[v.GetName()] = true
		before := r.count
		t := r.output(v.GetName(), v.GetType(), v)
		r.p.takes = append(r.p.takes, t)
		if r.count > before {
			r.p.changed = true
			r.declare(v)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	if r.p.changed {
		r.p.model = r.build(m)
	}
	return r.p, nil
}

// inventedPrefix is what all invented names begin with.
const inventedPrefix = "onnxtool_ort_"

// freePrefix returns a prefix that no name of the model begins with.
func freePrefix(m *onnxpb.ModelProto) string {
	prefix := inventedPrefix
	for used := true; used; {
		used = false
		var walk func(g *onnxpb.GraphProto)
		look := func(names ...string) {
			for _, n := range names {
				used = used || strings.HasPrefix(n, prefix)
			}
		}
		walk = func(g *onnxpb.GraphProto) {
			for _, v := range slices.Concat(g.GetInput(), g.GetOutput()) {
				look(v.GetName())
			}
			for _, t := range g.GetInitializer() {
				look(t.GetName())
			}
			for _, n := range g.GetNode() {
				look(n.GetName())
				look(n.GetInput()...)
				look(n.GetOutput()...)
				for s := range n.Subgraphs() {
					walk(s)
				}
			}
		}
		walk(m.GetGraph())
		if used {
			prefix += "_"
		}
	}
	return prefix
}

// name invents a name.
func (r *rewriter) name() string {
	r.count++
	return fmt.Sprintf("%s%d", r.prefix, r.count)
}

// declare keeps the declared type of a value that was an input or output.
func (r *rewriter) declare(v *onnxpb.ValueInfoProto) { r.types = append(r.types, v) }

// input adds what hands over one input.
func (r *rewriter) input(v *onnxpb.ValueInfoProto, f form) {
	name := v.GetName()
	switch f {
	case asIs:
		r.ins = append(r.ins, v)
		r.p.inputs = append(r.p.inputs, slot{name: name, input: name, elem: -1})
		return
	case omitted:
		r.ins = append(r.ins, v)
		return
	case given:
		r.ins = append(r.ins, v)
		r.p.inputs = append(r.p.inputs, slot{name: name, input: name, elem: -1})
		r.drop[name] = true
		r.p.changed = true
		return
	}
	r.p.changed = true
	r.drop[name] = true
	r.declare(v)
	t := v.GetType()
	inner := t
	optional := t.GetOptionalType()
	if optional != nil {
		inner = optional.GetElemType()
	}
	if f == nothing {
		r.before = append(r.before, r.node("Optional", nil, []string{name},
			&onnxpb.AttributeProto{Name: proto.String("type"), Type: onnxpb.AttributeProto_TYPE_PROTO.Enum(), Tp: inner}))
		return
	}
	target := name
	if optional != nil {
		target = r.name()
	}
	if f == asScalar {
		r.scalar(inner, target, name, -1)
	} else {
		r.sequence(inner, target, name, string(f[1:len(f)-1]))
	}
	if optional != nil {
		r.before = append(r.before, r.node("Optional", []string{target}, []string{name}))
	}
}

// scalar takes a tensor of rank 0: the binding makes none of strings and of the narrow types. Every value of the latter is one of float32, too.
func (r *rewriter) scalar(t *onnxpb.TypeProto, target, input string, elem int) {
	n := r.name()
	et := onnxpb.TensorProto_DataType(t.GetTensorType().GetElemType())
	if et == onnxpb.TensorProto_STRING {
		r.ins = append(r.ins, onnxpb.TensorValue(n, et, onnxpb.Numbers(1)))
		r.p.inputs = append(r.p.inputs, slot{name: n, input: input, elem: elem, as: stretched})
		r.before = append(r.before, r.reshape(n, target)...)
		return
	}
	r.ins = append(r.ins, onnxpb.TensorValue(n, onnxpb.TensorProto_FLOAT, []onnxpb.Dim{}))
	r.p.inputs = append(r.p.inputs, slot{name: n, input: input, elem: elem, as: widened})
	cast := r.node("Cast", []string{n}, []string{target}, r.castTo(et))
	switch et {
	case onnxpb.TensorProto_FLOAT8E4M3FN, onnxpb.TensorProto_FLOAT8E4M3FNUZ, onnxpb.TensorProto_FLOAT8E5M2, onnxpb.TensorProto_FLOAT8E5M2FNUZ:
		cast.Attribute = append(cast.Attribute, onnxpb.Int("saturate", 0)) // infinity stays infinity
	}
	r.before = append(r.before, cast)
}

// castTo is the attribute of a Cast that tells the type.
func (r *rewriter) castTo(t onnxpb.TensorProto_DataType) *onnxpb.AttributeProto {
	if r.opset < 6 {
		return onnxpb.Str("to", t.String())
	}
	return onnxpb.Int("to", int64(t))
}

// sequence takes the elements of a sequence one by one and puts them together.
func (r *rewriter) sequence(t *onnxpb.TypeProto, target, input, elems string) {
	et := t.GetSequenceType().GetElemType()
	if len(elems) == 0 {
		r.before = append(r.before, r.node("SequenceEmpty", nil, []string{target}, onnxpb.Int("dtype", int64(et.GetTensorType().GetElemType()))))
		return
	}
	var list []string
	for i, e := range elems {
		n := r.name()
		list = append(list, n)
		if form(e) == asScalar {
			r.scalar(et, n, input, i)
			continue
		}
		r.ins = append(r.ins, &onnxpb.ValueInfoProto{Name: &n, Type: et})
		r.p.inputs = append(r.p.inputs, slot{name: n, input: input, elem: i})
	}
	r.before = append(r.before, r.node("SequenceConstruct", list, []string{target}))
}

// output adds what takes over the value named name of type t; declared is its declaration where it is an output of the model.
func (r *rewriter) output(name string, t *onnxpb.TypeProto, declared *onnxpb.ValueInfoProto) take {
	switch v := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		elem := onnxpb.TensorProto_DataType(v.TensorType.GetElemType())
		switch {
		case elem == onnxpb.TensorProto_UNDEFINED:
			r.fail(onnxpb.Unfit, name, "the output is declared without an element type, which is needed to run the model")
		case elem == onnxpb.TensorProto_COMPLEX64 || elem == onnxpb.TensorProto_COMPLEX128:
			r.fail(onnxpb.Engine, name, "ONNX Runtime has no tensors of "+onnxpb.TypeName(elem))
		case elem == onnxpb.TensorProto_FLOAT4E2M1:
			r.fail(onnxpb.Engine, name, "ONNX Runtime makes no tensors of "+onnxpb.TypeName(elem)+": it has neither a Cast nor an Identity for them")
		}
		if passable(elem) && len(v.TensorType.GetShape().GetDim()) > 0 {
			break
		}
		nodes, data, dims, as := r.flatten(name, elem)
		r.after = append(r.after, nodes...)
		return take{kind: flat, elem: elem, data: r.out(data, onnxpb.TensorType(as, []onnxpb.Dim{{}})),
			dims: r.out(dims, onnxpb.TensorType(onnxpb.TensorProto_INT64, []onnxpb.Dim{{}}))}
	case *onnxpb.TypeProto_SequenceType:
		et := v.SequenceType.GetElemType().GetTensorType()
		if et == nil || r.opset < 13 || passable(onnxpb.TensorProto_DataType(et.GetElemType())) && len(et.GetShape().GetDim()) > 0 {
			break
		}
		return r.flattenAll(name, onnxpb.TensorProto_DataType(et.GetElemType()))
	case *onnxpb.TypeProto_OptionalType:
		return r.optional(name, v.OptionalType.GetElemType())
	case *onnxpb.TypeProto_SparseTensorType, *onnxpb.TypeProto_OpaqueType:
		r.fail(onnxpb.Engine, name, "the output is "+typeString(t)+", which Go's binding to ONNX Runtime cannot take over")
	case nil:
		r.fail(onnxpb.Unfit, name, "the output is declared without a type, which is needed to run the model")
	}
	return take{kind: direct, data: r.asDeclared(name, t, declared)}
}

// asDeclared makes a value an output of the session as it is.
func (r *rewriter) asDeclared(name string, t *onnxpb.TypeProto, declared *onnxpb.ValueInfoProto) int {
	if declared == nil {
		return r.out(name, t)
	}
	r.outs = append(r.outs, declared)
	r.p.outputs = append(r.p.outputs, name)
	return len(r.p.outputs) - 1
}

// fail keeps the first error.
func (r *rewriter) fail(kind onnxpb.Kind, tensor, msg string) {
	if r.err == nil {
		r.err = &onnxpb.Error{Kind: kind, Tensor: tensor, Msg: msg}
	}
}

// passable tells whether the binding takes over tensors of a type that have a dimension or more.
func passable(t onnxpb.TensorProto_DataType) bool {
	switch t {
	case onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_DOUBLE, onnxpb.TensorProto_BOOL, onnxpb.TensorProto_STRING,
		onnxpb.TensorProto_INT8, onnxpb.TensorProto_INT16, onnxpb.TensorProto_INT32, onnxpb.TensorProto_INT64,
		onnxpb.TensorProto_UINT8, onnxpb.TensorProto_UINT16, onnxpb.TensorProto_UINT32, onnxpb.TensorProto_UINT64:
		return true
	}
	return false
}

func (r *rewriter) out(name string, t *onnxpb.TypeProto) int {
	r.outs = append(r.outs, &onnxpb.ValueInfoProto{Name: &name, Type: t})
	r.p.outputs = append(r.p.outputs, name)
	return len(r.p.outputs) - 1
}

func (r *rewriter) node(op string, in, out []string, attrs ...*onnxpb.AttributeProto) *onnxpb.NodeProto {
	return onnxpb.Node(op, r.name(), in, out, attrs...)
}

// flatten makes the nodes that give a tensor's elements in one dimension (in float32 where the binding cannot pass its type: that holds every value of the
// narrower floats and of the 4-bit and 2-bit integers exactly) and its dimensions.
func (r *rewriter) flatten(name string, elem onnxpb.TensorProto_DataType) (nodes []*onnxpb.NodeProto, data, dims string, as onnxpb.TensorProto_DataType) {
	as = elem
	if !passable(elem) {
		as = onnxpb.TensorProto_FLOAT
		cast := r.name()
		nodes = append(nodes, r.node("Cast", []string{name}, []string{cast}, r.castTo(as)))
		name = cast
	}
	data, dims = r.name(), r.name()
	nodes = append(nodes, r.reshape(name, data, -1)...)
	nodes = append(nodes, r.node("Shape", []string{name}, []string{dims}))
	return nodes, data, dims, as
}

// reshape makes the nodes that give a tensor another shape.
func (r *rewriter) reshape(from, to string, dims ...int64) []*onnxpb.NodeProto {
	if r.opset < 5 {
		return []*onnxpb.NodeProto{r.node("Reshape", []string{from}, []string{to}, onnxpb.Ints("shape", dims...))}
	}
	shape := r.name()
	return []*onnxpb.NodeProto{
		r.constant(shape, onnxpb.TensorOf("", []int64{int64(len(dims))}, dims)),
		r.node("Reshape", []string{from, shape}, []string{to}),
	}
}

func (r *rewriter) constant(name string, t *onnxpb.TensorProto) *onnxpb.NodeProto {
	return r.node("Constant", nil, []string{name}, onnxpb.TensorAttr("value", t))
}

// flattenAll flattens every element of a sequence in a Loop.
func (r *rewriter) flattenAll(name string, elem onnxpb.TensorProto_DataType) take {
	iter, goOn, still, one := r.name(), r.name(), r.name(), r.name()
	accData, accDims, nextData, nextDims := r.name(), r.name(), r.name(), r.name()
	flatten, data, dims, as := r.flatten(one, elem)
	sequenceOf := func(t onnxpb.TensorProto_DataType) *onnxpb.TypeProto {
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{
			ElemType: onnxpb.TensorType(t, []onnxpb.Dim{{}})}}}
	}
	value := func(name string, t *onnxpb.TypeProto) *onnxpb.ValueInfoProto {
		return &onnxpb.ValueInfoProto{Name: &name, Type: t}
	}
	boolean, integer := onnxpb.TensorType(onnxpb.TensorProto_BOOL, []onnxpb.Dim{}), onnxpb.TensorType(onnxpb.TensorProto_INT64, []onnxpb.Dim{})
	body := &onnxpb.GraphProto{Name: proto.String(r.name()),
		Input: []*onnxpb.ValueInfoProto{value(iter, integer), value(goOn, boolean), value(accData, sequenceOf(as)),
			value(accDims, sequenceOf(onnxpb.TensorProto_INT64))},
		Output: []*onnxpb.ValueInfoProto{value(still, boolean), value(nextData, sequenceOf(as)), value(nextDims, sequenceOf(onnxpb.TensorProto_INT64))},
	}
	body.Node = append(body.Node, r.node("SequenceAt", []string{name, iter}, []string{one}))
	body.Node = append(body.Node, flatten...)
	body.Node = append(body.Node,
		r.node("SequenceInsert", []string{accData, data}, []string{nextData}),
		r.node("SequenceInsert", []string{accDims, dims}, []string{nextDims}),
		r.node("Identity", []string{goOn}, []string{still}))
	length, yes, noData, noDims, allData, allDims := r.name(), r.name(), r.name(), r.name(), r.name(), r.name()
	r.after = append(r.after,
		r.node("SequenceLength", []string{name}, []string{length}),
		r.constant(yes, onnxpb.TensorOf("", nil, []bool{true})),
		r.node("SequenceEmpty", nil, []string{noData}, onnxpb.Int("dtype", int64(as))),
		r.node("SequenceEmpty", nil, []string{noDims}, onnxpb.Int("dtype", int64(onnxpb.TensorProto_INT64))),
		r.node("Loop", []string{length, yes, noData, noDims}, []string{allData, allDims}, onnxpb.GraphAttr("body", body)))
	return take{kind: list, elem: elem, data: r.out(allData, sequenceOf(as)), dims: r.out(allDims, sequenceOf(onnxpb.TensorProto_INT64))}
}

// optional gives whether an optional holds something, and what it holds, or in its place an empty value of the same type.
func (r *rewriter) optional(name string, inner *onnxpb.TypeProto) take {
	has, hasFlat, held := r.name(), r.name(), r.name()
	r.after = append(r.after, r.node("OptionalHasElement", []string{name}, []string{has}))
	r.after = append(r.after, r.reshape(has, hasFlat, 1)...)
	some, none := r.name(), r.name()
	branch := func(result string, n *onnxpb.NodeProto) *onnxpb.GraphProto {
		return &onnxpb.GraphProto{Name: proto.String(r.name()), Node: []*onnxpb.NodeProto{n},
			Output: []*onnxpb.ValueInfoProto{{Name: &result, Type: withoutShape(inner)}}}
	}
	var empty *onnxpb.NodeProto
	switch t := inner.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		if et := onnxpb.TensorProto_DataType(t.TensorType.GetElemType()); onnxpb.ElemBits(et) > 0 || et == onnxpb.TensorProto_STRING {
			empty = r.constant(none, onnxpb.NewArray(et, []int64{0}).Proto(""))
		}
	case *onnxpb.TypeProto_SequenceType:
		et := t.SequenceType.GetElemType().GetTensorType().GetElemType()
		empty = r.node("SequenceEmpty", nil, []string{none}, onnxpb.Int("dtype", int64(et)))
	}
	if empty == nil {
		r.fail(onnxpb.Engine, name, "the output is an optional "+typeString(inner)+", which cannot be taken over")
		return take{}
	}
	r.after = append(r.after, r.node("If", []string{has}, []string{held},
		onnxpb.GraphAttr("then_branch", branch(some, r.node("OptionalGetElement", []string{name}, []string{some}))),
		onnxpb.GraphAttr("else_branch", branch(none, empty))))
	t := take{kind: maybe, held: r.out(hasFlat, onnxpb.TensorType(onnxpb.TensorProto_BOOL, onnxpb.Numbers(1)))}
	in := r.output(held, withoutShape(inner), nil)
	t.in = &in
	return t
}

// withoutShape returns a type with the shapes of its tensors taken off.
func withoutShape(t *onnxpb.TypeProto) *onnxpb.TypeProto {
	switch v := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		return onnxpb.TensorType(onnxpb.TensorProto_DataType(v.TensorType.GetElemType()), nil)
	case *onnxpb.TypeProto_SequenceType:
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{
			ElemType: withoutShape(v.SequenceType.GetElemType())}}}
	}
	return t
}

// build puts the changed model together. What it does not change it shares with m, so that the cost follows the nodes and never the weights.
func (r *rewriter) build(m *onnxpb.ModelProto) *onnxpb.ModelProto {
	g := m.GetGraph()
	c := shallow(m)
	graph := c.Graph
	graph.Input, graph.Output, graph.Node = r.ins, r.outs, slices.Concat(r.before, g.Node, r.after)
	graph.Initializer, graph.SparseInitializer = nil, nil
	for _, t := range g.Initializer {
		if !r.drop[t.GetName()] {
			graph.Initializer = append(graph.Initializer, t)
		}
	}
	for _, t := range g.SparseInitializer {
		if !r.drop[t.GetValues().GetName()] {
			graph.SparseInitializer = append(graph.SparseInitializer, t)
		}
	}
	ends := map[string]bool{}
	for _, v := range slices.Concat(r.ins, r.outs, g.ValueInfo) {
		ends[v.GetName()] = true
	}
	graph.ValueInfo = slices.Clone(g.ValueInfo)
	for _, v := range r.types {
		if !ends[v.GetName()] && v.GetType() != nil {
			ends[v.GetName()] = true
			graph.ValueInfo = append(graph.ValueInfo, v)
		}
	}
	if m.OpsetVersion("") == 0 {
		c.OpsetImport = append(slices.Clone(m.OpsetImport), onnxpb.Opset("", r.opset))
	}
	return c
}
