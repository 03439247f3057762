package surgery

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// TestLawsOfInputs holds the edits of inputs and of the batch to the laws of surgery.
func TestLawsOfInputs(t *testing.T) {
	setBatch := func(d onnxpb.Dim, inputs ...string) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return SetBatchOf(m, d, BatchOptions{Inputs: inputs}) }
	}
	setInput := func(name string, s InputSpec) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return SetInput(m, name, s) }
	}
	dropping := func(o DropInputsOptions) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return DropInputs(m, o) }
	}
	batch, last := onnxpb.Symbol("batch"), -1
	for _, l := range []law{
		{
			name:    "SetBatch from a symbol to a symbol",
			edit:    setBatch(batch),
			same:    setBatch(onnxpb.Symbol("N")),
			fails:   []edit{setBatch(onnxpb.Number(0)), setBatch(batch, "nosuch"), setBatch(batch, "cond"), setBatch(batch, "bias"), setBatch(onnxpb.Dim{})},
			changes: `\.dim_param$`,
		},
		{
			name:    "SetBatch from a symbol to a number",
			edit:    setBatch(onnxpb.Number(4)),
			changes: `\.dim_(param|value)$`,
		},
		{
			name:  "SetBatch from a number",
			model: bakedModel,
			edit:  setBatch(batch),
			same:  setBatch(onnxpb.Number(1)),
			fails: []edit{setBatch(onnxpb.Symbol("L")), setBatch(batch, "lengths", "nosuch"), setBatch(batch, "l")},
			// The Reshapes read other shapes then, of which the first had one for itself.
			changes: `\.dim_(param|value)$|^model\.graph\.node\[[13]\]\.input$`,
			loses:   `^model\.graph\.initializer\[0\]`,
			chain:   bakedChain,
		},
		{
			name: "SetBatch each row by itself",
			model: func() *onnxpb.ModelProto { // a Scan joins no sequences, and training names what would be in the Scan
				m := richModel()
				m.TrainingInfo = nil
				m.Graph.Output = slices.DeleteFunc(m.Graph.Output, func(v *onnxpb.ValueInfoProto) bool { return v.GetName() == "seq" || v.GetName() == "opt" })
				return m
			},
			edit: func(m *onnxpb.ModelProto) (*Report, error) {
				return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
					return eachRow(m, batch, BatchOptions{Inputs: []string{"x"}}, onnxpb.Errorf(onnxpb.Refused, "not tried"))
				})
			},
			// What the body calls its rows; the dimensions are of one row there. Metadata cannot name what is in a subgraph.
			changes: `\.dim_(param|value)$|\.(input|output)$`,
			loses:   `^model\.metadata_props\[1\]$`,
		},
		{
			name: "DropInputs",
			edit: dropping(DropInputsOptions{Defaults: true, Unused: true}),
			same: dropping(DropInputsOptions{Unused: true}),
			fails: []edit{
				dropping(DropInputsOptions{}), dropping(DropInputsOptions{Names: []string{"bias", "nosuch"}}), dropping(DropInputsOptions{Names: []string{"bias", "x"}}), dropping(DropInputsOptions{Names: []string{"W"}}),
			},
			// The metadata of the input become the tensor's.
			changes: `^model\.graph\.initializer\[1\]\.doc_string$`,
			loses:   `^model\.graph\.input\[2\]($|\.type)`,
			chain:   manyInputs,
			large:   dropping(DropInputsOptions{Names: []string{"i*"}}),
		},
		{
			name:    "SetInput of the order of axes",
			edit:    setInput("x", InputSpec{Perm: []int{1, 0}, Channel: &last, Mean: []float64{1, 2, 3}}),
			same:    setInput("x", InputSpec{Perm: []int{0, 1}}),
			fails:   []edit{setInput("x", InputSpec{Perm: []int{1, 0, 2}}), setInput("x", InputSpec{Perm: []int{1, 1}}), setInput("x", InputSpec{SwapRGB: true})},
			changes: `\.input$`,
		},
		{
			name: "SetInput everything",
			edit: setInput("x", InputSpec{Type: onnxpb.TensorProto_INT32, Scale: 0.5, Mean: []float64{1}, Std: []float64{2}, Shape: []onnxpb.Dim{batch, onnxpb.Number(3)}}),
			same: setInput("x", InputSpec{Type: tFloat, Shape: nx3()}),
			fails: []edit{
				setInput("nosuch", InputSpec{Scale: 2}), setInput("bias", InputSpec{Scale: 2}), setInput("x", InputSpec{Layout: NHWC}),
				setInput("x", InputSpec{Shape: []onnxpb.Dim{batch, onnxpb.Number(4)}}), setInput("x", InputSpec{Shape: []onnxpb.Dim{batch, onnxpb.Number(3)}, SwapRGB: true}),
			},
			changes: `\.dim_param$|^model\.graph\.input\[0\]\.type\.tensor_type\.elem_type$|\.input$`,
		},
	} {
		if l.model == nil {
			l.model = richModel
		}
		t.Run(l.name, l.hold)
	}
}

