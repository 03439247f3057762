package onnxpb

// DecodeInPlace and SetLargePayload let the tests of whole corpora, which stand outside of this package, compare the two decoders.
var DecodeInPlace = decodeInPlace

// SetLargePayload sets the size from which payloads stay in place and returns the one before.
func SetLargePayload(n int) (old int) {
	old, largePayload = largePayload, n
	return old
}
