package onnxpb

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&Error{Msg: "wrong"}, "wrong"},
		{&Error{File: "m.onnx", Node: "n", Tensor: "t", Msg: "wrong", Err: fs.ErrNotExist, Hint: "look"}, `m.onnx: node "n": tensor "t": wrong: file does not exist (look)`},
		{&Error{File: "m.onnx", Err: fs.ErrNotExist}, "m.onnx: file does not exist"},
		{Errorf(Refused, "no %d", 3), "no 3"},
		{Errorf(Refused, "no: %w", fs.ErrNotExist), "no: file does not exist"},
		{InFile(Errorf(Refused, "no"), "m"), "m: no"},
		{InFile(InFile(Errorf(Refused, "no"), "m"), "n"), "m: no"},
		{InFile(fs.ErrNotExist, "m"), "m: file does not exist"},
		{InFile(fmt.Errorf("step 2: %w", Errorf(Usage, "no")), "m"), "m: step 2: no"},
		{InFile(Errorf(Usage, "no"), ""), "no"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	if InFile(nil, "m") != nil {
		t.Error("an error out of nothing")
	}
}

func TestErrorKinds(t *testing.T) {
	inner := Errorf(Engine, "x: %w", fs.ErrNotExist)
	wrapped := fmt.Errorf("y: %w", inner)
	if KindOf(wrapped) != Engine || KindOf(InFile(wrapped, "m")) != Engine || KindOf(fs.ErrNotExist) != Unfit || KindOf(nil) != Unfit {
		t.Error("a kind is lost")
	}
	if !errors.Is(InFile(wrapped, "m"), fs.ErrNotExist) {
		t.Error("the cause is lost")
	}
	e := Errorf(Refused, "no")
	if InFile(e, "m"); e.File != "" {
		t.Error("InFile wrote into the error that it was given")
	}
}
