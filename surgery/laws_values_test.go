package surgery

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"onnxtool/onnxpb"
)

// TestLawsOfValues holds the edits of attributes and of constants to the laws of surgery.
func TestLawsOfValues(t *testing.T) {
	setting := func(c NodeChoice, changes ...AttributeChange) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return SetAttributes(m, c, changes...) }
	}
	source := func(text string) func() (GraphSource, error) {
		return func() (GraphSource, error) { return GraphSource{Model: sourceOf(t, "", text)}, nil }
	}
	branch := func(text string) edit {
		return setting(NodeChoice{Names: []string{"choose"}}, AttributeChange{Name: "then_branch", Graph: source(text)})
	}
	constant := func(c ConstantChange) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return SetConstant(m, c) }
	}
	storing := func(form ConstantForm, names ...string) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return StoreConstants(m, form, names...) }
	}
	strip := func(o StripOptions) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return Strip(m, o) }
	}
	naming := func(o NameOptions) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return NameAll(m, o) }
	}
	fill := func(o FillOptions) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return Fill(m, o) }
	}
	describing := func(c MetadataChanges) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return SetMetadata(m, c) }
	}
	none, name := "", "renamed"
	call := NodeChoice{Names: []string{"call"}}
	for _, l := range []law{
		{
			name: "SetMetadata",
			edit: describing(MetadataChanges{Set: []MetadataEntry{{"author", "me"}, {"new", "1"}}, Remove: []string{"onnxtool.*"}, Doc: &none, GraphName: &name}),
			same: describing(MetadataChanges{Set: []MetadataEntry{{"author", "someone"}}}),
			fails: []edit{
				describing(MetadataChanges{}), describing(MetadataChanges{Set: []MetadataEntry{{"author", "me"}, {"onnxtool.dmhead.rear_pose", "nosuch"}}}), describing(MetadataChanges{Doc: &none, Remove: []string{"nosuch"}}),
				describing(MetadataChanges{Doc: &name, GraphName: &none}),
			},
			changes: `^model\.metadata_props\[0\]\.value$|^model\.(doc_string|graph\.name)$`,
			loses:   `^model\.metadata_props\[1\]$`,
			large:   describing(MetadataChanges{GraphName: &name}),
		},
		{
			name: "SetAttributes",
			edit: setting(NodeChoice{Names: []string{"mean", "draw", "call"}}, AttributeChange{Name: "__note", Type: "string", Text: "hand-made"}),
			same: setting(call, AttributeChange{Name: "by", Text: "2"}),
			fails: []edit{
				setting(call, AttributeChange{Name: "by", Text: "3"}, AttributeChange{Name: "nosuch", Text: "1"}), setting(NodeChoice{Names: []string{"nosuch"}}, AttributeChange{Name: "by", Text: "3"}),
				setting(call, AttributeChange{Name: "by", Remove: true}), setting(NodeChoice{Ops: []string{"*.Gradient"}}, AttributeChange{Name: "y", Text: "x"}),
			},
			changes: `^$`,
			large:   setting(NodeChoice{Ops: []string{"Add"}}, AttributeChange{Name: "__note", Type: "int", Text: "1"}),
		},
		{
			name:    "SetAttributes of a value",
			edit:    setting(call, AttributeChange{Name: "by", Text: "3"}),
			changes: `^model\.graph\.node\[2\]\.attribute\[0\]\.f$`,
			large:   setting(NodeChoice{Ops: []string{"Add"}}, AttributeChange{Name: "__note", Type: "int", Text: "1"}),
		},
		{
			name: "SetAttributes of a graph",
			edit: branch(`b () => (float[N,3] fresh) <float[1] half = {0.5}> { fresh = Mul (h, half) }`),
			fails: []edit{
				branch(`b () => (float[N,3] h) { h = Neg (x) }`), branch(`b () => (float[N,3] fresh) { fresh = Neg (nosuch) }`), branch(`b () => () { fresh = Neg (h) }`),
			},
			loses: `^model\.graph\.node\[3\]\.attribute\[0\]\.g`,
			large: setting(NodeChoice{Ops: []string{"Add"}}, AttributeChange{Name: "__graph", Type: "graph", Graph: source(`b () => (float[N,3] fresh) { fresh = Neg (x) }`)}),
		},
		{
			name: "SetConstant",
			edit: constant(ConstantChange{Name: "h_scale", Array: onnxpb.ArrayOf([]int64{1}, []float32{0.25})}),
			same: constant(ConstantChange{Name: "h_scale", Array: onnxpb.ArrayOf([]int64{1}, []float32{0.5})}),
			fails: []edit{
				constant(ConstantChange{Name: "nosuch", Array: onnxpb.ArrayOf([]int64{1}, []float32{0.25})}), constant(ConstantChange{Name: "S", Array: onnxpb.ArrayOf([]int64{1}, []float32{0.25})}),
				constant(ConstantChange{Name: "trips", Array: onnxpb.ArrayOf([]int64{}, []int32{1})}), constant(ConstantChange{Name: "trips", Array: onnxpb.ArrayOf([]int64{}, []int64{1}), Only: []string{"call"}}),
				constant(ConstantChange{Name: "bias", Array: onnxpb.ArrayOf([]int64{1}, []float32{1}), AnyShape: true}), constant(ConstantChange{Name: "factor", Array: onnxpb.ArrayOf([]int64{}, []float32{1})}),
			},
			changes: `^model\.graph\.initializer\[2\]\.raw_data$`,
			values:  `initializer\[2\]`,
			large:   constant(ConstantChange{Name: "w1", Array: onnxpb.ArrayOf([]int64{3}, []float32{1, 2, 4})}),
		},
		{
			name:    "SetConstant for one reader",
			edit:    constant(ConstantChange{Name: "then_w", Array: onnxpb.ArrayOf([]int64{3}, []float32{1, 2, 4}), Only: []string{"then_mul"}}),
			model:   twiceReadModel,
			changes: `\.node\[1\]\.input$`,
			large:   constant(ConstantChange{Name: "yes", Array: onnxpb.ArrayOf([]int64{}, []bool{false}), Only: []string{"nv10"}}),
		},
		{
			name:    "StoreConstants as Constants",
			edit:    storing(AsConstant, "h_scale", "then_w", "trips"),
			same:    storing(AsInitializer),
			fails:   []edit{storing(AsConstant, "h_scale", "W"), storing(AsConstant, "nosuch"), storing(AsConstant, "bias"), storing("tensor")},
			changes: `^$`,
			large:   storing(AsConstant),
		},
		{
			name: "StoreConstants as initializers",
			model: func() *onnxpb.ModelProto {
				m := richModel()
				if _, err := StoreConstants(m, AsConstant, "h_scale", "then_w"); err != nil {
					panic(err)
				}
				return m
			},
			edit:    storing(AsInitializer),
			same:    storing(AsConstant, "bia*"),
			fails:   []edit{storing(AsInitializer, "h_scale", "factor")},
			changes: `^$`,
			chain: func(n int) *onnxpb.ModelProto {
				m := chainModel(n)
				if _, err := StoreConstants(m, AsConstant); err != nil {
					panic(err)
				}
				return m
			},
		},
		{
			name:  "Dedup",
			model: doubledModel,
			edit:  func(m *onnxpb.ModelProto) (*Report, error) { return Dedup(m, DedupOptions{}) },
			same:  func(m *onnxpb.ModelProto) (*Report, error) { return Dedup(m, DedupOptions{Min: 100}) },
			fails: []edit{func(m *onnxpb.ModelProto) (*Report, error) { return Dedup(m, DedupOptions{Dir: "nosuch"}) }},
			failsOn: func() *onnxpb.ModelProto { // the twin of a branch is merged, and the files of these are not there
				m := doubledModel()
				for _, name := range []string{"far", "farther"} {
					far := onnxpb.Clone(m).Graph.Initializer[0]
					far.Name = proto.String(name)
					far.ProtoReflect().SetUnknown(nil)
					m.Graph.Initializer = append(m.Graph.Initializer, far)
				}
				return m
			},
			changes: `^model\.graph\.node\[3\]\.attribute\[0\]\.g\.node\[0\]\.input$`,
			large:   func(m *onnxpb.ModelProto) (*Report, error) { return Dedup(m, DedupOptions{}) },
		},
		{
			name: "Strip",
			edit: strip(StripOptions{Docs: true, Metadata: true, ValueInfo: true, NodeNames: true}),
			same: strip(StripOptions{Training: true}),
			sameOn: func() *onnxpb.ModelProto {
				m := richModel()
				m.TrainingInfo = nil
				return m
			},
			fails:   []edit{strip(StripOptions{}), strip(StripOptions{Metadata: true, Docs: true, Keys: []string{"nosuch"}})},
			changes: `\.doc_string$|\.node\[\d\]\.name$`,
			loses:   `\.metadata_props\[|\.value_info\[`,
		},
		{
			name:    "Strip of the training",
			edit:    strip(StripOptions{Training: true}),
			changes: `^$`,
			loses:   `^model\.training_info`,
			large:   strip(StripOptions{NodeNames: true}),
		},
		{
			name:    "NameAll",
			edit:    naming(NameOptions{}),
			same:    naming(NameOptions{}),
			sameOn:  namedModel,
			fails:   []edit{naming(NameOptions{Interface: true})},
			changes: `\.node\[\d\]\.name$`,
			chain: func(n int) *onnxpb.ModelProto {
				m := chainModel(n)
				for _, x := range m.Graph.Node {
					x.Name = nil
				}
				return m
			},
		},
		{
			name:    "NameAll short",
			edit:    naming(NameOptions{ShortNodes: true, ShortTensors: true, Interface: true}),
			changes: `\.(name|input|output|tensor_name|s|strings)$|binding\[\d\]\.(key|value)$|names\[\d\]\.value$|^model\.metadata_props\[1\]\.value$`,
		},
		{
			name: "Inline",
			edit: func(m *onnxpb.ModelProto) (*Report, error) { return Inline(m) },
			same: func(m *onnxpb.ModelProto) (*Report, error) { return Inline(m) },
			sameOn: func() *onnxpb.ModelProto {
				m := richModel()
				if _, err := Inline(m); err != nil {
					panic(err)
				}
				return m
			},
			fails: []edit{
				func(m *onnxpb.ModelProto) (*Report, error) { return Inline(m, "nosuch") },
				func(m *onnxpb.ModelProto) (*Report, error) {
					m.Graph.Node[2].Attribute = nil // then the Constant in the body has no value
					defer func(a []*onnxpb.AttributeProto) { m.Graph.Node[2].Attribute = a }([]*onnxpb.AttributeProto{richModel().Graph.Node[2].Attribute[0]})
					return Inline(m)
				},
			},
			changes: `^model\.functions\[0\]\..*\.(name|input|output|ref_attr_name|f)$`,
			// The function, its import, and the call with its attribute, whose value comes with a copy.
			loses: `^model\.functions\[0\]|^model\.opset_import\[1\]|^model\.graph\.node\[2\]`,
			chain: func(n int) *onnxpb.ModelProto {
				m := callsModel(n)
				m.Functions = m.Functions[:1]
				return m
			},
		},
		{
			name: "InlineExcept",
			model: func() *onnxpb.ModelProto {
				m := richModel()
				f := richModel().Functions[0]
				walkMessages(f.ProtoReflect(), "", func(_ string, x protoreflect.Message) { x.SetUnknown(nil) })
				f.Name = proto.String("Kept")
				m.Functions = append(m.Functions, f)
				return m
			},
			edit: func(m *onnxpb.ModelProto) (*Report, error) { return InlineExcept(m, []string{"local.Kept"}) },
			same: func(m *onnxpb.ModelProto) (*Report, error) { return InlineExcept(m, []string{"local.*"}) },
			fails: []edit{
				func(m *onnxpb.ModelProto) (*Report, error) { return InlineExcept(m, []string{"nosuch"}) },
				func(m *onnxpb.ModelProto) (*Report, error) { return InlineExcept(m, []string{"local.Kept"}, "nosuch") },
			},
			changes: `^model\.functions\[0\]\..*\.(name|input|output|ref_attr_name|f)$`,
			loses:   `^model\.functions\[0\]|^model\.graph\.node\[2\]`,
			chain:   callsModel,
			large:   func(m *onnxpb.ModelProto) (*Report, error) { return InlineExcept(m, []string{"local.Other"}) },
		},
		{
			name: "Fill",
			edit: fill(FillOptions{Names: []string{"h_scale", "then_w"}, Seed: 1}),
			same: fill(FillOptions{}),
			fails: []edit{fill(FillOptions{With: "random"}), fill(FillOptions{Names: []string{"h_scale", "nosuch"}}), fill(FillOptions{Names: []string{"h_scale", "trips"}}), fill(FillOptions{Nodes: true}), fill(FillOptions{With: "1e60", Min: 1}),
				fill(FillOptions{With: "1e60", Min: 1, Nodes: true})},
			changes: `initializer\[\d\]\.raw_data$`,
			values:  `graph\.initializer\[2\]|g\.initializer\[0\]`,
			large:   fill(FillOptions{Min: 1}),
		},
		{
			name: "Fill with nodes",
			model: func() *onnxpb.ModelProto { // a Constant too
				m := richModel()
				if _, err := StoreConstants(m, AsConstant, "h_scale"); err != nil {
					panic(err)
				}
				return m
			},
			edit:    fill(FillOptions{With: "0.5", Nodes: true, Names: []string{"h_scale", "then_w"}}),
			changes: `^$`,
			loses:   `^model\.graph\.initializer\[2\]|attribute\[0\]\.g\.initializer`,
			large:   fill(FillOptions{With: FillZeros, Nodes: true, Min: 1}),
		},
	} {
		if l.model == nil {
			l.model = richModel
		}
		t.Run(l.name, l.hold)
	}
}

