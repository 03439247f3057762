package onnxpb

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
)

// digestPiece is how many values of a typed field are encoded at a time.
const digestPiece = 1 << 18

// Digest returns a hash of what a tensor is: its element type, its dimensions and its elements, bit by bit (so that -0 is not 0, and a NaN is itself), in
// whichever field or file they stand. Name, doc string and metadata are no part of it. Elements in raw_data and in external data, which is relative to dir
// ("" refuses it), are read once, piece by piece, and never decoded. Errors name the tensor.
func Digest(t *TensorProto, dir string) ([sha256.Size]byte, error) {
	h := sha256.New()
	fmt.Fprintf(h, "%d %v\n", t.GetDataType(), t.GetDims())
	if err := digestElements(h, t, dir); err != nil {
		return [sha256.Size]byte{}, inTensor(err, t.GetName())
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

func digestElements(h hash.Hash, t *TensorProto, dir string) error {
	et := TensorProto_DataType(t.GetDataType())
	if t.GetDataLocation() == TensorProto_EXTERNAL {
		return digestExternal(h, t, dir)
	}
	if err := CheckData(t, ""); err != nil {
		return err
	}
	if et == TensorProto_STRING {
		for _, s := range t.GetStringData() {
			h.Write(binary.AppendUvarint(nil, uint64(len(s))))
			h.Write(s)
		}
		return nil
	}
	n, err := Count(t.GetDims())
	if err != nil {
		return err
	}
	if raw := t.GetRawData(); len(raw) > 0 {
		// The bits that the last byte of a packed type has left over are no elements.
		if left := int(n % int64(8/min(8, ElemBits(et)))); left != 0 {
			h.Write(raw[:len(raw)-1])
			raw = []byte{raw[len(raw)-1] & (1<<(left*ElemBits(et)) - 1)}
		}
		h.Write(raw)
		return nil
	}
	for piece := range typedPieces(Unpacked(t), et, n) {
		a, err := decode(piece, "")
		if err != nil {
			return err
		}
		raw, err := a.Raw()
		if err != nil {
			return err
		}
		h.Write(raw)
	}
	return nil
}

// typedPieces parts a tensor whose elements stand in a typed field, which CheckData has passed, into tensors of one dimension.
func typedPieces(t *TensorProto, et TensorProto_DataType, n int64) func(func(*TensorProto) bool) {
	values := len(t.FloatData) + len(t.DoubleData) + len(t.Int32Data) + len(t.Int64Data) + len(t.Uint64Data) // all but one are 0
	elements := func(values int64) int64 {
		switch bits := int64(ElemBits(et)); {
		case et == TensorProto_COMPLEX64 || et == TensorProto_COMPLEX128:
			return values / 2
		case bits < 8:
			return values * (8 / bits)
		}
		return values
	}
	return func(yield func(*TensorProto) bool) {
		for at := 0; at < values; at += digestPiece {
			end := min(at+digestPiece, values)
			count := min(elements(int64(end)), n) - elements(int64(at))
			p := &TensorProto{DataType: t.DataType, Dims: []int64{count}}
			switch {
			case len(t.FloatData) > 0:
				p.FloatData = t.FloatData[at:end]
			case len(t.DoubleData) > 0:
				p.DoubleData = t.DoubleData[at:end]
			case len(t.Int32Data) > 0:
				p.Int32Data = t.Int32Data[at:end]
			case len(t.Int64Data) > 0:
				p.Int64Data = t.Int64Data[at:end]
			default:
				p.Uint64Data = t.Uint64Data[at:end]
			}
			if !yield(p) {
				return
			}
		}
	}
}

func digestExternal(h hash.Hash, t *TensorProto, dir string) error {
	if dir == "" {
		return &Error{Msg: "has external data, and where it lies is not known", Hint: "give a model that stands in a file, beside its data"}
	}
	x, size, err := externalSpan(t)
	if err != nil {
		return err
	}
	f, have, err := openExternal(dir, x.location)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := checkSpan(x, size, have); err != nil {
		return err
	}
	bits := min(8, ElemBits(TensorProto_DataType(t.GetDataType())))
	n, err := Count(t.GetDims())
	if err != nil {
		return err
	}
	left := int(n % int64(8/bits))
	whole := int64(size)
	if left != 0 {
		whole--
	}
	if _, err := io.Copy(h, io.NewSectionReader(f, x.offset, whole)); err != nil {
		return &Error{Msg: "external data at " + quoted(x.location) + " cannot be read", Err: bare(err)}
	}
	if left != 0 {
		var last [1]byte
		if _, err := f.ReadAt(last[:], x.offset+whole); err != nil {
			return &Error{Msg: "external data at " + quoted(x.location) + " cannot be read", Err: bare(err)}
		}
		h.Write([]byte{last[0] & (1<<(left*bits) - 1)})
	}
	return nil
}
