package onnxpb

import (
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

// nestedIfs returns a model whose subgraphs stand so many levels deep, and nestedSequences one with a type of that kind.
func nestedIfs(levels int, within func(*ModelProto) **GraphProto) *ModelProto {
	m := small()
	at := within(m)
	for range levels {
		n := Node("If", "", []string{"c"}, []string{"y"})
		g := &GraphProto{Name: proto.String("g")}
		n.Attribute = []*AttributeProto{GraphAttr("then_branch", g)}
		if *at == nil {
			*at = &GraphProto{}
		}
		(*at).Node = append((*at).Node, n)
		at = &n.Attribute[0].G
	}
	return m
}

func nestedSequences(levels int) *ModelProto {
	m := small()
	t := m.Graph.Input[0].Type
	for range levels {
		t = &TypeProto{Value: &TypeProto_SequenceType{SequenceType: &TypeProto_Sequence{ElemType: t}}}
	}
	m.Graph.ValueInfo = []*ValueInfoProto{{Name: proto.String("s"), Type: t}}
	return m
}

// What Save writes Open reads, and what Open would not read Save refuses, at the very limit.
func TestSaveWritesWhatOpenReads(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	graph := func(m *ModelProto) **GraphProto { return &m.Graph }
	function := func(m *ModelProto) **GraphProto {
		m.Functions = []*FunctionProto{{Node: []*NodeProto{{Attribute: []*AttributeProto{{}}}}}}
		return &m.Functions[0].Node[0].Attribute[0].G
	}
	training := func(m *ModelProto) **GraphProto {
		m.TrainingInfo = []*TrainingInfoProto{{}}
		return &m.TrainingInfo[0].Algorithm
	}
	for name, build := range map[string]func(int) *ModelProto{
		"graph":    func(n int) *ModelProto { return nestedIfs(n, graph) },
		"function": func(n int) *ModelProto { return nestedIfs(n, function) },
		"training": func(n int) *ModelProto { return nestedIfs(n, training) },
		"types":    nestedSequences,
	} {
		taken, refused := 0, 0
		for levels := range 60 {
			m := build(levels)
			err := Save(m, path, SaveOptions{})
			_, readErr := decodeCopied(mustMarshal(t, m))
			if (err == nil) != (readErr == nil) {
				t.Errorf("%s, %d levels: written: %v, read: %v", name, levels, err, readErr)
			}
			if err == nil {
				taken++
				openFile(t, path)
				continue
			}
			refused++
			if !strings.Contains(err.Error(), "100") || !strings.Contains(err.Error(), path) {
				t.Errorf("%v", err)
			}
		}
		if taken < 20 || refused < 5 {
			t.Errorf("%s: %d taken, %d refused", name, taken, refused)
		}
	}
	// Deep beyond any stack that counts is refused as well.
	if err := Save(nestedIfs(100_000, graph), path, SaveOptions{}); err == nil {
		t.Error("100,000 levels are written")
	}
}
