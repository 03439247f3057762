// Package opset holds the facts on ONNX's operators (signatures, attributes, versions) and the checker of models that rests on them.
package opset
