package surgery

import (
	"strings"

	"onnxtool/onnxpb"
)

// OrderInputs puts the inputs of a model in another order: those named first, in the order given, the others behind them in the order that they have.
//
// An Error of kind Unfit is a name that is no input (with the nearest names), one of kind Usage a name that is given twice, or none.
func OrderInputs(m *onnxpb.ModelProto, names []string) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "setinput"}
		list, err := inOrder(m.GetGraph().GetInput(), names, "input", r)
		m.GetGraph().Input = list
		return r, err
	})
}

// OrderOutputs puts the outputs of a model in another order, as OrderInputs does the inputs.
func OrderOutputs(m *onnxpb.ModelProto, names []string) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "setoutput"}
		list, err := inOrder(m.GetGraph().GetOutput(), names, "output", r)
		m.GetGraph().Output = list
		return r, err
	})
}

// inOrder returns a list with the values named in front.
func inOrder(list []*onnxpb.ValueInfoProto, names []string, what string, r *Report) ([]*onnxpb.ValueInfoProto, error) {
	if len(names) == 0 {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "no order of " + what + "s is given", Hint: "name those that are to come first"}
	}
	by := map[string]*onnxpb.ValueInfoProto{}
	old := make([]string, len(list))
	for i, v := range list {
		by[v.GetName()] = v
		old[i] = v.GetName()
	}
	var out []*onnxpb.ValueInfoProto
	seen := map[string]bool{}
	for _, name := range names {
		switch {
		case seen[name]:
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: name, Msg: "the order names it twice", Hint: "name it once"}
		case by[name] == nil:
			return nil, &onnxpb.Error{Msg: "the model has no " + what + " " + quoteList([]string{name}), Hint: suggest(what, name, old)}
		}
		seen[name] = true
		out = append(out, by[name])
	}
	out = append(out, without(list, func(v *onnxpb.ValueInfoProto) bool { return seen[v.GetName()] })...)
	now := make([]string, len(out))
	for i, v := range out {
		now[i] = v.GetName()
	}
	if before, after := strings.Join(old, ", "), strings.Join(now, ", "); before != after {
		r.Add("changed", "order", what+"s", before, after)
	}
	return out, nil
}
