package shape

import (
	"slices"
	"strings"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
)

// Dim is a dimension, or an element of a small tensor of integers: a number, a symbol, an expression over symbols, or unknown.
type Dim = expr.Expr

// Number returns a dimension that is a number.
func Number(n int64) Dim { return expr.Int(n) }

// Symbol returns a dimension that is a symbol.
func Symbol(name string) Dim { return expr.Sym(name) }

// hidden begins the names of the symbols that stand for dimensions nobody named: what is computed from them can be compared, but not written.
const hidden = "?"

// Kind says what a value is.
type Kind int

// The kinds of values. Unknown is one of which nothing is known.
const (
	Unknown Kind = iota
	Tensor
	Sparse
	Sequence
	Optional
	Map
	Opaque
)

// String names the kind as ONNX's types do.
func (k Kind) String() string {
	return [...]string{"unknown", "tensor", "sparse_tensor", "seq", "optional", "map", "opaque"}[k]
}

// maxElements is how many elements a tensor may have whose elements are followed.
const maxElements = 1024

// Value is what is known of a value of a graph. Values are shared: none is written into once it is made.
type Value struct {
	Kind   Kind
	Elem   onnxpb.TensorProto_DataType // of a tensor; UNDEFINED where it is not known
	Ranked bool                        // whether the rank of a tensor is known
	Dims   []Dim                       // of a tensor whose rank is known
	Of     *Value                      // what a sequence or an optional holds, and the values of a map; nil where it is not known
	Key    onnxpb.TensorProto_DataType // of a map

	// Ints are the elements of a small tensor of integers or bools (1 and 0) in row-major order, also of one of floating-point numbers that are whole; nil where they are
	// not known. Single ones may be unknown. Those of a sequence and of an optional are one element: how many it holds.
	Ints []Dim
	// Floats are the elements of a small tensor of floating-point numbers that is constant; nil where they are not known.
	Floats []float64
}

// unknownValue is a value of which nothing is known.
var unknownValue = &Value{}

// TensorOf returns a tensor of a shape.
func TensorOf(elem onnxpb.TensorProto_DataType, dims []Dim) *Value {
	return &Value{Kind: Tensor, Elem: elem, Ranked: true, Dims: dims}
}

// unranked returns a tensor of an unknown rank.
func unranked(elem onnxpb.TensorProto_DataType) *Value { return &Value{Kind: Tensor, Elem: elem} }

// Numbers returns the dimensions of a tensor where all of them are plain numbers.
func (v *Value) Numbers() ([]int64, bool) {
	if v == nil || v.Kind != Tensor || !v.Ranked {
		return nil, false
	}
	dims := make([]int64, len(v.Dims))
	for i, d := range v.Dims {
		n, ok := d.Const()
		if !ok {
			return nil, false
		}
		dims[i] = n
	}
	return dims, true
}

// numbers makes dimensions of numbers.
func numbers(n []int64) []Dim {
	dims := make([]Dim, len(n))
	for i, v := range n {
		dims[i] = expr.Int(v)
	}
	return dims
}

// constants returns dimensions as numbers, where all are.
func constants(dims []Dim) ([]int64, bool) {
	n := make([]int64, len(dims))
	for i, d := range dims {
		v, ok := d.Const()
		if !ok {
			return nil, false
		}
		n[i] = v
	}
	return n, true
}

// isConst tells whether a dimension is that number.
func isConst(d Dim, n int64) bool {
	v, ok := d.Const()
	return ok && v == n
}

// product multiplies dimensions; 1 for none.
func product(dims []Dim) Dim {
	p := expr.Int(1)
	for _, d := range dims {
		p = p.Mul(d)
	}
	return p
}

// isHidden tells whether a dimension is computed from one that nobody named.
func isHidden(d Dim) bool {
	if _, ok := d.Const(); ok {
		return false
	}
	return slices.ContainsFunc(d.Symbols(), func(s string) bool { return strings.HasPrefix(s, hidden) })
}

// named tells whether a dimension can be written down.
func named(d Dim) bool { return d.Known() && !isHidden(d) }

// Named tells whether a dimension can be written down: it is a number, a symbol or an expression of symbols that the model declares.
func Named(d Dim) bool { return named(d) }

// FormatDim writes a dimension, ? where it cannot be written down.
func FormatDim(d Dim) string { return formatDim(d) }

// isIntegral tells whether tensors of a type hold integers or bools.
func isIntegral(t onnxpb.TensorProto_DataType) bool {
	switch t {
	case onnxpb.TensorProto_INT64, onnxpb.TensorProto_INT32, onnxpb.TensorProto_INT16, onnxpb.TensorProto_INT8, onnxpb.TensorProto_UINT64, onnxpb.TensorProto_UINT32,
		onnxpb.TensorProto_UINT16, onnxpb.TensorProto_UINT8, onnxpb.TensorProto_BOOL, onnxpb.TensorProto_INT4, onnxpb.TensorProto_UINT4, onnxpb.TensorProto_INT2, onnxpb.TensorProto_UINT2:
		return true
	}
	return false
}

// isFloating tells whether tensors of a type hold floating-point numbers whose values are followed.
func isFloating(t onnxpb.TensorProto_DataType) bool {
	return t == onnxpb.TensorProto_FLOAT || t == onnxpb.TensorProto_DOUBLE || t == onnxpb.TensorProto_FLOAT16 || t == onnxpb.TensorProto_BFLOAT16
}

// String writes a value as people do: float32[N,3,224,224], seq(float32[?]), ? where nothing is known.
func (v *Value) String() string {
	if v == nil {
		return "?"
	}
	elem := func(t onnxpb.TensorProto_DataType) string {
		if t == onnxpb.TensorProto_UNDEFINED {
			return "?"
		}
		return onnxpb.TypeName(t)
	}
	switch v.Kind {
	case Tensor, Sparse:
		s := elem(v.Elem) + "[...]"
		if v.Ranked {
			s = elem(v.Elem) + formatDims(v.Dims)
		}
		if v.Kind == Sparse {
			s = "sparse_tensor(" + s + ")"
		}
		return s
	case Sequence, Optional:
		return v.Kind.String() + "(" + v.Of.String() + ")"
	case Map:
		return "map(" + elem(v.Key) + "," + v.Of.String() + ")"
	case Opaque:
		return "opaque"
	}
	return "?"
}

// formatDims writes a shape, with ? for what has no name.
func formatDims(dims []Dim) string {
	list := make([]string, len(dims))
	for i, d := range dims {
		list[i] = formatDim(d)
	}
	return "[" + strings.Join(list, ",") + "]"
}

func formatDim(d Dim) string {
	if !named(d) {
		return "?"
	}
	if name, ok := d.Symbol(); ok {
		return name
	}
	return d.String()
}

// sameDims tells whether two shapes are proven equal.
func sameDims(a, b []Dim) bool {
	return slices.EqualFunc(a, b, Dim.Equal)
}
