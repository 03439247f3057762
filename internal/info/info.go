// Package info sums up what a model holds.
package info

import (
	"cmp"
	"slices"

	"onnxtool/onnxpb"
)

// Info is what a model holds. Counts of nodes and operators take in the subgraphs of the main graph, and count the bodies of functions apart.
type Info struct {
	IRVersion       int64      `json:"ir_version"`
	Producer        string     `json:"producer,omitempty"`
	ProducerVersion string     `json:"producer_version,omitempty"`
	Domain          string     `json:"domain,omitempty"`
	ModelVersion    int64      `json:"model_version,omitempty"`
	Doc             string     `json:"doc,omitempty"`
	Graph           string     `json:"graph"`
	GraphDoc        string     `json:"graph_doc,omitempty"`
	Opsets          []Opset    `json:"opsets"`
	Inputs          []Value    `json:"inputs"`
	Outputs         []Value    `json:"outputs"`
	Nodes           int        `json:"nodes"`     // of the main graph and its subgraphs
	Subgraphs       int        `json:"subgraphs"` // at any depth
	Operators       []Operator `json:"operators"` // the most frequent first
	Functions       []Function `json:"functions,omitempty"`
	Initializers    int        `json:"initializers"` // dense and sparse, of the main graph and its subgraphs
	Parameters      int64      `json:"parameters"`   // elements of the initializers
	Bytes           int64      `json:"bytes"`        // of data, of every tensor of the model, wherever it stands
	Metadata        []Entry    `json:"metadata,omitempty"`
	External        []External `json:"external,omitempty"`
	Training        int        `json:"training_info,omitempty"`
}

// Opset is an imported operator set.
type Opset struct {
	Domain  string `json:"domain"` // ai.onnx is written out
	Version int64  `json:"version"`
}

// Value is an input or output of the graph.
type Value struct {
	Name    string `json:"name"`
	Type    string `json:"type"`              // as onnxpb.FormatTypeProto writes it
	Default bool   `json:"default,omitempty"` // an initializer gives its value where none is given
}

// Operator counts the nodes of an operator.
type Operator struct {
	Domain string `json:"domain"`
	Name   string `json:"name"`
	Count  int    `json:"count"`
}

// Function is a function of the model.
type Function struct {
	Domain   string   `json:"domain"`
	Name     string   `json:"name"`
	Overload string   `json:"overload,omitempty"`
	Inputs   []string `json:"inputs"`
	Outputs  []string `json:"outputs"`
	Nodes    int      `json:"nodes"` // with those of subgraphs
}

// Entry is an entry of the model's metadata.
type Entry struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// External is a file of external data.
type External struct {
	Location string `json:"location"` // relative to the model's directory
	Tensors  int    `json:"tensors"`
	Bytes    int64  `json:"bytes"` // that the tensors take
}

// Of sums up a model. It does not read data of tensors, and takes a model that is not valid for what it says.
func Of(m *onnxpb.ModelProto) *Info {
	g := m.GetGraph()
	i := &Info{
		IRVersion: m.GetIrVersion(), Producer: m.GetProducerName(), ProducerVersion: m.GetProducerVersion(), Domain: m.GetDomain(),
		ModelVersion: m.GetModelVersion(), Doc: m.GetDocString(), Graph: g.GetName(), GraphDoc: g.GetDocString(), Opsets: []Opset{}, Inputs: []Value{}, Outputs: []Value{},
		Operators: []Operator{}, Training: len(m.GetTrainingInfo()),
	}
	for _, o := range m.GetOpsetImport() {
		i.Opsets = append(i.Opsets, Opset{domain(o.GetDomain()), o.GetVersion()})
	}
	initialized := map[string]bool{}
	for _, t := range g.GetInitializer() {
		initialized[t.GetName()] = true
	}
	for _, t := range g.GetSparseInitializer() {
		initialized[t.GetValues().GetName()] = true
	}
	for _, v := range g.GetInput() {
		i.Inputs = append(i.Inputs, Value{v.GetName(), onnxpb.FormatTypeProto(v.GetType()), initialized[v.GetName()]})
	}
	for _, v := range g.GetOutput() {
		i.Outputs = append(i.Outputs, Value{Name: v.GetName(), Type: onnxpb.FormatTypeProto(v.GetType())})
	}
	c := counter{info: i, operators: map[Operator]int{}}
	c.graph(g)
	for op, n := range c.operators {
		op.Count = n
		i.Operators = append(i.Operators, op)
	}
	slices.SortFunc(i.Operators, func(a, b Operator) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Name, b.Name))
	})
	for _, f := range m.GetFunctions() {
		i.Functions = append(i.Functions, Function{domain(f.GetDomain()), f.GetName(), f.GetOverload(), f.GetInput(), f.GetOutput(), countNodes(f.GetNode())})
	}
	for _, e := range m.GetMetadataProps() {
		i.Metadata = append(i.Metadata, Entry{e.GetKey(), e.GetValue()})
	}
	i.data(m)
	return i
}

// data counts the bytes of the tensors and lists the files of external data, in the order in which tensors name them.
func (i *Info) data(m *onnxpb.ModelProto) {
	at := map[string]int{}
	m.AllTensors(func(t *onnxpb.TensorProto) {
		n := dataBytes(t)
		i.Bytes += n
		if t.GetDataLocation() != onnxpb.TensorProto_EXTERNAL {
			return
		}
		location := ""
		for _, e := range t.GetExternalData() {
			if e.GetKey() == "location" {
				location = e.GetValue()
			}
		}
		k, ok := at[location]
		if !ok {
			k = len(i.External)
			at[location] = k
			i.External = append(i.External, External{Location: location})
		}
		i.External[k].Tensors++
		i.External[k].Bytes += n
	})
}

// dataBytes returns the bytes that a tensor's elements take in raw_data; for strings, those of the strings.
func dataBytes(t *onnxpb.TensorProto) int64 {
	if t.GetDataType() == int32(onnxpb.TensorProto_STRING) {
		n := int64(0)
		for _, s := range t.GetStringData() {
			n += int64(len(s))
		}
		return n
	}
	n, err := onnxpb.Count(t.GetDims())
	bits := int64(onnxpb.ElemBits(onnxpb.TensorProto_DataType(t.GetDataType())))
	if err != nil || n > 1<<55 {
		return 0
	}
	return (n*bits + 7) / 8
}

// domain writes the default domain out.
func domain(d string) string {
	if d == "" {
		return "ai.onnx"
	}
	return d
}

type counter struct {
	info      *Info
	operators map[Operator]int
}

func (c *counter) graph(g *onnxpb.GraphProto) {
	c.info.Initializers += len(g.GetInitializer()) + len(g.GetSparseInitializer())
	for _, t := range g.GetInitializer() {
		if n, err := onnxpb.Count(t.GetDims()); err == nil {
			c.info.Parameters += n
		}
	}
	for _, t := range g.GetSparseInitializer() {
		if n, err := onnxpb.Count(t.GetValues().GetDims()); err == nil {
			c.info.Parameters += n
		}
	}
	c.info.Nodes += len(g.GetNode())
	for _, n := range g.GetNode() {
		c.operators[Operator{Domain: domain(n.GetDomain()), Name: n.GetOpType()}]++
		for sub := range n.Subgraphs() {
			c.info.Subgraphs++
			c.graph(sub)
		}
	}
}

func countNodes(nodes []*onnxpb.NodeProto) int {
	n := len(nodes)
	for _, x := range nodes {
		for g := range x.Subgraphs() {
			n += countNodes(g.GetNode())
		}
	}
	return n
}
