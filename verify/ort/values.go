//go:build cgo

package ort

import (
	"runtime"
	"strings"
	"sync"
	"unsafe"

	ort "github.com/yalue/onnxruntime_go"

	"onnxtool/onnxpb"
)

// hasScalar tells whether the binding makes tensors of rank 0 of a type.
func hasScalar(t onnxpb.TensorProto_DataType) bool {
	return passable(t) && t != onnxpb.TensorProto_STRING
}

// formOf tells how a value has to be handed over.
func formOf(v *onnxpb.Value) (form, error) {
	switch {
	case v == nil:
		return omitted, nil
	case v.Kind == onnxpb.KindNone:
		return nothing, nil
	case v.Kind == onnxpb.KindTensor && len(v.Array.Dims) == 0 && !hasScalar(v.Array.Type):
		return asScalar, nil
	case v.Kind == onnxpb.KindSequence:
		whole := len(v.Elems) > 0
		elems := ""
		for _, e := range v.Elems {
			if e.Kind == onnxpb.KindMap {
				return asIs, nil // maps pass in sequences as they are
			}
			if e.Kind != onnxpb.KindTensor {
				return "", onnxpb.Errorf(onnxpb.Engine, "a sequence of %ss cannot be handed to ONNX Runtime", e.Kind)
			}
			f, err := formOf(e)
			if err != nil {
				return "", err
			}
			if f == asIs {
				f = "-"
			}
			elems += string(f)
			whole = whole && passable(e.Array.Type) && len(e.Array.Dims) > 0
		}
		if whole {
			return asIs, nil
		}
		return form("[" + elems + "]"), nil
	}
	return asIs, nil
}

// hand makes the binding's value for a slot.
func (s slot) hand(inputs map[string]*onnxpb.Value, pins *runtime.Pinner) (ort.Value, error) {
	if s.as == dummy {
		return ort.NewTensor(ort.NewShape(1), []float32{0})
	}
	v := inputs[s.input]
	if s.elem >= 0 {
		v = v.Elems[s.elem]
	}
	switch s.as {
	case stretched:
		return handArray(v.Array, []int64{1}, pins)
	case widened:
		f, err := v.Array.Float64s()
		if err != nil {
			return nil, err
		}
		return handSlice([]float32{float32(f[0])}, nil, pins)
	}
	return hand(v, pins)
}

func hand(v *onnxpb.Value, pins *runtime.Pinner) (ort.Value, error) {
	switch v.Kind {
	case onnxpb.KindTensor:
		return handArray(v.Array, v.Array.Dims, pins)
	case onnxpb.KindSequence:
		var elems []ort.Value
		defer func() { destroy(elems) }()
		for _, e := range v.Elems {
			h, err := hand(e, pins)
			if err != nil {
				return nil, err
			}
			elems = append(elems, h)
		}
		s, err := ort.NewSequence(elems)
		if err != nil {
			return nil, engineError(err)
		}
		return s, nil
	case onnxpb.KindMap:
		return handMap(v, pins)
	}
	return nil, onnxpb.Errorf(onnxpb.Engine, "an %s cannot be handed to ONNX Runtime here", v.Kind)
}

// handMap makes a map: ONNX Runtime's are made of two tensors of one dimension.
func handMap(v *onnxpb.Value, pins *runtime.Pinner) (ort.Value, error) {
	keys, err := handArray(v.Keys, v.Keys.Dims, pins)
	if err != nil {
		return nil, err
	}
	defer keys.Destroy()
	all, err := joinScalars(v.Elems)
	if err != nil {
		return nil, err
	}
	values, err := handArray(all, all.Dims, pins)
	if err != nil {
		return nil, err
	}
	defer values.Destroy()
	m, err := ort.NewMap(keys, values)
	if err != nil {
		return nil, engineError(err)
	}
	return m, nil
}

