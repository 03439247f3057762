package surgery

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// Extract makes a model that part of it which computes the values to out of the values from, inner ones or not. The inputs and outputs come in the order given. Empty
// from means the model's own inputs, those that are needed; empty to means the model's own outputs.
//
// Initializers that are needed come along, an input that has a default as an input, in from or not. Functions stay where they are called, opset imports, metadata and doc
// strings stay, and so do value_info and quantisation annotations of the values that are left; training information stays where all that it uses does. An initializer in from
// becomes an input. Where a node makes a value in from and another one that is needed, it stays, and its output gets another name.
//
// Errors of kind Unfit: a value that the main graph has not (with the nearest names), a value in from that is not needed, an output that the values in
// from do not suffice for (with the inputs that it needs besides, and the way from there), a value whose element type is not known.
func Extract(m *onnxpb.ModelProto, from, to []string) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		x := extraction{declarer: newDeclarer(m, &Report{Edit: "extract"}), from: from, to: to, given: map[string]bool{}}
		if err := x.run(); err != nil {
			return nil, err
		}
		return x.r, nil
	})
}

type extraction struct {
	*declarer
	from, to []string
	given    map[string]bool // from, as a set
	found    bool            // from was found, and not given by a user: what of it is not needed is left out
}

func (x *extraction) run() error {
	if len(x.to) == 0 {
		x.to = outputNames(x.m.GetGraph())
	} else if err := x.known("output", x.to); err != nil {
		return err
	}
	if err := x.known("input", x.from); err != nil {
		return err
	}
	for _, name := range x.from {
		x.given[name] = true
	}
	// Types are read before anything changes.
	inputs := make([]*onnxpb.ValueInfoProto, len(x.from))
	for i, name := range x.from {
		v, err := x.declare(name)
		if err != nil {
			return err
		}
		inputs[i] = v
	}
	outputs, err := x.declareOutputs()
	if err != nil {
		return err
	}
	names := NewNames(x.m)

	g := x.m.GetGraph()
	p := newPruner(false)
	l := p.analyse(g, x.to, x.given)
	if x.found { // what dead nodes of a subgraph capture, say
		inputs = without(inputs, func(v *onnxpb.ValueInfoProto) bool { return !l.needed[v.GetName()] })
		x.from = slices.DeleteFunc(x.from, func(name string) bool { return !l.needed[name] })
		for name := range x.given {
			if !l.needed[name] {
				delete(x.given, name)
			}
		}
	}
	if err := x.suffices(l); err != nil {
		return err
	}
	x.rewire(l, names)
	x.setInputs(l, inputs)
	x.setOutputs(outputs)
	l.apply(g, x.r)
	x.dropTraining(p)
	p.functions(x.m, x.r)
	dropStaleMetadata(x.m, x.r)
	return nil
}

// known checks that the main graph has the values of a list, each given once.
func (x *extraction) known(what string, list []string) error {
	seen := map[string]bool{}
	for _, name := range list {
		switch {
		case name == "":
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the name of an " + what + " is empty"}
		case seen[name]:
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%s %q is given twice", what, name), Hint: "name it once"}
		case x.index.Exists(name):
		default:
			return x.unknownTensor(name, what)
		}
		seen[name] = true
	}
	return nil
}

