package fuse

import (
	"fmt"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// Input is a model that Merge takes, and the name that it goes by.
type Input struct {
	// Name is what connections, outputs, reports and invented prefixes call the model.
	Name  string
	Model *onnxpb.ModelProto
	// Dir is the directory that the model's external data is relative to; "" where it has none.
	Dir string
	// Prefix is put before every tensor and node name of the model. Nil leaves the names alone, but for those that collide with
	// another model's: they get Name and an underscore before them.
	Prefix *string
}

// End is one end of a connection: a tensor of a model, by the name that it has in that model.
type End struct{ Model, Tensor string }

// String writes an end as the command line does.
func (e End) String() string { return e.Model + ":" + e.Tensor }

// Connection feeds a graph input (To) from a tensor of another model or of the same: an output, an inner tensor, an initializer or
// a graph input (From). Where From is a graph input the two inputs become one.
type Connection struct{ From, To End }

// String writes a connection as the command line does.
func (c Connection) String() string { return c.From.String() + "=" + c.To.String() }

// OutputSpec asks for an output of the merged model.
type OutputSpec struct {
	End
	As string // the output's name; "" keeps the tensor's
}

// MergeOptions says how models are joined. The zero value puts them side by side.
type MergeOptions struct {
	// Connect lists the connections. One source may feed many inputs; an input has one source at most.
	Connect []Connection
	// Outputs are the outputs of the merged model, in this order: any tensors of the main graphs, joined ones too. None: all outputs that no
	// connection takes up, model by model.
	Outputs []OutputSpec
	// KeepConnected keeps the tensors that connections take up as outputs too, inner ones of a model as well, graph inputs aside: model by model where Outputs is empty, and behind those
	// of Outputs otherwise.
	KeepConnected bool
	// Tidy removes what the outputs do not need: nodes, initializers, functions (see surgery.Tidy), and inputs that nothing reads then, with their defaults.
	Tidy bool
	// SameDims lists dimension parameters that mean the same in every model; "*" is all of them. Others of the same name are kept apart, by
	// a new name in the later model, unless a connection makes them one.
	SameDims []string
	// Name is the name of the merged graph; "" joins the models' names.
	Name string
	// Doc is the doc string of the merged model; "" keeps the models' own.
	Doc string
	// Data is what onnxpb.Save will be asked to do with external data. The report tells of it; the merged model is the same.
	Data onnxpb.DataOptions
}

// Merge joins any number of models into one. The models stay as they are, but are not to be used by others meanwhile; the merged one shares the payloads
// of their tensors.
//
// The nodes, initializers, functions, annotations, training information and metadata of all models survive. Names that collide are made unique,
// in the later model, and followed into subgraphs; models with a Prefix keep exactly the names that it gives them, and are refused where those
// collide. Functions of the same domain, name and overload are united where they are equal and renamed where they differ. A dimension parameter
// that a connection meets becomes what it meets, all over its model: [M,3] fed by [N,3] makes M N, fed by [1,3] it makes M 1.
//
// Where models import an operator set at several versions the merged one has the highest, under which every operator that they use, in graphs and functions, must be the one that it was; functions keep
// their own imports. The IR version is the highest. External data is not read. Where
// the models' data lies in several directories, files of the same name get names of their own; the report's Carry tells where each file is, for
// onnxpb.Save to refer to it there or to copy it along.
//
// The errors are of kind Unfit where a name is unknown, types, shapes or operator sets disagree, or an input has two sources, and of kind Refused where the
// connections close a cycle among the nodes. The cost is linear in the nodes and edges of all models.
func Merge(models []Input, o MergeOptions) (*onnxpb.ModelProto, *surgery.Report, error) {
	w := &merger{o: o, report: &surgery.Report{Edit: "merge"}, byName: map[string]*member{}}
	steps := []func() error{
		func() error { return w.open(models) },
		w.connect,
		w.findOrder,
		w.agreeOpsets,
		w.joinTypes,
		w.planOutputs,
		w.uniteConfigurations,
		w.uniteFunctions,
		w.nameValues,
		w.nameDims,
		w.relocateExternal,
		w.assemble,
		w.tidy,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, nil, err
		}
	}
	joined := &surgery.Report{Edit: w.report.Edit}
	for _, m := range w.members {
		joined.Add("added", "model", m.Name, "", fmt.Sprintf("%d nodes", len(m.Model.GetGraph().GetNode())))
	}
	joined.Merge(w.report)
	return w.merged, joined, nil
}

// merger holds the state of one Merge.
type merger struct {
	o      MergeOptions
	report *surgery.Report
	merged *onnxpb.ModelProto

	members []*member
	byName  map[string]*member

	source   map[ref]ref               // a joined input to what feeds it, which may be a joined input itself
	joinedBy map[ref]Connection        // a joined input to its connection
	consumed map[ref]bool              // values that a connection takes up
	fallback map[ref]*onnxpb.TypeProto // what a joined input says of the type of a source that declares none

	nodeOrder []nodeRef // of all nodes
	opsets    []*onnxpb.OperatorSetIdProto
	outputs   []*outputPlan
	functions []*onnxpb.FunctionProto
	configs   []*onnxpb.DeviceConfigurationProto
	dims      dimClasses
}

// member is one of the models that are merged.
type member struct {
	Input
	index int
	m     *onnxpb.ModelProto // a copy of Input.Model, edited on the way
	g     *surgery.Graph     // the index of its main graph, as it was
	types *surgery.Types     // of its values
	final map[string]string  // the names that values get

	position    map[*onnxpb.NodeProto]int // of the main graph's nodes
	joinedFinal map[string]bool           // the final names of joined inputs
}

// ref is a value of the main graph of one of the models.
type ref struct {
	model int
	name  string
}

func (w *merger) label(r ref) string { return w.members[r.model].Name + ":" + r.name }

// open copies the models and indexes their main graphs.
func (w *merger) open(models []Input) error {
	if len(models) == 0 {
		return onnxpb.Errorf(onnxpb.Usage, "there is no model to merge")
	}
	for i, in := range models {
		switch {
		case in.Model == nil || in.Model.Graph == nil:
			return onnxpb.Errorf(onnxpb.Unfit, "model %d, %q, has no graph", i+1, in.Name)
		case in.Name == "":
			return onnxpb.Errorf(onnxpb.Usage, "model %d has no name", i+1)
		case w.byName[in.Name] != nil:
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("two models are called %q", in.Name), Hint: "give each a name of its own"}
		}
		mb := newMember(in, i)
		w.members = append(w.members, mb)
		w.byName[in.Name] = mb
	}
	return nil
}

func newMember(in Input, index int) *member {
	m := onnxpb.Clone(in.Model)
	mb := &member{Input: in, index: index, m: m, g: surgery.NewGraph(m), final: map[string]string{}, position: map[*onnxpb.NodeProto]int{},
		joinedFinal: map[string]bool{}}
	mb.types = surgery.NewTypes(mb.g)
	for i, n := range m.Graph.Node {
		mb.position[n] = i
	}
	return mb
}

// suggest returns a hint with the names nearest to one that is not there, or the names that there are where they are few.
func suggest(name string, names []string) string {
	if near := surgery.Nearest(name, names, 3); len(near) > 0 {
		return "did you mean " + strings.Join(near, ", ") + "?"
	}
	if len(names) > 0 && len(names) <= 8 {
		return "there are " + strings.Join(names, ", ")
	}
	return ""
}
