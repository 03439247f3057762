package surgery

import (
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

// fromText makes a model of opset 17 of the text of its graph, and functions.
func fromText(t *testing.T, graph string) *onnxpb.ModelProto {
	t.Helper()
	m, err := onnxtext.Parse("<ir_version: 8, opset_import: [\"\": 17]>\n" + graph)
	if err != nil {
		t.Fatalf("%v in\n%s", err, graph)
	}
	valid(t, m, "as written")
	return m
}

// toText writes the graph of a model on one line, as a test compares it.
func toText(t *testing.T, m *onnxpb.ModelProto) string {
	t.Helper()
	var b strings.Builder
	if _, err := onnxtext.Format(&b, m, onnxtext.Options{}); err != nil {
		t.Fatal(err)
	}
	_, graph, _ := strings.Cut(b.String(), "\n>\n")
	return strings.Join(strings.Fields(graph), " ")
}

// sameGraph holds a model to the text of the graph that it is to have. Both are written by the same means, so that blanks do not matter.
func sameGraph(t *testing.T, m *onnxpb.ModelProto, want string) {
	t.Helper()
	valid(t, m, "after the edit")
	if got, want := toText(t, m), toText(t, fromText(t, want)); got != want {
		t.Errorf("the graph is\n%s\nnot\n%s", got, want)
	}
}

// failsWith wants an error of a kind that holds some words, and the model as it was.
func failsWith(t *testing.T, m *onnxpb.ModelProto, edit edit, kind onnxpb.Kind, words string) {
	t.Helper()
	before := marshal(t, m)
	_, err := edit(m)
	switch {
	case err == nil:
		t.Errorf("no error, and %q expected", words)
	case onnxpb.KindOf(err) != kind || !strings.Contains(err.Error(), words):
		t.Errorf("%v (kind %v); %q (kind %v) expected", err, onnxpb.KindOf(err), words, kind)
	case string(before) != string(marshal(t, m)):
		t.Errorf("the model changed, though: %v", err)
	}
}
