package surgery

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// OperatorBlock is a node that InsertOperator inserts.
type OperatorBlock struct {
	Operator, Domain string
	// Name is the node's, and that of its first output; the others are numbered behind it. "" is made of the place and the operator. Where the model has it already it is changed, and told.
	Name       string
	Attributes []*onnxpb.AttributeProto
	// Graphs are the models of attributes that are graphs: what operator sets their nodes are of. What these graphs do not define is read of the model, by name.
	Graphs []GraphSource
	// Operands are its inputs, in the operator's order. Nil is the value of the place alone, or none where the operator takes none, or where there is no place and it need not take any.
	Operands []Operand
	// Results is how many outputs it has; 0 is those that it must have.
	Results int
}

// Operand is an input of an OperatorBlock. The zero value is an optional input that is left out.
type Operand struct {
	Place bool          // the value of the place
	Name  string        // of a value of the model, or of the constant
	Value *onnxpb.Array // a constant
}

// InsertPlace is where a block is put: behind a value, at an input or at an output of the model. The zero value is no place: then the block is wired by InsertOptions alone.
type InsertPlace struct {
	Name   string
	Input  bool // in the place of the input of this name: the model takes what the block takes
	Output bool // the output of this name follows, and nobody else
	// Takes is the type of what the model takes in the place of an input, for an operator. What it does not tell, an element type or a shape, is as it was; nil is the old type.
	Takes *onnxpb.TypeProto
}

// Wire puts a block at a place: the first input of the block that the options tell nothing of reads the value of the place, and the first output that they tell nothing of is read there instead. A block
// may be without such an input only where constant is set, and not in the place of an input of the model.
func (o *InsertOptions) Wire(block *onnxpb.GraphProto, at InsertPlace, constant bool) error {
	if at.Name == "" {
		return nil
	}
	in, out := untold(block.GetInput(), o.Inputs), untold(block.GetOutput(), o.Outputs)
	switch {
	case out == "":
		return &onnxpb.Error{Kind: onnxpb.Usage, Tensor: at.Name, Msg: "the block has no output left for this place", Hint: "tell less of its outputs, or of none"}
	case in == "" && (at.Input || !constant):
		return &onnxpb.Error{Kind: onnxpb.Usage, Tensor: at.Name, Msg: "the block has no input left for this place", Hint: "leave one input of it for the place, or wire the block without one"}
	}
	tell(&o.Outputs, out, at.Name)
	switch {
	case at.Input:
		tell(&o.Replace, in, at.Name)
	case in != "":
		tell(&o.Inputs, in, at.Name)
	}
	o.OnlyOutputs = o.OnlyOutputs || at.Output
	return nil
}

// tell puts a name down for another.
func tell(told *map[string]string, name, to string) {
	if *told == nil {
		*told = map[string]string{}
	}
	(*told)[name] = to
}

// untold returns the first name of a list that nothing is told of.
func untold(list []*onnxpb.ValueInfoProto, told map[string]string) string {
	for _, v := range list {
		if _, ok := told[v.GetName()]; !ok {
			return v.GetName()
		}
	}
	return ""
}

// placeOperand is the name of the input of an operator's block that reads the value of the place.
const placeOperand = "@"

// InsertOperator inserts a block that is one node, as Insert does, at a place and by o. Its inputs have the types of what they read, and in the place of an input of the model the type that at.Takes
// tells. o.Inputs may name the operands operand_0, operand_1 and so on; o.Outputs names outputs by their index from 0, or by name. Symbols of dimensions in at.Takes are the model's.
//
// Errors are those of Insert, and of kind Usage where operands and place do not go together, or an output has an index that the operator does not have.
func InsertOperator(m *onnxpb.ModelProto, op OperatorBlock, at InsertPlace, o InsertOptions) (*Report, error) {
	if m.GetGraph() == nil {
		return Insert(m, &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{}}, o)
	}
	o.Inputs, o.Outputs, o.Replace = maps.Clone(o.Inputs), maps.Clone(o.Outputs), maps.Clone(o.Replace)
	op.Domain = onnxpb.NormalDomain(op.Domain)
	version, imported := importFor(m, op.Domain)
	sig, known := opset.Lookup(op.Domain, op.Operator, version)
	graph, err := op.graph(sig, at, &o)
	if err != nil {
		return nil, err
	}
	block := &onnxpb.ModelProto{IrVersion: m.IrVersion, OpsetImport: slices.Clone(m.OpsetImport), Graph: graph}
	if !imported {
		block.OpsetImport = append(block.OpsetImport, onnxpb.Opset(op.Domain, version))
	}
	if err := op.capture(block, &o); err != nil {
		return nil, err
	}
	if at.Input {
		if err := takes(m, block.Graph, at); err != nil {
			return nil, err
		}
	}
	if err := byIndex(block.Graph, o.Outputs); err != nil {
		return nil, err
	}
	if err := o.Wire(block.Graph, at, len(op.Operands) > 0 || known && sig.MaxInputs == 0); err != nil {
		return nil, err
	}
	o.own = true
	r, err := Insert(m, block, o)
	var e *onnxpb.Error
	if err != nil && !known && errors.As(err, &e) && e.Kind == onnxpb.Unfit && !calls(m, op) {
		if hint := UnknownOperatorHint(op.Domain, op.Operator, version); hint != "" {
			e.Hint = hint
		}
	}
	return r, err
}

