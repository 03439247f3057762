package opset_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// python is where Debian's python3-onnx is for.
const python = "/usr/bin/python3"

// checkAll is the script that runs onnx.checker over every file that standard input names, and prints the first line of each answer.
const checkAll = `
import sys, onnx
from onnx import checker
for path in sys.stdin.read().splitlines():
    try:
        checker.check_model(path)
        print("ok")
    except Exception as e:
        print(" ".join(str(e).split()) or type(e).__name__)
`

// onnxChecker runs onnx.checker over files and returns its answers, "ok" or what is wrong. The test is skipped where there is no onnx.checker.
func onnxChecker(t *testing.T, files []string) []string {
	t.Helper()
	version, err := exec.Command(python, "-c", "import onnx; print(onnx.__version__)").Output()
	if err != nil {
		t.Skipf("onnx.checker is not on this machine (Debian's python3-onnx): %v", err)
	}
	t.Logf("onnx %s", bytes.TrimSpace(version))
	cmd := exec.Command(python, "-c", checkAll)
	cmd.Stdin = strings.NewReader(strings.Join(files, "\n"))
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("onnx.checker: %v", err)
	}
	var answers []string
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		if !strings.HasPrefix(s.Text(), "Warning: ") { // of experimental operators, from C++
			answers = append(answers, s.Text())
		}
	}
	if len(answers) != len(files) {
		t.Fatalf("%d answers for %d files", len(answers), len(files))
	}
	return answers
}

// exception is a difference from onnx.checker that is meant.
type exception struct{ match, reason string }

// weTakeThem lists what onnx.checker 1.12 refuses and this checker takes for valid, by onnx.checker's message.
var weTakeThem = []exception{
	{`Field 'shape' of 'type' is required but missing`, "exporters leave out shapes that they do not know, and ONNX Runtime runs such models: a warning"},
	{`ir_version is higher than the checker's`, "1.12 knows IR versions up to 8"},
	{`No opset import for domain '(ai\.onnx)?'`, "ai.onnx and the empty name are one domain, as later releases of ONNX have it"},
	{`is expected to have field '(ints|floats|strings)'`, "an empty list is a list, and its type is told"},
	{`Unrecognized data_type \(tensor name: .*\): (1[7-9]|2[0-6])( |$)`, "element types that came after 1.12"},
	{`No Op registered for Gelu`, "a function of the model in ONNX's own domain, of a name that the imported version does not have"},
}

// weRefuseThem lists the faults that this checker finds in models that onnx.checker 1.12 takes for valid, by code and text.
var weRefuseThem = []exception{
	{`^graph-output: `, "onnx.checker does not look whether graph outputs are made"},
	{`^tensor: .*(needs \d+|is negative|passes 64 bits|segment|element type)`, "onnx.checker does not measure data"},
	{`^type-mismatch: `, "onnx.checker does not compare initializers with inputs"},
	{`^shadowed-value: .*as an (input|initializer), and so hides`, "onnx.checker lets inputs and initializers of subgraphs hide outer values"},
	{`^shadowed-value: .*a subgraph of an earlier node`, "onnx.checker lets a later node take a subgraph's name; ONNX Runtime does not"},
	{`^type: .*(element type \d+|without an element type|left open|keys are|type of keys)`, "onnx.checker looks whether there is an element type, not at it"},
	{`^subgraph-signature: `, "onnx.checker does not compare subgraphs with their nodes"},
	{`^opset-import: .*(is imported twice|has version 0)`, "onnx.checker takes any version, and the last of several"},
	{`^attribute-reference: `, "onnx.checker takes references outside of functions, and to what the function does not have"},
	{`^(input|output)-count: .*the function`, "onnx.checker does not look at calls of functions"},
	{`^attribute: .*a Constant has one value`, "onnx.checker leaves that to shape inference; ONNX Runtime refuses it"},
	{`^unknown-operator: .*is called with the overload`, "overloads came after 1.12"},
	{`^unknown-operator: .* of ai\.onnx\.preview`, "onnx.checker takes any operator of the preview domains"},
	{`^function: |^name: in function|^recursive-function: `, "onnx.checker looks at less of functions"},
	{`^name-encoding: `, "onnx.checker does not look at the encoding"},
	{`^initializer: tensor "sparse"`, "onnx.checker does not ask sparse initializers to be inputs"},
	{`^unimported-domain: .*: (Affine|Scale|Crop) is an operator`, "onnx.checker takes the experiments of the early days in any domain"},
	{`^undefined-value: in training_info`, "onnx.checker does not look at training information"},
}

