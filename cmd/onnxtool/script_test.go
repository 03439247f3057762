package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/protobuf/proto"

	"onnxtool/examples/dmhead/standin"
	"onnxtool/onnxpb"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"onnxtool": func() { os.Exit(realMain()) }})
}

// TestScripts runs the command tests of testdata/script. $MODELS is a folder of small models (see scriptModels), $SHARED_MODELS the folder of real
// trained networks beside the project where there is one. Beside testscript's own commands there are
//
//	onlyfiles NAME...   the working directory holds these files and no others
//	exits CODE cmd...   the command ends with this exit code
func TestScripts(t *testing.T) {
	models := t.TempDir()
	scriptModels(t, models)
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	second := &secondReader{limits: map[string]int{}}
	t.Cleanup(func() { second.report(t) })
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			second.after(e)
			e.Setenv("MODELS", models)
			e.Setenv("SHARED_MODELS", filepath.Join(root, "..", "shared", "models"))
			// The engine is found through the project's cache, as the tool does when it runs in the project.
			for _, v := range []string{"ONNXRUNTIME_LIB", "ONNXTOOL_CACHE"} {
				e.Setenv(v, os.Getenv(v))
			}
			if e.Getenv("ONNXTOOL_CACHE") == "" {
				e.Setenv("ONNXTOOL_CACHE", filepath.Join(root, ".cache"))
			}
			return nil
		},
		Condition: func(cond string) (bool, error) {
			if cond == "sharedmodels" {
				_, err := os.Stat(filepath.Join(root, "..", "shared", "models"))
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"onlyfiles": onlyFiles,
			"exits":     exits,
		},
	})
}

// onlyFiles fails where the working directory holds other files than those named (testscript's own .tmp aside).
func onlyFiles(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("onlyfiles cannot be negated")
	}
	want := map[string]bool{".tmp": true}
	for _, a := range args {
		want[a] = true
	}
	entries, err := os.ReadDir(ts.Getenv("WORK"))
	ts.Check(err)
	for _, e := range entries {
		if !want[e.Name()] {
			ts.Fatalf("%s should not be there", e.Name())
		}
		delete(want, e.Name())
	}
	delete(want, ".tmp")
	for n := range want {
		ts.Fatalf("%s is missing", n)
	}
}

// exits runs a command and holds it to an exit code; stdout and stderr can be matched afterwards.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE command [args]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
}

// scriptModels writes the models that the command tests work on:
//
//	add.onnx       a, b [N,3] -> sum [N,3]
//	pose.onnx      input [1,3,8,8] -> pose [1,3], batch 1 baked into a Reshape
//	other.onnx     as pose.onnx, other weights, value names the same
//	ints.onnx      x int64 [N,3] -> y int64 [N,3]
//	six.onnx       a small 6DRepNet: input [1,3,64,64] -> rotation [1,3,3]
//	whenet.onnx    a small WHENet: image [1,3,64,64] -> yaw [1,120], roll [1,66], pitch [1,66]
//	text.txt, empty.onnx, truncated.onnx   no models
//
// and those of checkModels.
func scriptModels(t *testing.T, dir string) {
	t.Helper()
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	save := func(name string, m *onnxpb.ModelProto) {
		data, err := onnxpb.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		write(name, data)
	}
	n3 := []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)}
	save("add.onnx", smallModel("add", []*onnxpb.NodeProto{onnxpb.Node("Add", "join", []string{"a", "b"}, []string{"sum"})},
		[]*onnxpb.ValueInfoProto{onnxpb.TensorValue("a", onnxpb.TensorProto_FLOAT, n3), onnxpb.TensorValue("b", onnxpb.TensorProto_FLOAT, n3)},
		onnxpb.TensorValue("sum", onnxpb.TensorProto_FLOAT, n3)))
	save("ints.onnx", smallModel("ints", []*onnxpb.NodeProto{onnxpb.Node("Add", "double", []string{"x", "x"}, []string{"y"})},
		[]*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_INT64, n3)},
		onnxpb.TensorValue("y", onnxpb.TensorProto_INT64, n3)))
	save("pose.onnx", poseModel(1))
	save("other.onnx", poseModel(-2))
	save("six.onnx", standin.SixDRepNet(standin.SmallRepVGG, 1))
	save("whenet.onnx", standin.WHENet(standin.SmallEfficientNet, 2))
	whole, err := onnxpb.Marshal(poseModel(1))
	if err != nil {
		t.Fatal(err)
	}
	checkModels(save)
	write("truncated.onnx", whole[:len(whole)/2])
	write("empty.onnx", nil)
	write("text.txt", []byte("This is not a model.\n"))
}

func smallModel(name string, nodes []*onnxpb.NodeProto, in []*onnxpb.ValueInfoProto, out ...*onnxpb.ValueInfoProto) *onnxpb.ModelProto {
	return &onnxpb.ModelProto{
		IrVersion:   proto.Int64(7),
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 13)},
		Graph:       &onnxpb.GraphProto{Name: proto.String(name), Node: nodes, Input: in, Output: out},
	}
}

// poseModel averages an image over its pixels, with the batch in the target of a Reshape, and scales the three colours.
func poseModel(scale float32) *onnxpb.ModelProto {
	m := smallModel("pose", []*onnxpb.NodeProto{
		onnxpb.Node("GlobalAveragePool", "pool", []string{"input"}, []string{"pooled"}),
		onnxpb.Node("Reshape", "flatten", []string{"pooled", "shape"}, []string{"features"}),
		onnxpb.Node("Mul", "scale", []string{"features", "weight"}, []string{"pose"}),
	}, []*onnxpb.ValueInfoProto{onnxpb.TensorValue("input", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1, 3, 8, 8))},
		onnxpb.TensorValue("pose", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1, 3)))
	m.Graph.Initializer = []*onnxpb.TensorProto{
		onnxpb.TensorOf("shape", []int64{2}, []int64{1, 3}),
		onnxpb.TensorOf("weight", []int64{3}, []float32{scale, 2 * scale, 3 * scale}),
	}
	return m
}
