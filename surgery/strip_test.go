package surgery

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"onnxtool/onnxpb"
)

// count counts the fields of a name that the messages of a model have, at any depth.
func countFields(m *onnxpb.ModelProto, name string) int {
	n := 0
	walkMessages(m.ProtoReflect(), "", func(_ string, x protoreflect.Message) {
		f := x.Descriptor().Fields().ByName(protoreflect.Name(name))
		if f == nil || !x.Has(f) {
			return
		}
		if f.IsList() {
			n += x.Get(f).List().Len()
		} else {
			n++
		}
	})
	return n
}

// TestStrip: each flag takes out all of its kind, wherever it stands, tells of each, and takes nothing else.
func TestStrip(t *testing.T) {
	fields := []string{"doc_string", "metadata_props", "value_info", "training_info"}
	for i, o := range []StripOptions{{Docs: true}, {Metadata: true}, {ValueInfo: true}, {Training: true}} {
		m := richModel()
		r, err := Strip(m, o)
		if err != nil {
			t.Fatal(err)
		}
		before := countFields(richModel(), fields[i])
		if countFields(m, fields[i]) != 0 || before == 0 || len(r.Changes) != before {
			t.Errorf("%s: %d before, %d after, %d told", fields[i], before, countFields(m, fields[i]), len(r.Changes))
		}
		valid(t, m, fields[i])
		for k, other := range fields {
			if was, is := countFields(richModel(), other), countFields(m, other); k != i && i < 2 && was != is {
				t.Errorf("without %s there are %d %s, before %d", fields[i], is, other, was)
			}
		}
	}
	m := richModel()
	if _, err := Strip(m, StripOptions{NodeNames: true}); err != nil {
		t.Fatal(err)
	}
	eachBody(m, func(b *nodeBody) {
		for _, n := range b.nodes() {
			if n.Name != nil {
				t.Errorf("node %q has its name still", n.GetName())
			}
		}
	})
	if m.Graph.GetName() == "" || m.Functions[0].GetName() == "" || len(m.Graph.Output) != 3 {
		t.Error("more is gone than names of nodes")
	}
}

func TestStripKeys(t *testing.T) {
	m := richModel()
	before := countFields(m, "metadata_props")
	r, err := Strip(m, StripOptions{Metadata: true, Keys: []string{"origin", "a*"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := told(r); !slices.Equal(got, []string{"removed metadata author", "removed metadata origin"}) || countFields(m, "metadata_props") != before-2 {
		t.Errorf("took %q", got)
	}
	if _, err := Strip(m, StripOptions{Metadata: true, Keys: []string{"onnxtool.dmhead.front_poses"}}); err == nil || !strings.Contains(err.Error(), "front_pose\"") {
		t.Errorf("a key that is not there: %v", err)
	}
}

// TestNameAll: names are unique, at any depth and within functions, and the second time all is as it was.
func TestNameAll(t *testing.T) {
	for _, o := range []NameOptions{{}, {ShortNodes: true, ShortTensors: true}, {ShortTensors: true, Interface: true}} {
		m := richModel()
		if _, err := Strip(m, StripOptions{NodeNames: true}); err != nil {
			t.Fatal(err)
		}
		twin := "twin"
		m.Graph.Node[1].Name, m.Graph.Node[5].Name = &twin, &twin
		if _, err := NameAll(m, o); err != nil {
			t.Fatal(err)
		}
		valid(t, m, "named")
		seen := map[*onnxpb.FunctionProto]map[string]bool{}
		eachBody(m, func(b *nodeBody) {
			if seen[b.fn] == nil {
				seen[b.fn] = map[string]bool{}
			}
			for _, n := range b.nodes() {
				if n.GetName() == "" || seen[b.fn][n.GetName()] {
					t.Errorf("%+v: a node is called %q", o, n.GetName())
				}
				seen[b.fn][n.GetName()] = true
			}
		})
		var names []string
		for _, v := range append(slices.Clone(m.Graph.Input), m.Graph.Output...) {
			names = append(names, v.GetName())
		}
		want := []string{"x", "cond", "bias", "out", "seq", "opt"}
		if o.Interface {
			want = []string{"t0", "t1", "t2", "t3", "t4", "t5"}
		}
		if !reflect.DeepEqual(names, want) {
			t.Errorf("%+v: inputs and outputs are %q", o, names)
		}
		before := marshal(t, m)
		if r, err := NameAll(m, o); err != nil || len(r.Changes) != 0 || string(marshal(t, m)) != string(before) {
			t.Errorf("%+v: the second time %v, %v", o, r, err)
		}
	}
}
