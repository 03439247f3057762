package surgery

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// AttributeTypes are the types of attributes that have a form on the command line, if only as a file, by the names that opset gives them, and the short names that people give them.
var attributeTypes = map[string]string{
	"int": "int", "float": "float", "string": "string", "tensor": "tensor", "type": "type_proto", "type_proto": "type_proto", "graph": "graph",
	"ints": "list of ints", "floats": "list of floats", "strings": "list of strings",
}

// AttributeTypes names, for people, the types that AttributeType reads.
const AttributeTypes = "int, float, string, ints, floats, strings, tensor, type or graph"

// AttributeType returns the type of an attribute that a word of the command line means, as package opset calls it; "" for a word that means none.
func AttributeType(word string) string { return attributeTypes[word] }

// typeAttributes are the attributes of integers that name an element type.
var typeAttributes = map[string]bool{"to": true, "dtype": true, "output_dtype": true, "stash_type": true, "softmax_precision": true}

// ParseAttribute reads the value of an attribute, by its type, as the command line writes it: lists are joined by commas (a string that holds one stands in double quotes), a tensor is
// TYPE:SHAPE=VALUES, a type of a value is such as sequence(float32 [N,3]), and an integer that stands for an element type may be that type's name. Errors are of kind Usage.
func ParseAttribute(known opset.Attribute, text string) (*onnxpb.AttributeProto, error) {
	number := func(s string) (float32, error) {
		v, err := strconv.ParseFloat(strings.TrimSpace(s), 32)
		switch {
		case errors.Is(err, strconv.ErrRange):
			return 0, onnxpb.Errorf(onnxpb.Usage, "%s passes what float32 holds, as which attributes are kept", s)
		case err != nil:
			return 0, onnxpb.Errorf(onnxpb.Usage, "%q is not a number", s)
		}
		return float32(v), nil
	}
	integer := func(s string) (int64, error) {
		v, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
		if err != nil {
			return 0, onnxpb.Errorf(onnxpb.Usage, "%q is not an integer", s)
		}
		return v, nil
	}
	switch known.Type {
	case "int":
		if typeAttributes[known.Name] {
			if t, err := onnxpb.ParseType(text); err == nil {
				return onnxpb.Int(known.Name, int64(t)), nil
			}
		}
		v, err := integer(text)
		return onnxpb.Int(known.Name, v), err
	case "float":
		v, err := number(text)
		return onnxpb.Float(known.Name, v), err
	case "string":
		return onnxpb.Str(known.Name, text), nil
	case "list of strings":
		words, err := onnxpb.SplitElements(onnxpb.TensorProto_STRING, text)
		return onnxpb.Strs(known.Name, words...), err
	case "list of ints":
		return parseList(onnxpb.Ints, known.Name, text, integer)
	case "list of floats":
		return parseList(onnxpb.Floats, known.Name, text, number)
	case "tensor":
		a, err := onnxpb.ParseArray(text)
		if err != nil {
			return nil, err
		}
		return onnxpb.TensorAttr(known.Name, a.Proto("")), nil
	case "type_proto":
		t, err := onnxpb.ParseTypeProto(text)
		return &onnxpb.AttributeProto{Name: &known.Name, Type: onnxpb.AttributeProto_TYPE_PROTO.Enum(), Tp: t}, err
	}
	if known.Type == "graph" {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "an attribute that is a graph cannot be written on the command line", Hint: "give the model that has it: @FILE.onnx"}
	}
	return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("an attribute that is a %s cannot be written on the command line", known.Type),
		Hint: "write the model as text with onnxtool text, and read it back with from-text"}
}

func parseList[T any](build func(string, ...T) *onnxpb.AttributeProto, name, text string, one func(string) (T, error)) (*onnxpb.AttributeProto, error) {
	words, err := onnxpb.SplitElements(onnxpb.TensorProto_INT64, text)
	if err != nil {
		return nil, err
	}
	list := make([]T, len(words))
	for i, w := range words {
		if list[i], err = one(w); err != nil {
			return nil, err
		}
	}
	return build(name, list...), nil
}

