package fuse

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// assemble puts the merged model together from the models' copies.
func (w *merger) assemble() error {
	g := &onnxpb.GraphProto{}
	w.merged = &onnxpb.ModelProto{Graph: g, OpsetImport: w.opsets, Functions: w.functions, Configuration: w.configs}
	if v := w.irVersion(); v != 0 {
		w.merged.IrVersion = &v
	}
	for _, mb := range w.members {
		if err := w.takeOver(mb); err != nil {
			return err
		}
		if mb.renames() {
			surgery.MapNames(mb.m, surgery.NameMap{Value: func(s string) string { return mb.final[s] }})
		}
		from := mb.m.Graph
		g.Input = append(g.Input, from.Input...)
		g.Initializer = append(g.Initializer, from.Initializer...)
		g.SparseInitializer = append(g.SparseInitializer, from.SparseInitializer...)
		g.ValueInfo = append(g.ValueInfo, from.ValueInfo...)
		w.merged.TrainingInfo = append(w.merged.TrainingInfo, mb.m.TrainingInfo...)
	}
	g.Node = make([]*onnxpb.NodeProto, 0, len(w.nodeOrder)+len(w.outputs))
	for _, n := range w.nodeOrder {
		g.Node = append(g.Node, w.members[n.model].m.Graph.Node[n.node])
	}
	if err := w.declareOutputs(g); err != nil {
		return err
	}
	w.dropEqualInfo(g)
	w.uniteAnnotations(g)
	w.describe()
	if len(w.merged.TrainingInfo) > 0 {
		w.tellTraining()
	}
	return nil
}

// renames tells whether any value of a model gets another name.
func (mb *member) renames() bool {
	for from, to := range mb.final {
		if from != to {
			return true
		}
	}
	return false
}

// dropEqualInfo leaves one value_info for each name: a tensor that took over the name of another model's had one there.
func (w *merger) dropEqualInfo(g *onnxpb.GraphProto) {
	seen := map[string]bool{}
	g.ValueInfo = slices.DeleteFunc(g.ValueInfo, func(v *onnxpb.ValueInfoProto) bool {
		again := seen[v.GetName()]
		seen[v.GetName()] = true
		return again
	})
}

// uniteAnnotations collects the quantisation annotations. Where the two sides of a connection annotate the same tensor the source's holds.
func (w *merger) uniteAnnotations(g *onnxpb.GraphProto) {
	from := map[string]*onnxpb.TensorAnnotation{}
	add := func(mb *member, joined bool) {
		for _, a := range mb.m.Graph.QuantizationAnnotation {
			if mb.joinedFinal[a.GetTensorName()] != joined {
				continue
			}
			old := from[a.GetTensorName()]
			switch {
			case old == nil:
				from[a.GetTensorName()] = a
				g.QuantizationAnnotation = append(g.QuantizationAnnotation, a)
			case joined && !proto.Equal(old, a):
				w.report.Note("the quantisation annotation of %s in %s gives way to that of what feeds it", a.GetTensorName(), mb.Name)
			case !joined:
				g.QuantizationAnnotation = append(g.QuantizationAnnotation, a)
			}
		}
	}
	for _, mb := range w.members {
		add(mb, false)
	}
	for _, mb := range w.members {
		add(mb, true)
	}
}

func (w *merger) tellTraining() {
	var names []string
	for _, mb := range w.members {
		if len(mb.m.TrainingInfo) > 0 {
			names = append(names, mb.Name)
		}
	}
	if len(names) > 1 {
		w.report.Note("training information of %s stands one behind the other: a training step runs all of it, in this order", strings.Join(names, ", "))
	}
}
