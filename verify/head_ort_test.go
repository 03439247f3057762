package verify_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"onnxtool/examples/dmhead/standin"
	"onnxtool/fuse"
	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// newEngine returns ONNX Runtime; make setup puts its library where it is found.
func newEngine(t *testing.T) verify.Engine {
	t.Helper()
	return testengine.New(t)
}

// standins returns small models of both kinds.
func standins() (front, rear *onnxpb.ModelProto) {
	return standin.SixDRepNet(standin.SmallRepVGG, 1), standin.WHENet(standin.SmallEfficientNet, 2)
}

// standinRear returns another small rear model.
func standinRear(seed uint64) *onnxpb.ModelProto {
	return standin.WHENet(standin.SmallEfficientNet, seed)
}

func dmhead(t *testing.T, front, rear *onnxpb.ModelProto, o fuse.DMHeadOptions) *onnxpb.ModelProto {
	t.Helper()
	m, _, err := fuse.DMHead(fuse.Input{Name: "front", Model: front}, fuse.Input{Name: "rear", Model: rear}, o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func verifyHead(t *testing.T, fused, front, rear *onnxpb.ModelProto, o verify.HeadOptions) *verify.HeadReport {
	t.Helper()
	r, err := verify.VerifyHead(newEngine(t), verify.Source{Model: fused}, verify.Source{Model: front}, verify.Source{Model: rear}, o)
	if err != nil {
		t.Fatal(err)
	}
	if testing.Verbose() {
		var b bytes.Buffer
		r.WriteText(&b)
		t.Logf("\n%s", b.String())
	}
	return r
}

// mustHold wants a report that holds, proven and covered.
func mustHold(t *testing.T, r *verify.HeadReport) {
	t.Helper()
	if !r.Holds || r.Exact != verify.ExactProven || !r.Coverage.Covered {
		var b bytes.Buffer
		r.WriteText(&b)
		t.Errorf("the fused model should hold, proven and covered:\n%s", b.String())
	}
}

func TestHeadStandinsHold(t *testing.T) {
	front, rear := standins()
	for _, gate := range []string{"select", "sum", "published"} {
		t.Run(gate, func(t *testing.T) {
			fused := dmhead(t, front, rear, fuse.DMHeadOptions{Gate: gate})
			mustHold(t, verifyHead(t, fused, front, rear, verify.HeadOptions{Gate: gate}))
		})
	}
}

func sharedModel(t *testing.T, name string) *onnxpb.ModelProto {
	t.Helper()
	path := filepath.Join("..", "..", "shared", "models", name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the folder of real networks is not there: %v", err)
	}
	f, err := onnxpb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f.Model
}

func TestHeadRealNetworks(t *testing.T) {
	front, rear := sharedModel(t, "fsanet-1x1-iter-688590.onnx"), sharedModel(t, "fsanet-var-iter-688590.onnx")
	order := "yaw,pitch,roll"
	fused := dmhead(t, front, rear, fuse.DMHeadOptions{FrontOrder: order, RearOrder: order})
	r := verifyHead(t, fused, front, rear, verify.HeadOptions{FrontOrder: order, RearOrder: order})
	if !r.Holds || r.Exact != verify.ExactProven {
		t.Error("the fused networks should hold")
	}
}
