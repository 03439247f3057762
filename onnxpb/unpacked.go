package onnxpb

import (
	"encoding/binary"
	"runtime"
	"slices"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// The elements of a tensor may stand in lists (float_data, int64_data, ...) instead of raw_data. Where Open finds such a list large and packed, it leaves it in
// the file as well: one of floating-point numbers is a slice of the file, as its bytes are those that Go has in memory. One of integers takes from one to ten
// bytes for each: it stays as it is among the tensor's unknown fields, where every program that reads what is written finds it, and Unpacked makes the list of it.

// Unpacked returns a tensor with all of its elements in its lists: the tensor itself, or a copy that shares all else where Open has left a large list of integers
// (Int32Data, Int64Data, Uint64Data) in the file. Whoever reads these fields by himself and not by Decode asks it first.
func Unpacked(t *TensorProto) *TensorProto {
	if !hasLeft(t) {
		return t
	}
	c := new(cloner).tensor(t)
	c.unpack()
	return c
}

// isLeft tells whether a field of a tensor is one of the lists that are left in the file.
func isLeft(num protowire.Number, typ protowire.Type) bool {
	return typ == protowire.BytesType && (num == 5 || num == 7 || num == 11)
}

// eachUnknown calls fn with the unknown fields of a message, as bytes with their tags and, where they are of bytes, without.
func eachUnknown(unknown []byte, fn func(num protowire.Number, typ protowire.Type, field, value []byte)) {
	for len(unknown) > 0 {
		num, typ, n := protowire.ConsumeTag(unknown)
		if n < 0 {
			return
		}
		m := protowire.ConsumeFieldValue(num, typ, unknown[n:])
		if m < 0 {
			return
		}
		var value []byte
		if typ == protowire.BytesType {
			value, _ = protowire.ConsumeBytes(unknown[n:])
		}
		fn(num, typ, unknown[:n+m], value)
		unknown = unknown[n+m:]
	}
}

// left returns the packed list that stands in the file for a field of a tensor; nil where there is none.
func (x *TensorProto) left(num protowire.Number) []byte {
	if x == nil || len(x.unknownFields) == 0 {
		return nil
	}
	var found []byte
	eachUnknown(x.unknownFields, func(n protowire.Number, typ protowire.Type, _, value []byte) {
		if n == num && isLeft(n, typ) {
			found = value
		}
	})
	return found
}

func hasLeft(t *TensorProto) bool {
	return t.left(5) != nil || t.left(7) != nil || t.left(11) != nil
}

// sizeLeft returns how many bytes the lists take that are left in the file.
func (x *TensorProto) sizeLeft() int { return len(x.left(5)) + len(x.left(7)) + len(x.left(11)) }

// trulyUnknown returns the unknown fields of a tensor without the lists that are left in the file.
func (x *TensorProto) trulyUnknown() []byte {
	if !hasLeft(x) {
		return x.unknownFields
	}
	var rest []byte
	eachUnknown(x.unknownFields, func(num protowire.Number, typ protowire.Type, field, _ []byte) {
		if !isLeft(num, typ) {
			rest = append(rest, field...)
		}
	})
	return rest
}

// unpack makes lists of those that are left in the file. They stand before what the list holds: that came later in the file.
func (x *TensorProto) unpack() {
	if !hasLeft(x) {
		return
	}
	x.Int32Data = slices.Concat(varints[int32](x.left(5)), x.Int32Data)
	x.Int64Data = slices.Concat(varints[int64](x.left(7)), x.Int64Data)
	x.Uint64Data = slices.Concat(varints[uint64](x.left(11)), x.Uint64Data)
	x.unknownFields = x.trulyUnknown()
}

// dropElements takes the elements out of a tensor, wherever they stand.
func (x *TensorProto) dropElements() {
	x.unknownFields = x.trulyUnknown()
	x.RawData, x.FloatData, x.DoubleData, x.Int32Data, x.Int64Data, x.Uint64Data, x.StringData = nil, nil, nil, nil, nil, nil, nil
}

// varints decodes a packed list that is known to be sound.
func varints[T int32 | int64 | uint64](b []byte) []T {
	if b == nil {
		return nil
	}
	list := make([]T, 0, countVarints(b))
	for len(b) > 0 {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return list // not reached: soundVarints has passed
		}
		list, b = append(list, T(v)), b[n:]
	}
	return list
}

// countVarints counts the numbers of a packed list: each ends with a byte whose highest bit is 0.
func countVarints(b []byte) int {
	n := 0
	for len(b) >= 8 {
		high := binary.LittleEndian.Uint64(b) & 0x8080808080808080
		n += 8 - int(high>>7*0x0101010101010101>>56)
		b = b[8:]
	}
	for _, c := range b {
		n += int(c>>7 ^ 1)
	}
	return n
}

// soundVarints tells whether a packed list is one that the official code reads, and writes as it stands: in as few bytes as each number takes.
func soundVarints(b []byte, is32 bool) bool {
	for len(b) > 0 {
		if b[0] < 0x80 {
			b = b[1:]
			continue
		}
		v, n := protowire.ConsumeVarint(b)
		if n < 0 || n != protowire.SizeVarint(v) || is32 && uint64(int64(int32(v))) != v {
			return false
		}
		b = b[n:]
	}
	return true
}

// leave keeps a large list of integers in the file: field is the whole of it, value without its tag and length. It returns false where the list has to be decoded.
func (d *decoder) leave(t *TensorProto, num protowire.Number, value, field []byte) bool {
	var empty bool
	switch num {
	case 5:
		empty = t.Int32Data == nil
	case 7:
		empty = t.Int64Data == nil
	case 11:
		empty = t.Uint64Data == nil
	}
	shortest := protowire.SizeTag(num)+protowire.SizeBytes(len(value)) == len(field)
	if !empty || !shortest || len(value) == 0 || len(t.unknownFields) > 0 || !soundVarints(value, num == 5) {
		return false
	}
	t.unknownFields = field
	d.pass(value)
	return true
}

// floatsInPlace makes a list of floating-point numbers of so many bytes each of the bytes themselves, which need not lie as the processor has it best. It
// returns nil where this processor cannot read them so.
func floatsInPlace[T float32 | float64](b []byte, size int) []T {
	switch runtime.GOARCH {
	case "amd64", "arm64":
	default:
		return nil
	}
	if len(b) == 0 || len(b)%size != 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/size)
}
