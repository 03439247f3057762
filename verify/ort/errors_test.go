package ort

import (
	"errors"
	"strings"
	"testing"
)

// What ONNX Runtime says of models it does not take tells what to do.
func TestLikelyCauses(t *testing.T) {
	for msg, hint := range map[string]string{
		"Error creating C session: foo:Bar(-1) is not a registered function/op":                                            "custom operators",
		"Could not find an implementation for Gelu(20) node with name 'g'":                                                 "no kernel",
		"Opset 99 is under development and support for this is limited. Current official support is till opset 26.":        "newer than this ONNX Runtime",
		"Unsupported model IR version: 12, max supported IR version: 11":                                                   "format is newer",
		"External data path validation failed for initializer: w. Error: External data path does not exist: \"/x/w.data\"": "onnxtool data check",
		"std::bad_alloc": "memory ran out",
		"something else": "",
	} {
		got := engineError(errors.New(msg)).Error()
		if hint != "" && !strings.Contains(got, hint) || hint == "" && strings.Contains(got, "(") {
			t.Errorf("%q: %s", msg, got)
		}
	}
}
