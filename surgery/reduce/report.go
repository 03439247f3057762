package reduce

import (
	"fmt"
	"io"
	"text/tabwriter"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// Schema names the form of a Report in JSON. It changes when a field changes its meaning or goes; new fields may come without.
const Schema = "onnxtool.reduce/1"

// The steps of a reduction, as Step.Step tells them.
const (
	StepUnused     = "unused"     // what no output needs goes
	StepOutputs    = "outputs"    // outputs go
	StepEnds       = "ends"       // the last nodes go: outputs move to earlier tensors
	StepBeginnings = "beginnings" // the first nodes go: tensors become inputs
	StepNodes      = "nodes"      // nodes in between go: what they made become inputs, what they read outputs
	StepBranches   = "branches"   // an If is replaced by one of its branches
	StepBypass     = "bypass"     // nodes go whose readers can read one of their inputs, which has the type and shape of their output
	StepWeights    = "weights"    // large initializers are made by ConstantOfShape
	StepClean      = "clean"      // value_info, doc strings, metadata, functions and opset imports that nothing needs go
)

// Report says what Reduce did.
type Report struct {
	Schema   string `json:"schema"`
	Before   Size   `json:"before"`
	After    Size   `json:"after"`
	Runs     int    `json:"runs"`     // how often it was asked whether a model fails
	Complete bool   `json:"complete"` // false where the search ended as it had no runs left
	Steps    []Step `json:"steps"`    // those that asked, in order
	// Notes are what the user should know besides; Reduce leaves it empty.
	Notes []string `json:"notes,omitempty"`
}

// Size is how large a model is.
type Size struct {
	Nodes        int   `json:"nodes"`           // of the main graph
	Inner        int   `json:"inner,omitempty"` // nodes of subgraphs and functions
	Inputs       int   `json:"inputs"`
	Outputs      int   `json:"outputs"`
	Initializers int   `json:"initializers"` // of the main graph
	Bytes        int64 `json:"bytes"`        // of the file, and of its external data
}

// Step is one step of the search, and the model after it.
type Step struct {
	Step    string `json:"step"`            // one of the constants
	Round   int    `json:"round,omitempty"` // from 1; 0 for what is done once
	Runs    int    `json:"runs"`            // how often it asked
	Taken   int    `json:"taken"`           // how many of the models failed, and were taken
	Nodes   int    `json:"nodes"`
	Inputs  int    `json:"inputs"`
	Outputs int    `json:"outputs"`
}

// WriteText prints a report for people: the steps that shrank the model, and what came of it.
func (r *Report) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "step\truns\ttaken\tnodes\tinputs\toutputs\n")
	fmt.Fprintf(tw, "whole\t1\t\t%d\t%d\t%d\n", r.Before.Nodes, r.Before.Inputs, r.Before.Outputs)
	for _, s := range r.Steps {
		name := s.Step
		if s.Round > 1 {
			name = fmt.Sprintf("%s %d", name, s.Round)
		}
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%d\n", name, s.Runs, s.Taken, s.Nodes, s.Inputs, s.Outputs)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if !r.Complete {
		fmt.Fprintf(w, "note: the search ended after %d runs; with more it may find a smaller model\n", r.Runs)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "note: %s\n", n)
	}
	_, err := fmt.Fprintf(w, "%s of %s nodes, %d of %d inputs, %d of %d outputs, %d of %d bytes are left after %d runs\n", r.After.nodes(), r.Before.nodes(), r.After.Inputs,
		r.Before.Inputs, r.After.Outputs, r.Before.Outputs, r.After.Bytes, r.Before.Bytes, r.Runs)
	return err
}

func (s Size) nodes() string {
	if s.Inner == 0 {
		return fmt.Sprint(s.Nodes)
	}
	return fmt.Sprintf("%d+%d", s.Nodes, s.Inner)
}

// sizeOf measures a model.
func sizeOf(m *onnxpb.ModelProto) Size {
	g := m.GetGraph()
	s := Size{Nodes: len(g.GetNode()), Inputs: len(g.GetInput()), Outputs: len(g.GetOutput()), Initializers: len(g.GetInitializer()) + len(g.GetSparseInitializer()),
		Bytes: int64(proto.Size(m))}
	s.Inner = allNodes(m) - s.Nodes
	m.AllTensors(func(t *onnxpb.TensorProto) {
		if t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
			s.Bytes += payload(t)
		}
	})
	return s
}

// allNodes counts the nodes of a model, at any depth and in functions.
func allNodes(m *onnxpb.ModelProto) int {
	n := 0
	var count func(list []*onnxpb.NodeProto)
	count = func(list []*onnxpb.NodeProto) {
		n += len(list)
		for _, x := range list {
			for g := range x.Subgraphs() {
				count(g.GetNode())
			}
		}
	}
	count(m.GetGraph().GetNode())
	for _, f := range m.GetFunctions() {
		count(f.GetNode())
	}
	return n
}

// payload is how many bytes the elements of a tensor take, 0 where that cannot be told.
func payload(t *onnxpb.TensorProto) int64 {
	n, err := onnxpb.Count(t.GetDims())
	if err != nil {
		return 0
	}
	bits := int64(onnxpb.ElemBits(onnxpb.TensorProto_DataType(t.GetDataType())))
	if bits <= 0 || n > (1<<62)/bits {
		return 0
	}
	return (n*bits + 7) / 8
}
