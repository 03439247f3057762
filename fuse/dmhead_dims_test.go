package fuse_test

import (
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// TestDMHeadSymbolsStayApart joins models in which one name, as converters invent them, stands for two lengths: the height of the front's image, and the channels of
// what the rear's first layer gives. Only what meets becomes one.
func TestDMHeadSymbolsStayApart(t *testing.T) {
	front, rear := headModel(anglesKind, 1, 13), headModel(anglesKind, 2, 13)
	unk := onnxpb.Symbol("unk__2")
	front.Graph.Input[0] = onnxpb.TensorValue("image", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Number(1), onnxpb.Number(3), unk, onnxpb.Number(4)})
	rear.Graph.ValueInfo = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("pooled", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Number(1), unk, onnxpb.Number(1), onnxpb.Number(1)})}
	o := fuse.DMHeadOptions{FrontOrder: "yaw,roll,pitch", RearOrder: "yaw,roll,pitch"}
	m, _, err := fuse.DMHead(fuse.Input{Model: front}, fuse.Input{Model: rear}, o)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, v := range m.Graph.ValueInfo {
		dims, _ := v.Shape()
		if len(dims) != 4 || dims[3] != onnxpb.Number(1) {
			continue
		}
		found = true
		if dims[0] != onnxpb.Symbol("N") || dims[1].Known {
			t.Errorf("%s is declared %s: its channels are not the height of the image", v.GetName(), onnxpb.FormatShape(dims))
		}
	}
	if !found {
		t.Error("the declaration of the rear's layer is lost")
	}
	if dims, _ := m.Graph.Input[0].Shape(); onnxpb.FormatShape(dims) != "[N,3,4,4]" {
		t.Errorf("the input is %s", onnxpb.FormatShape(dims))
	}
}
