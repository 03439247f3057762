package surgery

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// AttributeChange says what becomes of one attribute.
type AttributeChange struct {
	Name   string
	Remove bool // the attribute goes; else it gets a value, which is the first of these that is set:

	Value *onnxpb.AttributeProto // a value as it is; its name does not matter
	Array *onnxpb.Array          // a tensor, or what a list or a single value is made of
	Text  string                 // a value as the command line writes it: see ParseAttribute

	// Graph gives the model whose main graph is the value of an attribute that is a graph. For others it is not called. ModelDir is the directory that the external data of the model that is edited is relative to.
	Graph    func() (GraphSource, error)
	ModelDir string

	// Type is the type of the attribute where the operator does not tell: int, float, string, ints, floats, strings, tensor, type, graph. Where it does, the two must be the same.
	Type string
}

// SetAttributes changes, adds and removes attributes of the nodes of a choice, in the main graph, in subgraphs, in training graphs and in functions. Each change is held to the operator, as the opset
// import of the model or of the function has it: its attributes and their types; a call of a function of the model to the attributes of that function. Of an operator that is not known the
// type is the one that the attribute has, or the one that is given.
//
// An attribute that is a graph gets the main graph of a model; see GraphAttribute. What that graph does not define it captures of the graphs around the node; what it defines must not have a name that they define, as no name
// may be shadowed. Symbols of its dimensions are the model's. Operator sets join as those of a block do, see Insert; names of its nodes that the model has are changed, and told; nodes are put in order where it reads what is made
// further on.
//
// What the model declares of the values behind a node follows where it would be wrong otherwise, the types of its outputs too: the report tells.
//
// Errors of kind Unfit: no such node or attribute (with the nearest names), a name that several nodes have, a value of another type than the attribute's, a required attribute removed, a graph that does not go with the model. Errors of kind
// Refused: what follows of the values would contradict the rest of the model.
func SetAttributes(m *onnxpb.ModelProto, nodes NodeChoice, changes ...AttributeChange) (*Report, error) {
	original := m
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "setattr"}
		seen, valid := map[string]bool{}, false
		for _, c := range changes {
			if c.Graph != nil && !valid {
				valid = len(opset.Check(m, opset.CheckOptions{})) == 0
			}
			switch {
			case c.Name == "":
				return nil, onnxpb.Errorf(onnxpb.Usage, "the name of an attribute is empty")
			case seen[c.Name]:
				return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the attribute %q is given twice", c.Name), Hint: "give it once"}
			}
			seen[c.Name] = true
		}
		chosen, err := nodes.everywhere(m)
		if err != nil {
			return nil, err
		}
		e := &attributeEdit{m: m, r: r, functions: map[functionID]*onnxpb.FunctionProto{}, removed: map[string]int{}}
		for _, f := range m.GetFunctions() {
			e.functions[functionOf(f)] = f
		}
		if slices.ContainsFunc(changes, func(c AttributeChange) bool { return c.Graph != nil }) {
			e.prepare(chosen, changes)
		}
		declared := beforeEdit(m)
		for _, n := range chosen {
			if err := e.node(n, changes); err != nil {
				return nil, err
			}
		}
		for _, c := range changes {
			if c.Remove && e.removed[c.Name] == 0 {
				return nil, e.noneToRemove(chosen, c.Name)
			}
		}
		if err := e.settle(valid); err != nil {
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

type attributeEdit struct {
	m         *onnxpb.ModelProto
	r         *Report
	functions map[functionID]*onnxpb.FunctionProto
	removed   map[string]int

	// Of graphs that attributes get, see subgraph.
	graphs  []chosenNode                  // those that got one
	names   *Names                        // of the nodes
	visible map[*nodeBody]map[string]bool // what lists of nodes and the graphs around them define
}

// facts are what is known of the attributes that a node takes.
type facts struct {
	what  string                     // the operator, for people
	known bool                       // whether all attributes are known
	list  map[string]opset.Attribute // "" as the type where it is not known
	names []string
}

func (f *facts) add(a opset.Attribute) {
	f.list[a.Name] = a
	f.names = append(f.names, a.Name)
}

func (e *attributeEdit) facts(c chosenNode) (*facts, error) {
	n := c.node
	f := &facts{what: typeLabel(n), list: map[string]opset.Attribute{}}
	if fn := e.functions[callOf(n)]; fn != nil {
		f.known, f.what = true, "the function "+f.what
		for _, name := range fn.GetAttribute() {
			f.add(opset.Attribute{Name: name, Required: true})
		}
		for _, a := range fn.GetAttributeProto() {
			f.add(opset.Attribute{Name: a.GetName(), Type: typeOfAttribute(a)})
		}
		return f, nil
	}
	if !opset.Known(n.GetDomain()) {
		return f, nil
	}
	version := c.body.version(n.GetDomain())
	op, ok := opset.Lookup(n.GetDomain(), n.GetOpType(), version)
	if !ok {
		return f, nil // an experiment of the early days: the checker warns of it
	}
	f.known, f.what = true, fmt.Sprintf("%s (version %d)", f.what, op.SinceVersion)
	if op.Domain == "" && op.Name == "LayerNormalization" {
		f.known = false // ONNX lets it have others
	}
	for _, a := range op.Attributes {
		f.add(a)
	}
	return f, nil
}

func (e *attributeEdit) node(c chosenNode, changes []AttributeChange) error {
	n := c.node
	fail := func(err error) error {
		if oe, ok := err.(*onnxpb.Error); ok && oe.Node == "" {
			x := *oe
			x.Node = n.Label()
			return &x
		}
		return err
	}
	f, err := e.facts(c)
	if err != nil {
		return fail(err)
	}
	for _, change := range changes {
		if err := e.change(c, f, change); err != nil {
			return fail(err)
		}
	}
	if n.GetOpType() == "Constant" && onnxpb.NormalDomain(n.GetDomain()) == "" && e.functions[callOf(n)] == nil {
		values := 0
		for _, a := range n.GetAttribute() {
			if a.GetName() == "sparse_value" || strings.HasPrefix(a.GetName(), "value") {
				values++
			}
		}
		if values != 1 {
			return fail(&onnxpb.Error{Msg: fmt.Sprintf("a Constant has one value, this one would have %d", values), Hint: "see onnxtool setconst, or remove the other attribute with the same command"})
		}
	}
	return nil
}

// change makes one change to one node.
func (e *attributeEdit) change(at chosenNode, f *facts, c AttributeChange) error {
	n := at.node
	fact, ok := f.list[c.Name]
	old := n.Attr(c.Name)
	if !ok && f.known && old == nil && !strings.HasPrefix(c.Name, "__") { // such names are left to implementations
		hint := "it takes none"
		if len(f.names) > 0 {
			hint = suggest("attribute", c.Name, f.names)
		}
		return &onnxpb.Error{Msg: fmt.Sprintf("%s takes no attribute %q", f.what, c.Name), Hint: hint}
	}
	if isGradient(n) {
		return &onnxpb.Error{Kind: onnxpb.Refused, Msg: "the attributes of Gradient name tensors of the graph", Hint: "rename the tensors instead"}
	}
	if c.Remove {
		if old == nil {
			return nil
		}
		if fact.Required {
			return &onnxpb.Error{Msg: fmt.Sprintf("%s needs the attribute %q: it cannot be removed", f.what, c.Name), Hint: "give it another value instead"}
		}
		e.removed[c.Name]++
		var kept []*onnxpb.AttributeProto
		for _, a := range n.Attribute {
			if a != old {
				kept = append(kept, a)
			}
		}
		n.Attribute = kept
		e.r.Add("removed", "attribute", n.Label()+"."+c.Name, AttributeText(old), "")
		return nil
	}
	known, err := wantedType(fact, old, c, f)
	if err != nil {
		return err
	}
	value, err := e.value(at, known, c)
	if err != nil {
		if oe, ok := err.(*onnxpb.Error); ok {
			return &onnxpb.Error{Kind: oe.Kind, Tensor: oe.Tensor, Msg: fmt.Sprintf("attribute %q of %s is a %s", c.Name, f.what, known.Type), Err: err, Hint: oe.Hint}
		}
		return err
	}
	if old == nil {
		n.Attribute = append(n.Attribute, value)
		e.r.Add("added", "attribute", n.Label()+"."+c.Name, "", AttributeText(value))
		return nil
	}
	was := AttributeText(old)
	next := value
	// What is said about the attribute stays.
	next.DocString = old.DocString
	next.ProtoReflect().SetUnknown(old.ProtoReflect().GetUnknown())
	if next.T != nil && old.T != nil {
		next.T.Name, next.T.DocString, next.T.MetadataProps = old.T.Name, old.T.DocString, old.T.MetadataProps
	}
	if onnxpb.Same(next, old) {
		return nil
	}
	now := AttributeText(value)
	if was == now { // too long to be written out
		was, now = was+" (old)", now+" (new)"
	}
	for i, a := range n.Attribute {
		if a == old {
			n.Attribute[i] = next
		}
	}
	e.r.Add("changed", "attribute", n.Label()+"."+c.Name, was, now)
	return nil
}

// wantedType finds the type of the attribute that is to be set: by the operator, by what is there, or as given.
func wantedType(fact opset.Attribute, old *onnxpb.AttributeProto, c AttributeChange, f *facts) (opset.Attribute, error) {
	known := opset.Attribute{Name: c.Name, Type: fact.Type}
	if known.Type == "" && old != nil {
		known.Type = typeOfAttribute(old)
	}
	given := ""
	if c.Type != "" {
		if given = AttributeType(c.Type); given == "" {
			return known, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no type of an attribute", c.Type), Hint: "there are " + AttributeTypes}
		}
	}
	if c.Value != nil && given == "" && known.Type == "" {
		given = typeOfAttribute(c.Value)
	}
	switch {
	case known.Type == "" && given == "":
		return known, &onnxpb.Error{Msg: fmt.Sprintf("of what type the attribute %q of %s is, is not known", c.Name, f.what), Hint: "give it: " + c.Name + ":int=1, with int, float, string, ints, floats, strings, tensor, type or graph"}
	case known.Type == "":
		known.Type = given
	case given != "" && given != known.Type:
		return known, &onnxpb.Error{Msg: fmt.Sprintf("attribute %q of %s is a %s, not a %s", c.Name, f.what, known.Type, given), Hint: "leave out the type"}
	}
	return known, nil
}

// value makes the value of the attribute.
func (e *attributeEdit) value(at chosenNode, known opset.Attribute, c AttributeChange) (*onnxpb.AttributeProto, error) {
	switch {
	case c.Graph != nil && known.Type == "graph":
		source, err := c.Graph()
		if err != nil {
			return nil, err
		}
		return e.subgraph(at, c.Name, source, c.ModelDir)
	case c.Value != nil:
		if c.Value.GetType() != known.ProtoType() {
			return nil, onnxpb.Errorf(onnxpb.Unfit, "the value is a %s", strings.ToLower(c.Value.GetType().String()))
		}
		v := proto.Clone(c.Value).(*onnxpb.AttributeProto)
		v.Name = proto.String(c.Name)
		return v, nil
	case c.Array != nil:
		return AttributeOf(known, c.Array)
	}
	v, err := ParseAttribute(known, c.Text)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// noneToRemove is the error about an attribute that no node of the choice has.
func (e *attributeEdit) noneToRemove(chosen []chosenNode, name string) error {
	var have []string
	for _, c := range chosen {
		for _, a := range c.node.GetAttribute() {
			have = append(have, a.GetName())
		}
	}
	who := "the node has"
	if len(chosen) > 1 {
		who = "the " + strconv.Itoa(len(chosen)) + " nodes have"
	}
	hint := "there is none"
	if have = unique(have); len(have) > 0 {
		hint = suggest("attribute", name, have)
	}
	return &onnxpb.Error{Node: chosen[0].node.Label(), Msg: fmt.Sprintf("%s no attribute %q to remove", who, name), Hint: hint}
}