// bakedModel is made for batch 1: two Reshapes hold it, one of them in a shape that another node reads too.
func bakedModel() *onnxpb.ModelProto {
	one := func(dims ...int64) []onnxpb.Dim { return onnxpb.Numbers(append([]int64{1}, dims...)...) }
	g := &onnxpb.GraphProto{
		Name:  proto.String("baked"),
		Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", tFloat, one(2, 3)), onnxpb.TensorValue("l", tInt64, []onnxpb.Dim{})},
		Initializer: []*onnxpb.TensorProto{
			onnxpb.TensorOf("flat", []int64{2}, []int64{1, 6}), onnxpb.TensorOf("shared", []int64{3}, []int64{1, 3, 2}), floats("k", []int64{6}, 1, 2, 3, 4, 5, 6),
		},
		Node: []*onnxpb.NodeProto{
			onnxpb.Node("Reshape", "free", []string{"k", "shared"}, []string{"k2"}),
			onnxpb.Node("Reshape", "first", []string{"x", "flat"}, []string{"a"}),
			onnxpb.Node("Relu", "relu", []string{"a"}, []string{"b"}),
			onnxpb.Node("Reshape", "second", []string{"b", "shared"}, []string{"c"}),
			onnxpb.Node("Add", "add", []string{"c", "k2"}, []string{"d"}),
			onnxpb.Node("Neg", "late", []string{"d"}, []string{"y"}),
			onnxpb.Node("Cast", "cast", []string{"l"}, []string{"z"}, onnxpb.Int("to", 1)),
		},
		ValueInfo: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("a", tFloat, one(6)), onnxpb.TensorValue("d", tFloat, one(3, 2))},
		Output:    []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", tFloat, one(3, 2)), onnxpb.TensorValue("z", tFloat, []onnxpb.Dim{})},
	}
	g.Input = append(g.Input, onnxpb.TensorValue("lengths", tFloat, []onnxpb.Dim{onnxpb.Number(1), onnxpb.Symbol("L")}))
	g.Node = append(g.Node, onnxpb.Node("Abs", "abs", []string{"lengths"}, []string{"w"}))
	g.Output = append(g.Output, onnxpb.TensorValue("w", tFloat, []onnxpb.Dim{onnxpb.Number(1), onnxpb.Symbol("L")}))
	m := &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 13)}, Graph: g}
	mark(m)
	return m
}

// bakedChain is a chain of n nodes at batch 1, every fourth of them a Reshape.
func bakedChain(n int) *onnxpb.ModelProto {
	g := &onnxpb.GraphProto{Name: proto.String("chain"), Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("v0", tFloat, onnxpb.Numbers(1, 2, 3))}}
	dims := [][]int64{{1, 2, 3}, {1, 6}}
	for i := 1; i <= n; i++ {
		in, out := fmt.Sprintf("v%d", i-1), fmt.Sprintf("v%d", i)
		if i%4 == 0 {
			s := fmt.Sprintf("s%d", i)
			d := dims[i/4%2]
			g.Initializer = append(g.Initializer, onnxpb.TensorOf(s, []int64{int64(len(d))}, d))
			g.Node = append(g.Node, onnxpb.Node("Reshape", "n"+out, []string{in, s}, []string{out}))
		} else {
			g.Node = append(g.Node, onnxpb.Node("Relu", "n"+out, []string{in}, []string{out}))
		}
		g.ValueInfo = append(g.ValueInfo, onnxpb.TensorValue(out, tFloat, onnxpb.Numbers(dims[i/4%2]...)))
	}
	g.ValueInfo = g.ValueInfo[:n-1]
	g.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(fmt.Sprintf("v%d", n), tFloat, onnxpb.Numbers(dims[n/4%2]...))}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 13)}, Graph: g}
}
