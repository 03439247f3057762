package verify_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// resizer is a model of ONNX's own Resize, by half-pixel centres, to a size.
func resizer(height, width int64) *onnxpb.ModelProto {
	sym := []onnxpb.Dim{onnxpb.Number(1), onnxpb.Number(3), onnxpb.Symbol("H"), onnxpb.Symbol("W")}
	name := "resize"
	return &onnxpb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 13)},
		Graph: &onnxpb.GraphProto{
			Name: &name,
			Node: []*onnxpb.NodeProto{onnxpb.Node("Resize", "resize", []string{"x", "", "", "size"}, []string{"y"},
				onnxpb.Str("mode", "linear"), onnxpb.Str("coordinate_transformation_mode", "half_pixel"))},
			Input:       []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, sym)},
			Output:      []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1, 3, height, width))},
			Initializer: []*onnxpb.TensorProto{onnxpb.TensorOf("size", []int64{4}, []int64{1, 3, height, width})},
		},
	}
}

// TestReadImageIsResize: pictures are resized as ONNX Runtime's Resize resizes them.
func TestReadImageIsResize(t *testing.T) {
	e := newEngine(t)
	const height, width = 9, 13
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	pixels := make([]float32, 3*height*width)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range height * width {
		c := [3]uint8{uint8(rng.IntN(256)), uint8(rng.IntN(256)), uint8(rng.IntN(256))}
		img.Set(i%width, i/width, color.RGBA{c[0], c[1], c[2], 255})
		for k, v := range c {
			pixels[k*height*width+i] = float32(v)
		}
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		t.Fatal(err)
	}
	for _, size := range [][2]int64{{9, 13}, {18, 26}, {5, 7}, {1, 1}, {20, 4}, {3, 40}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			s, err := e.Open(verify.Source{Model: resizer(size[0], size[1])}, verify.SessionOptions{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			out, err := s.Run(map[string]*onnxpb.Value{"x": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1, 3, height, width}, pixels))})
			if err != nil {
				t.Fatal(err)
			}
			a, err := verify.ReadImage(bytes.NewReader(file.Bytes()), verify.ImageSpec{Type: onnxpb.TensorProto_FLOAT, Dims: onnxpb.Numbers(1, 3, size[0], size[1]), Range: &verify.Range{Lo: 0, Hi: 255}})
			if err != nil {
				t.Fatal(err)
			}
			want, got := out["y"].Array.Data.([]float32), a.Data.([]float32)
			if len(want) != len(got) {
				t.Fatalf("%d elements, want %d", len(got), len(want))
			}
			for i := range want {
				if math.Abs(float64(want[i]-got[i])) > 1e-3 {
					t.Fatalf("element %d is %v, want %v", i, got[i], want[i])
				}
			}
		})
	}
}
