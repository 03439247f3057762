package surgery

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// ConstantChange says what becomes of the value of a constant.
type ConstantChange struct {
	// Name is that of an initializer, of the value that a Constant makes, or of the Constant. Graphs say where it stands, where several have the name; see NodeChoice.
	Name   string
	Graphs []string

	// The new value is the first of these that is set: an array; what a function returns that is told the element type it is to have; text, as onnxpb.ParseElements reads it. Without
	// any, Shape alone gives the same elements other dimensions.
	Array *onnxpb.Array
	Load  func(onnxpb.TensorProto_DataType) (*onnxpb.Array, error)
	Text  *string

	// The element type and the shape have to be the ones that the constant has, unless another is asked for here. AnyShape takes that of the array.
	Type     onnxpb.TensorProto_DataType
	Shape    []int64 // nil: as it is
	AnyShape bool

	// Only are the nodes (names or patterns) that get the new value, in a copy of their own where others read the constant too. Without any, all that read it see the new value.
	Only []string
}

// SetConstant gives a constant another value: an initializer or a Constant, in the main graph, a subgraph, a training graph or a function. The report tells which nodes read it. An
// initializer that an input may override keeps its input: the default changes. External data of the old value is referred to no more; its file stays as it is.
//
// What the model declares of the values behind it follows; see SetAttributes.
//
// A sparse constant becomes a dense one, as which nodes read it.
//
// Errors of kind Unfit: no such constant (with the nearest names), or several; another element type, shape or number of elements than it has, where not asked for; a node in Only that does not read it; a
// constant that a function takes from its caller. Errors of kind Refused: an input would get another type; the model would contradict itself.
func SetConstant(m *onnxpb.ModelProto, c ConstantChange) (*Report, error) {
	original := m
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "setconst"}
		found, err := findConstant(m, c.Name, c.Graphs)
		if err != nil {
			return nil, err
		}
		switch {
		case found.Sparse != nil:
			if c.Array == nil && c.Load == nil && c.Text == nil {
				return nil, &onnxpb.Error{Tensor: found.Name, Msg: "the constant is sparse: it takes another shape with a new value only", Hint: "give the value too"}
			}
			// It is read as if it were dense, and becomes so: this stands for the value that goes.
			found.Tensor = &onnxpb.TensorProto{Name: proto.String(found.Name), DataType: found.Sparse.GetValues().DataType, Dims: found.Sparse.GetDims(), DocString: found.Sparse.GetValues().DocString}
		case found.Tensor == nil:
			return nil, &onnxpb.Error{Tensor: found.Name, Msg: "the constant takes its value from an attribute of the function", Hint: "set the attribute where the function is called, or write the model as text and back"}
		}
		next, err := c.tensor(found)
		if err != nil {
			if oe, ok := err.(*onnxpb.Error); ok && oe.Tensor == "" && oe.File == "" {
				x := *oe
				x.Tensor = found.Name
				err = &x
			}
			return nil, err
		}
		declared := beforeEdit(m)
		if err := c.set(m, found, next, r); err != nil {
			return nil, err
		}
		if len(r.Changes) > 0 {
			if err := declared.afterEdit(r); err != nil {
				return nil, err
			}
			if err := holdTypes(original, m); err != nil {
				return nil, err
			}
		}
		return r, nil
	})
}

// tensor makes the tensor with the new value: name and all that is said of it are those of the old one.
func (c ConstantChange) tensor(old Constant) (*onnxpb.TensorProto, error) {
	t := onnxpb.Clone(&onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{old.Tensor}}}).Graph.Initializer[0]
	elem := onnxpb.TensorProto_DataType(t.GetDataType())
	dims := t.GetDims()
	want := elem
	if c.Type != 0 {
		want = c.Type
	}
	if c.Shape != nil {
		dims = c.Shape
	}
	shape := func(d []int64) string { return onnxpb.FormatShape(onnxpb.Numbers(d...)) }
	a := c.Array
	var err error
	switch {
	case a != nil:
	case c.Load != nil:
		if a, err = c.Load(want); err != nil {
			return nil, err
		}
	case c.Text != nil && c.AnyShape:
		return nil, onnxpb.Errorf(onnxpb.Usage, "a value that is typed has no shape of its own: give the shape")
	case c.Text != nil:
		if a, err = onnxpb.ParseElements(want, dims, *c.Text); err != nil {
			var e *onnxpb.Error
			if c.Type == 0 && c.Shape == nil && errors.As(err, &e) {
				e.Kind = onnxpb.Unfit // it is the constant that the elements do not fit, and nothing else that was asked for
			}
			return nil, err
		}
	case c.Type != 0 && c.Type != elem:
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "another element type needs a new value", Hint: "give the value too"}
	case c.Shape == nil:
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "there is no new value", Hint: "give a value, an array, or another shape"}
	default:
		n, err := onnxpb.Count(c.Shape)
		if err != nil {
			return nil, err
		}
		if have, err := onnxpb.Count(t.GetDims()); err != nil || n != have {
			return nil, &onnxpb.Error{Msg: fmt.Sprintf("%s has %d elements, the constant has %d", shape(c.Shape), n, have), Hint: "give a value too, to change their number"}
		}
		t.Dims = slices.Clone(c.Shape)
		return t, nil
	}
	switch {
	case a.Type != want:
		return nil, &onnxpb.Error{Msg: fmt.Sprintf("the new value is %s, the constant %s", onnxpb.TypeName(a.Type), onnxpb.TypeName(want)), Hint: "convert the value, or ask for another type"}
	case !c.AnyShape && !slices.Equal(a.Dims, dims):
		return nil, &onnxpb.Error{Msg: fmt.Sprintf("the new value has the shape %s, the constant %s", shape(a.Dims), shape(dims)), Hint: "reshape the value, or ask for another shape"}
	}
	if _, err := a.Raw(); err != nil && a.Type != onnxpb.TensorProto_STRING {
		return nil, err
	}
	t.SetArray(a)
	return t, nil
}