// known returns the index of the exception that a text is under, or -1.
func known(list []exception, text string) int {
	return slices.IndexFunc(list, func(x exception) bool { return regexp.MustCompile(x.match).MatchString(text) })
}

// What onnx.checker refuses is refused here too, and the other way round, but for what the two lists above tell: on the published models of
// ONNX 1.12, each spoiled in several ways.
func TestAgainstONNXChecker(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	dir := t.TempDir()
	var files, how []string
	write := func(m *onnxpb.ModelProto, what string) {
		data, err := onnxpb.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprintf("%05d.onnx", len(files)))
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		files, how = append(files, path), append(how, what)
	}
	for _, c := range corpus.Cases(t) {
		if !strings.HasPrefix(c.Suite, "libonnx/") {
			continue // newer than onnx.checker 1.12
		}
		m, err := c.Open()
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Graph.Node) > 200 {
			continue
		}
		write(m, c.ID()+" as it is")
		for range 6 {
			spoiled := onnxpb.Clone(m)
			var what []string
			for range 1 + rng.IntN(2) {
				k := rng.IntN(len(mutations))
				if mutations[k].do(rng, spoiled) {
					what = append(what, mutations[k].name)
				}
			}
			write(spoiled, c.ID()+": "+strings.Join(what, ", "))
		}
	}
	for _, s := range opset.SpoiledModels() {
		if s.Model.GetIrVersion() > 8 {
			s.Model.IrVersion = int64p(8) // the newest that onnx.checker 1.12 knows
		}
		write(s.Model, "good model: "+s.Name)
	}
	if len(files) < 200 {
		t.Skip("too few models: libonnx-testdata is not on this machine")
	}
	compareAnswers(t, files, how, onnxChecker(t, files))
}

func int64p(v int64) *int64 { return &v }

// compareAnswers holds this checker's answers to those of onnx.checker.
func compareAnswers(t *testing.T, files, how, answers []string) {
	bothRefuse, weTake, weRefuse := 0, make([]int, len(weTakeThem)), make([]int, len(weRefuseThem))
	for i, path := range files {
		var faults []opset.Fault
		f, err := onnxpb.Open(path)
		if err != nil {
			faults = []opset.Fault{{Code: "unreadable", Message: err.Error()}}
		} else {
			faults = opset.Check(f.Model, opset.CheckOptions{Dir: f.Dir()})
			f.Close()
		}
		refused := answers[i] != "ok"
		switch {
		case refused && len(faults) > 0:
			bothRefuse++
		case refused:
			k := known(weTakeThem, answers[i])
			if k < 0 {
				t.Errorf("%s: onnx.checker refuses it, this checker does not: %.300s", how[i], answers[i])
				continue
			}
			weTake[k]++
		case len(faults) > 0:
			imports := slices.ContainsFunc(faults, func(x opset.Fault) bool { return x.Code == opset.FaultOpsetImport })
			for _, x := range faults {
				if imports && x.Code != opset.FaultOpsetImport {
					continue // which of two versions is in force is another question
				}
				k := known(weRefuseThem, x.Code+": "+x.String())
				if k < 0 {
					t.Errorf("%s: this checker refuses it, onnx.checker does not: %s (%s)", how[i], x, x.Code)
					continue
				}
				weRefuse[k]++
			}
		}
	}
	for k, x := range weTakeThem {
		t.Logf("refused by onnx.checker alone: %d times %q: %s", weTake[k], x.match, x.reason)
		if weTake[k] == 0 {
			t.Errorf("the exception %q is not needed", x.match)
		}
	}
	for k, x := range weRefuseThem {
		t.Logf("refused here alone: %d times %q: %s", weRefuse[k], x.match, x.reason)
		if weRefuse[k] == 0 {
			t.Errorf("the exception %q is not needed", x.match)
		}
	}
	t.Logf("%d models, %d refused by both", len(files), bothRefuse)
	if bothRefuse < len(files)/4 {
		t.Errorf("only %d of %d models are spoiled in a way that both see", bothRefuse, len(files))
	}
}
