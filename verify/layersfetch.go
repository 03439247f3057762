package verify

import (
	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// declare finds the types of all values, which it declares in the model (a copy) that is run, and the sizes that they have for the inputs at hand.
func (s *layerSide) declare() {
	m := s.graph.model
	s.typed = map[string]bool{}
	declared := map[string]bool{}
	g := m.GetGraph()
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetValueInfo(), g.GetInput(), g.GetOutput()} {
		for _, v := range list {
			declared[v.GetName()] = declared[v.GetName()] || v.GetType().GetValue() != nil
		}
	}
	types := shape.Infer(m, shape.Options{})
	given := map[string]*shape.Value{}
	for name, v := range s.inputs {
		if v.Kind == onnxpb.KindTensor && v.Array != nil {
			dims := make([]shape.Dim, len(v.Array.Dims))
			for i, d := range v.Array.Dims {
				dims[i] = shape.Number(d)
			}
			given[name] = shape.TensorOf(v.Array.Type, dims)
		}
	}
	sizes := shape.Infer(m, shape.Options{Inputs: given})
	s.bytes, s.sizes = make([]int64, len(s.graph.values)), make([]*shape.Value, len(s.graph.values))
	for i, v := range s.graph.values {
		s.sizes[i] = sizes.Value(v.name)
		s.bytes[i] = bytesOf(s.sizes[i])
		known := declared[v.name]
		if t := types.Value(v.name); !known && t != nil && t.Kind != shape.Sparse && t.Kind != shape.Opaque {
			if p := t.Proto(); p != nil {
				known = true
				g.ValueInfo = append(g.ValueInfo, &onnxpb.ValueInfoProto{Name: &s.graph.values[i].name, Type: p})
			}
		}
		s.typed[v.name] = known
	}
	s.source = s.given.changed(m)
}

// bytesOf is the size of a tensor, UnknownTensorBytes where it is not known.
func bytesOf(v *shape.Value) int64 {
	dims, ok := v.Numbers()
	if !ok {
		return UnknownTensorBytes
	}
	n, err := onnxpb.Count(dims)
	if err != nil || n > 1<<50 {
		return UnknownTensorBytes
	}
	bits := int64(onnxpb.ElemBits(v.Elem))
	if bits == 0 {
		bits = 8 * 32 // a string
	}
	return max(n*max(bits, 8)/8, 64)
}

// fetch compares pairs that are not compared yet, in groups.
func (c *layerComparison) fetch(pairs []int) error {
	var group []int
	total := int64(0)
	flush := func() error {
		if len(group) == 0 {
			return nil
		}
		err := c.fetchGroup(group)
		group, total = nil, 0
		return err
	}
	for _, p := range pairs {
		if c.rows[p] != nil {
			continue
		}
		size := c.sides[0].bytes[c.pairs[p].ref] + 2*c.sides[1].bytes[c.pairs[p].got]
		if total+size > c.o.Memory {
			if err := flush(); err != nil {
				return err
			}
		}
		group = append(group, p)
		total += size
	}
	return flush()
}

func (c *layerComparison) fetchGroup(group []int) error {
	var names [2][]string
	var have [2]map[string]bool
	for i := range names {
		have[i] = map[string]bool{}
		for _, p := range group {
			if name := c.name(i, p); !have[i][name] {
				have[i][name] = true
				names[i] = append(names[i], name)
			}
		}
	}
	c.sessions++
	want, err := c.run(c.sides[0], names[0])
	if err != nil {
		return err
	}
	got, err := c.run(c.sides[1], names[1])
	if err != nil {
		return err
	}
	for _, p := range group {
		c.rows[p] = c.compare(p, want[c.name(0, p)], got[c.name(1, p)])
	}
	return nil
}

// name is what one of the models calls a pair.
func (c *layerComparison) name(side, p int) string {
	if side == 0 {
		return c.sides[0].graph.values[c.pairs[p].ref].name
	}
	return c.sides[1].graph.values[c.pairs[p].got].name
}

// run gives the named values of a model.
func (c *layerComparison) run(s *layerSide, names []string) (map[string]*onnxpb.Value, error) {
	src, err := WithOutputs(s.source, names)
	if err != nil {
		return nil, onnxpb.InFile(err, s.path)
	}
	keepOnly(src.Model, names)
	x, err := c.engine.Open(src, s.session)
	if err != nil {
		return nil, onnxpb.InFile(err, s.path)
	}
	defer x.Close()
	out, err := x.Run(s.inputs)
	return out, onnxpb.InFile(c.cmp.blameInputs(err), s.path)
}
