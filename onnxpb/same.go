package onnxpb

import (
	"bytes"

	"google.golang.org/protobuf/proto"
)

// Same tells whether two messages hold the same, bit by bit: unlike for proto.Equal, 0 is not -0.
func Same(a, b proto.Message) bool {
	if !proto.Equal(a, b) {
		return false
	}
	o := proto.MarshalOptions{Deterministic: true}
	x, errX := o.Marshal(a)
	y, errY := o.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}
