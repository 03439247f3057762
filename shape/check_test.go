package shape_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/opset"
	"onnxtool/shape"
)

// oneFault lists models that each have one fault of types or shapes, with its code and its place.
var oneFault = []struct {
	name, text, code, node, tensor string
	python                         string // what onnx.checker with full_check (1.12) says
}{
	{"two element types", `(float[2] x, int64[2] y) => (float[2] z) { [n] z = Add (x, y) }`, opset.FaultInputType, "n", "y", "refused"},
	{"an element type that the operator does not take", `(string[2] x) => (string[2] z) { [n] z = Neg (x) }`, opset.FaultInputType, "n", "x", "refused"},
	{"a sequence for a tensor", `(seq(float[2]) x) => (float[2] z) { [n] z = SequenceAt (x, k) [m] k2 = Neg (x) } `, opset.FaultInputType, "m", "x", "refused"},
	{"an inner dimension", `(float[2,3] x, float[4,5] y) => (float[2,5] z) { [n] z = MatMul (x, y) }`, opset.FaultInference, "n", "", "refused"},
	{"ranks", `(float[2,3] x, float[4,3,3,3] y) => (float[2,8,1,1] z) { [n] z = Conv (x, y) }`, opset.FaultInference, "n", "", "crashed"},
	{"dimensions that cannot be broadcast", `(float[2,3] x, float[4] y) => (float[2,3] z) { [n] z = Add (x, y) }`, opset.FaultInference, "n", "", "refused"},
	{"a declared output", `(float[2,3] x) => (float[2,8] z) { [n] z = Relu (x) }`, opset.FaultInference, "n", "z", "refused"},
	{"a declared element type", `(float[2,3] x) => (int64[2,3] z) { [n] z = Relu (x) }`, opset.FaultInference, "n", "z", "refused"},
	{"value_info", `(float[2,3] x) => (float[2,3] z) <float[3,2] y> { [n] y = Relu (x) z = Neg (y) }`, opset.FaultInference, "n", "y", "refused"},
	{"an axis", `(float[2,3] x) => (float[2,3] z) { [n] z = Softmax <axis = 5> (x) }`, opset.FaultInference, "n", "", "refused"},
	{"a permutation", `(float[2,3] x) => (float[2,3] z) { [n] z = Transpose <perm = [0,2]> (x) }`, opset.FaultInference, "n", "", "refused"},
	{"the sizes of a Reshape", `(float[2,3] x) => (float[5] z) <int64[1] s = {5}> { [n] z = Reshape (x, s) }`, opset.FaultInference, "n", "", "ok"},
	{"in a subgraph", `(bool c, float[2] x, int64[2] i) => (float[2] z)
		{ [if] z = If (c) <then_branch = a () => (float[2] t) { [n] t = Add (x, i) }, else_branch = b () => (float[2] e) { e = Identity (x) }> }`, opset.FaultInputType, "n", "i", "ok"},
	{"a condition of one element for a body that takes a scalar", `(float[2] x) => (float[2] y) <int64 k = {2}, bool[1] c = {1}>
		{ [n] y = Loop (k, c, x) <body = b (int64 i, bool ci, float[2] s) => (bool co, float[2] so) { co = Identity (ci) so = Neg (s) }> }`, opset.FaultInference, "", "ci", "refused"},
	{"branches of two types", `(bool c, float[2] x) => (float[2] z)
		{ [n] z = If (c) <then_branch = a () => (float[2] t) { t = Neg (x) }, else_branch = b () => (double[2] e) { e = Cast <to = 11> (x) }> }`, opset.FaultSubgraph, "", "e", "refused"},
	{"a state of another type in the next pass", `(float[2] x) => (double[2] y) <int64 k = {2}, bool c = {1}>
		{ [n] y = Loop (k, c, x) <body = b (int64 i, bool ci, float[2] s) => (bool co, double[2] so) { co = Identity (ci) so = Cast <to = 11> (s) }> }`, opset.FaultSubgraph, "", "so", "refused"},
	{"a condition that is a number", `(float[2] x) => (float[2] y) <int64 k = {2}, bool c = {1}>
		{ [n] y = Loop (k, c, x) <body = b (int64 i, bool ci, float[2] s) => (int64 co, float[2] so) { co = Identity (i) so = Neg (s) }> }`, opset.FaultSubgraph, "", "co", "ok"},
	{"a trip count of two", `(float[2] x) => (float[2] y) <int64[2] k = {2,3}, bool c = {1}>
		{ [n] y = Loop (k, c, x) <body = b (int64 i, bool ci, float[2] s) => (bool co, float[2] so) { co = Identity (ci) so = Neg (s) }> }`, opset.FaultSubgraph, "", "k", "ok"},
	{"a state of Scan of another shape in the next pass", `(float[2] x, float[3,2] r) => (float[2,1] y)
		{ [n] y = Scan (x, r) <num_scan_inputs = 1, body = b (float[2] s, float[2] e) => (float[2,1] so) { w = Add (s, e) sh = Constant <value_ints = [2,1]> () so = Reshape (w, sh) }> }`, opset.FaultSubgraph, "", "so", "refused"},
	{"a shape of three axes", `(float[2,3] x) => (float[6] z) <int64[1,1,1] s = {6}> { [n] z = Reshape (x, s) }`, opset.FaultInference, "n", "", "ok"},
	{"lengths of two axes", `(float[4,2] x) => (float[4,2] z) <int64[2,1] s = {1,2}> { [n] z = ReverseSequence (x, s) }`, opset.FaultInference, "n", "", "refused"},
	{"in a function, by the types of a call", `(float[2] x, int64[2] i) => (float[2] z) { z = local.f (x, i) }
		<domain: "local", opset_import: ["": 17]> f (a, b) => (c) { [n] c = Add (a, b) }`, opset.FaultInputType, "n", "b", "refused"},
	{"in a function that a function calls in a branch", `(bool c, string[2] x) => (string[2] z) { z = local.g (c, x) }
		<domain: "local", opset_import: ["": 17, "local": 1]> g (c, a) => (d) { d = If (c) <then_branch = t () => (string[2] u) { u = local.f (a) }, else_branch = e () => (string[2] v) { v = Identity (a) }> }
		<domain: "local", opset_import: ["": 17]> f (a) => (b) { [n] b = Neg (a) }`, opset.FaultInputType, "n", "a", "ok"},
}

