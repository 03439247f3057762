package fuse

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/shape"
	"onnxtool/surgery"
)

// OpValue is an input or output of the node of Op.
type OpValue struct {
	Name  string                      // an input's may be "": an optional input that is left out
	Type  onnxpb.TensorProto_DataType // an output's may be UNDEFINED: it follows
	Shape []onnxpb.Dim                // nil where the rank is not known
	Value *onnxpb.Array               // of an input: a constant instead of a graph input; it has the type and shape
	Whole *onnxpb.TypeProto           // instead of Type and Shape: a type that is no tensor, such as a sequence
}

// typed tells whether the value has a type.
func (v OpValue) typed() bool { return v.Whole != nil || v.Type != onnxpb.TensorProto_UNDEFINED }

// proto is the type of a value; nil where it has none.
func (v OpValue) proto() *onnxpb.TypeProto {
	switch {
	case v.Whole != nil:
		return v.Whole
	case v.Type == onnxpb.TensorProto_UNDEFINED:
		return nil
	}
	return onnxpb.TensorType(v.Type, v.Shape)
}

// signature writes the type as signatures do: float32 is tensor(float).
func (v OpValue) signature() string {
	if v.Whole == nil {
		return tensorString(v.Type)
	}
	return typeSignature(v.Whole)
}

func typeSignature(t *onnxpb.TypeProto) string {
	switch x := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		return tensorString(onnxpb.TensorProto_DataType(x.TensorType.GetElemType()))
	case *onnxpb.TypeProto_SequenceType:
		return "seq(" + typeSignature(x.SequenceType.GetElemType()) + ")"
	case *onnxpb.TypeProto_OptionalType:
		return "optional(" + typeSignature(x.OptionalType.GetElemType()) + ")"
	}
	return onnxpb.FormatTypeProto(t)
}

// OpOptions say what the node of Op is like.
type OpOptions struct {
	Domain     string // "" is ai.onnx
	Name       string // of the node, and of outputs that are not given: NAME, NAME_1 and so on; "": the operator's in small letters, and the outputs' formal names
	Inputs     []OpValue
	Outputs    []OpValue // none: as many as the operator must have, by their formal names
	Attributes []*onnxpb.AttributeProto
	// Graphs are the models of attributes that are graphs: what operator sets their nodes are of. Outer are inputs of the model that only these graphs read.
	Graphs []surgery.GraphSource
	Outer  []OpValue
	// Version is the version of Domain's operator set, for other domains than ai.onnx; 0 is the newest. PartOptions.Opset is ai.onnx's.
	Version int64
	// Foreign takes an operator that the domain has in no version as it is given, as those of domains that are not known are: other tools write such ones, plugins of TensorRT for one, into ai.onnx. The
	// model does not pass the checker then.
	Foreign bool
}

