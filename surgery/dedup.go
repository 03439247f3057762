package surgery

import (
	"fmt"
	"strings"

	"onnxtool/onnxpb"
)

// DedupOptions say what Dedup merges.
type DedupOptions struct {
	// Dir is the directory that external data is relative to. Files are read where two tensors of one type and shape may be equal, piece by piece.
	Dir string
	// Min leaves constants of fewer bytes alone.
	Min int64
}

// Dedup merges initializers and Constants that are equal: of one element type, one shape, and the same bits (so that 0 is not -0, a NaN is itself, and an int64 shape never becomes that of another
// type). What reads one reads the other instead, the one that comes first; one in a subgraph gives way to one around it. Sparse initializers, sparse Constants, the constants of each training
// graph and the Constants in a function's body are merged among themselves. The report tells each pair, and the bytes saved.
//
// Left alone are initializers that are inputs, which a caller may override; constants that are outputs (others may give way to them); tensors that the bindings of the training information name or that
// a Gradient names, whose derivatives would become another's; tensors that a sharding specification names, or that two quantisation annotations tell different things of. Where equal tensors have equal annotations one stays, and the
// tensors that annotations name are followed.
func Dedup(m *onnxpb.ModelProto, o DedupOptions) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "dedup"}
		// Scales and zero points first: annotations that name equal ones are equal then.
		for _, annotated := range []bool{false, true} {
			d := &deduper{m: m, o: o, r: r, annotated: annotated, renames: map[*onnxpb.GraphProto]map[string]string{}}
			d.look()
			if err := d.graph(m.GetGraph(), nil); err != nil {
				return nil, err
			}
			for _, t := range m.GetTrainingInfo() {
				for _, g := range []*onnxpb.GraphProto{t.GetInitialization(), t.GetAlgorithm()} {
					if err := d.graph(g, nil); err != nil {
						return nil, err
					}
				}
			}
			d.apply()
			for _, f := range m.GetFunctions() {
				if annotated {
					break // nothing in a function is
				}
				if err := d.function(f); err != nil {
					return nil, err
				}
			}
		}
		if r.Saved > 0 {
			r.Note("%d bytes saved", r.Saved)
			if onnxpb.HasExternal(m) {
				r.Note("files of external data keep what no tensor uses any more until they are written anew: --data NAME does so")
			}
		}
		return r, nil
	})
}

type deduper struct {
	m         *onnxpb.ModelProto
	o         DedupOptions
	r         *Report
	annotated bool // which constants this pass is for
	pinned    map[string]bool
	notes     map[*onnxpb.GraphProto]map[string]string // what the annotations of a graph say of a tensor
	alike     map[string]int                           // how many constants there are of a type and shape
	renames   map[*onnxpb.GraphProto]map[string]string
	gone      map[any]bool
}

// sharedConstants are the constants of a graph that others may give way to, by what they hold.
type sharedConstants struct {
	parent *sharedConstants
	byKey  map[string]string
}

func (s *sharedConstants) find(key string) string {
	for ; s != nil; s = s.parent {
		if name := s.byKey[key]; name != "" {
			return name
		}
	}
	return ""
}