// TestFaultsOfFunctions tells a fault in a function once, whoever calls it, and where: a call with other types has none.
func TestFaultsOfFunctions(t *testing.T) {
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17, "local": 1]> g (float[2] x, string[2] s) => (float[2] y, string[2] z, string[2] u) { y = local.f (x) z = local.f (s) u = local.f (s) }
		<domain: "local", opset_import: ["": 17]> f (a) => (b) { [n] b = Neg (a) }`)
	if err != nil {
		t.Fatal(err)
	}
	found := shape.Check(m, opset.CheckOptions{})
	if len(found) != 1 || found[0].Graph != "function local.f" || found[0].Node != "n" || found[0].Tensor != "a" {
		t.Errorf("%v", found)
	}
}

func TestOneFault(t *testing.T) {
	dir := t.TempDir()
	var files []string
	for i, c := range oneFault {
		text := strings.Replace(c.text, "[n] z = SequenceAt (x, k)", "[k] k = Constant <value = int64 {0}> () [n] z = SequenceAt (x, k)", 1)
		m, err := onnxtext.Parse("<ir_version: 8, opset_import: [\"\": 17, \"local\": 1]> g " + text)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		found := shape.Check(m, opset.CheckOptions{})
		if len(found) == 0 {
			t.Errorf("%s: no fault is found", c.name)
		} else if f := found[0]; f.Code != c.code || f.Node != c.node || f.Tensor != c.tensor {
			t.Errorf("%s: %s: %s", c.name, f.Code, f)
		}
		if f := opset.Check(m, opset.CheckOptions{}); len(f) > 0 {
			t.Errorf("%s: the structure has faults: %v", c.name, f)
		}
		files = append(files, filepath.Join(dir, fmt.Sprintf("%d.onnx", i)))
		if err := onnxpb.Save(m, files[i], onnxpb.SaveOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("onnx.checker", func(t *testing.T) { compareWithPython(t, files) })
}

// compareWithPython holds the table to what onnx.checker says.
func compareWithPython(t *testing.T, files []string) {
	const script = `
import os, sys, onnx
for path in sys.stdin.read().splitlines():
    child = os.fork()  # it ends in a crash on some models
    if child == 0:
        try:
            onnx.checker.check_model(path, full_check=True)
            onnx.shape_inference.infer_shapes(onnx.load(path), strict_mode=True)
            os._exit(0)
        except BaseException:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    print("ok" if status == 0 else "refused" if os.WIFEXITED(status) else "crashed", flush=True)
`
	if out, err := exec.Command("/usr/bin/python3", "-c", "import onnx").CombinedOutput(); err != nil {
		if !errors.Is(err, fs.ErrNotExist) && !strings.Contains(string(out), "No module named 'onnx'") {
			t.Fatalf("Python's onnx is broken: %v: %s", err, out)
		}
		t.Skipf("Python's onnx (Debian's python3-onnx) is not on this machine, and its checker is not compared: %v: %s", err, out)
	}
	cmd := exec.Command("/usr/bin/python3", "-c", script)
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("onnx.checker: %v", err)
	}
	answers := strings.Fields(string(out))
	for i, c := range oneFault {
		if answers[i] != c.python {
			t.Errorf("%s: onnx.checker says %s, and %s is told", c.name, answers[i], c.python)
		}
	}
}

// Every fault is told, not only the first.
func TestAllFaults(t *testing.T) {
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]> g (float[2] x, int64[2] y, float[3] w) => (float[2] z, float[7] v)
		{ [a] z = Add (x, y) [b] q = Mul (x, w) [c] v = Relu (x) [d] u = Nonsense (x) }`)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]bool{}
	for _, f := range shape.Check(m, opset.CheckOptions{}) {
		at[f.Node] = true
	}
	if len(at) != 4 {
		t.Errorf("faults at %v", at)
	}
}

// The published models of ONNX have no faults of types.
func TestCheckCorpus(t *testing.T) {
	n := 0
	for _, c := range corpus.Cases(t) {
		m, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		if len(opset.Check(m, opset.CheckOptions{})) > 0 {
			continue
		}
		n++
		for _, f := range shape.Check(m, opset.CheckOptions{}) {
			t.Errorf("%s: %s: %s", c.ID(), f.Code, f)
		}
	}
	t.Logf("%d models", n)
}
