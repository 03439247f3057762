package fuse_test

import (
	"strings"
	"testing"

	"onnxtool/fuse"
)

// The tensors that connections take up stay outputs, once each, inner ones too, and graph inputs do not become any.
func TestMergeKeepConnected(t *testing.T) {
	models := func() []fuse.Input {
		return []fuse.Input{{Name: "one", Model: relu(t, "[2,3]")}, {Name: "two", Model: add(t)}, {Name: "three", Model: relu(t, "[2,3]")}}
	}
	connect := []fuse.Connection{
		{From: fuse.End{Model: "one", Tensor: "y"}, To: fuse.End{Model: "two", Tensor: "a"}},
		{From: fuse.End{Model: "one", Tensor: "h"}, To: fuse.End{Model: "two", Tensor: "b"}},
		{From: fuse.End{Model: "one", Tensor: "x"}, To: fuse.End{Model: "three", Tensor: "x"}},
	}
	for _, c := range []struct {
		o    fuse.MergeOptions
		want string
	}{
		{fuse.MergeOptions{}, "sum[2,3] three_y[2,3]"},
		{fuse.MergeOptions{KeepConnected: true}, "y[2,3] h[2,3] sum[2,3] three_y[2,3]"},
		{fuse.MergeOptions{KeepConnected: true, Outputs: []fuse.OutputSpec{{End: fuse.End{Model: "two", Tensor: "sum"}}, {End: fuse.End{Model: "one", Tensor: "h"}, As: "hidden"}}}, "sum[2,3] hidden[2,3] y[2,3]"},
	} {
		c.o.Connect = connect
		m, r := merge(t, models(), c.o)
		mustPass(t, m)
		first, _, _ := strings.Cut(show(m), "\n")
		if _, got, _ := strings.Cut(first, " -> "); got != c.want {
			t.Errorf("outputs %s, want %s", got, c.want)
		}
		if c.o.KeepConnected && c.o.Outputs == nil {
			told(t, r, `added output "one:h"`)
		}
	}
}