// UnknownOperatorHint says what to do about an operator that a domain of which all operators are known does not have in a version; "" for one that it has, and for other domains.
func UnknownOperatorHint(domain, name string, version int64) string {
	if _, ok := opset.Lookup(domain, name, version); ok || !opset.Known(domain) {
		return ""
	}
	if all := opset.Versions(domain, name); len(all) > 0 {
		return fmt.Sprintf("it came with version %d", all[0].SinceVersion)
	}
	hint := "an operator of another domain, such as that of a plugin, needs that domain: --domain"
	if near := Nearest(name, opset.Names(domain, version), 3); len(near) > 0 {
		return "did you mean " + quoteList(near) + "? " + hint
	}
	return hint
}

// calls tells whether the operator is a function of the model.
func calls(m *onnxpb.ModelProto, op OperatorBlock) bool {
	for _, f := range m.GetFunctions() {
		if functionOf(f) == (functionID{domain: op.Domain, name: op.Operator}) {
			return true
		}
	}
	return false
}

// importFor returns the version of a domain's operator set that the model imports, or is to import: the newest, of ONNX's own the newest that the model's IR version goes with.
func importFor(m *onnxpb.ModelProto, domain string) (version int64, imported bool) {
	if version = m.OpsetVersion(domain); version != 0 {
		return version, true
	}
	version = max(opset.Newest(domain), 1)
	for version > 1 && domain == "" && opset.MinIR(domain, version) > m.GetIrVersion() {
		version--
	}
	return version, false
}

// OperatorVersion returns the version of a domain's operator set that an operator is held to that InsertOperator inserts.
func OperatorVersion(m *onnxpb.ModelProto, domain string) int64 {
	version, _ := importFor(m, onnxpb.NormalDomain(domain))
	return version
}

// graph makes the node and the graph of the block, and puts down which values its operands read.
func (op *OperatorBlock) graph(sig *opset.Operator, at InsertPlace, o *InsertOptions) (*onnxpb.GraphProto, error) {
	base := op.Name
	if base == "" {
		base = at.Name
		if base == "" {
			base = "inserted"
		}
		base = base[strings.LastIndexByte(base, '/')+1:] + "_" + op.Operator
	}
	n := onnxpb.Node(op.Operator, base, nil, nil, op.Attributes...)
	if op.Domain != "" {
		n.Domain = proto.String(op.Domain)
	}
	g := &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{n}}
	operands := op.Operands
	if operands == nil && (sig == nil || sig.MaxInputs != 0) && (at.Name != "" || sig == nil || sig.MinInputs > 0) {
		operands = []Operand{{Place: true}}
	}
	declared, constants := map[string]bool{}, map[string]bool{}
	for i, operand := range operands {
		in := fmt.Sprintf("operand_%d", i)
		switch {
		case operand.Place && at.Name == "":
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "operand @ stands for the tensor of the place, and none is given", Hint: "give a place, or name the tensor that the operator reads"}
		case operand.Place:
			in = placeOperand
		case operand.Value != nil:
			in = operand.Name
			if constants[in] || in == placeOperand {
				return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: in, Msg: "two operands have this name", Hint: "name the constant otherwise"}
			}
			constants[in] = true
			g.Initializer = append(g.Initializer, operand.Value.Proto(in))
		case operand.Name == "":
			in = ""
		default:
			for constants[in] {
				in += "_"
			}
			if _, told := o.Inputs[in]; !told {
				tell(&o.Inputs, in, operand.Name)
			}
		}
		if in != "" && operand.Value == nil && !declared[in] {
			declared[in] = true
			g.Input = append(g.Input, &onnxpb.ValueInfoProto{Name: proto.String(in)})
		}
		n.Input = append(n.Input, in)
	}
	results := op.Results
	if results == 0 {
		if results = 1; sig != nil {
			results = max(results, sig.MinOutputs)
		}
	}
	names := NewNames(&onnxpb.ModelProto{Graph: g}) // with those of graphs among the attributes
	for range results {
		out := names.Value(base)
		n.Output = append(n.Output, out)
		g.Output = append(g.Output, &onnxpb.ValueInfoProto{Name: proto.String(out)})
	}
	return g, nil
}

