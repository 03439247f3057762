package surgery

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/shape"
)

// InsertOptions say how the block that Insert inserts is wired.
type InsertOptions struct {
	// Inputs tells which value of the model each input of the block reads, by the names of the inputs. One that is not listed reads the value of the main graph that has its own name; one that
	// has a default and is not listed keeps that.
	Inputs map[string]string
	// Outputs tells whose readers are to read an output of the block instead, by the names of the outputs. One that is not listed is read by nobody, unless NewOutputs is given.
	Outputs map[string]string
	// Readers are those that read the outputs of the block. Readers.Outputs has outputs of the model follow too: they keep their names, and get the block's type.
	Readers ReaderChoice
	// OnlyOutputs leaves all readers that are nodes alone: only outputs of the model follow.
	OnlyOutputs bool
	// Replace tells whose place as an input of the model an input of the block takes, by the names of the block's inputs: the model takes what the block takes then, under the same name,
	// and all that read the old input read the output of the block that Outputs has for it.
	Replace map[string]string
	// NewInputs makes inputs of the block that are told nothing of inputs of the model, and NewOutputs its outputs likewise.
	NewInputs, NewOutputs bool
	// Dir is the directory that the block's external data is relative to, and ModelDir that of the model's.
	Dir, ModelDir string

	// Force lets operators of the block in that their domain does not have, as other tools write plugins into ONNX's own domain. The result does not pass the checker then.
	Force bool

	own bool // the block was made for the model: its symbols are the model's
}

// Insert puts a block, the graph of another model, into a model: before, after or between values, at its inputs or at its outputs. Its nodes, initializers, value_info and quantisation
// annotations join the graph of the values that it reads, a subgraph or the main graph; its functions and operator sets join the model's. Names that the model has already are changed
// in the block, and told; symbols of dimensions stand for what the values have that the block reads. Inputs of the block may be without a type: they take any.
//
// What is read instead of another value has to have its type and shape, as inference tells (see package shape); outputs of the model (Readers.Outputs) may get others. The block's metadata
// and training information stay behind.
//
// Errors of kind Unfit: an input or output that the block has not, a value that the model has not (with the nearest names), an input that is left over, types or shapes that disagree,
// operator sets of other versions where they matter, operators that are wrong in the model, values that cannot be seen from one graph. Errors of kind Refused: a cycle, an input that has a
// default in the place of which another is to come, types or shapes further on that would contradict each other.
func Insert(m, block *onnxpb.ModelProto, o InsertOptions) (*Report, error) {
	if block.GetGraph() == nil {
		return nil, &onnxpb.Error{Msg: "the block has no graph", Hint: "there is nothing to insert"}
	}
	original := m
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		if o.OnlyOutputs {
			o.Readers.Outputs = true
		}
		x := &insertion{rewiring: newRewiring(original, m, "insert", o.Readers), o: o, block: onnxpb.Clone(block), names: NewNames(m),
			bound: map[string]*wire{}, to: map[string]string{}, replaced: map[*wire]*onnxpb.ValueInfoProto{}, retyped: map[string]*onnxpb.TypeProto{}}
		x.infer()
		x.noteTypes()
		x.valid = len(opset.Check(m, opset.CheckOptions{})) == 0
		for _, step := range []func() error{x.bind, x.unite, x.place, x.rename, x.splice, x.finish} {
			if err := step(); err != nil {
				return nil, err
			}
		}
		return x.r, nil
	})
}

// insertion puts a block into a model.
type insertion struct {
	*rewiring
	o     InsertOptions
	block *onnxpb.ModelProto
	names *Names
	bound map[string]*wire  // the value that each input of the block reads
	to    map[string]string // the names of the block's values in the model
	at    *frame            // the graph that the block goes into

	replaced map[*wire]*onnxpb.ValueInfoProto // inputs of the model whose place one of the block takes, with that
	targets  []target
	retyped  map[string]*onnxpb.TypeProto // what outputs were whose types the block tells
	valid    bool                         // whether the model was
	nodes    map[string]bool              // the labels of the block's nodes in the model
}

// target is a value whose readers are to read an output of the block.
type target struct {
	output string // of the block, by its name there
	old    *wire
	what   *shape.Value // what was known of the old value
}

