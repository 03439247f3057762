package onnxpb

import (
	"fmt"
	"strings"
)

// ParseTypeProto reads the type of a value as FormatTypeProto writes it (float32 [N,3], float32 [...], sequence(float32 [3]), optional(...), map(int64,...), sparse float32 [N]) or as
// ONNX's operators do (tensor(float), seq(tensor(int64)), sparse_tensor(float)). Errors are of kind Usage.
func ParseTypeProto(text string) (*TypeProto, error) {
	s := strings.TrimSpace(text)
	inner := func(prefixes ...string) (string, bool) {
		for _, p := range prefixes {
			if rest, ok := strings.CutPrefix(s, p+"("); ok && strings.HasSuffix(rest, ")") {
				return strings.TrimSuffix(rest, ")"), true
			}
		}
		return "", false
	}
	if in, ok := inner("sequence", "seq"); ok {
		t, err := ParseTypeProto(in)
		return &TypeProto{Value: &TypeProto_SequenceType{SequenceType: &TypeProto_Sequence{ElemType: t}}}, err
	}
	if in, ok := inner("optional"); ok {
		t, err := ParseTypeProto(in)
		return &TypeProto{Value: &TypeProto_OptionalType{OptionalType: &TypeProto_Optional{ElemType: t}}}, err
	}
	if in, ok := inner("map"); ok {
		key, value, both := strings.Cut(in, ",")
		if !both {
			return nil, Errorf(Usage, "%q is no type: a map has a key and a value", text)
		}
		k, err := ParseType(key)
		if err != nil {
			return nil, err
		}
		t, err := ParseTypeProto(value)
		return &TypeProto{Value: &TypeProto_MapType{MapType: &TypeProto_Map{KeyType: k.enum32(), ValueType: t}}}, err
	}
	sparse := false
	if in, ok := inner("tensor"); ok {
		s = in
	} else if in, ok := inner("sparse_tensor"); ok {
		s, sparse = in, true
	} else if rest, ok := strings.CutPrefix(s, "sparse "); ok {
		s, sparse = rest, true
	}
	name, shape := s, ""
	if i := strings.IndexByte(s, '['); i >= 0 {
		name, shape = s[:i], s[i:]
	}
	elem, err := ParseType(name)
	if err != nil {
		return nil, &Error{Kind: Usage, Msg: fmt.Sprintf("%q is no type of a value", text), Hint: "for example float32 [N,3], sequence(float32 [3]), tensor(float)"}
	}
	var dims []Dim
	if shape != "" && shape != "[...]" {
		if dims, err = ParseShape(shape); err != nil {
			return nil, err
		}
	}
	t := TensorType(elem, dims)
	if sparse {
		d := t.GetTensorType()
		t = &TypeProto{Value: &TypeProto_SparseTensorType{SparseTensorType: &TypeProto_SparseTensor{ElemType: d.ElemType, Shape: d.Shape}}}
	}
	return t, nil
}
