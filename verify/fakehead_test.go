package verify

import (
	"bytes"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// The heads of these tests: an image is three numbers. The rear model's pose (order yaw,pitch,roll) and the front model's (yaw,roll,pitch) are simple functions of them,
// and what fuses them is Go code that a test can break in one place.

type fakeHead struct {
	front, rear func(x []float32) (y, r, p float32)
	fuse        func(f, r [3]float32) [3]float32
	norm        func(x []float32) []float32 // what the fused model does to the image before the front model
	mixes       bool                        // every row of a batch is its first
	whole       bool                        // the gate is one node with the networks, and cannot be cut out
	shy         bool                        // the output changes where inner tensors are given out
}

func float32Abs(x float32) float32 { return float32(math.Abs(float64(x))) }

// goodHead holds.
func goodHead() fakeHead {
	return fakeHead{
		front: func(x []float32) (y, r, p float32) { return x[0]*0.75 + 1, x[1] / 4, x[2]/4 + 5 },
		rear:  func(x []float32) (y, r, p float32) { return x[0], x[1]/4 + 3, x[2] / 4 },
		fuse: func(f, r [3]float32) [3]float32 {
			if float32Abs(r[0]) <= 75 {
				return f
			}
			return r
		},
		norm: func(x []float32) []float32 { return x },
	}
}

// engine makes the engine and the models: fused, front, rear.
func (h fakeHead) engine(t *testing.T, meta map[string]string) (Engine, [3]Source) {
	e := fakeEngine{
		"front": rowsOf("x", func(x []float32) map[string][]float32 {
			y, r, p := h.front(x)
			return map[string][]float32{"pose": {y, r, p}}
		}),
		"rear": rowsOf("x", func(x []float32) map[string][]float32 {
			y, r, p := h.rear(x)
			return map[string][]float32{"pose": {y, p, r}}
		}),
	}
	row := rowsOf("image", func(x []float32) map[string][]float32 {
		var f, r [3]float32
		f[0], f[1], f[2] = h.front(h.norm(x))
		r[0], r[1], r[2] = h.rear(x)
		out := h.fuse(f, r)
		return map[string][]float32{"yaw_roll_pitch": out[:], "inner_front": f[:], "inner_rear": r[:]}
	})
	e["fused"] = func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		if in["inner_front"] != nil { // the gate, cut out
			return h.gate(in["inner_front"], in["inner_rear"])
		}
		if h.mixes {
			x := in["image"].Data.([]float32)
			for i := range x {
				x[i] = x[i%3]
			}
		}
		return row(in)
	}
	fused := declare(t, "fused", []string{"image:float32:[N,3]"}, []string{"yaw_roll_pitch:float32:[N,3]"})
	fused.Model.Graph.Node = []*onnxpb.NodeProto{
		onnxpb.Node("Fused", "", []string{"image"}, []string{"inner_front", "inner_rear"}),
		onnxpb.Node("Gate", "", []string{"inner_front", "inner_rear"}, []string{"yaw_roll_pitch"}),
	}
	if h.whole {
		fused.Model.Graph.Node = []*onnxpb.NodeProto{onnxpb.Node("Fused", "", []string{"image"}, []string{"inner_front", "inner_rear", "yaw_roll_pitch"})}
	}
	for _, k := range []string{metaGate, metaLimit, metaOrder, metaFront, metaRear} {
		if meta[k] != "" {
			fused.Model.MetadataProps = append(fused.Model.MetadataProps, &onnxpb.StringStringEntryProto{Key: proto.String(k), Value: proto.String(meta[k])})
		}
	}
	sources := [3]Source{fused, declare(t, "front", []string{"x:float32:[1,3]"}, []string{"pose:float32:[1,3]"}), declare(t, "rear", []string{"x:float32:[1,3]"}, []string{"pose:float32:[1,3]"})}
	if h.shy {
		return shyEngine{e}, sources
	}
	return e, sources
}

// gate applies fuse to rows of poses.
func (h fakeHead) gate(front, rear *onnxpb.Array) map[string]*onnxpb.Array {
	f, r := front.Data.([]float32), rear.Data.([]float32)
	out := make([]float32, 0, len(f))
	for i := 0; i < len(f); i += 3 {
		p := h.fuse([3]float32(f[i:i+3]), [3]float32(r[i:i+3]))
		out = append(out, p[:]...)
	}
	return map[string]*onnxpb.Array{"yaw_roll_pitch": onnxpb.ArrayOf(front.Dims, out)}
}

// shyEngine runs a fused model that answers otherwise when it is asked for its inner tensors.
type shyEngine struct{ fakeEngine }

func (e shyEngine) Open(s Source, o SessionOptions) (Session, error) {
	in, err := e.fakeEngine.Open(s, o)
	if len(s.Model.Graph.Output) > 1 {
		return shySession{in}, err
	}
	return in, err
}

type shySession struct{ Session }

func (s shySession) Run(in map[string]*onnxpb.Value, outputs ...string) (map[string]*onnxpb.Value, error) {
	out, err := s.Session.Run(in, outputs...)
	for _, v := range out {
		d := v.Array.Data.([]float32)
		d[1] = math.Nextafter32(d[1], 1000)
	}
	return out, err
}

var fullMeta = map[string]string{metaGate: "select", metaLimit: "75", metaOrder: "yaw,roll,pitch", metaFront: "inner_front", metaRear: "inner_rear"}

func headOptions() HeadOptions {
	return HeadOptions{FrontOrder: "yaw,roll,pitch", RearOrder: "yaw,pitch,roll", Range: &Range{-180, 180}}
}

func (h fakeHead) verify(t *testing.T, meta map[string]string, o HeadOptions) *HeadReport {
	t.Helper()
	e, s := h.engine(t, meta)
	r, err := VerifyHead(e, s[0], s[1], s[2], o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func textOf(r *HeadReport) string {
	var b bytes.Buffer
	r.WriteText(&b)
	return b.String()
}
