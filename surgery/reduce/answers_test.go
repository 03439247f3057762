package reduce_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/surgery/reduce"
)

// TestConstantsComeAlong leaves a Reshape with its target: a constant is no input.
func TestConstantsComeAlong(t *testing.T) {
	m := model([]*onnxpb.NodeProto{
		onnxpb.Node("Relu", "", []string{"x"}, []string{"a"}),
		onnxpb.Node("Constant", "", nil, []string{"shape"}, onnxpb.TensorAttr("value", onnxpb.TensorOf("", []int64{2}, []int64{-1, 4}))),
		onnxpb.Node("Neg", "", []string{"a"}, []string{"b"}),
		onnxpb.Node("Reshape", "", []string{"b", "shape"}, []string{"c"}),
		onnxpb.Node("Neg", "", []string{"c"}, []string{"d"}),
	}, []string{"x"}, nil)
	m.Graph.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("d", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{{}, onnxpb.Number(4)})}
	small, _ := reduced(t, m, func(m *onnxpb.ModelProto) (bool, error) { return strings.Contains(ops(m), "Reshape"), nil }, reduce.Options{})
	if ops(small) != "Constant Reshape" {
		t.Errorf("left: %s", ops(small))
	}
}

// TestTypesNotKnown cuts where types are known only: an operator of a domain that nobody knows stays with what feeds on it.
func TestTypesNotKnown(t *testing.T) {
	odd := onnxpb.Node("Odd", "", []string{"b"}, []string{"c"})
	odd.Domain = proto.String("own")
	odd2 := onnxpb.Node("Odd", "", []string{"c"}, []string{"d"})
	odd2.Domain = proto.String("own")
	m := model([]*onnxpb.NodeProto{onnxpb.Node("Relu", "", []string{"x"}, []string{"a"}), onnxpb.Node("Neg", "", []string{"a"}, []string{"b"}), odd, odd2,
		onnxpb.Node("Relu", "", []string{"d"}, []string{"e"})}, []string{"x"}, []string{"e"})
	m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("own", 1))
	small, _ := reduced(t, m, func(m *onnxpb.ModelProto) (bool, error) {
		return slices.ContainsFunc(m.Graph.Node, func(n *onnxpb.NodeProto) bool { return slices.Contains(n.Output, "d") }), nil
	}, reduce.Options{})
	if ops(small) != "Odd Odd Relu" || small.Graph.Input[0].GetName() != "b" {
		t.Errorf("left: %s, inputs %v", ops(small), small.Graph.Input)
	}
}

// TestDeadNodes keeps a node that nothing reads where it is what fails.
func TestDeadNodes(t *testing.T) {
	m := model([]*onnxpb.NodeProto{onnxpb.Node("Relu", "", []string{"x"}, []string{"a"}), onnxpb.Node("Erf", "", []string{"a"}, []string{"dead"}),
		onnxpb.Node("Neg", "", []string{"a"}, []string{"b"})}, []string{"x"}, []string{"b"})
	small, _ := reduced(t, m, func(m *onnxpb.ModelProto) (bool, error) { return strings.Contains(ops(m), "Erf"), nil }, reduce.Options{})
	if ops(small) != "Erf" {
		t.Errorf("left: %s", ops(small))
	}
}

// TestWeights replaces what is large, where it is asked to and the failure allows it.
func TestWeights(t *testing.T) {
	m := model([]*onnxpb.NodeProto{onnxpb.Node("MatMul", "", []string{"x", "w"}, []string{"a"}), onnxpb.Node("MatMul", "", []string{"a", "v"}, []string{"b"})}, []string{"x"}, []string{"b"})
	m.Graph.Output[0].Type = onnxpb.TensorType(onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(64)})
	m.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.TensorOf("w", []int64{8, 64}, make([]float32, 512)), onnxpb.TensorOf("v", []int64{64, 64}, make([]float32, 4096))}
	fails := func(m *onnxpb.ModelProto) (bool, error) {
		return strings.HasSuffix(ops(m), "MatMul MatMul") && slices.ContainsFunc(m.Graph.Initializer, func(t *onnxpb.TensorProto) bool { return t.GetName() == "w" }), nil
	}
	small, r := reduced(t, m, fails, reduce.Options{})
	if ops(small) != "MatMul MatMul" || r.After.Bytes < 16<<10 {
		t.Errorf("left: %s, %d bytes", ops(small), r.After.Bytes)
	}
	small, r = reduced(t, m, fails, reduce.Options{Weights: true})
	if ops(small) != "ConstantOfShape MatMul MatMul" || small.Graph.Node[0].Output[0] != "v" || r.After.Bytes > 4<<10 {
		t.Errorf("left: %s, %d bytes", ops(small), r.After.Bytes)
	}
}

