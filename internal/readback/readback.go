// Package readback reads models with github.com/owulveryck/onnx-go, a reader that shares no code with ours, and holds what it saw to our own reading. It is
// for tests: nothing that ships imports it.
//
// onnx-go hands a model to a backend: nodes for values, weighted edges from each output of an operation to each of its inputs (the weight is the input's
// place), then the operation itself. The backend here only writes down what it is handed. It is handed the main graph alone, without the names
// and domains of nodes, and not every model can be read so: see Limit.
package readback

import (
	"errors"
	"fmt"
	"strings"

	onnx "github.com/owulveryck/onnx-go"
	"gonum.org/v1/gonum/graph"
	"gonum.org/v1/gonum/graph/simple"
	"gorgonia.org/tensor"

	"onnxtool/onnxpb"
)

// Recording is what the second reader saw of a model's main graph.
type Recording struct {
	Operations []Operation
	Inputs     []string // graph inputs that are no initializers
	Outputs    []string
	// Tensors holds the initializers by name, and zeros for graph inputs and outputs. It is nil where TensorLimit tells why the reader could not
	// take all of them; operations are complete all the same.
	Tensors     map[string]tensor.Tensor
	TensorLimit *Limit
}

// Operation is a node: the type, the attributes, and the names of the values at its inputs and outputs in order.
type Operation struct {
	Type string
	// Attributes holds float32, int64, string, slices of these, and tensor.Tensor; struct{}{} where the attribute tells no type.
	Attributes      map[string]any
	Inputs, Outputs []string
}

// Limit says that the second reader cannot read a model, although it may be sound.
type Limit struct {
	Reason string // one of the constants: to be counted by
	Err    error  // what the reader said
}

// The reasons of limits.
const (
	GraphAttribute = "an attribute that holds a graph"
	OtherAttribute = "an attribute of a kind that the reader does not know"
	ElementType    = "an element type other than float32, float64, int32 and int64"
	NoData         = "a tensor without data of its own (empty or external)"
	NoNodes        = "a graph without nodes"
	NoOutputs      = "a graph or a node without outputs"
	NotUTF8        = "text that is not UTF-8"
	ReaderPanics   = "the reader panics"
	RawBool        = "a bool tensor in raw_data (it takes eight bytes for an element)"
)

// Error tells the reason and what the reader said.
func (l *Limit) Error() string {
	if l.Err == nil {
		return "onnx-go cannot read " + l.Reason
	}
	return fmt.Sprintf("onnx-go cannot read %s: %v", l.Reason, l.Err)
}

// Unwrap returns what the reader said.
func (l *Limit) Unwrap() error { return l.Err }

// Read decodes the bytes of a model file. An error is a *Limit where it says nothing against the model.
func Read(model []byte) (*Recording, error) {
	rec, err := read(model, true)
	if err == nil {
		return rec, nil
	}
	// Most limits are about tensors; the reader leaves these out where nodes cannot carry them.
	var limit *Limit
	if !errors.As(err, &limit) {
		return nil, err
	}
	rec, err = read(model, false)
	if err != nil {
		return nil, err
	}
	rec.TensorLimit, rec.Tensors = limit, nil
	return rec, nil
}

func read(model []byte, tensors bool) (rec *Recording, err error) {
	defer func() {
		if r := recover(); r != nil {
			rec, err = nil, &Limit{ReaderPanics, fmt.Errorf("panic: %v", r)}
		}
		var limit *Limit
		if err != nil && (!errors.As(err, &limit) || limit.Reason == ReaderPanics) && hasRawBool(model) {
			err = &Limit{RawBool, err}
		}
	}()
	b := &recorder{WeightedDirectedGraph: simple.NewWeightedDirectedGraph(0, -1), carry: tensors, tensors: map[string]tensor.Tensor{}}
	m := onnx.NewModel(b)
	if err := m.UnmarshalBinary(model); err != nil {
		return nil, classify(err)
	}
	rec = &Recording{Operations: b.operations, Tensors: b.tensors}
	for _, id := range m.Input {
		rec.Inputs = append(rec.Inputs, b.names[id])
	}
	for _, id := range m.Output {
		rec.Outputs = append(rec.Outputs, b.names[id])
	}
	return rec, nil
}

