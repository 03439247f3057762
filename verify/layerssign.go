package verify

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sort"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// signer turns what two models are made of into numbers: equal things of either have the same one.
type signer struct {
	numbers map[string]int
	seed    maphash.Seed
	lone    int
}

func newSigner() *signer { return &signer{numbers: map[string]int{}, seed: maphash.MakeSeed()} }

// number interns a text. Numbers begin at 1.
func (s *signer) number(text string) int {
	n, ok := s.numbers[text]
	if !ok {
		n = len(s.numbers) + 1
		s.numbers[text] = n
	}
	return n
}

// tensor writes the element type, dimensions and a hash of the elements of a tensor, whatever field they stand in. What cannot be read is like nothing else.
func (s *signer) tensor(t *onnxpb.TensorProto, dir string) string {
	head := onnxpb.TypeName(onnxpb.TensorProto_DataType(t.GetDataType())) + shapeText(t.GetDims())
	if len(t.GetRawData()) > 0 && t.GetDataLocation() != onnxpb.TensorProto_EXTERNAL {
		return head + s.hash(t.GetRawData())
	}
	a, err := onnxpb.Decode(t, dir)
	return s.array(a, err)
}

func (s *signer) array(a *onnxpb.Array, err error) string {
	if err == nil {
		head := onnxpb.TypeName(a.Type) + shapeText(a.Dims)
		if list, ok := a.Data.([]string); ok {
			return head + s.hash([]byte(quotedList(list)))
		}
		var raw []byte
		if raw, err = a.Raw(); err == nil {
			return head + s.hash(raw)
		}
	}
	s.lone++
	return "?" + strconv.Itoa(s.lone)
}

func quotedList(list []string) string {
	var b strings.Builder
	for _, x := range list {
		b.WriteString(strconv.Quote(x))
	}
	return b.String()
}

func (s *signer) hash(data []byte) string {
	return string(binary.LittleEndian.AppendUint64(nil, maphash.Bytes(s.seed, data)))
}

// constant numbers a constant by its content.
func (s *signer) constant(g *layerGraph, v int) int {
	if t := g.values[v].tensor; t != nil {
		return s.number("c" + s.tensor(t, g.dir))
	}
	return s.number("c" + s.array(g.array(v)))
}

// node numbers what a node is but for its inputs and names: operator, domain, attributes, and the outputs that it has.
func (s *signer) node(g *layerGraph, n int) int {
	x := &g.nodes[n]
	if x.static == 0 {
		w := &nodeWriter{s: s, dir: g.dir, captured: map[string]int{}}
		for i, name := range captured(x.proto) {
			w.captured[name] = i
		}
		w.node(x.proto)
		x.static = s.number(w.b.String())
	}
	return x.static
}

// nodeWriter writes a node without names of values: those of subgraphs are counted in the order in which they are defined.
type nodeWriter struct {
	s        *signer
	dir      string
	b        strings.Builder
	captured map[string]int
	inner    []map[string]int
	count    int
}

func (w *nodeWriter) part(parts ...string) {
	for _, p := range parts {
		w.b.WriteString(strconv.Quote(p))
	}
}

func (w *nodeWriter) node(n *onnxpb.NodeProto) {
	w.part("n", onnxpb.NormalDomain(n.GetDomain()), n.GetOpType(), n.GetOverload(), strconv.Itoa(len(n.GetInput())))
	for _, o := range n.GetOutput() {
		w.part(strconv.FormatBool(o != ""))
	}
	attrs := slices.Clone(n.GetAttribute())
	sort.SliceStable(attrs, func(i, j int) bool { return attrs[i].GetName() < attrs[j].GetName() })
	for _, a := range attrs {
		w.attribute(a)
	}
}

func (w *nodeWriter) attribute(a *onnxpb.AttributeProto) {
	plain := &onnxpb.AttributeProto{Name: a.Name, Type: a.Type, F: a.F, I: a.I, S: a.S, Floats: a.Floats, Ints: a.Ints, Strings: a.Strings, Tp: a.Tp, TypeProtos: a.TypeProtos,
		RefAttrName: a.RefAttrName, SparseTensor: a.SparseTensor, SparseTensors: a.SparseTensors}
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(plain)
	if err != nil {
		w.s.lone++
		data = strconv.AppendInt(nil, int64(w.s.lone), 10)
	}
	w.part("a", string(data))
	for _, t := range append(slices.Clone(a.GetTensors()), a.T) {
		if t != nil {
			w.part("t", w.s.tensor(t, w.dir))
		}
	}
	if a.G != nil {
		w.graph(a.G)
	}
	for _, g := range a.GetGraphs() {
		w.graph(g)
	}
}

func (w *nodeWriter) graph(g *onnxpb.GraphProto) {
	w.part("g", strconv.Itoa(len(g.GetInput())), strconv.Itoa(len(g.GetNode())))
	scope := map[string]int{}
	for _, name := range definedIn(g) {
		w.count++
		scope[name] = w.count
	}
	w.inner = append(w.inner, scope)
	for _, t := range g.GetInitializer() {
		w.part("t", w.s.tensor(t, w.dir))
	}
	for _, n := range g.GetNode() {
		w.node(n)
		for _, name := range n.GetInput() {
			w.name(name)
		}
	}
	for _, o := range g.GetOutput() {
		w.name(o.GetName())
	}
	w.inner = w.inner[:len(w.inner)-1]
}

func (w *nodeWriter) name(name string) {
	for _, scope := range slices.Backward(w.inner) {
		if i, ok := scope[name]; ok && name != "" {
			w.part("l" + strconv.Itoa(i))
			return
		}
	}
	if i, ok := w.captured[name]; ok {
		w.part("c" + strconv.Itoa(i))
		return
	}
	w.part("-")
}