// callsModel is a chain of calls of a function, beside which there is another that nothing calls.
func callsModel(n int) *onnxpb.ModelProto {
	m := chainModel(n)
	m.OpsetImport = append(m.OpsetImport, onnxpb.Opset("local", 1))
	f, other := richModel().Functions[0], richModel().Functions[0]
	f.OpsetImport[0], other.OpsetImport[0] = onnxpb.Opset("", 17), onnxpb.Opset("", 17)
	other.Name = proto.String("Other")
	m.Functions = []*onnxpb.FunctionProto{f, other}
	for _, x := range m.Graph.Node {
		if x.GetOpType() == "Add" {
			call := "Scale"
			domain := "local"
			x.OpType, x.Domain, x.Input, x.Attribute = &call, &domain, x.Input[:1], []*onnxpb.AttributeProto{onnxpb.Float("by", 2)}
		}
	}
	return m
}

// twiceReadModel is richModel with an initializer of a subgraph that two of its nodes read.
func twiceReadModel() *onnxpb.ModelProto {
	m := richModel()
	then := m.Graph.Node[3].Attr("then_branch").G
	then.Node[0].Input[1] = "then_w"
	return m
}

// doubledModel is richModel with the weight of a branch twice there, the second time without marks.
func doubledModel() *onnxpb.ModelProto {
	m := richModel()
	then := m.Graph.Node[3].Attr("then_branch").G
	then.Initializer = append(then.Initializer, floats("twin", []int64{3}, 1, 2, 3))
	then.Node[0].Input[1] = "twin"
	return m
}

// namedModel is richModel with all nodes named.
func namedModel() *onnxpb.ModelProto {
	m := richModel()
	if _, err := NameAll(m, NameOptions{}); err != nil {
		panic(err)
	}
	return m
}
