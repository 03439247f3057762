package surgery

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// elemTypes finds the types of values of the main graph that no declaration tells, as far as the signatures of operators do. Shapes it does not tell.
type elemTypes struct {
	index *Graph
	known map[string]*onnxpb.TypeProto
}

// of returns the type of a value without its shape, and nil where it cannot be told.
func (e *elemTypes) of(name string) *onnxpb.TypeProto {
	if t, ok := e.known[name]; ok {
		return t
	}
	if e.known == nil {
		e.known = map[string]*onnxpb.TypeProto{}
	}
	e.known[name] = nil // a cycle ends here
	t := e.find(name)
	e.known[name] = t
	return t
}

func (e *elemTypes) find(name string) *onnxpb.TypeProto {
	if t := e.index.ValueType(name); typeKnown(t) {
		return withoutShape(t)
	}
	n := e.index.Producer(name)
	if n == nil {
		return nil
	}
	at := 0
	for i, o := range n.GetOutput() {
		if o == name {
			at = i
			break
		}
	}
	if t, ok := typeByAttribute(n, at); ok {
		return t
	}
	if likeInput[n.GetOpType()] && onnxpb.NormalDomain(n.GetDomain()) == "" && len(n.GetInput()) > 0 {
		return e.of(n.GetInput()[0])
	}
	version := e.index.Model.OpsetVersion(n.GetDomain())
	op, ok := opset.Lookup(n.GetDomain(), n.GetOpType(), version)
	if !ok {
		return nil
	}
	out, ok := formalAt(op.Outputs, at)
	if !ok {
		return nil
	}
	if types := op.TypeStrings(out); len(types) == 1 {
		return parseTypeString(types[0])
	}
	if out.Option == "variadic" && !sameTypes[n.GetOpType()] {
		return nil // the outputs of Loop and Scan, say, are of different types
	}
	for i, in := range n.GetInput() {
		if f, ok := formalAt(op.Inputs, i); in != "" && ok && f.Type == out.Type {
			if t := e.of(in); t != nil {
				return t
			}
		}
	}
	return nil
}

// sameTypes are the operators whose many outputs all have the type of their input.
var sameTypes = map[string]bool{"Split": true}

// likeInput are the operators whose output has the type of their input unless an attribute says otherwise.
var likeInput = map[string]bool{"EyeLike": true, "RandomNormalLike": true, "RandomUniformLike": true, "Bernoulli": true}

// formalAt returns the formal input or output that the one at an index is.
func formalAt(list []opset.Formal, i int) (opset.Formal, bool) {
	if i < len(list) {
		return list[i], true
	}
	if n := len(list); n > 0 && list[n-1].Option == "variadic" {
		return list[n-1], true
	}
	return opset.Formal{}, false
}

// typeByAttribute tells the type of a node's output where an attribute decides it; true where it does, whether or not it is known.
func typeByAttribute(n *onnxpb.NodeProto, output int) (*onnxpb.TypeProto, bool) {
	if onnxpb.NormalDomain(n.GetDomain()) != "" {
		return nil, false
	}
	tensor := func(t onnxpb.TensorProto_DataType) (*onnxpb.TypeProto, bool) {
		if t == onnxpb.TensorProto_UNDEFINED {
			return nil, true
		}
		return onnxpb.TensorType(t, nil), true
	}
	typeOf := func(attr string, def onnxpb.TensorProto_DataType) (*onnxpb.TypeProto, bool) {
		return tensor(onnxpb.TensorProto_DataType(n.AttrInt(attr, int64(def))))
	}
	switch n.GetOpType() {
	case "Cast":
		return typeOf("to", onnxpb.TensorProto_UNDEFINED)
	case "RandomNormal", "RandomUniform":
		return typeOf("dtype", onnxpb.TensorProto_FLOAT)
	case "Multinomial":
		return typeOf("dtype", onnxpb.TensorProto_INT32)
	case "HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix":
		return typeOf("output_datatype", onnxpb.TensorProto_FLOAT)
	case "EyeLike", "RandomNormalLike", "RandomUniformLike", "Bernoulli":
		if n.Attr("dtype") == nil {
			return nil, false // see likeInput
		}
		return typeOf("dtype", onnxpb.TensorProto_UNDEFINED)
	case "QuantizeLinear", "DequantizeLinear":
		if d := n.AttrInt("output_dtype", 0); d != 0 {
			return tensor(onnxpb.TensorProto_DataType(d))
		}
		if n.GetOpType() == "QuantizeLinear" && (len(n.GetInput()) < 3 || n.GetInput()[2] == "") {
			return tensor(onnxpb.TensorProto_UINT8)
		}
	case "ConstantOfShape":
		if a := n.Attr("value"); a != nil {
			return tensor(onnxpb.TensorProto_DataType(a.GetT().GetDataType()))
		}
		return tensor(onnxpb.TensorProto_FLOAT)
	case "Constant":
		for _, a := range n.GetAttribute() {
			switch a.GetName() {
			case "value":
				return tensor(onnxpb.TensorProto_DataType(a.GetT().GetDataType()))
			case "sparse_value":
				return tensor(onnxpb.TensorProto_DataType(a.GetSparseTensor().GetValues().GetDataType()))
			case "value_float", "value_floats":
				return tensor(onnxpb.TensorProto_FLOAT)
			case "value_int", "value_ints":
				return tensor(onnxpb.TensorProto_INT64)
			case "value_string", "value_strings":
				return tensor(onnxpb.TensorProto_STRING)
			}
		}
	case "If", "Scan", "Loop":
		if n.GetOpType() == "Loop" {
			output++ // the first output of the body is the condition to go on
		}
		for g := range n.Subgraphs() {
			if o := g.GetOutput(); output < len(o) && typeKnown(o[output].GetType()) {
				return withoutShape(o[output].GetType()), true
			}
		}
		return nil, true
	}
	return nil, false
}

// withoutShape returns a type without what it says of the outermost tensor's shape.
func withoutShape(t *onnxpb.TypeProto) *onnxpb.TypeProto {
	switch v := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		return onnxpb.TensorType(onnxpb.TensorProto_DataType(v.TensorType.GetElemType()), nil)
	case *onnxpb.TypeProto_SparseTensorType:
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SparseTensorType{SparseTensorType: &onnxpb.TypeProto_SparseTensor{ElemType: v.SparseTensorType.ElemType}}}
	}
	return proto.Clone(t).(*onnxpb.TypeProto)
}

// parseTypeString reads a type as the table of operators writes it; nil where it is none that can be declared without more.
func parseTypeString(s string) *onnxpb.TypeProto {
	kind, inner, ok := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	if !ok {
		return nil
	}
	switch kind {
	case "tensor":
		if e, err := onnxpb.ParseType(inner); err == nil {
			return onnxpb.TensorType(e, nil)
		}
	case "seq":
		if e := parseTypeString(inner); e != nil {
			return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: e}}}
		}
	}
	return nil
}
