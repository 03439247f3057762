package surgery

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// entries writes the metadata of a model on a line.
func entries(m *onnxpb.ModelProto) string {
	var list []string
	for _, e := range m.GetMetadataProps() {
		list = append(list, e.GetKey()+"="+e.GetValue())
	}
	return strings.Join(list, " ")
}

func TestSetMetadata(t *testing.T) {
	text := func(s string) *string { return &s }
	model := func(list ...*onnxpb.StringStringEntryProto) *onnxpb.ModelProto {
		m := fromText(t, `g (float[2] x) => (float[2] y) { h = Abs (x)  y = Neg (h) }`)
		m.MetadataProps = list
		return m
	}
	abc := func() *onnxpb.ModelProto { return model(entry("a", "1"), entry("b", "2"), entry("c", "3")) }
	twice := func() *onnxpb.ModelProto { return model(entry("k", "1"), entry("b", "2"), entry("k", "3")) }
	for _, c := range []struct {
		name  string
		model *onnxpb.ModelProto
		c     MetadataChanges
		want  string
		notes int
	}{
		{"set and add", abc(), MetadataChanges{Set: []MetadataEntry{{"b", "x"}, {"z", ""}, {"d", "4"}}}, "a=1 b=x c=3 z= d=4", 0},
		{"remove", abc(), MetadataChanges{Remove: []string{"b", "re:[ax]"}}, "c=3", 0},
		{"remove all", abc(), MetadataChanges{Remove: []string{"*"}}, "", 0},
		{"a key twice, set", twice(), MetadataChanges{Set: []MetadataEntry{{"k", "9"}}}, "k=9 b=2", 1},
		{"a key twice, set as it is first", twice(), MetadataChanges{Set: []MetadataEntry{{"k", "1"}}}, "k=1 b=2", 1},
		{"a key twice, removed", twice(), MetadataChanges{Remove: []string{"k"}}, "b=2", 0},
		{"a tensor", abc(), MetadataChanges{Set: []MetadataEntry{{"onnxtool.dmhead.front_pose", "h"}}}, "a=1 b=2 c=3 onnxtool.dmhead.front_pose=h", 0},
	} {
		r, err := SetMetadata(c.model, c.c)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := entries(c.model); got != c.want || len(r.Notes) != c.notes || len(r.Changes) == 0 {
			t.Errorf("%s: %q, want %q; notes %q", c.name, got, c.want, r.Notes)
		}
		valid(t, c.model, c.name)
	}

	m := abc()
	m.ProducerVersion, m.ModelVersion = proto.String("1"), proto.Int64(5)
	version := int64(0)
	r, err := SetMetadata(m, MetadataChanges{Producer: text("p"), ProducerVersion: text(""), Domain: text("d"), Doc: text("two\nlines"), ModelVersion: &version, GraphName: text("n"), GraphDoc: text("gd")})
	if err != nil || len(r.Changes) != 7 {
		t.Fatalf("%v, %v", err, r)
	}
	if m.GetProducerName() != "p" || m.ProducerVersion != nil || m.GetDomain() != "d" || m.GetDocString() != "two\nlines" || m.GetModelVersion() != 0 || m.Graph.GetName() != "n" || m.Graph.GetDocString() != "gd" {
		t.Errorf("the model is %v", m)
	}
	for _, c := range r.Changes {
		if strings.Contains(c.String(), "\n") {
			t.Errorf("a change on several lines: %q", c)
		}
	}

	for _, c := range []struct {
		c     MetadataChanges
		kind  onnxpb.Kind
		words string
	}{
		{MetadataChanges{}, onnxpb.Usage, "nothing is to be changed"},
		{MetadataChanges{Set: []MetadataEntry{{"", "1"}}}, onnxpb.Usage, "is empty"},
		{MetadataChanges{Set: []MetadataEntry{{"q", "1"}, {"q", "1"}}}, onnxpb.Usage, "set twice"},
		{MetadataChanges{Set: []MetadataEntry{{"a", "1"}}, Remove: []string{"?"}}, onnxpb.Usage, "both set and removed"},
		{MetadataChanges{Set: []MetadataEntry{{"a", "\xff"}}}, onnxpb.Usage, "UTF-8"},
		{MetadataChanges{Doc: text("\xff")}, onnxpb.Usage, "UTF-8"},
		{MetadataChanges{GraphName: text("")}, onnxpb.Usage, "has to have a name"},
		{MetadataChanges{Producer: text("p"), Remove: []string{"aa"}}, onnxpb.Unfit, `did you mean "a"`},
		{MetadataChanges{Remove: []string{"q*"}}, onnxpb.Unfit, "matches"},
		{MetadataChanges{Set: []MetadataEntry{{"a", "9"}, {"onnxtool.dmhead.rear_pose", "p"}}}, onnxpb.Unfit, `no tensor "p"`},
	} {
		failsWith(t, abc(), func(m *onnxpb.ModelProto) (*Report, error) { return SetMetadata(m, c.c) }, c.kind, c.words)
	}
}