// rename settles the names: of the values in whose place the block's come, and of all that is the block's.
func (x *insertion) rename() error {
	// Chosen while the index still holds for the model as it is.
	if err := x.chooseReaders(); err != nil {
		return err
	}
	renames := map[*onnxpb.GraphProto]map[string]string{}
	inner := map[*wire]string{}
	for _, t := range x.targets {
		given := t.old.output && x.o.Readers.Outputs
		if !given && x.replaced[t.old] == nil {
			continue
		}
		if t.old.input && given {
			return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: t.old.name, Msg: "it is an input and an output: one name is one value", Hint: "insert the block behind it for its readers only"}
		}
		inner[t.old] = x.names.Value(t.old.name)
		put(renames, t.old.in.graph, t.old.name, inner[t.old])
		x.r.Add("renamed", "tensor", t.old.in.path(t.old.name), t.old.name, inner[t.old])
	}
	for i, v := range x.m.Graph.GetInput() {
		if old := x.main.values[v.GetName()]; x.replaced[old] != nil {
			x.m.Graph.Input[i] = x.replaceInput(v, old)
		}
	}
	declared := x.m.Graph.Input
	x.m.Graph.Input = nil // the inputs of the block keep the names
	mapScoped(x.m, renames)
	x.m.Graph.Input = declared
	outputs := map[string]string{} // that get the names back
	defer func() {
		for _, v := range x.at.graph.GetOutput() {
			if name := outputs[v.GetName()]; name != "" {
				v.Name = &name
			}
		}
	}()
	for _, t := range x.targets {
		old := inner[t.old]
		switch {
		case old == "":
			continue
		case x.replaced[t.old] != nil:
			// What the block makes is the value that was the input.
			x.to[t.output] = old
		default:
			outputs[old] = t.old.name
			if _, passes := x.bound[t.output]; passes {
				return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: t.old.name, Msg: fmt.Sprintf("output %q of the block is one of its inputs, which cannot be an output of the model too", t.output), Hint: "put an Identity between in the block"}
			}
			x.to[t.output] = t.old.name
		}
		t.old.name = old
	}
	for name, w := range x.bound {
		x.to[name] = w.name
	}
	value := func(name string) string {
		to, ok := x.to[name]
		if !ok {
			to = x.names.Value(name)
			x.to[name] = to
			if to != name {
				x.r.Add("renamed", "tensor of the block", name, name, to)
			}
		}
		return to
	}
	nodes := map[string]string{}
	MapNames(x.block, NameMap{Value: value, Node: func(name string) string {
		to, ok := nodes[name]
		if !ok {
			to = x.names.Node(name)
			nodes[name] = to
			if to != name {
				x.r.Add("renamed", "node of the block", name, name, to)
			}
		}
		return to
	}})
	return nil
}

// unnamed ends the name of a value of the block that has none in the model yet, so that it is no other's.
const unnamed = "\x00"

// chooseReaders finds who is to read the outputs of the block.
func (x *insertion) chooseReaders() error {
	var from, to []*wire
	for _, t := range x.targets {
		switch {
		case x.replaced[t.old] != nil: // all, by the name
		case x.o.OnlyOutputs:
			if !t.old.output {
				return noOutput(NewGraph(x.m), t.old.name, true)
			}
		default:
			// The block's output has no name yet: it is one of the graph that the block goes into.
			out := &wire{name: t.output + unnamed, in: x.at}
			from, to = append(from, t.old), append(to, out)
		}
	}
	if len(from) == 0 {
		return nil
	}
	for _, out := range to {
		x.at.values[out.name] = out
	}
	err := x.choose(from, to)
	for _, out := range to {
		delete(x.at.values, out.name)
	}
	x.outs = nil // outputs get their names directly
	return err
}

// replaceInput declares an input of the block in the place of one of the model.
func (x *insertion) replaceInput(in *onnxpb.ValueInfoProto, old *wire) *onnxpb.ValueInfoProto {
	v := x.replaced[old]
	now := proto.Clone(v).(*onnxpb.ValueInfoProto)
	now.Name = proto.String(old.name)
	x.to[v.GetName()] = old.name
	if before, after := typeText(in), typeText(now); before != after {
		x.r.Add("changed", "input", old.name, before, after)
	}
	x.m.Graph.ValueInfo = append(x.m.Graph.ValueInfo, in) // what it told is true of the inner value
	return now
}

