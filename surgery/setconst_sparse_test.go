package surgery

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
)

// TestSetConstantOfSparse makes sparse constants dense ones, for all readers and for one.
func TestSetConstantOfSparse(t *testing.T) {
	sparse := func(name string) *onnxpb.SparseTensorProto {
		return &onnxpb.SparseTensorProto{Values: onnxpb.TensorOf(name, []int64{1}, []float32{2}), Indices: onnxpb.TensorOf("", []int64{1}, []int64{1}), Dims: []int64{3}}
	}
	model := func() *onnxpb.ModelProto {
		m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]> g (float[3] x) => (float[3] y) { h = Add (x, s) [k] k = Constant () [b] z = Mul (h, k) [c] y = Mul (z, s) }`)
		if err != nil {
			t.Fatal(err)
		}
		m.Graph.SparseInitializer = []*onnxpb.SparseTensorProto{sparse("s")}
		m.Graph.Node[1].Attribute = []*onnxpb.AttributeProto{{Name: proto.String("sparse_value"), Type: onnxpb.AttributeProto_SPARSE_TENSOR.Enum(), SparseTensor: sparse("")}}
		valid(t, m, "as written")
		return m
	}
	text := "1,2,3"
	m := model()
	if _, err := SetConstant(m, ConstantChange{Name: "s", Text: &text}); err != nil {
		t.Fatal(err)
	}
	if _, err := SetConstant(m, ConstantChange{Name: "k", Text: &text}); err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after")
	if n := len(m.Graph.SparseInitializer); n != 0 || len(m.Graph.Initializer) != 1 || len(m.Graph.Node[1].Attribute) != 1 || m.Graph.Node[1].Attr("value").GetT().GetDims()[0] != 3 {
		t.Errorf("%v", m.Graph)
	}
	m = model()
	if _, err := SetConstant(m, ConstantChange{Name: "s", Text: &text, Only: []string{"c"}}); err != nil {
		t.Fatal(err)
	}
	valid(t, m, "after")
	if len(m.Graph.SparseInitializer) != 1 || m.Graph.Node[0].Input[1] != "s" || m.Graph.Node[3].Input[1] != m.Graph.Initializer[0].GetName() {
		t.Errorf("%v", m.Graph)
	}
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) {
		return SetConstant(m, ConstantChange{Name: "s", Shape: []int64{1, 3}})
	}, onnxpb.Unfit, "with a new value only")
	short := "1,2"
	failsWith(t, m, func(m *onnxpb.ModelProto) (*Report, error) {
		return SetConstant(m, ConstantChange{Name: "s", Text: &short})
	}, onnxpb.Unfit, "2")
}