// joinScalars puts tensors of one element each into one tensor.
func joinScalars(values []*onnxpb.Value) (*onnxpb.Array, error) {
	fail := onnxpb.Errorf(onnxpb.Engine, "only maps to single numbers or strings can be handed to ONNX Runtime")
	if len(values) == 0 {
		return nil, onnxpb.Errorf(onnxpb.Engine, "an empty map cannot be handed to ONNX Runtime")
	}
	var t onnxpb.TensorProto_DataType
	var raw []byte
	var text []string
	for i, v := range values {
		if v.Kind != onnxpb.KindTensor || v.Array.Len() != 1 || i > 0 && v.Array.Type != t {
			return nil, fail
		}
		t = v.Array.Type
		if s, ok := v.Array.Data.([]string); ok {
			text = append(text, s...)
			continue
		}
		b, err := v.Array.Raw()
		if err != nil {
			return nil, err
		}
		raw = append(raw, b...)
	}
	n := []int64{int64(len(values))}
	if t == onnxpb.TensorProto_STRING {
		return onnxpb.ArrayOf(n, text), nil
	}
	if !passable(t) {
		return nil, fail
	}
	return onnxpb.ArrayFromRaw(t, n, raw)
}

// elementTypes are ONNX Runtime's numbers of the element types that are handed over as bytes.
var elementTypes = map[onnxpb.TensorProto_DataType]ort.TensorElementDataType{
	onnxpb.TensorProto_FLOAT16:        ort.TensorElementDataTypeFloat16,
	onnxpb.TensorProto_BFLOAT16:       ort.TensorElementDataTypeBFloat16,
	onnxpb.TensorProto_FLOAT8E4M3FN:   ort.TensorElementDataTypeFloat8E4M3FN,
	onnxpb.TensorProto_FLOAT8E4M3FNUZ: ort.TensorElementDataTypeFloat8E4M3FNUZ,
	onnxpb.TensorProto_FLOAT8E5M2:     ort.TensorElementDataTypeFloat8E5M2,
	onnxpb.TensorProto_FLOAT8E5M2FNUZ: ort.TensorElementDataTypeFloat8E5M2FNUZ,
	onnxpb.TensorProto_UINT4:          ort.TensorElementDataTypeUint4,
	onnxpb.TensorProto_INT4:           ort.TensorElementDataTypeInt4,
	onnxpb.TensorProto_FLOAT4E2M1:     23, // the binding has no name for it; the number is that of ONNX Runtime's C interface
}

// newTypes are the numbers of the element types that ONNX Runtime numbers differently from version to version: at first 24 was UINT2, later
// it became FLOAT8E8M0 and the types after it moved up. Four elements of UINT2 fit a byte, four of FLOAT8E8M0 do not: that tells which it is.
var newTypes = sync.OnceValue(func() map[onnxpb.TensorProto_DataType]ort.TensorElementDataType {
	t, err := ort.NewCustomDataTensor(ort.NewShape(4), make([]byte, 1), 24)
	if err == nil {
		t.Destroy()
		return map[onnxpb.TensorProto_DataType]ort.TensorElementDataType{onnxpb.TensorProto_UINT2: 24, onnxpb.TensorProto_INT2: 25}
	}
	return map[onnxpb.TensorProto_DataType]ort.TensorElementDataType{
		onnxpb.TensorProto_FLOAT8E8M0: 24, onnxpb.TensorProto_UINT2: 25, onnxpb.TensorProto_INT2: 26}
})

// handArray makes a tensor of an array, whose memory it shares, with the dimensions given.
func handArray(a *onnxpb.Array, dims []int64, pins *runtime.Pinner) (ort.Value, error) {
	shape := ort.Shape(dims)
	switch d := a.Data.(type) {
	case []float32:
		return handSlice(d, shape, pins)
	case []float64:
		return handSlice(d, shape, pins)
	case []int16:
		return handSlice(d, shape, pins)
	case []int32:
		return handSlice(d, shape, pins)
	case []int64:
		return handSlice(d, shape, pins)
	case []uint32:
		return handSlice(d, shape, pins)
	case []uint64:
		return handSlice(d, shape, pins)
	case []bool:
		return handSlice(d, shape, pins)
	case []string:
		return handStrings(d, shape)
	case []int8:
		if a.Type == onnxpb.TensorProto_INT8 {
			return handSlice(d, shape, pins)
		}
	case []uint8:
		if a.Type == onnxpb.TensorProto_UINT8 {
			return handSlice(d, shape, pins)
		}
	case []uint16:
		if a.Type == onnxpb.TensorProto_UINT16 {
			return handSlice(d, shape, pins)
		}
	}
	number, ok := elementTypes[a.Type]
	if !ok {
		number, ok = newTypes()[a.Type]
	}
	if !ok {
		return nil, onnxpb.Errorf(onnxpb.Engine, "ONNX Runtime takes no tensors of %s", onnxpb.TypeName(a.Type))
	}
	raw, err := a.Raw()
	if err != nil {
		return nil, err
	}
	if len(raw) == 0 {
		raw = []byte{0} // the binding wants a byte at least, ONNX Runtime reads none
	}
	pins.Pin(&raw[0])
	t, err := ort.NewCustomDataTensor(shape, raw, number)
	if err != nil {
		return nil, engineError(err)
	}
	return t, nil
}