// capture makes what the graphs among the attributes capture inputs of the block, which read the values of these names.
func (op *OperatorBlock) capture(block *onnxpb.ModelProto, o *InsertOptions) error {
	for _, s := range op.Graphs {
		if err := JoinOpsets(block, s, &Report{}); err != nil {
			return err
		}
	}
	own := map[string]bool{}
	for name := range definitions(block.Graph) {
		own[name] = true
	}
	given := map[string]bool{}
	for _, a := range op.Attributes {
		for _, name := range Captures(a.G) {
			if own[name] {
				return &onnxpb.Error{Kind: onnxpb.Usage, Tensor: name, Msg: fmt.Sprintf("the graph of attribute %q reads it, and an operand or an output of the operator is called so", a.GetName()), Hint: "name that otherwise"}
			}
			if given[name] {
				continue
			}
			given[name] = true
			if _, told := o.Inputs[name]; !told {
				tell(&o.Inputs, name, name)
			}
			block.Graph.Input = append(block.Graph.Input, &onnxpb.ValueInfoProto{Name: proto.String(name)})
		}
	}
	return nil
}

// byIndex puts the names of outputs in the place of their indices. A name that the block has stays.
func byIndex(g *onnxpb.GraphProto, outputs map[string]string) error {
	names := outputNames(g)
	has := nameSet(names)
	for key, to := range maps.Clone(outputs) {
		i, err := strconv.Atoi(key)
		if has[key] || err != nil {
			continue
		}
		if i < 0 || i >= len(names) {
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the operator has no output %d", i), Hint: fmt.Sprintf("outputs are counted from 0, and there are %d; give their number where there are to be more", len(names))}
		}
		if _, twice := outputs[names[i]]; twice {
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("output %d is told twice, by index and as %q", i, names[i]), Hint: "name it once"}
		}
		delete(outputs, key)
		outputs[names[i]] = to
	}
	return nil
}

// takes declares the input of an operator's block that takes the place of an input of the model.
func takes(m *onnxpb.ModelProto, g *onnxpb.GraphProto, at InsertPlace) error {
	var old *onnxpb.TypeProto
	for _, v := range m.Graph.GetInput() {
		if v.GetName() == at.Name {
			old = v.GetType()
		}
	}
	if old == nil {
		return nil // there is no such input, which is told when the block is wired
	}
	now := proto.Clone(old).(*onnxpb.TypeProto)
	if t := old.GetTensorType(); t != nil { // what else it tells stays with the inner value
		dims, _ := (&onnxpb.ValueInfoProto{Type: old}).Shape()
		now = onnxpb.TensorType(onnxpb.TensorProto_DataType(t.GetElemType()), dims)
	}
	if told := at.Takes; told != nil {
		t, was := told.GetTensorType(), now.GetTensorType()
		whole := t == nil || t.GetElemType() != 0 && t.Shape != nil
		if !whole && was == nil {
			return &onnxpb.Error{Kind: onnxpb.Usage, Tensor: at.Name, Msg: fmt.Sprintf("it is %s, and what the model is to take is told in part", onnxpb.FormatTypeProto(old)), Hint: "tell the element type and the shape"}
		}
		if whole {
			now = proto.Clone(told).(*onnxpb.TypeProto)
		} else if t.GetElemType() != 0 {
			was.ElemType = t.ElemType
		} else {
			was.Shape = t.Shape
		}
	}
	for _, v := range g.Input {
		if v.GetName() == placeOperand {
			v.Type = now
		}
	}
	return nil
}
