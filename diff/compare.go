package diff

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// same tells whether two values are the same one, or computed in the same way of the same ones.
func same(a, b *value) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.match == b || a.down[exact] == b.down[exact] && a.down[exact] != hash{}
}

// model compares two models.
func (d *differ) model(a, b *onnxpb.ModelProto) {
	if !d.ignore["producer"] {
		d.number("ir_version", a.GetIrVersion(), b.GetIrVersion())
		d.text(Difference{What: "producer_name"}, a.GetProducerName(), b.GetProducerName())
		d.text(Difference{What: "producer_version"}, a.GetProducerVersion(), b.GetProducerVersion())
		d.text(Difference{What: "domain"}, a.GetDomain(), b.GetDomain())
		d.number("model_version", a.GetModelVersion(), b.GetModelVersion())
	}
	d.doc(Difference{}, a.GetDocString(), b.GetDocString())
	d.metadata(Difference{}, a.GetMetadataProps(), b.GetMetadataProps())
	d.opsets("", a.GetOpsetImport(), b.GetOpsetImport())
	if !slices.EqualFunc(a.GetConfiguration(), b.GetConfiguration(), func(x, y *onnxpb.DeviceConfigurationProto) bool { return proto.Equal(x, y) }) {
		d.add(Difference{Action: "changed", What: "configuration"})
	}
	d.unknown(Difference{}, a, b)
	ga, gb := newGraph(d.sides[0], a.GetGraph(), "", nil, nil), newGraph(d.sides[1], b.GetGraph(), "", nil, nil)
	d.graphs(ga, gb, true)
	d.functions(a, b)
	if !d.ignore["training"] {
		d.training(ga, gb)
	}
}

func (d *differ) number(what string, a, b int64) {
	if a != b {
		d.add(Difference{Action: "changed", What: what, From: strconv.FormatInt(a, 10), To: strconv.FormatInt(b, 10)})
	}
}

// unknown compares the fields of two messages that onnx.proto does not know.
func (d *differ) unknown(at Difference, a, b proto.Message) {
	if string(a.ProtoReflect().GetUnknown()) != string(b.ProtoReflect().GetUnknown()) {
		at.Action, at.What = "changed", "unknown_fields"
		d.add(at)
	}
}

// opsets compares two lists of imports.
func (d *differ) opsets(path string, a, b []*onnxpb.OperatorSetIdProto) {
	if d.ignore["opsets"] {
		return
	}
	entries := func(list []*onnxpb.OperatorSetIdProto) []*onnxpb.StringStringEntryProto {
		var out []*onnxpb.StringStringEntryProto
		for _, o := range list {
			domain := onnxpb.NormalDomain(o.GetDomain())
			if domain == "" {
				domain = "ai.onnx"
			}
			out = append(out, &onnxpb.StringStringEntryProto{Key: &domain, Value: proto.String(strconv.FormatInt(o.GetVersion(), 10))})
		}
		return out
	}
	from := len(d.found)
	d.entries(Difference{What: "opset", Graph: path}, entries(a), entries(b))
	for i := from; i < len(d.found); i++ { // versions are numbers
		d.found[i].From, d.found[i].To = strings.ReplaceAll(d.found[i].From, `"`, ""), strings.ReplaceAll(d.found[i].To, `"`, "")
	}
}

// graphs matches and compares two graphs whose outer graphs are matched. Those of the main graphs are matched by name.
func (d *differ) graphs(a, b *graph, main bool) {
	d.matchInputs(a, b, main)
	outputs, tokens := matchOutputs(a, b, main)
	d.matchGraphs(a, b, tokens)
	at := Difference{Graph: a.path}
	if !d.ignore["names"] {
		n := at
		n.What = "graph_name"
		d.text(n, a.proto.GetName(), b.proto.GetName())
	}
	d.doc(at, a.proto.GetDocString(), b.proto.GetDocString())
	d.metadata(at, a.proto.GetMetadataProps(), b.proto.GetMetadataProps())
	d.unknown(at, a.proto, b.proto)
	d.interfaces(a, b, outputs, true)
	d.constants(a, b)
	d.inner(a, b)
}