func handSlice[T ort.TensorData](d []T, shape ort.Shape, pins *runtime.Pinner) (ort.Value, error) {
	if len(shape) == 0 {
		s, err := ort.NewScalar(d[0])
		if err != nil {
			return nil, engineError(err)
		}
		return s, nil
	}
	if len(d) > 0 {
		pins.Pin(unsafe.SliceData(d))
	}
	t, err := ort.NewTensor(shape, d)
	if err != nil {
		return nil, engineError(err)
	}
	return t, nil
}

func handStrings(d []string, shape ort.Shape) (ort.Value, error) {
	for i, s := range d {
		if strings.IndexByte(s, 0) >= 0 {
			return nil, onnxpb.Errorf(onnxpb.Engine, "string %d holds a zero byte, which cannot be handed to ONNX Runtime", i)
		}
	}
	t, err := ort.NewStringTensor(shape)
	if err == nil {
		if err = t.SetContents(d); err != nil {
			t.Destroy()
		}
	}
	if err != nil {
		return nil, engineError(err)
	}
	return t, nil
}

// value puts an output of the model together from those of the session.
func (t take) value(got []ort.Value) (*onnxpb.Value, error) {
	switch t.kind {
	case flat:
		data, err := takeOver(got[t.data])
		if err != nil {
			return nil, err
		}
		dims, err := takeOver(got[t.dims])
		if err != nil {
			return nil, err
		}
		return unflatten(data.Array, dims.Array, t.elem)
	case list:
		data, err := takeOver(got[t.data])
		if err != nil {
			return nil, err
		}
		dims, err := takeOver(got[t.dims])
		if err != nil {
			return nil, err
		}
		v := &onnxpb.Value{Kind: onnxpb.KindSequence}
		for i := range data.Elems {
			e, err := unflatten(data.Elems[i].Array, dims.Elems[i].Array, t.elem)
			if err != nil {
				return nil, err
			}
			v.Elems = append(v.Elems, e)
		}
		return v, nil
	case maybe:
		held, err := takeOver(got[t.held])
		if err != nil {
			return nil, err
		}
		if !held.Array.Data.([]bool)[0] {
			return &onnxpb.Value{Kind: onnxpb.KindNone}, nil
		}
		return t.in.value(got)
	}
	return takeOver(got[t.data])
}

