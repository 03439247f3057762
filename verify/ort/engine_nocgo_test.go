//go:build !cgo

package ort

import (
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

func TestWithoutCgo(t *testing.T) {
	if _, err := Default(); onnxpb.KindOf(err) != onnxpb.Engine || !strings.Contains(err.Error(), "without cgo") {
		t.Errorf("got %v", err)
	}
}
