package onnxpb

import (
	"fmt"
	"strconv"
	"strings"
)

// Dim is one dimension of a shape: a number, a symbol (dim_param), or unknown.
type Dim struct {
	Value int64  // the number, where Param is empty and Known is true
	Param string // the symbol
	Known bool   // whether Value holds
}

// Number returns a dimension that is a number.
func Number(v int64) Dim { return Dim{Value: v, Known: true} }

// Symbol returns a dimension that is a symbol.
func Symbol(s string) Dim { return Dim{Param: s} }

// String writes a number or a symbol as it is, and an unknown dimension as ?.
func (d Dim) String() string {
	switch {
	case d.Known:
		return strconv.FormatInt(d.Value, 10)
	case d.Param != "":
		return d.Param
	}
	return "?"
}

// proto makes the message of a dimension.
func (d Dim) proto() *TensorShapeProto_Dimension {
	p := &TensorShapeProto_Dimension{}
	switch {
	case d.Known:
		p.Value = &TensorShapeProto_Dimension_DimValue{DimValue: d.Value}
	case d.Param != "":
		p.Value = &TensorShapeProto_Dimension_DimParam{DimParam: d.Param}
	}
	return p
}

// Set writes d into a message, whose denotation and unknown fields stay.
func (d Dim) Set(p *TensorShapeProto_Dimension) { p.Value = d.proto().Value }

// DimOf reads a dimension.
func DimOf(p *TensorShapeProto_Dimension) Dim {
	switch v := p.GetValue().(type) {
	case *TensorShapeProto_Dimension_DimValue:
		return Number(v.DimValue)
	case *TensorShapeProto_Dimension_DimParam:
		return Symbol(v.DimParam)
	}
	return Dim{}
}

// ParseDim reads a dimension as the command line writes it: a number that is not negative, a symbol, or ? for unknown.
func ParseDim(s string) (Dim, error) {
	s = strings.TrimSpace(s)
	if s == "?" {
		return Dim{}, nil
	}
	if s == "" {
		return Dim{}, Errorf(Usage, "a dimension is empty")
	}
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		if v < 0 {
			return Dim{}, &Error{Kind: Usage, Msg: fmt.Sprintf("dimension %s is negative", s), Hint: "write a symbol such as N for a free dimension"}
		}
		return Number(v), nil
	}
	if c := s[0]; c >= '0' && c <= '9' || strings.ContainsAny(s, "[](),= \t\"") {
		return Dim{}, Errorf(Usage, "%q is neither a number nor a symbol", s)
	}
	return Symbol(s), nil
}

// ParseShape reads a shape as the command line writes it: [N,3,224,224]; the brackets may be left out; [] is a scalar.
func ParseShape(s string) ([]Dim, error) {
	body := strings.TrimSpace(s)
	if strings.HasPrefix(body, "[") != strings.HasSuffix(body, "]") {
		return nil, Errorf(Usage, "shape %q has one bracket", s)
	}
	body = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(body, "["), "]"))
	dims := []Dim{}
	if body == "" {
		if !strings.Contains(s, "[") {
			return nil, Errorf(Usage, "the shape is empty")
		}
		return dims, nil
	}
	for _, f := range strings.Split(body, ",") {
		d, err := ParseDim(f)
		if err != nil {
			return nil, fmt.Errorf("shape %q: %w", s, err)
		}
		dims = append(dims, d)
	}
	return dims, nil
}

// FormatShape writes a shape as ParseShape reads it.
func FormatShape(dims []Dim) string {
	s := make([]string, len(dims))
	for i, d := range dims {
		s[i] = d.String()
	}
	return "[" + strings.Join(s, ",") + "]"
}

// Numbers turns numbers into dimensions.
func Numbers(v ...int64) []Dim {
	dims := make([]Dim, len(v))
	for i, x := range v {
		dims[i] = Number(x)
	}
	return dims
}

// TensorType builds the type of a tensor. Nil dims mean that the rank is not known; empty ones mean a scalar.
func TensorType(elem TensorProto_DataType, dims []Dim) *TypeProto {
	t := &TypeProto_Tensor{}
	e := int32(elem)
	t.ElemType = &e
	if dims != nil {
		t.Shape = &TensorShapeProto{}
		for _, d := range dims {
			t.Shape.Dim = append(t.Shape.Dim, d.proto())
		}
	}
	return &TypeProto{Value: &TypeProto_TensorType{TensorType: t}}
}

// TensorValue builds the declaration of a tensor: a graph input, a graph output or a value_info.
func TensorValue(name string, elem TensorProto_DataType, dims []Dim) *ValueInfoProto {
	return &ValueInfoProto{Name: &name, Type: TensorType(elem, dims)}
}

// ElemType returns the element type of a declared tensor (dense or sparse), and UNDEFINED where the value is none or has none.
func (x *ValueInfoProto) ElemType() TensorProto_DataType {
	switch t := x.GetType().GetValue().(type) {
	case *TypeProto_TensorType:
		return TensorProto_DataType(t.TensorType.GetElemType())
	case *TypeProto_SparseTensorType:
		return TensorProto_DataType(t.SparseTensorType.GetElemType())
	}
	return TensorProto_UNDEFINED
}

// ShapeProto returns the declared shape of a tensor (dense or sparse), and nil where the value is none or its rank is not known.
func (x *ValueInfoProto) ShapeProto() *TensorShapeProto {
	switch t := x.GetType().GetValue().(type) {
	case *TypeProto_TensorType:
		return t.TensorType.GetShape()
	case *TypeProto_SparseTensorType:
		return t.SparseTensorType.GetShape()
	}
	return nil
}

// Shape returns the declared dimensions of a tensor; false where its rank is not known.
func (x *ValueInfoProto) Shape() ([]Dim, bool) {
	s := x.ShapeProto()
	if s == nil {
		return nil, false
	}
	dims := make([]Dim, len(s.GetDim()))
	for i, d := range s.GetDim() {
		dims[i] = DimOf(d)
	}
	return dims, true
}

// typeNames maps the names of element types that people use to the types; the first name of a type is the one that TypeName gives.
var typeNames = map[string]TensorProto_DataType{
	"float": TensorProto_FLOAT, "double": TensorProto_DOUBLE, "half": TensorProto_FLOAT16, "float32": TensorProto_FLOAT, "float64": TensorProto_DOUBLE,
}

// TypeName writes an element type as numpy and ONNX's newer types do: float32, float64, float16, int64, bool, string, float8e4m3fn, int4.
func TypeName(t TensorProto_DataType) string {
	switch t {
	case TensorProto_FLOAT:
		return "float32"
	case TensorProto_DOUBLE:
		return "float64"
	}
	if _, ok := TensorProto_DataType_name[int32(t)]; !ok {
		return fmt.Sprintf("type(%d)", int32(t))
	}
	return strings.ToLower(t.String())
}

// ParseType reads an element type by any of its names (float32 or float, float64 or double, uint8, bfloat16, ...).
func ParseType(s string) (TensorProto_DataType, error) {
	l := strings.ToLower(strings.TrimSpace(s))
	if t, ok := typeNames[l]; ok {
		return t, nil
	}
	if v, ok := TensorProto_DataType_value[strings.ToUpper(l)]; ok && v != 0 {
		return TensorProto_DataType(v), nil
	}
	return 0, &Error{Kind: Usage, Msg: fmt.Sprintf("%q is not an element type of ONNX", s), Hint: "for example float32, float16, uint8, int64, bool, string"}
}