// set puts the new tensor in its place, or into a copy for some readers.
func (c ConstantChange) set(m *onnxpb.ModelProto, old Constant, next *onnxpb.TensorProto, r *Report) error {
	retyped := old.Tensor.GetDataType() != next.GetDataType() || !slices.Equal(old.Tensor.GetDims(), next.GetDims())
	all, outputs := readers(m, old.body, old.Name)
	chosen := all
	if len(c.Only) > 0 {
		var err error
		if chosen, err = onlyReaders(m, all, c.Only, old.Name); err != nil {
			return err
		}
	}
	if old.Sparse == nil && onnxpb.Same(old.Tensor, next) {
		return nil
	}
	was, now := tensorText(old.Tensor), tensorText(next)
	if was == now { // too long to be written out
		was, now = was+" (old)", now+" (new)"
	}
	if len(chosen) < len(all) || len(c.Only) > 0 && (len(outputs) > 0 || old.hasDefaultInput()) {
		name := copyConstant(m, old, next)
		for _, u := range chosen {
			u.node.Input[u.index] = name
		}
		r.Add("added", old.what(), name, "", now)
		others := ""
		switch n := len(all) - len(chosen); {
		case n == 1:
			others = fmt.Sprintf("; the other reader reads %q as before", old.Name)
		case n > 1:
			others = fmt.Sprintf("; the other %d readers read %q as before", n, old.Name)
		}
		r.Note("%q is a copy of %q for %s%s", name, old.Name, readerList(chosen), others)
		return nil
	}
	if retyped && old.hasDefaultInput() {
		return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: old.Name, Msg: "the initializer is the default of an input, which would get another type", Hint: "see onnxtool setinput, or choose readers that get a copy"}
	}
	switch g := old.body.graph; {
	case old.Node == nil && old.Sparse != nil:
		dropped(&g.SparseInitializer, map[any]bool{old.Sparse: true})
		g.Initializer = append(g.Initializer, next)
		r.Note("%q was sparse, and is not any more", old.Name)
	case old.Node == nil:
		g.Initializer[slices.Index(g.Initializer, old.Tensor)] = next
	default:
		setConstantNode(old.Node, next)
	}
	if retyped {
		redeclareConstant(old.body, old.Name, next)
	}
	r.Add("changed", old.what(), old.Name, was, now)
	if old.hasDefaultInput() {
		r.Note("%q is an input too: what changes is its default", old.Name)
	}
	if len(all)+len(outputs) > 1 {
		who := readerList(all)
		if len(outputs) > 0 {
			who += ", and it is an output of " + strings.Join(outputs, ", ")
		}
		r.Note("%q is read by %s: all of them see the new value", old.Name, who)
	}
	if old.Tensor.GetDataLocation() == onnxpb.TensorProto_EXTERNAL && next.GetDataLocation() != onnxpb.TensorProto_EXTERNAL {
		r.Note("the old value of %q stays in the file of external data, where the model does not refer to it any more", old.Name)
	}
	return nil
}

// onlyReaders are those of a constant's readers that were asked for.
func onlyReaders(m *onnxpb.ModelProto, all []valueReader, names []string, constant string) ([]valueReader, error) {
	list := make([]string, 0, len(all))
	for _, u := range all {
		list = append(list, u.node.Label())
	}
	var out []valueReader
	for _, name := range names {
		p, err := newMatcher("node", []string{name}, list)
		if err != nil {
			if _, e := (NodeChoice{Names: []string{name}}).everywhere(m); e == nil {
				return nil, &onnxpb.Error{Node: name, Tensor: constant, Msg: "the node does not read the constant", Hint: "it is read by " + readerList(all)}
			}
			return nil, err
		}
		for _, u := range all {
			if p.match(u.node.Label()) && !slices.Contains(out, u) {
				out = append(out, u)
			}
		}
	}
	return out, nil
}

