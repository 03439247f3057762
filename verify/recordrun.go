package verify

import (
	"slices"

	"onnxtool/onnxpb"
)

// recordOutputs computes the outputs of data sets, one after the other in one session, and makes sure that another session computes the same.
func recordOutputs(e Engine, s Source, c *comparison, sets []*DataSet) (notes []string, err error) {
	outputs := outputsOf(s.Model)
	run := func(sets []*DataSet, each func(d *DataSet, got map[string]*onnxpb.Value) error) error {
		session, err := e.Open(s, c.o.Session)
		if err != nil {
			return onnxpb.InFile(err, s.Path)
		}
		defer session.Close()
		for _, d := range sets {
			got, err := session.Run(d.inputs())
			if err == nil {
				err = each(d, got)
			}
			if err != nil {
				return onnxpb.InFile(c.blameInputs(err), s.Path)
			}
		}
		return nil
	}
	err = run(sets, func(d *DataSet, got map[string]*onnxpb.Value) error {
		for _, p := range outputs {
			d.Outputs = append(d.Outputs, got[p.name])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	runs := 0
	// ONNX Runtime seeds what has no seed once in a process: two sessions draw the same, and only one more run in the same session shows that anything is drawn.
	err = run(append(slices.Clone(sets), sets[0]), func(d *DataSet, got map[string]*onnxpb.Value) error {
		runs++
		name := differing(outputs, d, got)
		if name == "" {
			return nil
		}
		if again := runs > len(sets); again && allSeeded(s.Model) {
			notes = append(notes, "the model draws random numbers: what was recorded is what a new session gives for these data sets in this order")
			return nil
		}
		return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: name, Msg: "is not the same in two runs on the same inputs: what is recorded of it would be of no use",
			Hint: "give the operators that draw random numbers a seed"}
	})
	return notes, err
}

// differing returns an output that is not as it was recorded, within ToleranceFor its element type; "" where there is none.
func differing(outputs []port, d *DataSet, got map[string]*onnxpb.Value) string {
	for i, p := range outputs {
		for _, diff := range CompareValues(d.Outputs[i], got[p.name], ToleranceFor(p.elem)) {
			if !diff.Equal() {
				return p.name
			}
		}
	}
	return ""
}

// randomOps are the operators that draw random numbers (Dropout in training).
var randomOps = []string{"Bernoulli", "Dropout", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}

// allSeeded tells whether a model has operators that draw random numbers, and all of them have a seed.
func allSeeded(m *onnxpb.ModelProto) bool {
	found, seeded := false, true
	var walk func(nodes []*onnxpb.NodeProto)
	walk = func(nodes []*onnxpb.NodeProto) {
		for _, n := range nodes {
			if slices.Contains(randomOps, n.GetOpType()) && onnxpb.NormalDomain(n.GetDomain()) == "" {
				found, seeded = true, seeded && n.Attr("seed") != nil
			}
			for g := range n.Subgraphs() {
				walk(g.GetNode())
			}
		}
	}
	walk(m.GetGraph().GetNode())
	for _, f := range m.GetFunctions() {
		walk(f.GetNode())
	}
	return found && seeded
}