// declareOutputs makes the declarations of the outputs. Those that the model has already stay as they are, twice where they are listed twice.
func (x *extraction) declareOutputs() ([]*onnxpb.ValueInfoProto, error) {
	var out []*onnxpb.ValueInfoProto
	own := x.m.GetGraph().GetOutput()
	for i, name := range x.to {
		switch {
		case i < len(own) && own[i].GetName() == name:
			out = append(out, own[i])
		case x.index.IsOutput(name):
			out = append(out, x.index.Output(name))
		default:
			v, err := x.declare(name)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
	}
	return out, nil
}

// suffices checks that the outputs can be computed from what is given, and that all that is given is needed.
func (x *extraction) suffices(l *liveness) error {
	for _, name := range l.captures {
		return &onnxpb.Error{Tensor: name, Msg: "nothing in the model makes it, and it is needed: " + l.path(name), Hint: "the model is not valid: see onnxtool check"}
	}
	if len(x.from) == 0 {
		return nil // all inputs are given
	}
	var lacking []string
	for _, i := range x.m.GetGraph().GetInput() {
		if n := i.GetName(); l.needed[n] && !x.given[n] && !x.hasDefault(n) {
			lacking = append(lacking, n)
		}
	}
	if len(lacking) > 0 {
		return &onnxpb.Error{
			Msg:  fmt.Sprintf("%s cannot be computed from %s alone: %s needed too: %s", quoteList(l.targets(lacking)), quoteList(x.from), theyAre("input", lacking), l.path(lacking[0])),
			Hint: "add " + strings.Join(lacking, ",") + " to the inputs, or choose inputs that cut every way there"}
	}
	for _, name := range x.from {
		if !l.needed[name] {
			return &onnxpb.Error{Tensor: name, Msg: "it is to be an input, and " + quoteList(x.to) + " can be computed without it", Hint: "leave it out"}
		}
	}
	return nil
}

func (x *extraction) hasDefault(name string) bool {
	return x.index.Initializer(name) != nil || x.index.SparseInitializer(name) != nil
}

// theyAre writes `the input "x" is`, `the inputs "x", "y" are`.
func theyAre(what string, names []string) string {
	if len(names) == 1 {
		return "the " + what + " " + strconv.Quote(names[0]) + " is"
	}
	return "the " + what + "s " + quoteList(names) + " are"
}

// step goes one step from a needed value towards the output that it is needed for; false at that output.
func (l *liveness) step(name string) (*onnxpb.NodeProto, string, bool) {
	n := l.via[name]
	if n == nil {
		return nil, "", false
	}
	for _, o := range n.GetOutput() {
		if i, ok := l.producer[o]; ok && l.nodes[i] == n {
			return n, l.cause[i], true
		}
	}
	return n, "", false
}

// path tells how a needed value reaches the output that it is needed for.
func (l *liveness) path(name string) string {
	if _, _, ok := l.step(name); !ok {
		return strconv.Quote(name) + " is to be an output itself"
	}
	var steps []string
	end := name
	for n, next, ok := l.step(name); ok; n, next, ok = l.step(next) {
		steps = append(steps, "node "+strconv.Quote(n.Label()))
		end = next
	}
	const most = 7
	if len(steps) > most {
		rest := len(steps) - most + 1
		steps = append(append(steps[:4:4], fmt.Sprintf("(%d more)", rest)), steps[len(steps)-2:]...)
	}
	return strings.Join(append(append([]string{strconv.Quote(name)}, steps...), strconv.Quote(end)), " -> ")
}

// targets returns the outputs that values are needed for, as path finds them.
func (l *liveness) targets(names []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, name := range names {
		for _, next, ok := l.step(name); ok; _, next, ok = l.step(next) {
			name = next
		}
		if !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}

// rewire gives another name to the outputs of nodes that stay where the value itself is now an input.
func (x *extraction) rewire(l *liveness, names *Names) {
	for i, n := range l.nodes {
		if !l.alive[i] {
			continue
		}
		for k, o := range n.GetOutput() {
			if !x.given[o] {
				continue
			}
			name := names.Value(o)
			n.Output[k] = name
			for _, c := range n.GetDeviceConfigurations() {
				for _, s := range c.GetShardingSpec() {
					if s.GetTensorName() == o {
						s.TensorName = proto.String(name)
					}
				}
			}
			x.r.Add("renamed", "tensor", o, o, name)
			x.r.Note("node %q still makes %q, as another of its outputs is needed: that is called %q now, and nothing reads it", n.Label(), o, name)
		}
	}
}

func (x *extraction) setInputs(l *liveness, given []*onnxpb.ValueInfoProto) {
	g := x.m.GetGraph()
	var inputs []*onnxpb.ValueInfoProto
	weights := map[string]bool{} // initializers that are inputs from now on
	for _, v := range given {
		name := v.GetName()
		if x.index.IsInput(name) {
			inputs = append(inputs, x.index.Input(name)) // as it is, with its default if it has one
			continue
		}
		inputs = append(inputs, v)
		x.r.Add("added", "input", name, "", typeText(v))
		weights[name] = x.hasDefault(name)
	}
	// They are initializers no more, or the inputs would have defaults.
	stays := func(name string) bool { return !weights[name] }
	g.Initializer = keep(g.Initializer, x.r, "initializer", (*onnxpb.TensorProto).GetName, stays)
	g.SparseInitializer = keep(g.SparseInitializer, x.r, "initializer", sparseName, stays)
	for _, v := range g.GetInput() {
		name := v.GetName()
		switch {
		case x.given[name]:
		case l.needed[name]: // without from every input that is needed, with it those that have a default
			inputs = append(inputs, v)
		default:
			x.r.Add("removed", "input", name, "", "")
		}
	}
	g.Input = inputs
	// What an input declares, value_info need not.
	g.ValueInfo = without(g.ValueInfo, func(v *onnxpb.ValueInfoProto) bool { return x.given[v.GetName()] && !x.index.IsInput(v.GetName()) })
}

func (x *extraction) setOutputs(outputs []*onnxpb.ValueInfoProto) {
	for _, v := range outputs {
		if !x.index.IsOutput(v.GetName()) {
			x.r.Add("added", "output", v.GetName(), "", typeText(v))
		}
	}
	x.replaceOutputs(outputs)
}

// typeText writes the type that a declaration tells, for a report.
func typeText(v *onnxpb.ValueInfoProto) string {
	if v.ElemType() == onnxpb.TensorProto_UNDEFINED {
		return ""
	}
	s := onnxpb.TypeName(v.ElemType())
	if dims, ok := v.Shape(); ok {
		s += " " + onnxpb.FormatShape(dims)
	}
	return s
}

func without(list []*onnxpb.ValueInfoProto, goes func(*onnxpb.ValueInfoProto) bool) []*onnxpb.ValueInfoProto {
	var out []*onnxpb.ValueInfoProto
	for _, v := range list {
		if !goes(v) {
			out = append(out, v)
		}
	}
	return out
}

// dropTraining removes the training information that uses values which are gone.
func (x *extraction) dropTraining(p *pruner) {
	main := map[string]bool{}
	for name := range definitions(x.m.GetGraph()) {
		main[name] = true
	}
	var out []*onnxpb.TrainingInfoProto
	for i, t := range x.m.GetTrainingInfo() {
		lost := ""
		inner := map[string]int{}
		v := nameVisitor{
			open: func(g *onnxpb.GraphProto) {
				for n := range definitions(g) {
					inner[n]++
				}
			},
			closed: func(g *onnxpb.GraphProto) {
				for n := range definitions(g) {
					inner[n]--
				}
			},
			value: func(name *string) {
				if lost == "" && inner[*name] == 0 && !main[*name] {
					lost = *name
				}
			},
		}
		v.model(&onnxpb.ModelProto{TrainingInfo: []*onnxpb.TrainingInfoProto{t}})
		if lost != "" {
			x.r.Add("removed", "training_info", strconv.Itoa(i), "", "")
			x.r.Note("training_info %d is gone with %q, which it uses", i, lost)
			continue
		}
		out = append(out, t)
		for _, g := range []*onnxpb.GraphProto{t.GetInitialization(), t.GetAlgorithm()} {
			p.count(g.GetNode())
		}
	}
	x.m.TrainingInfo = out
}

// count notes the operators of nodes that stay whole.
func (p *pruner) count(nodes []*onnxpb.NodeProto) {
	for _, n := range nodes {
		p.calls[callOf(n)] = true
		for g := range n.Subgraphs() {
			p.count(g.GetNode())
		}
	}
}