// look collects what has to be left alone, and what may be equal at all.
func (d *deduper) look() {
	d.pinned, d.notes, d.alike, d.gone = boundTensors(d.m), map[*onnxpb.GraphProto]map[string]string{}, map[string]int{}, map[any]bool{}
	for _, t := range d.m.GetTrainingInfo() {
		for _, b := range t.GetInitializationBinding() {
			d.pinned[b.GetValue()] = true // which the initialization graph gives, maybe as a constant
		}
	}
	for _, c := range Constants(d.m) {
		d.alike[signature(c)]++
	}
	annotatedIn := map[string]*onnxpb.GraphProto{}
	eachBody(d.m, func(b *nodeBody) {
		for _, n := range b.nodes() {
			if isGradient(n) {
				v := nameVisitor{value: func(p *string) { d.pinned[*p] = true }}
				for _, a := range n.GetAttribute() {
					v.nameBytes(a)
				}
			}
			for _, c := range n.GetDeviceConfigurations() {
				for _, s := range c.GetShardingSpec() {
					d.pinned[s.GetTensorName()] = true
				}
			}
		}
		if b.graph == nil {
			return
		}
		count := map[string]int{}
		for name := range definitions(b.graph) {
			count[name]++
		}
		inputs := map[string]bool{}
		for _, v := range b.graph.GetInput() {
			inputs[v.GetName()] = true
		}
		for name, n := range count {
			if n > 1 && (n > 2 || !inputs[name]) {
				d.pinned[name] = true // a name that stands twice: the model is not valid
			}
		}
		for _, v := range b.graph.GetOutput() {
			if count[v.GetName()] == 0 {
				d.pinned[v.GetName()] = true // a value of a graph around: two outputs must not become one
			}
		}
		for _, a := range b.graph.GetQuantizationAnnotation() {
			name := a.GetTensorName()
			if other, ok := annotatedIn[name]; ok && other != b.graph {
				d.pinned[name] = true
			}
			annotatedIn[name] = b.graph
			if d.notes[b.graph] == nil {
				d.notes[b.graph] = map[string]string{}
			}
			var text strings.Builder
			text.WriteString(d.notes[b.graph][name])
			for _, p := range a.GetQuantParameterTensorNames() {
				fmt.Fprintf(&text, "%q=%q;", p.GetKey(), p.GetValue())
			}
			d.notes[b.graph][name] = text.String()
		}
	})
}

// signature tells constants apart that cannot be equal.
func signature(c Constant) string {
	if c.Sparse != nil {
		// A Constant makes a dense tensor of it, and some readers take the initializer for a sparse one.
		return fmt.Sprint("sparse ", c.what(), c.Sparse.GetValues().GetDataType(), c.Sparse.GetDims(), c.Sparse.GetValues().GetDims())
	}
	return fmt.Sprint(c.Tensor.GetDataType(), c.Tensor.GetDims())
}

// constantSize returns the bytes that the elements of a constant take.
func constantSize(c Constant) int64 {
	size := func(t *onnxpb.TensorProto) (bytes int64) {
		n, err := onnxpb.Count(t.GetDims())
		if err != nil {
			return 0
		}
		for _, s := range t.GetStringData() {
			bytes += int64(len(s))
		}
		return bytes + (n*int64(onnxpb.ElemBits(onnxpb.TensorProto_DataType(t.GetDataType())))+7)/8
	}
	if c.Sparse != nil {
		return size(c.Sparse.GetValues()) + size(c.Sparse.GetIndices())
	}
	return size(c.Tensor)
}

// key tells what a constant holds; "" where it is left alone.
func (d *deduper) key(c Constant, g *onnxpb.GraphProto) (string, error) {
	note, has := d.notes[g][c.Name]
	if c.Tensor == nil && c.Sparse == nil || d.pinned[c.Name] || has != d.annotated || d.alike[signature(c)] < 2 || constantSize(c) < d.o.Min {
		return "", nil
	}
	parts := []*onnxpb.TensorProto{c.Tensor}
	if c.Sparse != nil {
		parts = []*onnxpb.TensorProto{c.Sparse.GetValues(), c.Sparse.GetIndices()}
	}
	key := fmt.Sprintf("%s %q", signature(c), note)
	for _, t := range parts {
		sum, err := onnxpb.Digest(t, d.o.Dir)
		if err != nil {
			return "", err
		}
		key += string(sum[:])
	}
	return key, nil
}

// sparseConstant returns the sparse tensor that a Constant makes; nil where it makes another, or one that comes from an attribute of a function.
func sparseConstant(n *onnxpb.NodeProto) *onnxpb.SparseTensorProto {
	if a := n.Attr("sparse_value"); a.GetRefAttrName() == "" {
		return a.GetSparseTensor()
	}
	return nil
}

