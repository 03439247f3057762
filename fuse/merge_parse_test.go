package fuse_test

import (
	"fmt"
	"strings"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// TestParseOutputs reads lists of outputs: a comma ends a new name, and may stand in the name of a tensor.
func TestParseOutputs(t *testing.T) {
	// A model that makes values of these names out of x.
	model := func(name string, values ...string) fuse.Input {
		m := mini(t, "x[] ->")
		for _, v := range values {
			m.Graph.Node = append(m.Graph.Node, onnxpb.Node("Neg", "", []string{"x"}, []string{v}))
		}
		return fuse.Input{Name: name, Model: m}
	}
	parser := fuse.NewParser([]fuse.Input{model("a", "y", "z"), model("b", "y,z", "p=q", "p"), model("c", "y", "y,c:z", "z")})
	for _, c := range []struct{ text, want string }{
		{"a:y", "a:y"},
		{"a:y=r", "a:y>r"},
		{"a:y=r,a:y=s", "a:y>r a:y>s"},
		{"a:y=r,a:z", "a:y>r a:z"},
		{"a:y,a:z=s", "a:y a:z>s"},
		{"a:x,a:y=r,a:z=s,b:x", "a:x a:y>r a:z>s b:x"},
		{"b:y,z", "b:y,z"},
		{"b:y,z=s,a:y", "b:y,z>s a:y"},
		{"a:y=p=q", "a:y>p=q"},
		{"a:y=a:z", "a:y>a:z"},
		{"b:p=q,a:y", `output "b:p=q,a:y" can be read as`},
		{"c:y,c:z", `output "c:y,c:z" can be read as`},
		{"a:nosuch=r,a:y=s", "a:nosuch>r a:y>s"}, // Merge says that it does not exist
		{"a:y=r,s", `output "s" is not of the form`},
		{"a:y=r,d:y", `there is no model "d"`},
		{"a:y=", "a:y="},
		{"", `output "" is not of the form`},
		{"a:y,", `output "" is not of the form`},
	} {
		specs, err := parser.Outputs(c.text)
		if err != nil {
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q: %v, want %s", c.text, err, c.want)
			}
			continue
		}
		list := make([]string, len(specs))
		for i, o := range specs {
			if list[i] = fmt.Sprint(o.End); o.As != "" {
				list[i] += ">" + o.As
			}
		}
		if got := strings.Join(list, " "); got != c.want {
			t.Errorf("%q: %s, want %s", c.text, got, c.want)
		}
	}
	if _, err := parser.Outputs("c:y,c:z"); onnxpb.KindOf(err) != onnxpb.Usage {
		t.Errorf("ambiguous: %v", err)
	}
	// Many commas are no matter.
	if specs, err := parser.Outputs(strings.Repeat("a:y=r,", 300) + "a:y"); err != nil || len(specs) != 301 {
		t.Errorf("%d, %v", len(specs), err)
	}
}