// Op makes a model that is a single operator: what it takes are the graph inputs, what it gives are the graph outputs. The operator, its
// attributes and the numbers and types of its inputs are held to its signature in o.Opset, of any version from 1 up. Types and shapes of outputs that are not given follow by inference
// (see package shape); a type that does not must be given, and a shape that does not stays unknown.
//
// Of a domain whose operators are not known (a custom one), and with op.Foreign of an operator that the domain does not have, everything is taken as it is given, outputs with their types. o.Batch plays no part: shapes are given whole.
func Op(name string, op OpOptions, o PartOptions) (*onnxpb.ModelProto, error) {
	op.Domain = onnxpb.NormalDomain(op.Domain)
	asked := o.Opset
	if asked > 0 && asked < MinPartOpset {
		o.Opset = MinPartOpset // other parts need that
	}
	p, err := newPart(strings.ToLower(name), o)
	if err != nil {
		return nil, err
	}
	if asked > 0 && asked < MinPartOpset {
		p.Opset = asked
	}
	version := p.Opset
	if op.Domain != "" {
		if version = op.Version; version == 0 {
			version = max(opset.Newest(op.Domain), 1)
		}
	}
	outputs := slices.Clone(op.Outputs)
	foreign := op.Foreign && len(opset.Versions(op.Domain, name)) == 0
	if opset.Known(op.Domain) && !foreign {
		sig, err := signature(op.Domain, name, version)
		if err != nil {
			return nil, err
		}
		bound, err := bindInputs(sig, op)
		if err != nil {
			return nil, err
		}
		if err := checkAttributes(sig, op.Attributes); err != nil {
			return nil, err
		}
		if outputs, err = opOutputs(sig, op, bound); err != nil {
			return nil, err
		}
	} else if len(outputs) == 0 {
		e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the operators of domain %q are not known", op.Domain),
			Hint: "name its outputs, with their types; operators are known of ai.onnx and " + strings.Join(opset.Domains()[1:], ", ")}
		if foreign {
			e.Msg, e.Hint = fmt.Sprintf("the operator %s is not known", name), "name its outputs, with their types"
		}
		return nil, e
	}
	if len(op.Outputs) == 0 && op.Name != "" {
		names := surgery.NewNames(&onnxpb.ModelProto{})
		for _, in := range op.Inputs {
			names.Value(in.Name)
		}
		for i := range outputs {
			outputs[i].Name = names.Value(op.Name)
		}
	}
	nodeName := op.Name
	if nodeName == "" {
		nodeName = strings.ToLower(name)
	}
	node := onnxpb.Node(name, nodeName, nil, nil, op.Attributes...)
	if op.Domain != "" {
		node.Domain = proto.String(op.Domain)
	}
	declared := map[string]string{}
	for _, in := range op.Inputs {
		node.Input = append(node.Input, in.Name)
		was, twice := declared[in.Name]
		switch {
		case in.Name == "":
		case twice && was != in.signature():
			return nil, onnxpb.Errorf(onnxpb.Usage, "input %q is given as %s and as %s", in.Name, plain(was), in.shown())
		case twice: // the same tensor feeds two inputs
		case in.Value != nil:
			p.g.Initializer = append(p.g.Initializer, in.Value.Proto(in.Name))
			if opset.MinIR("", p.Opset) < 4 { // there an initializer has to be a graph input too
				p.g.Input = append(p.g.Input, onnxpb.TensorValue(in.Name, in.Type, in.Shape))
			}
		default:
			p.g.Input = append(p.g.Input, &onnxpb.ValueInfoProto{Name: proto.String(in.Name), Type: in.proto()})
		}
		declared[in.Name] = in.signature()
	}
	for _, in := range op.Outer {
		if _, twice := declared[in.Name]; twice || !in.typed() || in.Value != nil {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: in.Name, Msg: "an input that graphs read has a name of its own, a type and no value", Hint: "write NAME:TYPE:SHAPE"}
		}
		declared[in.Name] = in.signature()
		p.g.Input = append(p.g.Input, &onnxpb.ValueInfoProto{Name: proto.String(in.Name), Type: in.proto()})
	}
	for _, a := range op.Attributes {
		for _, name := range surgery.Captures(a.G) {
			if _, ok := declared[name]; !ok {
				return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: name, Msg: fmt.Sprintf("the graph of attribute %q reads it, and nothing gives it", a.GetName()), Hint: "give it as an input of the model: --outer " + name + ":TYPE:SHAPE"}
			}
		}
	}
	for _, out := range outputs {
		node.Output = append(node.Output, out.Name)
		if out.Name == "" {
			continue
		}
		if _, twice := declared[out.Name]; twice {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: out.Name, Msg: "two inputs or outputs have this name", Hint: "name the outputs otherwise"}
		}
		declared[out.Name] = ""
		p.g.Output = append(p.g.Output, &onnxpb.ValueInfoProto{Name: proto.String(out.Name), Type: out.proto()})
	}
	p.g.Node = []*onnxpb.NodeProto{node}
	m := p.model("The operator " + name + ".")
	if op.Domain != "" {
		m.OpsetImport = append(m.OpsetImport, onnxpb.Opset(op.Domain, version))
	}
	for _, g := range op.Graphs {
		if err := surgery.JoinOpsets(m, g, &surgery.Report{}); err != nil {
			return nil, err
		}
	}
	if onnxpb.HasExternal(m) {
		return nil, &onnxpb.Error{Msg: "a graph among the attributes has external data", Hint: "take it into the graph's file: see onnxtool data unpack"}
	}
	return m, declareOutputs(m)
}