// graph merges the constants of a graph and its subgraphs.
func (d *deduper) graph(g *onnxpb.GraphProto, around *sharedConstants) error {
	inputs, outputs := map[string]bool{}, map[string]bool{}
	for _, v := range g.GetInput() {
		inputs[v.GetName()] = true
	}
	for _, v := range g.GetOutput() {
		outputs[v.GetName()] = true
	}
	s := &sharedConstants{around, map[string]string{}}
	var later, first []Constant
	add := func(c Constant) {
		switch {
		case inputs[c.Name]:
		case outputs[c.Name]:
			first = append(first, c)
		default:
			later = append(later, c)
		}
	}
	for _, t := range g.GetInitializer() {
		add(Constant{Name: t.GetName(), Tensor: t})
	}
	for _, t := range g.GetSparseInitializer() {
		add(Constant{Name: sparseName(t), Sparse: t})
	}
	for _, c := range append(first, later...) { // what has to stay comes first
		if err := d.constant(c, g, s, outputs); err != nil {
			return err
		}
	}
	return d.nodes(g.GetNode(), g, s, outputs)
}

func (d *deduper) nodes(nodes []*onnxpb.NodeProto, g *onnxpb.GraphProto, s *sharedConstants, outputs map[string]bool) error {
	for _, n := range nodes {
		if isConstantNode(n) {
			c := Constant{Name: n.GetOutput()[0], Node: n, Tensor: constantTensor(n), Sparse: sparseConstant(n)}
			if err := d.constant(c, g, s, outputs); err != nil {
				return err
			}
		}
		around := s
		if onnxpb.NormalDomain(n.GetDomain()) != "" {
			around = nil // whether the graphs of another operator see what is around them is not known
		}
		for sub := range n.Subgraphs() {
			if err := d.graph(sub, around); err != nil {
				return err
			}
		}
	}
	return nil
}

// constant has a constant give way to an equal one, or makes it one that others may give way to.
func (d *deduper) constant(c Constant, g *onnxpb.GraphProto, s *sharedConstants, outputs map[string]bool) error {
	key, err := d.key(c, g)
	if err != nil || key == "" {
		return err
	}
	other := s.find(key)
	switch {
	case other == "":
		s.byKey[key] = c.Name
		return nil
	case outputs[c.Name]:
		return nil
	}
	if d.renames[g] == nil {
		d.renames[g] = map[string]string{}
	}
	d.renames[g][c.Name] = other
	switch { // a Constant goes with what it holds
	case c.Node != nil:
		d.gone[c.Node] = true
	case c.Sparse != nil:
		d.gone[c.Sparse] = true
	default:
		d.gone[c.Tensor] = true
	}
	d.r.Add("merged", c.what(), c.Name, c.Name, other)
	d.r.Saved += constantSize(c)
	return nil
}

// apply takes the merged constants out and has what read them read the others.
func (d *deduper) apply() {
	for g, names := range d.renames {
		dropped(&g.Node, d.gone)
		dropped(&g.Initializer, d.gone)
		dropped(&g.SparseInitializer, d.gone)
		for _, x := range g.ValueInfo {
			d.gone[x] = names[x.GetName()] != ""
		}
		for _, x := range g.QuantizationAnnotation {
			d.gone[x] = names[x.GetTensorName()] != ""
		}
		dropped(&g.ValueInfo, d.gone)
		dropped(&g.QuantizationAnnotation, d.gone)
	}
	mapScoped(d.m, d.renames)
	d.renames = map[*onnxpb.GraphProto]map[string]string{}
}

// function merges the Constants of a function's body.
func (d *deduper) function(f *onnxpb.FunctionProto) error {
	g := &onnxpb.GraphProto{Node: f.GetNode(), ValueInfo: f.GetValueInfo()}
	outputs := map[string]bool{}
	for _, name := range f.GetOutput() {
		outputs[name] = true
	}
	if err := d.nodes(g.GetNode(), g, &sharedConstants{nil, map[string]string{}}, outputs); err != nil {
		return err
	}
	if len(d.renames) == 0 {
		return nil
	}
	body := &deduper{m: &onnxpb.ModelProto{Graph: g}, renames: d.renames, gone: d.gone}
	body.apply()
	d.renames = map[*onnxpb.GraphProto]map[string]string{}
	f.Node, f.ValueInfo = g.Node, g.ValueInfo
	return nil
}