// splice puts the block into the graph, behind what it reads.
func (x *insertion) splice() error {
	g, b := x.at.graph, x.block.Graph
	made := map[string]bool{}
	for _, v := range b.GetInput() {
		made[v.GetName()] = true
	}
	position := 0
	for i, n := range g.GetNode() {
		if slices.ContainsFunc(n.GetOutput(), func(o string) bool { return o != "" && made[o] }) {
			position = i + 1
		}
	}
	x.nodes = make(map[string]bool, len(b.GetNode()))
	for _, n := range b.GetNode() {
		x.nodes[n.Label()] = true
		x.r.Add("added", "node", n.Label(), "", n.GetOpType())
	}
	g.Node = slices.Insert(g.Node, position, b.Node...)
	for _, t := range b.GetInitializer() {
		x.r.Add("added", "initializer", t.GetName(), "", onnxpb.TypeName(onnxpb.TensorProto_DataType(t.GetDataType())))
		if x.m.GetIrVersion() < 4 && x.at == x.main {
			// There an initializer has to be a graph input too.
			g.Input = append(g.Input, onnxpb.TensorValue(t.GetName(), onnxpb.TensorProto_DataType(t.GetDataType()), onnxpb.Numbers(t.GetDims()...)))
		}
	}
	for _, t := range b.GetSparseInitializer() {
		x.r.Add("added", "initializer", sparseName(t), "", "sparse")
	}
	if x.m.GetIrVersion() < 4 && x.at != x.main {
		// There it cannot be one in a subgraph.
		var constants []*onnxpb.NodeProto
		for _, t := range b.GetInitializer() {
			constants = append(constants, onnxpb.Node("Constant", x.names.Node(t.GetName()), nil, []string{t.GetName()}, onnxpb.TensorAttr("value", t)))
			x.nodes[constants[len(constants)-1].Label()] = true
		}
		g.Node = slices.Insert(g.Node, position, constants...)
	} else {
		g.Initializer = append(g.Initializer, b.Initializer...)
	}
	g.SparseInitializer = append(g.SparseInitializer, b.SparseInitializer...)
	g.ValueInfo = append(g.ValueInfo, without(b.GetValueInfo(), func(v *onnxpb.ValueInfoProto) bool { return made[v.GetName()] })...)
	for _, a := range b.GetQuantizationAnnotation() {
		if !made[a.GetTensorName()] { // of what the block reads the model tells
			g.QuantizationAnnotation = append(g.QuantizationAnnotation, a)
		}
	}
	x.declare()
	for i, v := range x.moves {
		x.moves[i].to = &wire{name: x.to[strings.TrimSuffix(v.to.name, unnamed)], in: x.at}
	}
	x.moveReaders()
	return nil
}

// declare makes inputs and outputs of the model of those of the block that are to be some.
func (x *insertion) declare() {
	g, b := x.m.Graph, x.block.Graph
	back := map[string]string{} // the names in the block as it was given
	for name, to := range x.to {
		back[to] = name
	}
	weights := map[string]bool{}
	for name := range definitions(&onnxpb.GraphProto{Initializer: b.Initializer, SparseInitializer: b.SparseInitializer}) {
		weights[name] = true
	}
	for _, v := range b.GetInput() {
		name := back[v.GetName()]
		_, replaces := x.o.Replace[name]
		if x.bound[name] == nil && !replaces && !weights[v.GetName()] {
			g.Input = append(g.Input, v)
			x.r.Add("added", "input", v.GetName(), "", typeText(v))
		}
	}
	own := map[string]*onnxpb.ValueInfoProto{} // what the block tells of its outputs
	for _, v := range b.GetOutput() {
		own[v.GetName()] = v
	}
	targets := map[string]bool{}
	for _, t := range x.targets {
		targets[x.to[t.output]] = true
	}
	outputs := map[string]bool{}
	for _, v := range x.at.graph.GetOutput() {
		name := v.GetName()
		outputs[name] = true
		if now := own[name]; targets[name] && now != nil && onnxpb.FormatTypeProto(v.Type) != onnxpb.FormatTypeProto(now.Type) {
			x.retyped[name] = v.Type
			v.Type = now.Type // settled in finish where the block does not tell it
		}
	}
	infos := map[string]bool{}
	for _, v := range x.at.graph.GetValueInfo() {
		infos[v.GetName()] = true
	}
	for _, v := range b.GetOutput() {
		name := v.GetName()
		switch {
		case outputs[name] || x.bound[back[name]] != nil:
		case x.o.NewOutputs && !targets[name]:
			g.Output = append(g.Output, v)
			x.r.Add("added", "output", name, "", typeText(v))
		case v.GetType() != nil && !infos[name]:
			x.at.graph.ValueInfo = append(x.at.graph.ValueInfo, v) // what the output told is true of the inner value
		}
	}
}

