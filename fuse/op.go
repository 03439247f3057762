package fuse

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// OpValue is an input or output of the node of Op.
type OpValue struct {
	Name  string                      // an input's may be "": an optional input that is left out
	Type  onnxpb.TensorProto_DataType // an output's may be UNDEFINED: it follows from the operator's type constraints
	Shape []onnxpb.Dim                // nil where the rank is not known
	Value *onnxpb.Array               // of an input: a constant instead of a graph input; it has the type and shape
}

// OpOptions say what the node of Op is like.
type OpOptions struct {
	Domain     string // "" is ai.onnx
	Inputs     []OpValue
	Outputs    []OpValue // none: as many as the operator must have, by their formal names
	Attributes []*onnxpb.AttributeProto
	// Version is the version of Domain's operator set, for other domains than ai.onnx; 0 is the newest. PartOptions.Opset is ai.onnx's.
	Version int64
}

// Op makes a model that is a single operator: what it takes are the graph inputs, what it gives are the graph outputs. The operator, its
// attributes and the numbers and types of its inputs are held to its signature in o.Opset. The type of an output follows from the type
// constraints where an input shares its type variable, where only one type is allowed, or where the attribute to or dtype says it; else it
// must be given. A shape that is not given stays unknown, but for operators that work element by element. o.Batch plays no part: shapes are given whole.
func Op(name string, op OpOptions, o PartOptions) (*onnxpb.ModelProto, error) {
	op.Domain = onnxpb.NormalDomain(op.Domain)
	p, err := newPart(strings.ToLower(name), o)
	if err != nil {
		return nil, err
	}
	version := p.Opset
	if op.Domain != "" {
		if version = op.Version; version == 0 {
			version = opset.Newest(op.Domain)
		}
	}
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
	outputs, err := opOutputs(sig, op, bound)
	if err != nil {
		return nil, err
	}
	node := onnxpb.Node(name, strings.ToLower(name), nil, nil, op.Attributes...)
	if op.Domain != "" {
		node.Domain = proto.String(op.Domain)
	}
	declared := map[string]onnxpb.TensorProto_DataType{}
	for _, in := range op.Inputs {
		node.Input = append(node.Input, in.Name)
		was, twice := declared[in.Name]
		switch {
		case in.Name == "":
		case twice && was != in.Type:
			return nil, onnxpb.Errorf(onnxpb.Usage, "input %q is given as %s and as %s", in.Name, onnxpb.TypeName(was), onnxpb.TypeName(in.Type))
		case twice: // the same tensor feeds two inputs
		case in.Value != nil:
			p.g.Initializer = append(p.g.Initializer, in.Value.Proto(in.Name))
		default:
			p.g.Input = append(p.g.Input, onnxpb.TensorValue(in.Name, in.Type, in.Shape))
		}
		declared[in.Name] = in.Type
	}
	for _, out := range outputs {
		node.Output = append(node.Output, out.Name)
		if out.Name == "" {
			continue
		}
		if _, twice := declared[out.Name]; twice {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: out.Name, Msg: "two inputs or outputs have this name", Hint: "name the outputs otherwise"}
		}
		declared[out.Name] = out.Type
		p.outputTyped(out.Name, out.Type, out.Shape)
	}
	p.g.Node = []*onnxpb.NodeProto{node}
	m := p.model("The operator " + name + ".")
	if op.Domain != "" {
		m.OpsetImport = append(m.OpsetImport, onnxpb.Opset(op.Domain, version))
	}
	return m, nil
}

