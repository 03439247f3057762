package surgery

import (
	"fmt"
	"testing"

	"onnxtool/onnxpb"
)

// TestLawsOfWiring holds the edits of a graph's wiring to the laws of surgery.
func TestLawsOfWiring(t *testing.T) {
	add := func(o OutputChoice) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return AddOutputs(m, o) }
	}
	drop := func(tidy bool, names ...string) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return DropOutputs(m, names, tidy) }
	}
	rewire := func(from, to string, c ReaderChoice) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return Rewire(m, from, to, c) }
	}
	swapping := func(a, b string, c ReaderChoice) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return Swap(m, a, b, c) }
	}
	replacing := func(pattern, block string, o ReplaceOptions) edit {
		p, b := patternOf(t, pattern), patternOf(t, block)
		return func(m *onnxpb.ModelProto) (*Report, error) { return Replace(m, p, b, o) }
	}
	const addPattern, subBlock = `(x, w) => (y) { y = Add (x, w) }`, `(x, w) => (y) { n = Neg (w) y = Sub (x, n) }`
	setOutput := func(name string, s OutputSpec) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return SetOutput(m, name, s) }
	}
	for _, l := range []law{
		{
			name:    "AddOutputs",
			edit:    add(OutputChoice{Names: []string{"W", "g", "h*"}}),
			same:    add(OutputChoice{Names: []string{"out", "s*q"}}),
			fails:   []edit{add(OutputChoice{}), add(OutputChoice{Names: []string{"h", "nosuch"}}), add(OutputChoice{Names: []string{"local"}}), add(OutputChoice{Names: []string{"bias*"}})},
			changes: `^$`,
			large:   add(OutputChoice{Names: []string{"v*"}}),
		},
		{
			name:    "AddOutputs all",
			edit:    add(OutputChoice{All: true}),
			changes: `^$`,
		},
		{
			name:    "DropOutputs",
			edit:    drop(false, "seq", "op?"),
			fails:   []edit{drop(false), drop(false, "out", "nosuch"), drop(false, "h"), drop(false, "x*"), drop(true, "*")},
			changes: `^$`,
			chain:   manyOutputs,
			large:   drop(true, "v?*[1-9]"),
		},
		{
			name:    "DropOutputs and tidy",
			edit:    drop(true, "seq"),
			changes: `^$`,
			loses:   `^model\.graph\.node\[6\]$|^model\.graph\.output\[1\]`,
			chain:   manyOutputs,
			large:   drop(true, "v?*[1-9]"),
		},
		{
			name: "Delete",
			edit: deleting(NodeChoice{Names: []string{"add_sparse", "then_mul", "add_bias"}}, DeleteOptions{}),
			same: deleting(NodeChoice{Names: []string{"same"}}, DeleteOptions{}),
			sameOn: func() *onnxpb.ModelProto {
				m := chainModel(3)
				m.Graph.Node = append(m.Graph.Node, onnxpb.Node("Identity", "same", []string{"x"}, []string{"y"}))
				m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue("y", tFloat, nx3()))
				mark(m)
				return m
			},
			fails: []edit{
				deleting(NodeChoice{}, DeleteOptions{}), deleting(NodeChoice{Names: []string{"add_sparse", "nosuch"}}, DeleteOptions{}), deleting(NodeChoice{Names: []string{"add_sparse", "sequence"}}, DeleteOptions{}),
				deleting(NodeChoice{Makes: []string{"local"}}, DeleteOptions{}), deleting(NodeChoice{Names: []string{"add_sparse", "optional"}}, DeleteOptions{Cut: true}),
			},
			changes: `^model\.graph\.node\[2\]\.input$|^model\.graph\.node\[4\]\.output$|g\.node\[0\]\.output$|annotation\[0\]\.tensor_name$`,
			loses:   `^model\.graph\.node\[[15]\]$|sparse_initializer\[0\]|^model\.graph\.value_info\[1\]|^model\.graph\.node\[3\]\.attribute\[0\]\.g\.(node\[1\]|initializer\[0\]|value_info\[0\])`,
			large:   deleting(NodeChoice{Ops: []string{"Add"}}, DeleteOptions{}),
		},
		{
			name:    "Delete a row",
			model:   inferredModel,
			edit:    deleting(NodeChoice{Names: []string{"add_sparse", "call"}}, DeleteOptions{}),
			loses:   `^model\.graph\.node\[[12]\]|sparse_initializer\[0\]|^model\.graph\.value_info\[[12]\]`,
			changes: `^model\.graph\.node\[3\]\.attribute\[[01]\]\.g\.node\[0\]\.input$`,
			chain: func(n int) *onnxpb.ModelProto {
				m := chainModel(1)
				last := "v1"
				for i := range n {
					next := fmt.Sprintf("i%d", i)
					m.Graph.Node = append(m.Graph.Node, onnxpb.Node("Identity", "n"+next, []string{last}, []string{next}))
					last = next
				}
				m.Graph.Output = append(m.Graph.Output, onnxpb.TensorValue(last, tFloat, nx3()))
				return m
			},
			large: deleting(NodeChoice{Ops: []string{"Identity"}}, DeleteOptions{}),
		},
		{
			name:    "Delete by a cut",
			edit:    deleting(NodeChoice{Names: []string{"matmul"}}, DeleteOptions{Cut: true}),
			changes: `^$`,
			loses:   `^model\.graph\.node\[0\]`,
			large:   deleting(NodeChoice{Names: []string{"nv2?"}}, DeleteOptions{Cut: true}),
		},
		{
			name: "Rewire",
			edit: rewire("h", "hs", ReaderChoice{Nodes: []string{"choose", "sequence"}}),
			fails: []edit{
				rewire("h", "nosuch", ReaderChoice{}), rewire("h", "cond", ReaderChoice{}), rewire("h", "out", ReaderChoice{}), rewire("h", "hs", ReaderChoice{Nodes: []string{"choose", "nosuch"}}),
				rewire("f", "local", ReaderChoice{}),
			},
			changes: `^model\.graph\.node\[3\]\.attribute\[0\]\.g\.node\[0\]\.input$|^model\.graph\.node\[6\]\.input$`,
			large:   rewire("v3", "x", ReaderChoice{}),
		},
		{
			name:    "Rewire with outputs",
			edit:    rewire("out", "l", ReaderChoice{Outputs: true}),
			changes: `^model\.graph\.node\[5\]\.output$|^model\.graph\.node\[[67]\]\.input$|algorithm\.node\[0\]\.input$`,
			large:   rewire("v3", "x", ReaderChoice{}),
		},
		{
			name:    "Swap",
			edit:    swapping("bias", "S", ReaderChoice{}),
			fails:   []edit{swapping("h", "g", ReaderChoice{}), swapping("x", "nosuch", ReaderChoice{}), swapping("h", "h", ReaderChoice{}), swapping("seq", "opt", ReaderChoice{})},
			changes: `^model\.graph\.node\[[15]\]\.input$`,
			large:   swapping("w3", "w7", ReaderChoice{}),
		},
		{
			name: "Insert",
			edit: inserting(gainBlock, InsertOptions{Inputs: map[string]string{"a": "h"}, Outputs: map[string]string{"b": "h"}}),
			fails: []edit{
				inserting(gainBlock, InsertOptions{}), inserting(gainBlock, InsertOptions{Inputs: map[string]string{"a": "nosuch"}}),
				inserting(gainBlock, InsertOptions{Inputs: map[string]string{"a": "out"}, Outputs: map[string]string{"b": "h"}}),
			},
			changes: `^model\.graph\.node\[[16]\]\.input$|^model\.graph\.node\[3\]\.attribute\[0\]\.g\.node\[0\]\.input$`,
			large:   inserting(gainBlock, InsertOptions{Inputs: map[string]string{"a": "v3"}, Outputs: map[string]string{"b": "v3"}}),
		},
		{
			name:    "Insert at the outputs",
			edit:    inserting(gainBlock, InsertOptions{Inputs: map[string]string{"a": "out"}, Outputs: map[string]string{"b": "out"}, OnlyOutputs: true}),
			changes: `^model\.graph\.node\[5\]\.output$|^model\.graph\.node\[[67]\]\.input$|algorithm\.node\[0\]\.input$`,
			chain:   chainModel,
			large:   inserting(gainBlock, InsertOptions{Inputs: map[string]string{"a": "v3"}, Outputs: map[string]string{"b": "v3"}}),
		},
		{
			name:    "Insert in the place of an input",
			edit:    inserting(gainBlock, InsertOptions{Replace: map[string]string{"a": "x"}, Outputs: map[string]string{"b": "x"}}),
			changes: `^model\.graph\.input\[0\]\.name$|^model\.graph\.node\[0\]\.input$|g\.node\[1\]\.attribute\[1\]\.g\.node\[0\]\.input$|algorithm\.node\[1\]\.(input|attribute\[1\]\.strings)$`,
			large:   inserting(gainBlock, InsertOptions{Replace: map[string]string{"a": "x"}, Outputs: map[string]string{"b": "x"}}),
		},
		{
			name: "Replace",
			edit: replacing(addPattern, subBlock, ReplaceOptions{}),
			fails: []edit{
				replacing(`(x) => (y) { y = Mish (x) }`, subBlock, ReplaceOptions{}), replacing(addPattern, `(x) => (y) { y = ReduceMax (x) }`, ReplaceOptions{}), replacing(addPattern, `(x, w) => (z) { z = Add (x, w) }`, ReplaceOptions{}),
				replacing(addPattern, `(x, w) => (y) { y = Nosuch (x) }`, ReplaceOptions{}),
			},
			changes: `^$`,
			loses:   `^model\.graph\.node\[[15]\]$|^model\.graph\.node\[3\]\.attribute\[0\]\.g\.node\[0\]$|^model\.graph\.node\[4\]\.attribute\[0\]\.g\.node\[1\]\.attribute\[0\]\.g\.node\[0\]$`,
			large:   replacing(addPattern, subBlock, ReplaceOptions{}),
		},
		{
			name:    "Replace of another type",
			edit:    replacing(`(h, l) => (s) { s = SequenceConstruct (h, l) }`, `(h) => (s) { s = SequenceConstruct (h, h) }`, ReplaceOptions{Retype: true}),
			changes: `^$`,
			loses:   `^model\.graph\.node\[6\]$`,
			large:   replacing(addPattern, `(x, w) => (y) { y = Add (x, x) }`, ReplaceOptions{Retype: true}),
		},
		{
			name:    "Rewire to another type",
			edit:    rewire("h", "bias", ReaderChoice{Nodes: []string{"sequence"}, Retype: true}),
			fails:   []edit{rewire("h", "cond", ReaderChoice{Retype: true}), rewire("h", "out", ReaderChoice{Retype: true})},
			changes: `^model\.graph\.node\[6\]\.input$`,
			loses:   `^model\.graph\.output\[1\]\.type`,
			large:   rewire("v3", "x", ReaderChoice{Retype: true}),
		},
		{
			name: "InsertOperator",
			edit: operating(OperatorBlock{Operator: "Relu", Name: "mul"}, InsertPlace{Name: "x", Input: true}, InsertOptions{}),
			fails: []edit{
				operating(OperatorBlock{Operator: "Relu"}, InsertPlace{Name: "nosuch", Input: true}, InsertOptions{}), operating(OperatorBlock{Operator: "Relo"}, InsertPlace{Name: "h"}, InsertOptions{}),
				operating(OperatorBlock{Operator: "Relu"}, InsertPlace{Name: "h"}, InsertOptions{Outputs: map[string]string{"7": "h"}}), operating(OperatorBlock{Operator: "Relu"}, InsertPlace{}, InsertOptions{}),
			},
			changes: `^model\.graph\.input\[0\]\.name$|^model\.graph\.node\[0\]\.input$|g\.node\[1\]\.attribute\[1\]\.g\.node\[0\]\.input$|algorithm\.node\[1\]\.(input|attribute\[1\]\.strings)$`,
			large:   operating(OperatorBlock{Operator: "Relu"}, InsertPlace{Name: "x", Input: true}, InsertOptions{}),
		},
		{
			name:    "ExpandDim",
			edit:    expanding(ExpandOptions{Outputs: []string{"out"}, Inputs: []string{"x"}}),
			fails:   []edit{expanding(ExpandOptions{}), expanding(ExpandOptions{Outputs: []string{"out"}, Inputs: []string{"bias"}}), expanding(ExpandOptions{Outputs: []string{"out", "nosuch"}}), expanding(ExpandOptions{Outputs: []string{"out"}, Axis: 4})},
			changes: `^model\.graph\.node\[5\]\.output$|^model\.graph\.node\[[67]\]\.input$|algorithm\.node\[0\]\.input$|^model\.graph\.input\[0\]\.name$|^model\.graph\.node\[0\]\.input$|g\.node\[1\]\.attribute\[1\]\.g\.node\[0\]\.input$|algorithm\.node\[1\]\.(input|attribute\[1\]\.strings)$`,
			chain:   manyOutputs,
			large:   expanding(ExpandOptions{}),
		},
		{
			name: "SetOutput",
			edit: setOutput("out", OutputSpec{Type: onnxpb.TensorProto_FLOAT16, Name: "result"}),
			same: setOutput("out", OutputSpec{Type: tFloat, Shape: nx3()}),
			fails: []edit{
				setOutput("nosuch", OutputSpec{Name: "z"}), setOutput("seq", OutputSpec{Type: tInt64}), setOutput("out", OutputSpec{Type: tInt64, Name: "h"}), setOutput("out", OutputSpec{Layout: NHWC}),
				setOutput("out", OutputSpec{Type: tInt64, Shape: []onnxpb.Dim{onnxpb.Symbol("M"), onnxpb.Number(3)}}), setOutput("out", OutputSpec{Shape: onnxpb.Numbers(1)}),
			},
			changes: `^model\.graph\.node\[5\]\.output$|^model\.graph\.node\[[67]\]\.input$|algorithm\.node\[0\]\.input$|^model\.graph\.output\[0\]\.(name|type\.tensor_type\.elem_type)$`,
			large:   setOutput("v2000", OutputSpec{Type: onnxpb.TensorProto_DOUBLE}),
			chain: func(n int) *onnxpb.ModelProto {
				m := chainModel(n)
				if _, err := Rename(m, []RenameRule{{Kind: KindOutput, From: "v*", To: "v2000"}}); err != nil && n != 2000 {
					panic(err)
				}
				return m
			},
		},
		{
			name:    "SetOutput of the order of axes",
			edit:    setOutput("out", OutputSpec{Perm: []int{1, 0}}),
			same:    setOutput("out", OutputSpec{Perm: []int{0, 1}}),
			fails:   []edit{setOutput("out", OutputSpec{Perm: []int{1, 0, 2}}), setOutput("out", OutputSpec{Perm: []int{0}, Layout: NHWC}), setOutput("out", OutputSpec{SwapRGB: true})},
			changes: `^model\.graph\.node\[5\]\.output$|^model\.graph\.node\[[67]\]\.input$|algorithm\.node\[0\]\.input$`,
			chain:   manyOutputs,
			large:   setOutput("v3", OutputSpec{Perm: []int{1, 0}}),
		},
		{
			name:    "OrderInputs",
			edit:    func(m *onnxpb.ModelProto) (*Report, error) { return OrderInputs(m, []string{"bias", "x"}) },
			same:    func(m *onnxpb.ModelProto) (*Report, error) { return OrderInputs(m, []string{"x", "cond"}) },
			fails:   []edit{func(m *onnxpb.ModelProto) (*Report, error) { return OrderInputs(m, []string{"bias", "h"}) }},
			changes: `^$`,
			chain:   manyInputs,
			large:   func(m *onnxpb.ModelProto) (*Report, error) { return OrderInputs(m, []string{"i2"}) },
		},
		{
			name:    "OrderOutputs",
			edit:    func(m *onnxpb.ModelProto) (*Report, error) { return OrderOutputs(m, []string{"opt"}) },
			same:    func(m *onnxpb.ModelProto) (*Report, error) { return OrderOutputs(m, []string{"out", "seq", "opt"}) },
			fails:   []edit{func(m *onnxpb.ModelProto) (*Report, error) { return OrderOutputs(m, []string{"opt", "opt"}) }, func(m *onnxpb.ModelProto) (*Report, error) { return OrderOutputs(m, nil) }},
			changes: `^$`,
			chain:   manyOutputs,
			large:   func(m *onnxpb.ModelProto) (*Report, error) { return OrderOutputs(m, []string{"v3"}) },
		},
	} {
		if l.model == nil {
			l.model = richModel
		}
		t.Run(l.name, l.hold)
	}
}

// manyOutputs is chainModel with all that its nodes make as outputs.
func manyOutputs(n int) *onnxpb.ModelProto {
	m := chainModel(n)
	if _, err := AddOutputs(m, OutputChoice{All: true}); err != nil {
		panic(err)
	}
	return m
}

// manyInputs is chainModel with n inputs more.
func manyInputs(n int) *onnxpb.ModelProto {
	m := chainModel(n)
	for i := range n {
		m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue(fmt.Sprintf("i%d", i), tFloat, nx3()))
	}
	return m
}
