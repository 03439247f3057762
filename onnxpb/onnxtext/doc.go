// Package onnxtext writes and reads models in the textual form of the ONNX parser specification (onnx.parser, onnx.printer): a model as people write
// it by hand.
//
//	<
//	  ir_version: 8,
//	  opset_import: ["" : 17]
//	>
//	net (float[N,3] x) => (float[N,3] y)
//	<float[3] w = {1,2,3}>
//	{
//	  [scale] y = Mul (x, w)
//	}
//
// Where the specification has no words for what a model holds, the form is extended, such that a parser without the extension stops with an error
// and never reads something else:
//
//   - names of attributes, operators, overloads and domains that are no identifiers stand in quotes, as other names do by the specification;
//   - the name of a graph that an attribute holds stands in quotes where it is no identifier (the attribute's type tells it from a string);
//   - a string with control characters or bytes that are not UTF-8 is written in hexadecimal: hex"00ff";
//   - sparse tensors are written sparse_tensor(float[3,4]) = {float[2] w {1,2}, int64[2] {3,11}}: the values, then the indices;
//   - undefined is the name of element type 0; seq(), optional() and map(int64, ) are types that do not tell what they hold;
//   - {...} stands for elements that were left out; Parse refuses it.
package onnxtext