// declareOutputs gives the outputs of an operator the types and shapes that follow.
func declareOutputs(m *onnxpb.ModelProto) error {
	found := shape.Infer(m, shape.Options{})
	for _, f := range found.Faults {
		return &onnxpb.Error{Kind: onnxpb.Usage, Node: f.Node, Tensor: f.Tensor, Msg: f.Msg, Hint: "give inputs that go together"}
	}
	for _, v := range m.Graph.Output {
		if t := v.GetType().GetTensorType(); v.Type == nil || t != nil && t.Shape == nil {
			if t := found.Value(v.GetName()).Proto(); t != nil {
				v.Type = t
			}
		}
		if v.Type == nil || v.Type.GetTensorType() != nil && v.ElemType() == onnxpb.TensorProto_UNDEFINED {
			return &onnxpb.Error{Kind: onnxpb.Usage, Tensor: v.GetName(), Msg: "the type of this output does not follow from the inputs", Hint: "give it, as in " + v.GetName() + ":float32"}
		}
	}
	return nil
}

// signature looks an operator up and says what is nearest where there is none.
func signature(domain, name string, version int64) (*opset.Operator, error) {
	sig, ok := opset.Lookup(domain, name, version)
	where := fmt.Sprintf("opset %d", version)
	if domain != "" {
		where = fmt.Sprintf("version %d of %s", version, domain)
	}
	switch {
	case !ok:
		e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there is no operator %q in %s", name, where), Hint: surgery.UnknownOperatorHint(domain, name, version)}
		if len(opset.Versions(domain, name)) == 0 {
			e.Hint += "; --force takes it as it is given"
		}
		return nil, e
	case sig.Deprecated:
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the operator %q is deprecated in %s", name, where), Hint: "use an older opset, or what took its place"}
	}
	return sig, nil
}

// formalAt returns the formal input or output that position i belongs to.
func formalAt(list []opset.Formal, i int) opset.Formal {
	if i < len(list) {
		return list[i]
	}
	return list[len(list)-1] // the variadic one
}

// bindInputs holds the inputs to the signature and returns what its type variables stand for.
func bindInputs(sig *opset.Operator, op OpOptions) (map[string]string, error) {
	n := len(op.Inputs)
	if n < sig.MinInputs || sig.MaxInputs >= 0 && n > sig.MaxInputs {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%s takes %s inputs, %d given", sig.Name, count(sig.MinInputs, sig.MaxInputs), n), Hint: "its inputs are " + formalNames(sig.Inputs)}
	}
	bound := map[string]string{}
	for i, in := range op.Inputs {
		f := formalAt(sig.Inputs, i)
		if in.Name == "" {
			if f.Option != "optional" {
				return nil, onnxpb.Errorf(onnxpb.Usage, "input %d of %s, %s, cannot be left out", i+1, sig.Name, f.Name)
			}
			continue
		}
		types := sig.TypeStrings(f)
		if !slices.Contains(types, in.signature()) {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: in.Name, Msg: fmt.Sprintf("%s does not take %s as %s in this opset", sig.Name, in.shown(), f.Name),
				Hint: "it takes " + strings.Join(types, ", ")}
		}
		if was, ok := bound[f.Type]; ok && was != in.signature() && sameType(sig, f) {
			return nil, onnxpb.Errorf(onnxpb.Usage, "%s takes inputs of one type as %s: %s and %s given", sig.Name, f.Type, plain(was), in.shown())
		}
		if _, ok := bound[f.Type]; !ok {
			bound[f.Type] = in.signature()
		}
	}
	return bound, nil
}

// heterogeneous lists the operators whose variadic input or output may mix types.
var heterogeneous = map[string]bool{"If": true, "Loop": true, "Scan": true, "SequenceMap": true}

// sameType tells whether all that share the type variable of f have one type.
func sameType(sig *opset.Operator, f opset.Formal) bool {
	return !heterogeneous[sig.Name] || f.Option != "variadic"
}

// checkAttributes holds attributes to the signature.
func checkAttributes(sig *opset.Operator, attrs []*onnxpb.AttributeProto) error {
	var names []string
	for _, a := range sig.Attributes {
		names = append(names, a.Name)
	}
	given := map[string]bool{}
	for _, a := range attrs {
		known, ok := sig.Attribute(a.GetName())
		switch {
		case !ok:
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%s has no attribute %q in this opset", sig.Name, a.GetName()), Hint: suggest(a.GetName(), names)}
		case given[a.GetName()]:
			return onnxpb.Errorf(onnxpb.Usage, "attribute %q is given twice", a.GetName())
		case known.ProtoType() != a.GetType():
			return onnxpb.Errorf(onnxpb.Usage, "attribute %q of %s is of the type %s", a.GetName(), sig.Name, known.Type)
		}
		given[a.GetName()] = true
	}
	for _, a := range sig.Attributes {
		if a.Required && !given[a.Name] {
			return onnxpb.Errorf(onnxpb.Usage, "%s needs the attribute %q (%s)", sig.Name, a.Name, a.Type)
		}
	}
	return nil
}

