package onnxjson

import (
	"bytes"
	"errors"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	"onnxtool/onnxpb"
)

// Parse reads a model from JSON as Format, onnx2json and Python's json_format write it; names of fields may be written as in onnx.proto too (raw_data).
// A field that onnx.proto does not have is an error, as is data that was left out. Errors are of kind Unfit and tell line and column where they can.
func Parse(text []byte) (*onnxpb.ModelProto, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // a byte order mark
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, &onnxpb.Error{Msg: "the file is empty", Hint: "a model in JSON was expected"}
	}
	m := &onnxpb.ModelProto{}
	if err := protojson.Unmarshal(text, m); err != nil {
		msg := clean(err)
		if strings.Contains(msg, elidedField) {
			return nil, &onnxpb.Error{Msg: "the data of a tensor was left out: " + msg, Hint: "write the JSON again, without --elide"}
		}
		e := &onnxpb.Error{Msg: "not a model in protobuf's JSON mapping", Err: errors.New(msg)}
		if first := bytes.TrimSpace(text)[0]; first != '{' {
			e.Hint = "JSON of a model begins with {"
		}
		return nil, e
	}
	if m.Graph == nil {
		return nil, &onnxpb.Error{Msg: "not a model: the JSON has no graph", Hint: "see onnxtool json for what it looks like"}
	}
	if m.IrVersion == nil {
		return nil, &onnxpb.Error{Msg: "not a model: the JSON has no irVersion", Hint: "see onnxtool json for what it looks like"}
	}
	return m, nil
}

// clean takes the prefix off protobuf's errors, which holds a space of random width.
func clean(err error) string {
	s := strings.TrimPrefix(err.Error(), "proto:")
	return strings.TrimLeft(s, " \u00a0")
}