// classify turns the errors by which onnx-go tells that it cannot do something into limits. Its packages do not export most of them.
func classify(err error) error {
	text := err.Error()
	var attr *onnx.ErrNotImplemented
	var limit *Limit
	switch {
	case errors.As(err, &limit):
		return limit
	case errors.As(err, &attr) && strings.Contains(attr.Message, "_GRAPH"):
		return &Limit{GraphAttribute, fmt.Errorf("attribute %s: %s", attr.AttributeName, attr.Message)}
	case errors.As(err, &attr):
		return &Limit{OtherAttribute, fmt.Errorf("attribute %s: %s", attr.AttributeName, attr.Message)}
	case strings.HasSuffix(text, "Not Yet Implemented"), strings.HasPrefix(text, "Unknown input type"), strings.Contains(text, "datatype is undefined"):
		return &Limit{ElementType, err}
	case strings.HasPrefix(text, "No data found"):
		return &Limit{NoData, err}
	case text == "Graph is empty":
		return &Limit{NoNodes, err}
	case text == "Graph have no input or output":
		return &Limit{NoOutputs, err}
	case strings.Contains(text, "invalid UTF-8"):
		return &Limit{NotUTF8, err}
	}
	return err
}

// hasRawBool tells whether a model holds booleans in raw_data: the reader fails on them in several ways, none of which names the cause.
func hasRawBool(model []byte) bool {
	m, err := onnxpb.Parse(model)
	if err != nil {
		return false
	}
	found := false
	m.AllTensors(func(t *onnxpb.TensorProto) {
		found = found || t.GetDataType() == int32(onnxpb.TensorProto_BOOL) && len(t.GetRawData()) > 0
	})
	return found
}

// recorder is the backend. The graph that it embeds answers queries, which the reader never makes.
type recorder struct {
	*simple.WeightedDirectedGraph
	carry      bool     // whether nodes take tensors
	names      []string // of values, by id
	edges      []edge   // since the last operation
	operations []Operation
	tensors    map[string]tensor.Tensor
}

// edge leads from an output of an operation to the input at a place.
type edge struct {
	from, to int64
	place    float64
}

func (e edge) From() graph.Node         { return node(e.from) }
func (e edge) To() graph.Node           { return node(e.to) }
func (e edge) Weight() float64          { return e.place }
func (e edge) ReversedEdge() graph.Edge { return edge{e.to, e.from, e.place} }

type node int64

func (n node) ID() int64 { return int64(n) }

// value is a node of the reader's graph: a value of the model.
type value struct {
	node
	r *recorder
}

// GetName and SetName implement onnx.Namer.
func (v *value) GetName() string     { return v.r.names[v.ID()] }
func (v *value) SetName(name string) { v.r.names[v.ID()] = name }

// carrier is a value that takes a tensor: it implements onnx.DataCarrier.
type carrier struct{ value }

func (c *carrier) SetTensor(t tensor.Tensor) error { c.r.tensors[c.GetName()] = t; return nil }
func (c *carrier) GetTensor() tensor.Tensor        { return c.r.tensors[c.GetName()] }

// NewNode makes a value.
func (r *recorder) NewNode() graph.Node {
	v := value{node(len(r.names)), r}
	r.names = append(r.names, "")
	if r.carry {
		return &carrier{v}
	}
	return &v
}

// NewWeightedEdge makes an edge, SetWeightedEdge takes it down for the operation that follows. (The embedded graph refuses edges from a value to itself, which
// stand between inputs and outputs that are left out, and keeps only one of two edges between the same values.)
func (r *recorder) NewWeightedEdge(from, to graph.Node, w float64) graph.WeightedEdge {
	return edge{from.ID(), to.ID(), w}
}

func (r *recorder) SetWeightedEdge(e graph.WeightedEdge) {
	r.edges = append(r.edges, edge{e.From().ID(), e.To().ID(), e.Weight()})
}

// ApplyOperation takes down an operation, whose edges came before it: those of the first output to all inputs in order, those of the second, and so on.
func (r *recorder) ApplyOperation(op onnx.Operation, outputs ...graph.Node) error {
	edges := r.edges
	r.edges = nil
	o := Operation{Type: op.Name, Attributes: op.Attributes}
	if len(outputs) == 0 {
		return &Limit{Reason: NoOutputs}
	}
	if len(edges)%len(outputs) != 0 {
		return fmt.Errorf("%s: %d edges for %d outputs", op.Name, len(edges), len(outputs))
	}
	inputs := len(edges) / len(outputs)
	for i, out := range outputs {
		o.Outputs = append(o.Outputs, r.names[out.ID()])
		for j, e := range edges[i*inputs:][:inputs] {
			if e.from != out.ID() || e.place != float64(j) {
				return fmt.Errorf("%s: edge %d of output %d leads from %q and has the weight %v", op.Name, j, i, r.names[e.from], e.place)
			}
			name := r.names[e.to]
			if i == 0 {
				o.Inputs = append(o.Inputs, name)
			} else if o.Inputs[j] != name {
				return fmt.Errorf("%s: input %d is %q for one output and %q for another", op.Name, j, o.Inputs[j], name)
			}
		}
	}
	r.operations = append(r.operations, o)
	return nil
}
