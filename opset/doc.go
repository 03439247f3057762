// Package opset holds the facts on ONNX's operators and the checker of models that rests on them.
//
// Lookup finds the signature of an operator under an imported version of its domain: the domains are ai.onnx (versions 1 to 28), ai.onnx.ml
// and the preview domains. Check finds every structural fault of a model, with its place.
package opset

//go:generate go run ./internal/optable ../../shared/spec/operators.json operators.txt
