package opset

import (
	"encoding/binary"

	"onnxtool/onnxpb"
)

// tensor checks a dense tensor: an initializer, or the value of an attribute. name is what to call it.
func (c *checker) tensor(at *place, t *onnxpb.TensorProto, name string) {
	c.tensorText(at, t, name)
	if err := onnxpb.CheckData(t, c.o.Dir); err != nil {
		code := FaultTensor
		if t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
			code = FaultExternalData
		}
		c.fail(at, code, name, "%v", err)
	}
}

// sparse checks a sparse tensor: its values of shape [NNZ], and its indices of shape [NNZ] (positions in the dense tensor laid out flat) or
// [NNZ,rank], ascending and inside of the dense shape.
func (c *checker) sparse(at *place, s *onnxpb.SparseTensorProto, name string) {
	fail := func(format string, args ...any) { c.fail(at, FaultSparse, name, format, args...) }
	values, indices, dims := s.GetValues(), s.GetIndices(), s.GetDims()
	if values == nil {
		fail("the sparse tensor has no values")
		return
	}
	before := len(c.faults)
	c.tensor(at, values, name)
	if indices != nil {
		c.text(at, name, "the name of the indices", indices.GetName())
		c.tensor(at, indices, name)
	}
	if len(dims) == 0 {
		fail("the sparse tensor has no dimensions")
	}
	for i, d := range dims {
		if d <= 0 {
			fail("dimension %d of the sparse tensor is %d", i, d)
		}
	}
	if len(values.GetDims()) != 1 {
		fail("the values of the sparse tensor have rank %d, not 1", len(values.GetDims()))
	}
	if len(c.faults) > before {
		return
	}
	nnz := values.GetDims()[0]
	if indices == nil {
		if nnz != 0 {
			fail("the sparse tensor has %d values but no indices", nnz)
		}
		return
	}
	if t := onnxpb.TensorProto_DataType(indices.GetDataType()); t != onnxpb.TensorProto_INT64 {
		fail("the indices of the sparse tensor are %s, not int64", onnxpb.TypeName(t))
		return
	}
	size, err := onnxpb.Count(dims)
	if err != nil {
		fail("%v", err)
		return
	}
	shape := indices.GetDims()
	rank := int64(len(dims))
	switch {
	case len(shape) != 1 && len(shape) != 2:
		fail("the indices of the sparse tensor have rank %d, not 1 or 2", len(shape))
	case shape[0] != nnz:
		fail("the sparse tensor has %d values but %d indices", nnz, shape[0])
	case len(shape) == 2 && shape[1] != rank:
		fail("each index of the sparse tensor has %d numbers, but its rank is %d", shape[1], rank)
	case indices.GetDataLocation() != onnxpb.TensorProto_EXTERNAL:
		c.sparseIndices(at, name, indices, dims, size)
	}
}

// sparseIndices checks that indices, whose shape is right, ascend and lie inside of the dense shape of so many elements.
func (c *checker) sparseIndices(at *place, name string, indices *onnxpb.TensorProto, dims []int64, size int64) {
	raw, list := indices.GetRawData(), onnxpb.Unpacked(indices).GetInt64Data()
	index := func(i int64) int64 {
		if raw != nil {
			return int64(binary.LittleEndian.Uint64(raw[8*i:]))
		}
		return list[i]
	}
	previous := int64(-1)
	for i := range indices.GetDims()[0] {
		flat := int64(0)
		if len(indices.GetDims()) == 1 {
			flat = index(i)
			if flat < 0 || flat >= size {
				c.fail(at, FaultSparse, name, "index %d of the sparse tensor is %d: it has %d elements", i, flat, size)
				return
			}
		} else {
			for j, d := range dims {
				v := index(i*int64(len(dims)) + int64(j))
				if v < 0 || v >= d {
					c.fail(at, FaultSparse, name, "index %d of the sparse tensor is %d along dimension %d, which is %d", i, v, j, d)
					return
				}
				flat = flat*d + v
			}
		}
		if flat <= previous {
			c.fail(at, FaultSparse, name, "index %d of the sparse tensor is not after the one before it", i)
			return
		}
		previous = flat
	}
}