// AttributeOf makes an attribute of a type out of an array: a tensor, the list that an array of one axis is, or the one value of a scalar.
func AttributeOf(known opset.Attribute, a *onnxpb.Array) (*onnxpb.AttributeProto, error) {
	misfit := func() error {
		return &onnxpb.Error{Msg: fmt.Sprintf("%s%s is no %s", onnxpb.TypeName(a.Type), onnxpb.FormatShape(onnxpb.Numbers(a.Dims...)), known.Type),
			Hint: "a list takes an array of one axis, a single value a scalar, of the same kind"}
	}
	list := strings.HasPrefix(known.Type, "list of ")
	switch {
	case known.Type == "tensor":
		return onnxpb.TensorAttr(known.Name, a.Proto("")), nil
	case list && len(a.Dims) != 1, !list && a.Len() != 1:
		return nil, misfit()
	}
	switch known.Type {
	case "int", "list of ints":
		v, err := a.Int64s()
		if err != nil {
			return nil, misfit()
		}
		if list {
			return onnxpb.Ints(known.Name, v...), nil
		}
		return onnxpb.Int(known.Name, v[0]), nil
	case "float", "list of floats":
		v, ok := a.Data.([]float32)
		if !ok {
			return nil, misfit()
		}
		if list {
			return onnxpb.Floats(known.Name, v...), nil
		}
		return onnxpb.Float(known.Name, v[0]), nil
	case "string", "list of strings":
		v, ok := a.Data.([]string)
		if !ok {
			return nil, misfit()
		}
		if list {
			return onnxpb.Strs(known.Name, v...), nil
		}
		return onnxpb.Str(known.Name, v[0]), nil
	}
	return nil, misfit()
}

// typeOfAttribute returns the type that an attribute tells, as opset calls it; "" for one that has no form on the command line.
func typeOfAttribute(a *onnxpb.AttributeProto) string {
	for _, name := range attributeTypes {
		if (opset.Attribute{Type: name}).ProtoType() == a.GetType() {
			return name
		}
	}
	return ""
}

// AttributeText writes the value of an attribute for people, shortened where it is long; "" where there is none.
func AttributeText(a *onnxpb.AttributeProto) string {
	short := func(v any) string { return onnxpb.Shortened(strings.ReplaceAll(fmt.Sprint(v), " ", ","), 60) }
	switch {
	case a == nil:
		return ""
	case a.GetRefAttrName() != "":
		return "the attribute " + strconv.Quote(a.GetRefAttrName()) + " of the function"
	}
	switch a.GetType() {
	case onnxpb.AttributeProto_INT:
		if typeAttributes[a.GetName()] && onnxpb.TensorProto_DataType_name[int32(a.GetI())] != "" && a.GetI() != 0 {
			return onnxpb.TypeName(onnxpb.TensorProto_DataType(a.GetI()))
		}
		return short(a.GetI())
	case onnxpb.AttributeProto_FLOAT:
		return short(a.GetF())
	case onnxpb.AttributeProto_STRING:
		return onnxpb.Shortened(strconv.Quote(string(a.GetS())), 60)
	case onnxpb.AttributeProto_INTS:
		return short(a.GetInts())
	case onnxpb.AttributeProto_FLOATS:
		return short(a.GetFloats())
	case onnxpb.AttributeProto_STRINGS:
		words := make([]string, len(a.GetStrings()))
		for i, s := range a.GetStrings() {
			words[i] = string(s)
		}
		return onnxpb.Shortened("["+quoteList(words)+"]", 60)
	case onnxpb.AttributeProto_TENSOR:
		return tensorText(a.GetT())
	case onnxpb.AttributeProto_TYPE_PROTO:
		return onnxpb.FormatTypeProto(a.GetTp())
	case onnxpb.AttributeProto_GRAPH:
		return "graph of " + plural(len(a.GetG().GetNode()), "node")
	}
	return strings.ToLower(a.GetType().String())
}

// tensorText writes a tensor for a report: its type and shape, and its elements where they are few.
func tensorText(t *onnxpb.TensorProto) string {
	s := onnxpb.TypeName(onnxpb.TensorProto_DataType(t.GetDataType())) + onnxpb.FormatShape(onnxpb.Numbers(t.GetDims()...))
	if n, err := onnxpb.Count(t.GetDims()); err != nil || n > 8 || t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
		return s
	}
	a, err := onnxpb.Decode(t, "")
	if err != nil {
		return s
	}
	if words, ok := a.Data.([]string); ok {
		return s + "=" + onnxpb.Shortened(quoteList(words), 60)
	}
	v := a.Data
	if f, err := a.Float64s(); err == nil && a.Type != onnxpb.TensorProto_BOOL && a.Type != onnxpb.TensorProto_INT64 && a.Type != onnxpb.TensorProto_UINT64 && a.Type != onnxpb.TensorProto_FLOAT {
		v = f // the small types of floats are kept as bits
	}
	return s + "=" + strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", ","), "[]")
}
