package opset

import "onnxtool/onnxpb"

// Operator is one version of an operator: its signature as ONNX's change log lists it. It is shared: do not write into it.
type Operator struct {
	Domain       string // "" is ai.onnx
	Name         string
	SinceVersion int64 // the version of the domain's operator set that brought this signature
	Deprecated   bool  // not to be used from SinceVersion on
	Attributes   []Attribute
	Inputs       []Formal
	Outputs      []Formal
	MinInputs    int
	MaxInputs    int // -1: no maximum
	MinOutputs   int
	MaxOutputs   int                 // -1: no maximum
	Types        map[string][]string // type constraints: a type variable such as T to the types it stands for, such as tensor(float)
}

// Attribute is an attribute that an operator takes.
type Attribute struct {
	Name     string
	Type     string // int, float, string, tensor, graph, sparse_tensor, type_proto, list of ints, list of floats, list of strings
	Required bool
	Default  string // as the change log prints it; "" where there is none
}

// Formal is a formal input or output of an operator. A variadic one is always the last, and stands for any number.
type Formal struct {
	Name   string
	Option string // single, optional, variadic
	Type   string // a type variable, or a type such as tensor(int64)
}

// Attribute returns the attribute of that name; false where the operator takes none such.
func (o *Operator) Attribute(name string) (Attribute, bool) {
	for _, a := range o.Attributes {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// attributeTypes maps the types of attributes, as the table writes them, to those of the message.
var attributeTypes = map[string]onnxpb.AttributeProto_AttributeType{
	"int":             onnxpb.AttributeProto_INT,
	"float":           onnxpb.AttributeProto_FLOAT,
	"string":          onnxpb.AttributeProto_STRING,
	"tensor":          onnxpb.AttributeProto_TENSOR,
	"graph":           onnxpb.AttributeProto_GRAPH,
	"sparse_tensor":   onnxpb.AttributeProto_SPARSE_TENSOR,
	"type_proto":      onnxpb.AttributeProto_TYPE_PROTO,
	"list of ints":    onnxpb.AttributeProto_INTS,
	"list of floats":  onnxpb.AttributeProto_FLOATS,
	"list of strings": onnxpb.AttributeProto_STRINGS,
}

// ProtoType returns the type that an attribute of a node has in the message.
func (a Attribute) ProtoType() onnxpb.AttributeProto_AttributeType { return attributeTypes[a.Type] }

// TypeStrings returns the types that a formal input or output of the operator may have, such as tensor(float) and seq(tensor(int64)).
func (o *Operator) TypeStrings(f Formal) []string {
	if types, ok := o.Types[f.Type]; ok {
		return types
	}
	return []string{f.Type}
}
