package onnxtext

import (
	"strings"
	"unicode/utf8"

	"onnxtool/onnxpb"
)

// elemNames are the names of the element types, which are the same as in onnx.proto but for the case.
var elemNames = func() map[string]onnxpb.TensorProto_DataType {
	names := map[string]onnxpb.TensorProto_DataType{}
	for v, n := range onnxpb.TensorProto_DataType_name {
		names[strings.ToLower(n)] = onnxpb.TensorProto_DataType(v)
	}
	return names
}()

// elemName is the inverse of elemNames; false for a number that is not an element type.
func elemName(t int32) (string, bool) {
	n, ok := onnxpb.TensorProto_DataType_name[t]
	return strings.ToLower(n), ok
}

// attrNames are the names of the types of attributes.
var attrNames = func() map[string]onnxpb.AttributeProto_AttributeType {
	names := map[string]onnxpb.AttributeProto_AttributeType{}
	for v, n := range onnxpb.AttributeProto_AttributeType_name {
		if v != 0 {
			names[strings.ToLower(n)] = onnxpb.AttributeProto_AttributeType(v)
		}
	}
	return names
}()

// isTypeWord tells whether a type begins with this word.
func isTypeWord(s string) bool {
	switch s {
	case "seq", "map", "optional", "sparse_tensor", "opaque":
		return true
	}
	_, ok := elemNames[s]
	return ok
}

// isFloatWord tells whether a word is a number: infinity or not a number.
func isFloatWord(s string) bool {
	switch strings.ToLower(s) {
	case "inf", "infinity", "nan":
		return true
	}
	return false
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// isIdentifier tells whether a name is an identifier, which needs no quotes.
func isIdentifier(s string) bool {
	if s == "" || !isLetter(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !isLetter(s[i]) && !isDigit(s[i]) {
			return false
		}
	}
	return true
}

// isPlain tells whether a string can stand between quotes: UTF-8 without control characters, but for those of line ends and tabulators.
func isPlain(s string) bool {
	for _, r := range s {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// singleOf returns the type of the elements of a list type of attributes, and the type itself where it is none.
func singleOf(t onnxpb.AttributeProto_AttributeType) onnxpb.AttributeProto_AttributeType {
	for single, list := range listOf {
		if list == t {
			return single
		}
	}
	return t
}

// listOf maps the types of attributes that hold one value to those that hold a list of such.
var listOf = map[onnxpb.AttributeProto_AttributeType]onnxpb.AttributeProto_AttributeType{
	onnxpb.AttributeProto_FLOAT:         onnxpb.AttributeProto_FLOATS,
	onnxpb.AttributeProto_INT:           onnxpb.AttributeProto_INTS,
	onnxpb.AttributeProto_STRING:        onnxpb.AttributeProto_STRINGS,
	onnxpb.AttributeProto_TENSOR:        onnxpb.AttributeProto_TENSORS,
	onnxpb.AttributeProto_GRAPH:         onnxpb.AttributeProto_GRAPHS,
	onnxpb.AttributeProto_SPARSE_TENSOR: onnxpb.AttributeProto_SPARSE_TENSORS,
	onnxpb.AttributeProto_TYPE_PROTO:    onnxpb.AttributeProto_TYPE_PROTOS,
}

// bytesPacked returns the bytes that n elements of a type take in raw_data.
func bytesPacked(t onnxpb.TensorProto_DataType, n int64) int64 {
	bits := int64(onnxpb.ElemBits(t))
	if bits >= 8 {
		return n * (bits / 8)
	}
	per := 8 / bits
	return n/per + (n%per+per-1)/per
}