// finish puts the nodes in order, and holds what came together to each other.
func (x *insertion) finish() error {
	if err := sortModel(x.m, x.r); err != nil {
		return err
	}
	if err := x.faults(false); err != nil {
		return err
	}
	found := shape.Infer(x.m, shape.Options{})
	made, moved := map[string]bool{}, map[*wire]bool{}
	for _, v := range x.moves {
		moved[v.from] = true
	}
	for _, t := range x.targets {
		made[x.to[t.output]] = true
		now := found.Of(x.at.graph, x.to[t.output])
		if now == nil {
			now = &shape.Value{}
		}
		if !moved[t.old] && x.replaced[t.old] == nil {
			continue // only an output reads it
		}
		was := t.what
		if v := found.Of(t.old.in.graph, t.old.name); v != nil && x.replaced[t.old] == nil {
			was = v // told in the same terms
		}
		if err := x.mayFollow(t, was, now); err != nil {
			return err
		}
	}
	for _, v := range x.at.graph.GetOutput() {
		if t := v.GetType().GetTensorType(); !typeKnown(v.GetType()) || made[v.GetName()] && t != nil && t.Shape == nil {
			if t := found.Of(x.at.graph, v.GetName()); t != nil && t.Proto() != nil {
				v.Type = t.Proto()
			}
		}
		if !typeKnown(v.GetType()) && x.at == x.main {
			return &onnxpb.Error{Tensor: v.GetName(), Msg: "the element type of this output does not follow", Hint: "declare it as an output of the block"}
		}
	}
	for _, v := range x.at.graph.GetOutput() {
		old := x.retyped[v.GetName()]
		if old == nil {
			continue
		}
		before, after := onnxpb.FormatTypeProto(old), onnxpb.FormatTypeProto(v.GetType())
		if before == after {
			v.Type = old // with all that it tells besides
		} else {
			x.r.Add("changed", "output", v.GetName(), before, after)
		}
	}
	if err := x.settle(); err != nil {
		return err
	}
	return x.faults(x.valid)
}

// faults is the error about what the checker finds at the block's nodes, or in all of a model that was valid before.
func (x *insertion) faults(everywhere bool) error {
	var list []string
	for _, f := range opset.Check(x.m, opset.CheckOptions{}) {
		if x.o.Force && f.Code == opset.FaultOperator {
			continue
		}
		if everywhere || x.nodes[f.Node] && f.Node != "" {
			list = append(list, f.String())
		}
	}
	if len(list) == 0 {
		return nil
	}
	return &onnxpb.Error{Msg: "the block does not fit: " + strings.Join(list, "; "), Hint: "mend the block, or wire it otherwise"}
}

// mayFollow refuses that readers get what they were not made for.
func (x *insertion) mayFollow(t target, was, now *shape.Value) error {
	if x.o.Readers.Retype {
		return nil
	}
	switch agree(was, now) {
	case typesDiffer:
		return &onnxpb.Error{Tensor: t.old.name, Msg: fmt.Sprintf("it is %s, and output %q of the block is %s: its readers are made for the former", was, t.output, now), Hint: "choose another place, or let its readers get another type or shape (--retype)"}
	case typesUntold:
		if !x.o.Readers.AllowUnknown {
			return &onnxpb.Error{Tensor: t.old.name, Msg: fmt.Sprintf("it is %s, and output %q of the block is %s: whether they have one type and shape is not known", was, t.output, now), Hint: "declare them with " + declareHint("NAME") + ", or allow what is not known"}
		}
		x.r.Note("%s is %s, and output %s of the block %s: it is not known whether they have one type and shape", strconv.Quote(t.old.name), was, strconv.Quote(t.output), now)
	}
	return nil
}
