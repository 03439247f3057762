package onnxpb

// DecodeInPlace and SetLargePayload let the tests of whole corpora, which stand outside of this package, compare the two decoders.
var DecodeInPlace = decodeInPlace

// SetLargePayload sets the size from which payloads stay in place and returns the one before.
func SetLargePayload(n int) (old int) {
	old, largePayload = largePayload, n
	return old
}

// Encoded returns the bytes that Save writes.
func Encoded(m *ModelProto) ([]byte, error) {
	e, err := encode(m)
	if err != nil {
		return nil, err
	}
	b := make([]byte, 0, e.size)
	for _, p := range e.pieces {
		b = append(b, p...)
	}
	return b, nil
}
