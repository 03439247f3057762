package surgery_test

import (
	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// valueEditsOf returns edits of the constants, attributes, names and functions of a model.
func valueEditsOf(m *onnxpb.ModelProto, pick uint8, any func(int) string) map[string]func(*onnxpb.ModelProto) (*surgery.Report, error) {
	type edit = func(*onnxpb.ModelProto) (*surgery.Report, error)
	constant, node := "nosuch", "nosuch"
	var array *onnxpb.Array
	if m.GetGraph() != nil {
		if list := surgery.Constants(m); len(list) > 0 {
			c := list[int(pick)%len(list)]
			constant = c.Name
			if c.Tensor != nil {
				array, _ = onnxpb.Decode(c.Tensor, "")
			}
		}
		if n := m.Graph.GetNode(); len(n) > 0 {
			node = n[int(pick)%len(n)].Label()
		}
	}
	if array == nil {
		array = onnxpb.ArrayOf([]int64{1}, []float32{2})
	}
	other := onnxpb.ArrayOf([]int64{2}, []int64{1, 2})
	choice := surgery.NodeChoice{Names: []string{node}}
	setConstant := func(c surgery.ConstantChange) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.SetConstant(m, c) }
	}
	setAttributes := func(c surgery.NodeChoice, a ...surgery.AttributeChange) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.SetAttributes(m, c, a...) }
	}
	store := func(form surgery.ConstantForm, names ...string) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.StoreConstants(m, form, names...) }
	}
	strip := func(o surgery.StripOptions) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Strip(m, o) }
	}
	nameAll := func(o surgery.NameOptions) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.NameAll(m, o) }
	}
	fill := func(o surgery.FillOptions) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Fill(m, o) }
	}
	inline := func(names ...string) edit {
		return func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Inline(m, names...) }
	}
	return map[string]edit{
		"dedup":               func(m *onnxpb.ModelProto) (*surgery.Report, error) { return surgery.Dedup(m, surgery.DedupOptions{}) },
		"set a constant":      setConstant(surgery.ConstantChange{Name: constant, Array: array}),
		"set a constant anew": setConstant(surgery.ConstantChange{Name: constant, Array: other, Type: other.Type, AnyShape: true}),
		"set a constant for":  setConstant(surgery.ConstantChange{Name: constant, Array: other, Type: other.Type, AnyShape: true, Only: []string{node}}),
		"constants":           store(surgery.AsConstant),
		"initializers":        store(surgery.AsInitializer),
		"one constant":        store(surgery.AsConstant, constant),
		"one initializer":     store(surgery.AsInitializer, constant),
		"set a graph": setAttributes(choice, surgery.AttributeChange{Name: "then_branch", Type: "graph", Graph: func() (surgery.GraphSource, error) {
			return surgery.GraphSource{Model: onnxpb.Clone(m)}, nil
		}}),
		"set a graph anew": setAttributes(choice, surgery.AttributeChange{Name: "body", Graph: func() (surgery.GraphSource, error) {
			return surgery.GraphSource{Model: onnxpb.Clone(m)}, nil
		}}),
		"set an attribute":    setAttributes(choice, surgery.AttributeChange{Name: "axis", Text: "1"}),
		"set attributes":      setAttributes(surgery.NodeChoice{Ops: []string{"*"}}, surgery.AttributeChange{Name: "alpha", Text: "0.5"}),
		"remove an attribute": setAttributes(choice, surgery.AttributeChange{Name: "axis", Remove: true}),
		"strip":               strip(surgery.StripOptions{Docs: true, Metadata: true, ValueInfo: true, NodeNames: true, Training: true}),
		"strip value_info":    strip(surgery.StripOptions{ValueInfo: true}),
		"name all":            nameAll(surgery.NameOptions{}),
		"short names":         nameAll(surgery.NameOptions{ShortNodes: true, ShortTensors: true}),
		"short names all":     nameAll(surgery.NameOptions{ShortNodes: true, ShortTensors: true, Interface: true}),
		"fill":                fill(surgery.FillOptions{Min: 1, Seed: uint64(pick)}),
		"fill with nodes":     fill(surgery.FillOptions{Min: 1, With: surgery.FillZeros, Nodes: true}),
		"fill one":            fill(surgery.FillOptions{Names: []string{constant}, With: surgery.FillUniform}),
		"inline":              inline(),
		"inline some":         inline("*[a-mA-M]*"),
		"extract around a node": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.ExtractAround(m, node, int(pick%4))
		},
		"rename domains": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindDomain, From: "*", To: "to.$1"}})
		},
		"rename an output and all": func(m *onnxpb.ModelProto) (*surgery.Report, error) {
			return surgery.Rename(m, []surgery.RenameRule{{Kind: surgery.KindOutput, From: "*", To: "out/$1"}, {Kind: surgery.KindNode, From: "*", To: any(1) + "/$1"}})
		},
	}
}
