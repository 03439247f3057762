// Package ort runs models in ONNX Runtime, through its shared library, which it finds and loads when it is first needed. It is the only package
// that touches ONNX Runtime.
//
// What Go's binding to ONNX Runtime cannot pass (outputs of float16, of 4-bit types, of rank 0, optional values that hold nothing, ...) goes round
// it: the model is run as a copy whose inputs and outputs are extended by a few nodes that make them passable without loss, such as a Cast of a
// float16 output to float32 and a Reshape to one dimension with the shape beside it. The copy shares the weights; a model that needs none of
// this runs as it is.
//
// Weights of large models (more than 64 MiB) are not copied either: ONNX Runtime maps them as external data, from the model's own file where the
// model is unchanged since it was opened, else from a temporary file. What ONNX Runtime makes of them is its own: at the levels of optimisation all
// and extended it holds the weights of convolutions and matrix products a second time, in the layout of its kernels; at basic and none a 157 MB network
// of convolutions opens in 8 ms and takes 3 MB.
package ort