// readerList names nodes for people.
func readerList(list []valueReader) string {
	var names []string
	for _, u := range list {
		s := u.node.Label()
		if u.body.path != "" {
			s += " (in " + u.body.path + ")"
		}
		names = append(names, s)
	}
	names = unique(names)
	if len(names) > 10 {
		return fmt.Sprintf("%s and %s", quoteList(names[:9]), plural(len(names)-9, "more node"))
	}
	if len(names) == 0 {
		return "no node"
	}
	return quoteList(names)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// setConstantNode gives a Constant another value, in the attribute that it has where that holds such a value.
func setConstantNode(n *onnxpb.NodeProto, t *onnxpb.TensorProto) {
	for _, a := range n.Attribute {
		name := a.GetName()
		if name == "sparse_value" {
			a.SparseTensor, t.Name = nil, nil
		} else if !strings.HasPrefix(name, "value") {
			continue
		}
		if name != "value" && name != "sparse_value" {
			v, err := onnxpb.Decode(t, "")
			if err == nil && fitsAttribute(name, v) {
				switch d := v.Data.(type) {
				case []int64:
					a.Ints, a.I = d, nil
					if name == "value_int" {
						a.Ints, a.I = nil, &d[0]
					}
				case []float32:
					a.Floats, a.F = d, nil
					if name == "value_float" {
						a.Floats, a.F = nil, &d[0]
					}
				case []string:
					a.Strings, a.S = t.StringData, nil
					if name == "value_string" {
						a.Strings, a.S = nil, t.StringData[0]
					}
				}
				return
			}
		}
		a.Name, a.Type = proto.String("value"), onnxpb.AttributeProto_TENSOR.Enum()
		a.F, a.I, a.S, a.Floats, a.Ints, a.Strings = nil, nil, nil, nil, nil, nil
		a.T = t
		return
	}
}

// fitsAttribute tells whether an attribute of Constant, other than value, holds such a tensor.
func fitsAttribute(name string, a *onnxpb.Array) bool {
	rank := 0
	if strings.HasSuffix(name, "s") {
		rank = 1
	}
	types := map[string]onnxpb.TensorProto_DataType{"value_int": onnxpb.TensorProto_INT64, "value_float": onnxpb.TensorProto_FLOAT, "value_string": onnxpb.TensorProto_STRING}
	return len(a.Dims) == rank && types[strings.TrimSuffix(name, "s")] == a.Type
}

// redeclareConstant makes what a graph declares of a constant what it is.
func redeclareConstant(b *nodeBody, name string, t *onnxpb.TensorProto) {
	list := b.graph.GetValueInfo()
	if b.graph == nil {
		list = b.fn.GetValueInfo()
	}
	list = append(slices.Clone(list), b.graph.GetOutput()...)
	for _, v := range list {
		if v.GetName() == name && v.Type != nil {
			v.Type = onnxpb.TensorType(onnxpb.TensorProto_DataType(t.GetDataType()), onnxpb.Numbers(t.GetDims()...))
		}
	}
}

// copyConstant adds a constant like old with another value, under a new name, beside it.
func copyConstant(m *onnxpb.ModelProto, old Constant, value *onnxpb.TensorProto) string {
	names := namesIn(m, old.body)
	name := names.Value(old.Name)
	// A copy of the tensor itself would have what stands for the first one alone: unknown fields and metadata.
	t := onnxpb.Clone(&onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{value}}}).Graph.Initializer[0]
	t = onnxpb.Unpacked(t)
	t.MetadataProps = nil
	t.ProtoReflect().SetUnknown(nil)
	if old.Node == nil {
		t.Name = &name
		list := old.body.graph.Initializer
		at := slices.Index(list, old.Tensor)
		if old.Sparse != nil {
			at = len(list) - 1
		}
		old.body.graph.Initializer = slices.Insert(list, at+1, t)
		if m.GetIrVersion() < 4 && old.hasDefaultInput() { // as initializers have to be inputs there
			old.body.graph.Input = append(old.body.graph.Input, onnxpb.TensorValue(name, onnxpb.TensorProto_DataType(t.GetDataType()), onnxpb.Numbers(t.GetDims()...)))
		}
	} else {
		t.Name = nil
		n := onnxpb.Node("Constant", "", nil, []string{name}, onnxpb.TensorAttr("value", t))
		if old.Node.GetName() != "" {
			n.Name = proto.String(names.Node(old.Node.GetName()))
		}
		nodes := old.body.nodes()
		old.body.setNodes(slices.Insert(slices.Clone(nodes), slices.Index(nodes, old.Node)+1, n))
	}
	for _, a := range old.body.graph.GetQuantizationAnnotation() {
		if a.GetTensorName() == old.Name {
			c := &onnxpb.TensorAnnotation{TensorName: &name}
			for _, p := range a.GetQuantParameterTensorNames() {
				c.QuantParameterTensorNames = append(c.QuantParameterTensorNames, &onnxpb.StringStringEntryProto{Key: p.Key, Value: p.Value})
			}
			old.body.graph.QuantizationAnnotation = append(old.body.graph.QuantizationAnnotation, c)
			break
		}
	}
	return name
}
