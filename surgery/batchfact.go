package surgery

import (
	"math"

	"onnxtool/onnxpb"
)

// batchFact is what the analysis knows of a value. There are three kinds:
//
//   - free: neither its shape nor its elements depend on the batch or on what the rows of the inputs hold. axis is -1.
//   - rows: what belongs to row n of the inputs lies at index (o, n, i) of its axis, which is taken apart into outer * N * inner; it is
//     what the model computes where row n is its whole batch. axis is that axis, outer the part before the rows (1 in all simple cases).
//   - sized: a small tensor of numbers that are computed from the size of the batch, not from rows. axis is -1, and vals says the numbers.
type batchFact struct {
	elem   onnxpb.TensorProto_DataType // UNDEFINED where it does not matter
	ranked bool                        // whether dims holds
	dims   []extent
	axis   int
	outer  extent
	seq    []*batchFact // of a sequence of tensors: its elements, where they are known; nil otherwise
	vals   []extent     // the elements in row-major order, of a small tensor of numbers or booleans where they are known; nil otherwise
}

func freeFact(dims []extent) *batchFact { return &batchFact{ranked: true, dims: dims, axis: -1} }

func unknownFact() *batchFact { return &batchFact{axis: -1} }

func rowsFact(dims []extent, axis int, outer extent) *batchFact {
	return &batchFact{ranked: true, dims: dims, axis: axis, outer: outer}
}

// valsFact is a tensor of known numbers; it is free or sized.
func valsFact(elem onnxpb.TensorProto_DataType, dims []int64, vals []extent) *batchFact {
	f := freeFact(extentsOf(dims))
	f.elem, f.vals = elem, vals
	return f
}

func extentsOf(dims []int64) []extent {
	out := make([]extent, len(dims))
	for i, d := range dims {
		out[i] = extentOf(d)
	}
	return out
}

func (x *batchFact) rank() int { return len(x.dims) }

func (x *batchFact) rows() bool { return x != nil && x.axis >= 0 }

func (x *batchFact) sized() bool {
	if x == nil {
		return false
	}
	for _, v := range x.vals {
		if v.onBatch() {
			return true
		}
	}
	return false
}

// plain tells whether the batch axis holds the rows and nothing else.
func (x *batchFact) plain() bool { return x.dims[x.axis] == batchExtent }

// numbers returns the elements where all of them are plain numbers.
func (x *batchFact) numbers() ([]int64, bool) {
	if x == nil || x.vals == nil {
		return nil, false
	}
	out := make([]int64, len(x.vals))
	for i, v := range x.vals {
		n, ok := v.num()
		if !ok {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

// numDims returns the dimensions where all of them are plain numbers.
func (x *batchFact) numDims() ([]int64, bool) {
	if !x.ranked {
		return nil, false
	}
	return (&batchFact{vals: append([]extent{}, x.dims...)}).numbers()
}

// sound holds a fact to what the kinds promise.
func (x *batchFact) sound() bool {
	if !x.ranked {
		return x.axis < 0
	}
	for i, d := range x.dims {
		if i != x.axis && d.onBatch() || d.c < 0 {
			return false
		}
	}
	if x.axis < 0 {
		return true
	}
	if x.axis >= len(x.dims) || x.outer.onBatch() || x.vals != nil {
		return false
	}
	in, ok := x.dims[x.axis].div(x.outer.mul(batchExtent))
	return ok && !in.onBatch() && x.dims[x.axis].c > 0
}

// maxVals is how many elements a tensor may have whose numbers are followed, and maxFloats the same for floats, which serve as scales only.
const (
	maxVals   = 1024
	maxFloats = 64
)

// tensorFact makes the fact of a constant; it reads the elements of small ones only.
func (f *batchFlow) tensorFact(t *onnxpb.TensorProto) *batchFact {
	x := freeFact(extentsOf(t.GetDims()))
	x.elem = onnxpb.TensorProto_DataType(t.GetDataType())
	n, err := onnxpb.Count(t.GetDims())
	if err != nil || n > maxVals || len(t.GetExternalData()) > 0 {
		return x
	}
	switch x.elem {
	case onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_DOUBLE, onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16:
		if n > maxFloats {
			return x
		}
	case onnxpb.TensorProto_INT64, onnxpb.TensorProto_INT32, onnxpb.TensorProto_INT16, onnxpb.TensorProto_INT8, onnxpb.TensorProto_UINT8, onnxpb.TensorProto_BOOL:
	default:
		return x
	}
	a, err := onnxpb.Decode(t, "")
	if err != nil {
		return x
	}
	x.vals = f.arrayVals(a)
	return x
}

// arrayVals makes extents of numbers. A float that is no integer becomes an unknown number that does not depend on the batch.
func (f *batchFlow) arrayVals(a *onnxpb.Array) []extent {
	vals := make([]extent, a.Len())
	if ints, err := a.Int64s(); err == nil {
		for i, v := range ints {
			vals[i] = extentOf(v)
		}
		return vals
	}
	floats, err := a.Float64s()
	if err != nil {
		return nil
	}
	for i, v := range floats {
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			vals[i] = extentOf(int64(v))
		} else {
			vals[i] = f.unknown()
		}
	}
	return vals
}

// declaredDims reads the dimensions that a value is declared with. A symbol of the batch says nothing here: the analysis finds out by itself
// what follows the batch.
func (f *batchFlow) declaredDims(v *onnxpb.ValueInfoProto) ([]extent, bool) {
	dims, ok := v.Shape()
	if !ok {
		return nil, false
	}
	out := make([]extent, len(dims))
	for i, d := range dims {
		switch {
		case d.Known && d.Value >= 0:
			out[i] = extentOf(d.Value)
		case d.Param != "" && !f.batchSyms[d.Param]:
			out[i] = symExtent(d.Param)
		default:
			out[i] = f.unknown()
		}
	}
	return out, true
}

// refine puts declared numbers where the analysis knows no more than that a length does not depend on the batch.
func (f *batchFlow) refine(name string, x *batchFact) {
	v := f.g.ValueInfo(name)
	if v == nil {
		return
	}
	dims, ok := f.declaredDims(v)
	if !ok {
		return
	}
	if !x.ranked {
		x.ranked, x.dims = true, dims
		return
	}
	if len(dims) != len(x.dims) {
		return
	}
	for i := range dims {
		if _, known := x.dims[i].num(); !known && i != x.axis {
			if _, better := dims[i].num(); better {
				x.dims[i] = dims[i]
			}
		}
	}
}