// takeOver copies a value of the binding.
func takeOver(v ort.Value) (*onnxpb.Value, error) {
	dims := append([]int64{}, v.GetShape()...)
	switch v := v.(type) {
	case *ort.Tensor[float32]:
		return taken(dims, v.GetData())
	case *ort.Tensor[float64]:
		return taken(dims, v.GetData())
	case *ort.Tensor[int8]:
		return taken(dims, v.GetData())
	case *ort.Tensor[int16]:
		return taken(dims, v.GetData())
	case *ort.Tensor[int32]:
		return taken(dims, v.GetData())
	case *ort.Tensor[int64]:
		return taken(dims, v.GetData())
	case *ort.Tensor[uint8]:
		return taken(dims, v.GetData())
	case *ort.Tensor[uint16]:
		return taken(dims, v.GetData())
	case *ort.Tensor[uint32]:
		return taken(dims, v.GetData())
	case *ort.Tensor[uint64]:
		return taken(dims, v.GetData())
	case *ort.Tensor[bool]:
		return taken(dims, v.GetData())
	case *ort.StringTensor:
		if len(dims) == 0 { // the binding takes it for one without elements
			one, err := v.GetElement(0)
			if err != nil {
				return nil, engineError(err)
			}
			return taken(dims, []string{one})
		}
		s, err := v.GetContents()
		if err != nil {
			return nil, engineError(err)
		}
		return taken(dims, s)
	case *ort.Sequence:
		elems, err := v.GetValues()
		if err != nil {
			return nil, engineError(err)
		}
		s := &onnxpb.Value{Kind: onnxpb.KindSequence}
		for _, e := range elems {
			t, err := takeOver(e)
			if err != nil {
				return nil, err
			}
			s.Elems = append(s.Elems, t)
		}
		return s, nil
	case *ort.Map:
		return takeMap(v)
	}
	return nil, onnxpb.Errorf(onnxpb.Engine, "the output is a %T, which cannot be taken over", v)
}

// taken wraps elements; the binding has copied them out of ONNX Runtime's memory already.
func taken[T onnxpb.Element](dims []int64, data []T) (*onnxpb.Value, error) {
	if n, err := onnxpb.Count(dims); err != nil || n != int64(len(data)) {
		return nil, onnxpb.Errorf(onnxpb.Engine, "ONNX Runtime gave %d elements for the shape %v", len(data), dims)
	}
	return onnxpb.TensorVal(onnxpb.ArrayOf(dims, data)), nil
}

func takeMap(m *ort.Map) (*onnxpb.Value, error) {
	k, e, err := m.GetKeysAndValues()
	if err != nil {
		return nil, engineError(err)
	}
	keys, err := takeOver(k)
	if err != nil {
		return nil, err
	}
	values, err := takeOver(e)
	if err != nil {
		return nil, err
	}
	v := &onnxpb.Value{Kind: onnxpb.KindMap, Keys: keys.Array}
	if keys.Kind != onnxpb.KindTensor || values.Kind != onnxpb.KindTensor || keys.Array.Len() != values.Array.Len() {
		return nil, onnxpb.Errorf(onnxpb.Engine, "ONNX Runtime gave a map whose keys and values are not two lists of the same length")
	}
	for i := range values.Array.Len() {
		v.Elems = append(v.Elems, onnxpb.TensorVal(element(values.Array, i)))
	}
	return v, nil
}

// element returns an element of an array of one of Go's own types as a tensor of rank 0.
func element(a *onnxpb.Array, i int) *onnxpb.Array {
	one := onnxpb.NewArray(a.Type, nil)
	switch d := a.Data.(type) {
	case []float32:
		one.Data = d[i : i+1 : i+1]
	case []float64:
		one.Data = d[i : i+1 : i+1]
	case []int64:
		one.Data = d[i : i+1 : i+1]
	case []int32:
		one.Data = d[i : i+1 : i+1]
	case []string:
		one.Data = d[i : i+1 : i+1]
	}
	return one
}

// unflatten gives a tensor its dimensions back, and its element type: float32 came from it without loss and goes back so.
func unflatten(data, dims *onnxpb.Array, elem onnxpb.TensorProto_DataType) (*onnxpb.Value, error) {
	shape, ok := dims.Data.([]int64)
	if n, err := onnxpb.Count(shape); !ok || err != nil || n != int64(data.Len()) {
		return nil, onnxpb.Errorf(onnxpb.Engine, "ONNX Runtime gave %d elements for the shape %v", data.Len(), shape)
	}
	shape = append([]int64{}, shape...)
	if data.Type == elem {
		return onnxpb.TensorVal(&onnxpb.Array{Type: elem, Dims: shape, Data: data.Data}), nil
	}
	values, ok := data.Data.([]float32)
	if !ok {
		return nil, onnxpb.Errorf(onnxpb.Engine, "ONNX Runtime gave %s where float32 was expected", onnxpb.TypeName(data.Type))
	}
	a, err := narrowed(elem, shape, values)
	if err != nil {
		return nil, err
	}
	return onnxpb.TensorVal(a), nil
}
