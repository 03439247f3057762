package surgery

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// ConstantForm is how a constant stands in a graph.
type ConstantForm string

const (
	// AsInitializer: in the list of the graph's initializers.
	AsInitializer ConstantForm = "initializer"
	// AsConstant: as the value of a Constant, a node.
	AsConstant ConstantForm = "constant"
)

// StoreConstants makes Constants initializers of their graphs, or initializers Constants: those that names are for (names or patterns of values and of Constants), or all that can be where there are
// none. What computes with them stays as it is, and so do names; payloads are not copied. The name of a Constant goes, its doc string and metadata become the tensor's.
//
// What cannot be is left, and noted; where it was named it is an error of kind Refused that says why: initializers that are inputs, that the training information binds, or that have external
// data; types that a Constant of the opset does not take; Constants that are outputs, stand in functions, which have no initializers, or take their value from the caller; models before IR
// version 4, whose initializers are inputs.
func StoreConstants(m *onnxpb.ModelProto, form ConstantForm, names ...string) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "setconst"}
		if form != AsInitializer && form != AsConstant {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("a constant cannot stand as %q", string(form)), Hint: "it is initializer or constant"}
		}
		all := Constants(m)
		which, err := constantMatcher(all, names)
		if err != nil {
			return nil, err
		}
		if err := oneEach(names, which, all, "mean them all by a pattern, such as a name with a * behind it"); err != nil {
			return nil, err
		}
		s := &storing{m: m, r: r, names: map[*onnxpb.FunctionProto]*Names{}, bound: boundTensors(m), left: map[string]int{}}
		for _, c := range all {
			if !which.match(c.Name) && (c.Node.GetName() == "" || !which.match(c.Node.GetName())) || (c.Node == nil) == (form == AsInitializer) {
				continue
			}
			why := s.obstacle(c)
			switch {
			case why != "" && (which.exact[c.Name] || which.exact[c.Node.GetName()]):
				return nil, &onnxpb.Error{Kind: onnxpb.Refused, Tensor: c.Name, Msg: fmt.Sprintf("the %s cannot become a %s: it %s", c.what(), form, why), Hint: "leave it as it is"}
			case why != "":
				if s.left[why] == 0 {
					s.whys = append(s.whys, why)
				}
				s.left[why]++
				continue
			}
			s.move(c)
		}
		s.finish()
		for _, why := range s.whys {
			r.Note("%s left as it was, as it %s", plural(s.left[why], "constant"), why)
		}
		return r, nil
	})
}

// boundTensors are the names that the bindings of the training information and its operators speak of.
func boundTensors(m *onnxpb.ModelProto) map[string]bool {
	bound := map[string]bool{}
	for _, t := range m.GetTrainingInfo() {
		for _, b := range t.GetInitializationBinding() {
			bound[b.GetKey()] = true
		}
		for _, b := range t.GetUpdateBinding() {
			bound[b.GetKey()], bound[b.GetValue()] = true, true
		}
	}
	return bound
}

type storing struct {
	m     *onnxpb.ModelProto
	r     *Report
	names map[*onnxpb.FunctionProto]*Names
	bound map[string]bool
	left  map[string]int // why so many constants stay
	whys  []string
	moves []Constant
}

// obstacle says why a constant cannot change its form; "" where it can.
func (s *storing) obstacle(c Constant) string {
	if c.Node != nil {
		switch {
		case c.body.graph == nil:
			return "stands in a function, which has no initializers"
		case c.Tensor == nil && c.Sparse == nil:
			return "takes its value from an attribute of a function"
		case s.m.GetIrVersion() < 4:
			return "would have to be an input, as IR version 3 has it"
		case c.isOutput():
			return "is an output"
		case c.Sparse != nil && s.m.GetIrVersion() < 5:
			return "is sparse, which initializers are from IR version 5 on"
		}
		return ""
	}
	version := c.body.version("")
	switch {
	case c.hasDefaultInput():
		return "is an input, which may override it"
	case s.bound[c.Name]:
		return "is bound by the training information"
	case c.Sparse != nil && version < 11:
		return "is sparse, which a Constant is from opset 11 on"
	case version == 0:
		return "stands in a model that does not import ONNX's operators"
	case c.Sparse != nil:
		return ""
	case c.Tensor.GetDataLocation() == onnxpb.TensorProto_EXTERNAL:
		return "has external data, which only initializers have for sure"
	}
	op, ok := opset.Lookup("", "Constant", version)
	if !ok || !slices.Contains(op.TypeStrings(op.Outputs[0]), typeOf(onnxpb.TensorProto_DataType(c.Tensor.GetDataType()))) {
		return "is " + onnxpb.TypeName(onnxpb.TensorProto_DataType(c.Tensor.GetDataType())) + ", which a Constant of this opset does not take"
	}
	return ""
}

// move notes that a constant changes its form, which finish carries out, graph by graph.
func (s *storing) move(c Constant) {
	s.moves = append(s.moves, c)
	if c.Node != nil {
		s.r.Add("changed", "constant", c.Name, string(AsConstant), string(AsInitializer))
	} else {
		s.r.Add("changed", "initializer", c.Name, string(AsInitializer), string(AsConstant))
	}
}

func (s *storing) finish() {
	byGraph := map[*onnxpb.GraphProto][]Constant{}
	var order []*onnxpb.GraphProto
	for _, c := range s.moves {
		if byGraph[c.body.graph] == nil {
			order = append(order, c.body.graph)
		}
		byGraph[c.body.graph] = append(byGraph[c.body.graph], c)
	}
	for _, g := range order {
		moved := map[any]bool{}
		var nodes []*onnxpb.NodeProto
		for _, c := range byGraph[g] {
			if c.Node == nil {
				nodes = append(nodes, s.node(c))
				moved[c.Tensor], moved[c.Sparse] = true, true
				continue
			}
			moved[c.Node] = true
			if c.Sparse != nil {
				c.Sparse.Values.Name = proto.String(c.Name)
				g.SparseInitializer = append(g.SparseInitializer, c.Sparse)
				continue
			}
			c.Tensor.Name = proto.String(c.Name)
			if c.Tensor.DocString == nil && c.Node.DocString != nil {
				c.Tensor.DocString = c.Node.DocString
			}
			c.Tensor.MetadataProps = append(c.Tensor.MetadataProps, c.Node.MetadataProps...)
			g.Initializer = append(g.Initializer, c.Tensor)
		}
		dropped(&g.Node, moved)
		dropped(&g.Initializer, moved)
		dropped(&g.SparseInitializer, moved)
		g.Node = append(nodes, g.Node...)
	}
}

// node makes the Constant of an initializer.
func (s *storing) node(c Constant) *onnxpb.NodeProto {
	if s.names[c.body.fn] == nil {
		s.names[c.body.fn] = namesIn(s.m, c.body)
	}
	a := onnxpb.TensorAttr("value", c.Tensor)
	if c.Sparse != nil {
		a = &onnxpb.AttributeProto{Name: proto.String("sparse_value"), Type: onnxpb.AttributeProto_SPARSE_TENSOR.Enum(), SparseTensor: c.Sparse}
	}
	return onnxpb.Node("Constant", s.names[c.body.fn].Node("Constant_"+c.Name), nil, []string{c.Name}, a)
}

// dropped takes the elements of a set out of a list.
func dropped[T any](list *[]*T, gone map[any]bool) {
	kept := (*list)[:0:0]
	for _, x := range *list {
		if !gone[x] {
			kept = append(kept, x)
		}
	}
	if len(kept) < len(*list) {
		*list = kept
	}
}
