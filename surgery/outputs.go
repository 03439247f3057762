package surgery

import (
	"fmt"

	"onnxtool/onnxpb"
)

// OutputChoice says which values AddOutputs makes outputs.
type OutputChoice struct {
	// Names are names of values of the main graph, globs, or re: and a regular expression (see RenameRule). Patterns are for what nodes make; inputs and initializers are
	// meant by their names only.
	Names []string
	// All adds all that the nodes of the main graph make, behind those of Names. Values whose element type is not known are left out, and told.
	All bool
}

// AddOutputs makes values of the main graph outputs of the model, behind those that it has, in the order in which they are chosen: by Names, and what a pattern matches
// in the order of the graph. Their types and shapes are those that are declared, or that follow (see package shape); where the shape cannot be told it is left off,
// and the report has a note. A value that is an output already stays where it is. A sparse initializer, which engines take for a weight of a node alone, is copied by an Identity.
//
// Errors of kind Unfit: a name or a pattern that chooses nothing (with the nearest names), a value of a subgraph, a value whose element type is not known.
func AddOutputs(m *onnxpb.ModelProto, o OutputChoice) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		d := newDeclarer(m, &Report{Edit: "addoutput"})
		if len(o.Names) == 0 && !o.All {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "no tensor is named that is to be an output", Hint: "name tensors, or ask for all"}
		}
		var made []string
		for _, n := range m.GetGraph().GetNode() {
			for _, out := range n.GetOutput() {
				if out != "" {
					made = append(made, out)
				}
			}
		}
		names, err := chosen(o.Names, made, d.index.Exists, func(text string, exact bool) error {
			if exact {
				return d.unknownTensor(text, "output")
			}
			return &onnxpb.Error{Msg: fmt.Sprintf("no tensor that a node makes matches %q", text), Hint: "inputs and initializers are added by their names; values of subgraphs cannot be outputs of the model"}
		})
		if err != nil {
			return nil, err
		}
		named := len(names)
		if o.All {
			names = append(names, made...)
		}
		outputs := append([]*onnxpb.ValueInfoProto(nil), m.GetGraph().GetOutput()...)
		have := map[string]bool{}
		for _, v := range outputs {
			have[v.GetName()] = true
		}
		for i, name := range names {
			if have[name] {
				if i < named && d.index.IsOutput(name) {
					d.r.Note("%q is an output already", name)
				}
				continue
			}
			have[name] = true
			v, err := d.declare(name)
			if err != nil {
				if i < named {
					return nil, err
				}
				d.r.Note("%q is left out: its element type is not known, which an output of a model has to have (%s declares it)", name, declareHint(name))
				continue
			}
			outputs = append(outputs, v)
			d.r.Add("added", "output", name, "", typeText(v))
		}
		d.replaceOutputs(outputs)
		for _, name := range names {
			s := d.index.SparseInitializer(name)
			switch {
			case s == nil || d.index.IsOutput(name):
			case importOf(m.GetOpsetImport(), "") == 0:
				d.r.Note("%q is sparse, and ONNX Runtime takes no sparse initializer for an output", name)
			default:
				copySparse(m, s, d.r)
			}
		}
		return d.r, nil
	})
}

// copySparse has an Identity make the value of a sparse initializer, under its name.
func copySparse(m *onnxpb.ModelProto, s *onnxpb.SparseTensorProto, r *Report) {
	name, names := sparseName(s), NewNames(m)
	fresh := names.Value(name)
	s.Values.Name = &fresh
	n := onnxpb.Node("Identity", names.Node(name+"_Identity"), []string{fresh}, []string{name})
	m.Graph.Node = append([]*onnxpb.NodeProto{n}, m.Graph.Node...)
	r.Add("renamed", "initializer", name, name, fresh)
	r.Add("added", "node", n.GetName(), "", "Identity")
}

// DropOutputs takes outputs off a model: those of these names, globs, or re: and regular expressions. The others keep their order. The nodes that computed them stay, and what
// was declared of them becomes value_info; with tidy all that no output needs any more is removed, as Tidy does it.
//
// An Error of kind Unfit is a name or a pattern that is for no output (with the nearest names), one of kind Refused the last output: a model has to have one.
func DropOutputs(m *onnxpb.ModelProto, names []string, tidy bool) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		d := newDeclarer(m, &Report{Edit: "dropoutput"})
		if len(names) == 0 {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "no output is named that is to go", Hint: "name outputs of the model"}
		}
		list := outputNames(m.GetGraph())
		hits, err := chosen(names, list, d.index.IsOutput, func(text string, exact bool) error { return noOutput(d.index, text, exact) })
		if err != nil {
			return nil, err
		}
		goes := map[string]bool{}
		for _, name := range hits {
			goes[name] = true
		}
		left := without(m.GetGraph().GetOutput(), func(v *onnxpb.ValueInfoProto) bool { return goes[v.GetName()] })
		if len(left) == 0 {
			return nil, &onnxpb.Error{Kind: onnxpb.Refused, Msg: "no output would be left: a model has to have one", Hint: "add another one first: see onnxtool addoutput"}
		}
		d.replaceOutputs(left)
		if !tidy {
			return d.r, nil
		}
		t, err := Tidy(m)
		d.r.Merge(t)
		return d.r, err
	})
}

// noOutput is the error about a name, or a pattern, that is for no output of the model.
func noOutput(g *Graph, text string, exact bool) error {
	e := &onnxpb.Error{Msg: fmt.Sprintf("the model has no output %q", text), Hint: suggest("output", text, outputNames(g.Model.GetGraph()))}
	switch {
	case !exact:
		e.Msg = fmt.Sprintf("no output of the model matches %q", text)
	case g.Exists(text):
		e.Msg = fmt.Sprintf("%q is a tensor of the model, and no output", text)
	}
	return e
}
