package onnxpb

import (
	"fmt"
	"reflect"
)

// maxDense is how many bytes Dense makes at most: a sparse tensor of some bytes can stand for any number of them.
const maxDense = 1 << 34

// Dense returns the elements of a sparse tensor in its whole shape, with zeros between them (for strings, empty ones). Its indices are of shape [NNZ], places in the elements laid out in row-major order, or
// [NNZ, rank]. External data is relative to dir, as in Decode. A tensor that is not well formed is an error of kind Unfit, one of more than 16 GiB of kind Refused.
func Dense(s *SparseTensorProto, dir string) (*Array, error) {
	name := s.GetValues().GetName()
	fail := func(format string, args ...any) error {
		return &Error{Kind: Unfit, Tensor: name, Msg: "the sparse tensor is not well formed: " + fmt.Sprintf(format, args...)}
	}
	dims := s.GetDims()
	n, err := Count(dims)
	if err != nil {
		return nil, inTensor(err, name)
	}
	values, err := Decode(s.GetValues(), dir)
	if err != nil {
		return nil, inTensor(err, name)
	}
	if n > maxDense/int64(max(ElemBits(values.Type)/8, 1)) {
		return nil, &Error{Kind: Refused, Tensor: name, Msg: fmt.Sprintf("it has %d elements, most of them zeros", n), Hint: "it is too large to be written out"}
	}
	out := NewArray(values.Type, dims)
	if values.Len() == 0 {
		return out, nil
	}
	indices, err := Decode(s.GetIndices(), dir)
	if err != nil {
		return nil, inTensor(err, name)
	}
	list, ok := indices.Data.([]int64)
	width := 1
	if len(indices.Dims) == 2 {
		width = len(dims)
	}
	if !ok || len(list) != values.Len()*width {
		return nil, fail("%d values have %d indices", values.Len(), len(list))
	}
	from, to := reflect.ValueOf(values.Data), reflect.ValueOf(out.Data)
	for i := range values.Len() {
		at := int64(0)
		if len(indices.Dims) == 2 {
			for k, d := range dims {
				v := list[i*width+k]
				if v < 0 || v >= d {
					return nil, fail("index %d is %d along dimension %d, which is %d", i, v, k, d)
				}
				at = at*d + v
			}
		} else if at = list[i]; at < 0 || at >= n {
			return nil, fail("index %d is %d, and there are %d elements", i, at, n)
		}
		to.Index(int(at)).Set(from.Index(i))
	}
	return out, nil
}