// signature looks an operator up and says what is nearest where there is none.
func signature(domain, name string, version int64) (*opset.Operator, error) {
	sig, ok := opset.Lookup(domain, name, version)
	where := fmt.Sprintf("opset %d", version)
	if domain != "" {
		where = fmt.Sprintf("version %d of %s", version, domain)
	}
	switch {
	case !opset.Known(domain):
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the operators of domain %q are not known", domain), Hint: "known are ai.onnx and " + strings.Join(opset.Domains()[1:], ", ")}
	case !ok:
		e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there is no operator %q in %s", name, where), Hint: suggest(name, opset.Names(domain, version))}
		if later := opset.Versions(domain, name); len(later) > 0 {
			e.Hint = fmt.Sprintf("it came with version %d", later[0].SinceVersion)
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
func bindInputs(sig *opset.Operator, op OpOptions) (map[string]onnxpb.TensorProto_DataType, error) {
	n := len(op.Inputs)
	if n < sig.MinInputs || sig.MaxInputs >= 0 && n > sig.MaxInputs {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%s takes %s inputs, %d given", sig.Name, count(sig.MinInputs, sig.MaxInputs), n), Hint: "its inputs are " + formalNames(sig.Inputs)}
	}
	bound := map[string]onnxpb.TensorProto_DataType{}
	for i, in := range op.Inputs {
		f := formalAt(sig.Inputs, i)
		if in.Name == "" {
			if f.Option != "optional" {
				return nil, onnxpb.Errorf(onnxpb.Usage, "input %d of %s, %s, cannot be left out", i+1, sig.Name, f.Name)
			}
			continue
		}
		types := sig.TypeStrings(f)
		if !slices.Contains(types, tensorString(in.Type)) {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: in.Name, Msg: fmt.Sprintf("%s does not take %s as %s in this opset", sig.Name, onnxpb.TypeName(in.Type), f.Name),
				Hint: "it takes " + strings.Join(types, ", ")}
		}
		if was, ok := bound[f.Type]; ok && was != in.Type && sameType(sig, f) {
			return nil, onnxpb.Errorf(onnxpb.Usage, "%s takes inputs of one type as %s: %s and %s given", sig.Name, f.Type, onnxpb.TypeName(was), onnxpb.TypeName(in.Type))
		}
		if _, ok := bound[f.Type]; !ok {
			bound[f.Type] = in.Type
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
func opOutputs(sig *opset.Operator, op OpOptions, bound map[string]onnxpb.TensorProto_DataType) ([]OpValue, error) {
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
		types := sig.TypeStrings(f)
		t, told := outputType(f, types, op.Attributes, bound)
		switch {
		case out.Type == onnxpb.TensorProto_UNDEFINED && !told:
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: out.Name, Msg: fmt.Sprintf("the type of output %s of %s does not follow from its inputs", f.Name, sig.Name),
				Hint: "give it, as in " + out.Name + ":float32; it may be " + strings.Join(types, ", ")}
		case out.Type == onnxpb.TensorProto_UNDEFINED:
			out.Type = t
		case told && t != out.Type && sameType(sig, f):
			return nil, onnxpb.Errorf(onnxpb.Usage, "output %q of %s is %s here, not %s", out.Name, sig.Name, onnxpb.TypeName(t), onnxpb.TypeName(out.Type))
		}
		if !slices.Contains(types, tensorString(out.Type)) {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: out.Name, Msg: fmt.Sprintf("%s does not give %s in this opset", sig.Name, onnxpb.TypeName(out.Type)), Hint: "it may be " + strings.Join(types, ", ")}
		}
		if out.Shape == nil && i == 0 {
			out.Shape = elementwiseShape(sig.Name, op.Inputs)
		}
	}
	return outputs, nil
}

// outputType returns the type of a formal output where it follows from what is given.
func outputType(f opset.Formal, types []string, attrs []*onnxpb.AttributeProto, bound map[string]onnxpb.TensorProto_DataType) (onnxpb.TensorProto_DataType, bool) {
	if t, ok := bound[f.Type]; ok {
		return t, true
	}
	if len(types) == 1 {
		inner, ok := strings.CutPrefix(types[0], "tensor(")
		if !ok {
			return 0, false
		}
		t, err := onnxpb.ParseType(strings.TrimSuffix(inner, ")"))
		return t, err == nil
	}
	for _, a := range attrs {
		switch a.GetName() {
		case "to", "dtype", "output_dtype":
			if a.GetI() != 0 {
				return onnxpb.TensorProto_DataType(a.GetI()), true
			}
		case "value":
			if a.T != nil {
				return onnxpb.TensorProto_DataType(a.T.GetDataType()), true
			}
		}
	}
	return 0, false
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
