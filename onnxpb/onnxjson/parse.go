package onnxjson

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

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
		e := &onnxpb.Error{Msg: "not a model in protobuf's JSON mapping", Err: errors.New(onnxpb.Shortened(msg, 1000))}
		if half := halfCharacter(text, msg); half != "" {
			e.Err = errors.New(half)
		}
		if first := bytes.TrimSpace(text)[0]; first != '{' {
			e.Hint = "JSON of a model begins with {"
		}
		return nil, e
	}
	if bytes.Contains(text, []byte("NaN")) {
		plainNaNs(m)
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

// halfCharacter finds the escape of one half of a character without the other (a surrogate of UTF-16), which no UTF-8 has and protobuf's reader takes for the end
// of the text or for a wrong escape; "" where that is not what an error is about.
func halfCharacter(text []byte, msg string) string {
	if !strings.Contains(msg, "unexpected EOF") && !strings.Contains(msg, "escape") {
		return ""
	}
	unit := func(at int) rune {
		if at+6 > len(text) || text[at] != '\\' || text[at+1] != 'u' {
			return -1
		}
		v, err := strconv.ParseUint(string(text[at+2:at+6]), 16, 16)
		if err != nil {
			return -1
		}
		return rune(v)
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		u := unit(i)
		switch {
		case !utf16.IsSurrogate(u):
			i++ // what is escaped, which may be a backslash
		case utf16.DecodeRune(u, unit(i+6)) != unicode.ReplacementChar:
			i += 11
		default:
			before := text[:i]
			line := bytes.Count(before, []byte("\n")) + 1
			column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
			return fmt.Sprintf("(line %d:%d): %s is one half of a character, and the other does not follow", line, column, text[i:i+6])
		}
	}
	return ""
}

// plainNaNs has what was read from "NaN" be the value without a payload that other readers make of it: Go's own has one.
func plainNaNs(m *onnxpb.ModelProto) {
	m.AllTensors(func(t *onnxpb.TensorProto) {
		for i, v := range t.DoubleData {
			if v != v {
				t.DoubleData[i] = math.Float64frombits(nan64)
			}
		}
	})
}
