package onnxpb

import (
	"io"
)

// pieceElements is how many elements Pieces decodes at a time.
const pieceElements = 1 << 16

// DecodePieces decodes a tensor piece by piece: yield gets arrays of one dimension, and the place in row-major order where each begins. So external data, relative to dir ("" refuses it), is never in memory as a
// whole. The arrays are yield's only until it returns. Errors are those of Decode, and what yield returns, at which it stops.
func DecodePieces(t *TensorProto, dir string, yield func(from int64, piece *Array) error) error {
	if err := CheckData(t, ""); err != nil && t.GetDataLocation() != TensorProto_EXTERNAL {
		return inTensor(err, t.GetName())
	}
	et := TensorProto_DataType(t.GetDataType())
	n, err := checkType(et, t.GetDims())
	if err != nil {
		return inTensor(err, t.GetName())
	}
	bits := int64(ElemBits(et))
	if t.GetDataLocation() == TensorProto_EXTERNAL {
		if dir == "" {
			return inTensor(&Error{Msg: "has external data, and where it lies is not known", Hint: "give a model that stands in a file, beside its data"}, t.GetName())
		}
		x, size, err := externalSpan(t)
		if err != nil {
			return inTensor(err, t.GetName())
		}
		f, have, err := openExternal(dir, x.location)
		if err != nil {
			return inTensor(err, t.GetName())
		}
		defer f.Close()
		if err := checkSpan(x, size, have); err != nil {
			return inTensor(err, t.GetName())
		}
		buffer := make([]byte, min(int64(size), pieceElements*bits/8))
		r := io.NewSectionReader(f, x.offset, int64(size))
		return rawPieces(et, n, func(length int64) ([]byte, error) {
			if _, err := io.ReadFull(r, buffer[:length]); err != nil {
				return nil, inTensor(&Error{Msg: "external data at " + quoted(x.location) + " cannot be read", Err: bare(err)}, t.GetName())
			}
			return buffer[:length], nil
		}, yield)
	}
	if raw := t.GetRawData(); len(raw) > 0 {
		return rawPieces(et, n, func(length int64) ([]byte, error) {
			piece := raw[:length]
			raw = raw[length:]
			return piece, nil
		}, yield)
	}
	if et == TensorProto_STRING {
		for from := int64(0); from < n; from += pieceElements {
			list := t.GetStringData()[from:min(from+pieceElements, n)]
			a, err := decode(&TensorProto{DataType: t.DataType, Dims: []int64{int64(len(list))}, StringData: list}, "")
			if err != nil {
				return inTensor(err, t.GetName())
			}
			if err := yield(from, a); err != nil {
				return err
			}
		}
		return nil
	}
	from := int64(0)
	for p := range typedPieces(Unpacked(t), et, n) {
		a, err := decode(p, "")
		if err != nil {
			return inTensor(err, t.GetName())
		}
		if err := yield(from, a); err != nil {
			return err
		}
		from += int64(a.Len())
	}
	return nil
}

// rawPieces decodes n elements in the form of raw_data, which next gives so many bytes at a time of.
func rawPieces(et TensorProto_DataType, n int64, next func(length int64) ([]byte, error), yield func(int64, *Array) error) error {
	for from := int64(0); from < n; from += pieceElements {
		count := min(pieceElements, n-from)
		raw, err := next((count*int64(ElemBits(et)) + 7) / 8)
		if err != nil {
			return err
		}
		a, err := ArrayFromRaw(et, []int64{count}, raw)
		if err != nil {
			return err
		}
		if err := yield(from, a); err != nil {
			return err
		}
	}
	return nil
}
