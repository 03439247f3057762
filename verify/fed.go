package verify

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"unsafe"

	"onnxtool/onnxpb"
)

// fedHashes hash what inputs were fed with, so that a report tells whether two runs had the same.
type fedHashes map[string]hash.Hash

// add adds a value of an input. A value that is a sequence, a map or nothing adds its parts in order.
func (f *fedHashes) add(name string, v *onnxpb.Value) {
	if *f == nil {
		*f = fedHashes{}
	}
	if (*f)[name] == nil {
		(*f)[name] = sha256.New()
	}
	hashValue((*f)[name], v)
}

func (f fedHashes) of(name string) string {
	if f[name] == nil {
		return ""
	}
	return hex.EncodeToString(f[name].Sum(nil))
}

func hashValue(h hash.Hash, v *onnxpb.Value) {
	if v == nil {
		return
	}
	fmt.Fprintf(h, "%s %d\n", v.Kind, len(v.Elems))
	hashArray(h, v.Keys)
	hashArray(h, v.Array)
	for _, e := range v.Elems {
		hashValue(h, e)
	}
}

// hashArray hashes an element type, a shape and elements, in little-endian order whatever the machine's is.
func hashArray(h hash.Hash, a *onnxpb.Array) {
	if a == nil {
		return
	}
	fmt.Fprintf(h, "%s%s\n", onnxpb.TypeName(a.Type), shapeText(a.Dims))
	if words, ok := a.Data.([]string); ok {
		for _, s := range words {
			fmt.Fprintf(h, "%q\n", s)
		}
		return
	}
	if d, ok := a.Data.([]float32); ok && littleEndian {
		h.Write(unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(d))), 4*len(d))) // without a copy: pictures are of this type
		return
	}
	binary.Write(h, binary.LittleEndian, a.Data)
}

// littleEndian tells whether this machine keeps numbers as they are hashed.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1