// inner compares the nodes of two matched graphs, and what is told of their values.
func (d *differ) inner(a, b *graph) {
	for _, x := range a.nodes {
		if x.match == nil {
			d.add(Difference{Action: "removed", What: "node", Graph: a.path, Name: x.proto.Label(), From: x.text()})
			continue
		}
		d.node(x, x.match)
	}
	for _, y := range b.nodes {
		if y.match == nil {
			d.add(Difference{Action: "added", What: "node", Graph: a.path, Name: y.proto.Label(), To: y.text()})
		}
	}
	d.annotations(a, b)
	if d.ignore["value_info"] {
		return
	}
	infosB := numbered(b.proto.GetValueInfo(), (*onnxpb.ValueInfoProto).GetName)
	infosA := numbered(a.proto.GetValueInfo(), (*onnxpb.ValueInfoProto).GetName)
	for _, k := range infosA.order {
		i := infosA.of[k]
		at := Difference{What: "value_info", Graph: a.path, Name: k.name}
		if v := a.values[k.name]; v != nil {
			if v.match == nil {
				continue // told of with what makes it
			}
			k.name = v.match.name
		}
		if j := infosB.of[k]; j != nil {
			d.declaration(at, i, j)
		} else {
			at.Action, at.From = "removed", onnxpb.FormatTypeProto(i.GetType())
			d.add(at)
		}
	}
	for _, k := range infosB.order {
		at := Difference{Action: "added", What: "value_info", Graph: a.path, Name: k.name, To: onnxpb.FormatTypeProto(infosB.of[k].GetType())}
		if w := b.values[k.name]; w != nil {
			if w.match == nil {
				continue
			}
			k.name = w.match.name
		}
		if infosA.of[k] == nil {
			d.add(at)
		}
	}
}

// nth is the nth thing of that name in a list.
type nth struct {
	name string
	n    int
}

// listed is a list by name; what has the name of one before it is kept apart.
type listed[T any] struct {
	of    map[nth]T
	order []nth
}

func numbered[T any](list []T, name func(T) string) listed[T] {
	l := listed[T]{of: make(map[nth]T, len(list))}
	seen := make(map[string]int, len(list))
	for _, x := range list {
		k := nth{name(x), seen[name(x)]}
		seen[k.name]++
		l.of[k] = x
		l.order = append(l.order, k)
	}
	return l
}

// text writes a node: Conv(x, w) -> y.
func (x *node) text() string {
	op := x.proto.GetOpType()
	if dom := onnxpb.NormalDomain(x.proto.GetDomain()); dom != "" {
		op = dom + "." + op
	}
	list := func(names []string) string { return onnxpb.Shortened(strings.Join(names, ", "), 300) }
	return op + "(" + list(x.proto.GetInput()) + ") -> " + list(x.proto.GetOutput())
}

// node compares two matched nodes.
func (d *differ) node(x, y *node) {
	at := Difference{Graph: x.graph.path, Node: x.proto.Label()}
	if x.op() != y.op() {
		c := at
		c.Action, c.What, c.From, c.To = "changed", "operator", opText(x.proto), opText(y.proto)
		d.add(c)
	}
	if x.proto.GetName() != y.proto.GetName() {
		d.renamed(Difference{What: "node", Graph: x.graph.path, Name: x.proto.GetName()}, y.proto.GetName())
	}
	item := func(list []*value, i int) *value {
		if i < len(list) {
			return list[i]
		}
		return nil
	}
	name := func(v *value) string {
		if v == nil {
			return "none"
		}
		return onnxpb.Quoted(v.name)
	}
	for i := range max(len(x.ins), len(y.ins)) {
		if v, w := item(x.ins, i), item(y.ins, i); !same(v, w) {
			c := at
			c.Action, c.What, c.Name, c.From, c.To = "changed", "node_input", strconv.Itoa(i), name(v), name(w)
			d.add(c)
		}
	}
	for i := range max(len(x.outs), len(y.outs)) {
		v, w := item(x.outs, i), item(y.outs, i)
		if (v == nil) != (w == nil) {
			c := at
			c.Action, c.What, c.Name, c.From, c.To = "changed", "node_output", strconv.Itoa(i), name(v), name(w)
			d.add(c)
			continue
		}
		if v != nil && v.match == w && len(v.outputs) == 0 { // outputs of the graph are told of there
			d.renamed(Difference{What: "tensor", Graph: x.graph.path, Name: v.name}, w.name)
		}
	}
	d.attributes(at, x, y)
	d.doc(at, x.proto.GetDocString(), y.proto.GetDocString())
	d.metadata(at, x.proto.GetMetadataProps(), y.proto.GetMetadataProps())
	if !slices.EqualFunc(x.proto.GetDeviceConfigurations(), y.proto.GetDeviceConfigurations(), func(p, q *onnxpb.NodeDeviceConfigurationProto) bool { return proto.Equal(p, q) }) {
		c := at
		c.Action, c.What = "changed", "device_configurations"
		d.add(c)
	}
	d.unknown(at, x.proto, y.proto)
}

func opText(n *onnxpb.NodeProto) string {
	s := n.GetOpType()
	if dom := onnxpb.NormalDomain(n.GetDomain()); dom != "" {
		s = dom + "." + s
	}
	if n.GetOverload() != "" {
		s += ":" + n.GetOverload()
	}
	return s
}

