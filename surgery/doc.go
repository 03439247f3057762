// Package surgery edits one ONNX model: names, inputs and outputs, the batch, the set of nodes.
//
// Every exported edit is a function of the model and what is asked for, in a file named for it, and returns a Report of what it changed.
// All of them keep the laws of surgery: all or nothing (an edit that fails leaves the model as it was); nothing lost (unknown fields, metadata,
// functions, annotations survive); names stay sound, through subgraphs; order stays sound; the same input gives the same bytes; a valid model
// stays valid; the payloads of tensors are neither decoded nor copied; and the cost grows with nodes and edges.
package surgery