// TestPasses refuses what does not fail, and what is not valid.
func TestPasses(t *testing.T) {
	never := func(*onnxpb.ModelProto) (bool, error) { return false, nil }
	always := func(*onnxpb.ModelProto) (bool, error) { return true, nil }
	_, _, err := reduce.Reduce(random(10, 1), never, reduce.Options{})
	if !errors.Is(err, reduce.ErrPasses) || onnxpb.KindOf(err) != onnxpb.Unfit {
		t.Errorf("error %v", err)
	}
	bad := random(10, 1)
	bad.Graph.Node[4].Input[0] = "nothing"
	if _, _, err := reduce.Reduce(bad, always, reduce.Options{}); err == nil || !strings.Contains(err.Error(), "not valid") {
		t.Errorf("error %v", err)
	}
	own := errors.New("out of order")
	runs := 0
	if _, _, err := reduce.Reduce(random(10, 1), func(*onnxpb.ModelProto) (bool, error) { runs++; return runs < 3, map[bool]error{true: own}[runs == 3] }, reduce.Options{}); err != own || runs != 3 {
		t.Errorf("error %v after %d runs", err, runs)
	}
	if _, _, err := reduce.Reduce(&onnxpb.ModelProto{}, always, reduce.Options{}); err == nil {
		t.Error("a model without a graph is reduced")
	}
	if _, _, err := reduce.Reduce(random(10, 1), always, reduce.Options{MaxRuns: -1}); onnxpb.KindOf(err) != onnxpb.Usage {
		t.Errorf("error %v", err)
	}
}

// TestForce reduces a model that is not valid to its fault.
func TestForce(t *testing.T) {
	m := random(80, 2)
	plant(m, 33, "NoSuchOperator", -1)
	faulty := func(m *onnxpb.ModelProto) (bool, error) { return len(opset.Check(m, opset.CheckOptions{})) > 0, nil }
	small, _ := reduced(t, m, faulty, reduce.Options{Force: true})
	if len(small.Graph.Node) > 2 || !strings.Contains(ops(small), "NoSuchOperator") {
		t.Errorf("left: %s", ops(small))
	}
}

// TestRandomAnswers ends, whatever it is told, within the runs that it is given.
func TestRandomAnswers(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 4))
		runs := 0
		small, report, err := reduce.Reduce(random(100, seed), func(*onnxpb.ModelProto) (bool, error) {
			runs++
			return runs == 1 || r.IntN(10) < int(seed%10), nil
		}, reduce.Options{MaxRuns: 300})
		if err != nil || runs > 300 || report.Runs != runs {
			t.Fatalf("%d runs, %v", runs, err)
		}
		if len(opset.Check(small, opset.CheckOptions{})) > 0 {
			t.Error("the result is not valid")
		}
	}
}

// TestMaxRuns ends with the smallest model so far.
func TestMaxRuns(t *testing.T) {
	m := random(300, 8)
	plant(m, 100, "Softmax", -1)
	plant(m, 200, "Erf", 100)
	small, r := reduced(t, m, fed("Erf", "Softmax"), reduce.Options{MaxRuns: 8})
	if r.Runs != 8 || r.Complete || len(small.Graph.Node) < 3 || len(small.Graph.Node) >= 300 {
		t.Errorf("%d runs, complete %v, %d nodes", r.Runs, r.Complete, len(small.Graph.Node))
	}
	var text bytes.Buffer
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "the search ended after 8 runs") {
		t.Errorf("%v: %s", err, text.String())
	}
	data, err := json.Marshal(r)
	if err != nil || !bytes.Contains(data, []byte(`"schema":"onnxtool.reduce/1"`)) {
		t.Errorf("%v: %s", err, data)
	}
}

// TestProgress is told of every run, and of a smaller model each time that one was taken.
func TestProgress(t *testing.T) {
	m := random(100, 8)
	plant(m, 50, "Erf", -1)
	var told []reduce.Progress
	_, r, err := reduce.Reduce(m, func(m *onnxpb.ModelProto) (bool, error) { return strings.Contains(ops(m), "Erf"), nil },
		reduce.Options{Progress: func(p reduce.Progress) { told = append(told, p) }})
	if err != nil || len(told) != r.Runs {
		t.Fatalf("%d runs, told of %d, %v", r.Runs, len(told), err)
	}
	taken := 0
	for _, s := range r.Steps {
		taken += s.Taken
	}
	for i, p := range told {
		if p.Runs != i+1 {
			t.Errorf("run %d is told as %d", i+1, p.Runs)
		}
		if p.Failed {
			taken--
		}
	}
	if taken != -1 { // the whole model failed too
		t.Errorf("taken: %d beside those told of", taken)
	}
}
