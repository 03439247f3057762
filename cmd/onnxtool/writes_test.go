package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

// editArgs is an edit of the model below by every command that edits one; M stands for the file.
var editArgs = map[string]string{
	"rename": "M --input x=image", "infer": "M", "setinput": "M x --dtype float16", "setoutput": "M y --name result", "setbatch": "4 M", "setdim": "N=4 M", "addoutput": "M h", "dropoutput": "M z", "dropinput": "M --unused", "sort": "M", "setmeta": "M --set a=1",
	"delete": "M --node second", "rewire": "M h x", "swap": "M w v", "insert": "M --op Neg --after h", "expand-dim": "M y --axis 0", "extract": "M --to h", "setattr": "M --node second --set alpha=0.5",
	"setconst": "M w --value 1,3", "dedup": "M", "strip": "M --docs", "names": "M", "inline": "M", "replace": "M --find (x)=>(y){y=LeakyRelu<alpha:float=@a>(x)} --with (x)=>(y){y=Elu<alpha:float=@a>(x)}", "fill": "M", "tidy": "M", "edit": "M -- rename --input x=image -- tidy", "from-json": "", "from-text": "",
}

const editModel = `<ir_version: 8, opset_import: ["": 17, "local": 1]> g (float[N,2] x) => (float[N,2] y, float[N,2] z) <float[2] w = {1,2}, float[2] v = {1,2}>
	{ [first] h = Add (x, w) [second] k = LeakyRelu <alpha: float = 0.25> (h) [third] y = Add (k, v) [fourth] z = local.f (k) }
	<opset_import: ["": 17], domain: "local"> f (a) => (b) { b = Abs (a) }`

// TestNothingIsOverwritten runs every command that edits a model. Without being told where to write it does nothing, and says so; with -o the file that it read stays as it was; a model in which two
// weights have one name, of which one would be lost, is refused.
func TestNothingIsOverwritten(t *testing.T) {
	m, err := onnxtext.Parse(editModel)
	if err != nil {
		t.Fatal(err)
	}
	twice := onnxpb.Clone(m)
	twice.Graph.Initializer[1].Name = twice.Graph.Initializer[0].Name
	n := 0
	for _, c := range commands() {
		edits := false
		for _, f := range c.Flags {
			b, ok := f.(*cli.BoolFlag)
			edits = edits || ok && b.Name == "in-place"
		}
		args, listed := editArgs[c.Name]
		if !edits || listed && args == "" {
			continue
		}
		if !listed {
			t.Errorf("%s is not among the commands that are tried", c.Name)
			continue
		}
		n++
		t.Run(c.Name, func(t *testing.T) {
			dir := t.TempDir()
			path, bad := filepath.Join(dir, "m.onnx"), filepath.Join(dir, "twice.onnx")
			for p, m := range map[string]*onnxpb.ModelProto{path: m, bad: twice} {
				if err := onnxpb.Save(m, p, onnxpb.SaveOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			before, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			run := func(file string, code int, more ...string) {
				t.Helper()
				cmd := exec.Command("onnxtool", append(append([]string{c.Name}, more...), strings.Fields(strings.ReplaceAll(args, "M", file))...)...)
				cmd.Dir = dir
				if out, _ := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != code {
					t.Errorf("%v: ends with %d, want %d: %s", cmd.Args, cmd.ProcessState.ExitCode(), code, out)
				}
				if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
					t.Errorf("%v: the file that was read changed, %v", cmd.Args, err)
				}
			}
			files := func(want int) {
				t.Helper()
				if list, err := os.ReadDir(dir); err != nil || len(list) != want {
					t.Errorf("%d files, want %d (%v)", len(list), want, err)
				}
			}
			run("m.onnx", 2)
			files(2)
			run("twice.onnx", 3, "-o", "out.onnx")
			files(2)
			run("m.onnx", 0, "-o", "out.onnx")
			files(3)
			if c.Name == "edit" {
				return
			}
			// As a step of edit it makes the same bytes.
			step := append([]string{"edit", "m.onnx", "-o", "step.onnx", "--", c.Name}, strings.Fields(strings.ReplaceAll(args, "M", ""))...)
			cmd := exec.Command("onnxtool", step...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %v: %s", step, err, out)
			}
			alone, err := os.ReadFile(filepath.Join(dir, "out.onnx"))
			if err != nil {
				t.Fatal(err)
			}
			if inStep, err := os.ReadFile(filepath.Join(dir, "step.onnx")); err != nil || !bytes.Equal(alone, inStep) {
				t.Errorf("%v makes other bytes than the command alone (%v)", step, err)
			}
		})
	}
	if n < 20 {
		t.Errorf("only %d commands were tried", n)
	}
}
