package surgery

import "onnxtool/onnxpb"

// Tidy removes what nothing needs: nodes that no output depends on, unused initializers, and what describes values that are gone (value_info, quantisation
// annotations, metadata that names a tensor), in the main graph, in subgraphs at any depth, in training graphs and in functions; and functions that no
// node calls.
//
// Inputs and outputs stay, and so do initializers that are inputs, the tensors that the quantisation annotation of a value that stays names, all that the
// training information uses, and nodes without outputs whose operator is none of ONNX's own (they can only be there for an effect). In a model that has functions
// and no nodes, a library, the functions stay. Opset imports stay.
func Tidy(m *onnxpb.ModelProto) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "tidy"}
		p := newPruner(true)
		library := len(m.GetGraph().GetNode()) == 0
		roots := outputNames(m.GetGraph())
		training := &Report{}
		for _, t := range m.GetTrainingInfo() {
			// What the bindings name, the algorithm or the main graph has to have; the initialization graph has what they take from it.
			var bound, initial []string
			for _, b := range t.GetInitializationBinding() {
				bound = append(bound, b.GetKey())
				initial = append(initial, b.GetValue())
			}
			for _, b := range t.GetUpdateBinding() {
				bound = append(bound, b.GetKey(), b.GetValue())
			}
			if g := t.GetAlgorithm(); g != nil {
				l := p.analyse(g, append(outputNames(g), bound...), nil)
				l.apply(g, training)
				roots = append(roots, l.captures...)
			} else {
				roots = append(roots, bound...)
			}
			if g := t.GetInitialization(); g != nil {
				p.analyse(g, append(outputNames(g), initial...), nil).apply(g, training)
			}
		}
		p.analyse(m.GetGraph(), roots, nil).apply(m.GetGraph(), r)
		r.Merge(training)
		if !library {
			p.functions(m, r)
		}
		dropStaleMetadata(m, r)
		return r, nil
	})
}
