package surgery

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// TestCorpus renames every model of ONNX's own test suites there and back, sorts and tidies it, and extracts all of it: by what the graphs mean, not by running them.
func TestCorpus(t *testing.T) {
	seen := 0
	for _, c := range corpus.Cases(t) {
		m, err := c.Open()
		if err != nil {
			continue // some models of the suites are kept in other forms; the codec's own tests tell which
		}
		seen++
		if err := corpusModel(m); err != nil {
			t.Errorf("%s: %v", c.ID(), err)
		}
	}
	t.Logf("%d models", seen)
	if seen < 1000 {
		t.Errorf("only %d models were read", seen)
	}
}

func corpusModel(m *onnxpb.ModelProto) error {
	before, err := onnxpb.Marshal(m)
	if err != nil {
		return err
	}
	same := func(s string) string { return s }
	faults := len(opset.Check(m, opset.CheckOptions{}))
	means := meaning(m, same)

	var there, back []RenameRule
	for kind, v := range map[RenameKind]func(func(*string)) nameVisitor{
		KindTensor: func(f func(*string)) nameVisitor { return nameVisitor{value: f} },
		KindNode:   func(f func(*string)) nameVisitor { return nameVisitor{node: f} },
		KindDim:    func(f func(*string)) nameVisitor { return nameVisitor{dim: f} },
	} {
		found := false
		visitor := v(func(*string) { found = true })
		visitor.model(m)
		if found {
			there, back = append(there, RenameRule{Kind: kind, From: "*", To: "<$1>"}), append(back, RenameRule{Kind: kind, From: "re:(?s)<(.*)>", To: "$1"})
		}
	}
	if _, err := Rename(m, there); err != nil {
		return fmt.Errorf("renaming: %w", err)
	}
	if n := len(opset.Check(m, opset.CheckOptions{})); n != faults {
		return fmt.Errorf("renamed, it has %d faults, and %d before", n, faults)
	}
	if got := meaning(m, func(s string) string { return strings.TrimSuffix(strings.TrimPrefix(s, "<"), ">") }); !reflect.DeepEqual(got, means) {
		return fmt.Errorf("renamed, it means something else")
	}
	if _, err := Rename(m, back); err != nil {
		return fmt.Errorf("renaming back: %w", err)
	}
	if after, err := onnxpb.Marshal(m); err != nil || !bytes.Equal(before, after) {
		return fmt.Errorf("renamed back, the bytes differ: %v", err)
	}

	if r, err := Sort(m); err != nil || len(r.Changes) > 0 && faults == 0 {
		return fmt.Errorf("sorting: %v, %v", r, err)
	}
	whole := onnxpb.Clone(m)
	inputs := len(m.Graph.Input)
	if _, err := Tidy(m); err != nil {
		return fmt.Errorf("tidying: %w", err)
	}
	if n := len(opset.Check(m, opset.CheckOptions{})); n > faults {
		return fmt.Errorf("tidied, it has %d faults, and %d before", n, faults)
	}
	if got := meaning(m, same); !reflect.DeepEqual(got, means) {
		return fmt.Errorf("tidied, it means something else")
	}
	if _, err := Extract(whole, nil, nil); err != nil {
		if faults > 0 {
			return nil
		}
		return fmt.Errorf("extracting: %w", err)
	}
	if got := meaning(whole, same); !reflect.DeepEqual(got, means) {
		return fmt.Errorf("extracted, it means something else")
	}
	if len(whole.Graph.Input) == inputs && len(m.TrainingInfo) == 0 {
		a, _ := onnxpb.Marshal(m)
		b, _ := onnxpb.Marshal(whole)
		if !bytes.Equal(a, b) {
			return fmt.Errorf("all of it extracted is not what Tidy leaves")
		}
	}
	return nil
}
