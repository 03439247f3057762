// Package shape infers the types and shapes of all values of a model, symbolically.
//
// Dimensions are numbers, symbols (the dim_param of ONNX) and integer expressions over them: 2*N, floor(H/2). Two dimensions are equal where their normal
// forms are; a symbol stands for one number, at least 1, wherever it occurs in the model. What the shape of a tensor cannot be told without the data is
// unknown, and stays one unknown dimension wherever it goes: an unknown is written as ? and never as a guess.
//
// The elements of small tensors of integers are followed as such expressions, since exporters compute shapes from shapes: Shape, Gather, Concat, Reshape.
//
// Infer goes through the graph once, in order, into the subgraphs of control flow and the bodies of functions. Operators that are not known have outputs
// of which nothing is known. The rules are those of the ONNX operator specification, for the version of each operator that the model imports; the files rules_*.go
// hold them by kind.
package shape
