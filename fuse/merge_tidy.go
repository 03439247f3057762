package fuse

import (
	"slices"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// tidy removes from the merged model what its outputs do not need, and the inputs that nothing reads then, with their defaults.
func (w *merger) tidy() error {
	if !w.o.Tidy {
		return nil
	}
	if err := w.tidyOnce(); err != nil {
		return err
	}
	g := surgery.NewGraph(w.merged)
	named := map[string]bool{} // by what is no reader
	for _, a := range w.merged.Graph.GetQuantizationAnnotation() {
		for _, p := range a.GetQuantParameterTensorNames() {
			named[p.GetValue()] = true
		}
	}
	for _, t := range w.merged.GetTrainingInfo() {
		for _, b := range slices.Concat(t.GetInitializationBinding(), t.GetUpdateBinding()) {
			named[b.GetKey()], named[b.GetValue()] = true, true
		}
	}
	dropped := false
	w.merged.Graph.Input = slices.DeleteFunc(w.merged.Graph.Input, func(v *onnxpb.ValueInfoProto) bool {
		name := v.GetName()
		if len(g.Consumers(name)) > 0 || g.IsOutput(name) || named[name] {
			return false
		}
		dropped = true
		w.report.Add("removed", "input", name, onnxpb.FormatTypeProto(v.GetType()), "nothing reads it")
		return true
	})
	if !dropped {
		return nil
	}
	return w.tidyOnce() // defaults and what describes them
}

func (w *merger) tidyOnce() error {
	r, err := surgery.Tidy(w.merged)
	w.report.Merge(r)
	return err
}