// opOutputs names and types the outputs.
func opOutputs(sig *opset.Operator, op OpOptions, bound map[string]string) ([]OpValue, error) {
	outputs := slices.Clone(op.Outputs)
	if len(outputs) == 0 {
		for i := range sig.MinOutputs {
			f := formalAt(sig.Outputs, i)
			name := f.Name
			if i >= len(sig.Outputs) {
				name = fmt.Sprintf("%s_%d", f.Name, i)
			}
			outputs = append(outputs, OpValue{Name: name})
		}
	}
	if n := len(outputs); n < max(1, sig.MinOutputs) || sig.MaxOutputs >= 0 && n > sig.MaxOutputs {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%s gives %s outputs, %d named", sig.Name, count(sig.MinOutputs, sig.MaxOutputs), n), Hint: "its outputs are " + formalNames(sig.Outputs)}
	}
	for i := range outputs {
		out := &outputs[i]
		f := formalAt(sig.Outputs, i)
		if out.Name == "" {
			if f.Option != "optional" {
				return nil, onnxpb.Errorf(onnxpb.Usage, "output %d of %s, %s, cannot be left out", i+1, sig.Name, f.Name)
			}
			continue
		}
		if !out.typed() {
			continue // it follows, or not: see declareOutputs
		}
		types := sig.TypeStrings(f)
		if t, told := outputType(f, types, op.Attributes, bound); told && t != out.signature() && sameType(sig, f) {
			return nil, onnxpb.Errorf(onnxpb.Usage, "output %q of %s is %s here, not %s", out.Name, sig.Name, plain(t), out.shown())
		}
		if !slices.Contains(types, out.signature()) {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: out.Name, Msg: fmt.Sprintf("%s does not give %s in this opset", sig.Name, out.shown()), Hint: "it may be " + strings.Join(types, ", ")}
		}
	}
	return outputs, nil
}

// shown writes the type for people.
func (v OpValue) shown() string {
	if v.Whole != nil {
		return onnxpb.FormatTypeProto(v.Whole)
	}
	return onnxpb.TypeName(v.Type)
}

// plain writes a type of a signature as the command line does, where it is a tensor: float32.
func plain(signature string) string {
	inner, ok := strings.CutPrefix(strings.TrimSuffix(signature, ")"), "tensor(")
	if t, err := onnxpb.ParseType(inner); ok && err == nil {
		return onnxpb.TypeName(t)
	}
	return signature
}

// outputType returns the type of a formal output, as signatures write it, where it follows from what is given.
func outputType(f opset.Formal, types []string, attrs []*onnxpb.AttributeProto, bound map[string]string) (string, bool) {
	if t, ok := bound[f.Type]; ok {
		return t, true
	}
	if len(types) == 1 {
		return types[0], true
	}
	for _, a := range attrs {
		switch a.GetName() {
		case "to", "dtype", "output_dtype":
			if a.GetI() != 0 {
				return tensorString(onnxpb.TensorProto_DataType(a.GetI())), true
			}
		case "value":
			if a.T != nil {
				return tensorString(onnxpb.TensorProto_DataType(a.T.GetDataType())), true
			}
		}
	}
	return "", false
}

// tensorString writes the type of a tensor as signatures do: float32 is tensor(float).
func tensorString(t onnxpb.TensorProto_DataType) string {
	return "tensor(" + strings.ToLower(t.String()) + ")"
}

func count(lo, hi int) string {
	switch {
	case hi < 0:
		return fmt.Sprintf("%d or more", lo)
	case lo == hi:
		return fmt.Sprint(lo)
	}
	return fmt.Sprintf("%d to %d", lo, hi)
}

func formalNames(list []opset.Formal) string {
	var names []string
	for _, f := range list {
		n := f.Name
		if f.Option != "single" {
			n += " (" + f.Option + ")"
		}
		names = append(names, n)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