// constants compares the initializers of two graphs, and the defaults of their inputs.
func (d *differ) constants(a, b *graph) {
	has := func(v *value) bool { return v.tensor != nil || v.sparse != nil }
	for _, v := range a.list {
		at := Difference{What: "initializer", Graph: a.path, Name: v.name}
		w := v.match
		switch {
		case !has(v) && (w == nil || !has(w)):
		case w == nil && v.isInput: // told of as an input
		case w == nil || !has(w):
			at.Action, at.From = "removed", v.kind()
			d.add(at)
		case !has(v):
			at.Action, at.To = "added", w.kind()
			d.add(at)
		default:
			if !v.isInput && len(v.outputs) == 0 {
				d.renamed(at, w.name)
			}
			if v.content(exact) != w.content(exact) {
				at.Action, at.From, at.To = "changed", v.kind(), w.kind()
				if at.From == at.To {
					at.From, at.To = at.From+", other elements", ""
					at.From += d.elements(v, w)
				}
				d.add(at)
				at.From, at.To = "", ""
			}
			d.doc(at, v.tensor.GetDocString(), w.tensor.GetDocString())
			d.metadata(at, v.tensor.GetMetadataProps(), w.tensor.GetMetadataProps())
		}
	}
	for _, w := range b.list {
		if w.match == nil && !w.isInput && has(w) {
			d.add(Difference{Action: "added", What: "initializer", Graph: a.path, Name: w.name, To: w.kind()})
		}
	}
}

// kind writes the type and dimensions of an initializer.
func (v *value) kind() string {
	if v.tensor != nil {
		return tensorKind(v.tensor)
	}
	return "sparse " + onnxpb.TypeName(onnxpb.TensorProto_DataType(v.sparse.GetValues().GetDataType())) + " " + onnxpb.FormatShape(onnxpb.Numbers(v.sparse.GetDims()...))
}

func tensorKind(t *onnxpb.TensorProto) string {
	return onnxpb.TypeName(onnxpb.TensorProto_DataType(t.GetDataType())) + " " + onnxpb.FormatShape(onnxpb.Numbers(t.GetDims()...))
}

// elements tells how far the elements of two initializers of one type and shape are from each other, where they are not many.
func (d *differ) elements(v, w *value) string {
	const most = 1 << 20
	if n, err := onnxpb.Count(v.tensor.GetDims()); v.tensor == nil || w.tensor == nil || err != nil || n > most {
		return ""
	}
	x, err := onnxpb.Decode(v.tensor, d.sides[0].dir)
	if err != nil {
		return ""
	}
	y, err := onnxpb.Decode(w.tensor, d.sides[1].dir)
	if err != nil {
		return ""
	}
	return farApart(x, y)
}

// farApart counts the elements of two arrays that differ, and tells the largest difference.
func farApart(x, y *onnxpb.Array) string {
	p, err := x.Float64s()
	if err != nil {
		return ""
	}
	q, err := y.Float64s()
	if err != nil {
		return ""
	}
	n, most := 0, 0.0
	for i := range p {
		if p[i] != q[i] && (p[i] == p[i] || q[i] == q[i]) {
			n++
			if diff := max(p[i]-q[i], q[i]-p[i]); diff > most {
				most = diff
			}
		}
	}
	if n == 0 {
		return ": they differ in the sign of zeros or the bits of NaNs"
	}
	return fmt.Sprintf(": %d of %d differ, the most by %.3g", n, len(p), most)
}

// annotations compares quantisation annotations.
func (d *differ) annotations(a, b *graph) {
	la := numbered(a.proto.GetQuantizationAnnotation(), (*onnxpb.TensorAnnotation).GetTensorName)
	lb := numbered(b.proto.GetQuantizationAnnotation(), (*onnxpb.TensorAnnotation).GetTensorName)
	// The names in the first model's are written as the second one calls what they name.
	name := func(n string) string {
		if v := a.values[n]; v != nil && v.match != nil {
			return v.match.name
		}
		return n
	}
	for _, k := range la.order {
		x := la.of[k]
		at := Difference{What: "quantization_annotation", Graph: a.path, Name: k.name}
		y := lb.of[nth{name(k.name), k.n}]
		if y == nil {
			at.Action = "removed"
			d.add(at)
			continue
		}
		var from []*onnxpb.StringStringEntryProto
		for _, e := range x.GetQuantParameterTensorNames() {
			from = append(from, &onnxpb.StringStringEntryProto{Key: e.Key, Value: proto.String(name(e.GetValue()))})
		}
		before := len(d.found)
		d.entries(Difference{What: at.What, Graph: at.Graph}, from, y.GetQuantParameterTensorNames())
		for i := before; i < len(d.found); i++ {
			d.found[i].Name = at.Name + "." + d.found[i].Name
		}
	}
	for _, k := range lb.order {
		at := Difference{Action: "added", What: "quantization_annotation", Graph: a.path, Name: k.name}
		if w := b.values[k.name]; w != nil && w.match != nil {
			k.name = w.match.name
		}
		if la.of[k] == nil {
			d.add(at)
		}
	}
}
