// Package onnxjson writes and reads models in protobuf's JSON mapping, the form that the tools onnx2json and json2onnx and Python's
// google.protobuf.json_format use: names of fields in lowerCamelCase, bytes in base64, 64-bit integers in quotes, and NaN, Infinity and -Infinity in quotes.
package onnxjson
