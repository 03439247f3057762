package fuse

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// dimClasses knows which dimension parameters of which models are one. Each parameter of each model is a class of its own until a connection makes
// two meet; then the class keeps the name of the source, or becomes a number.
type dimClasses struct {
	id      map[dimKey]int
	keys    []dimKey // by first appearance, model by model
	parent  []int
	number  []*int64                                      // of a class's first member: what the class was found to be
	pending map[*onnxpb.TensorShapeProto_Dimension]dimVal // dimensions copied over from another model, to be written at the end
	order   []*onnxpb.TensorShapeProto_Dimension          // the keys of pending, as they came
}

// dimKey is a dimension parameter of a model.
type dimKey struct {
	model int
	name  string
}

// dimVal is a dimension: a number, a class of parameters (which may be a number by now), or unknown (class -1).
type dimVal struct {
	value int64
	known bool
	class int
}

func (v dimVal) unknown() bool { return !v.known && v.class < 0 }

func (d *dimClasses) init(members []*member) {
	d.id, d.pending = map[dimKey]int{}, map[*onnxpb.TensorShapeProto_Dimension]dimVal{}
	for i, mb := range members {
		surgery.EachDim(mb.m, func(p surgery.Dimension) { d.of(dimKey{i, p.Symbol()}) })
	}
}

// of returns the class of a parameter; -1 for the empty name, which is none.
func (d *dimClasses) of(k dimKey) int {
	if k.name == "" {
		return -1
	}
	i, ok := d.id[k]
	if !ok {
		i = len(d.keys)
		d.id[k] = i
		d.keys = append(d.keys, k)
		d.parent = append(d.parent, i)
		d.number = append(d.number, nil)
	}
	return d.find(i)
}

func (d *dimClasses) find(i int) int {
	for d.parent[i] != i {
		d.parent[i] = d.parent[d.parent[i]]
		i = d.parent[i]
	}
	return i
}

// read returns what a dimension of a model is by now.
func (d *dimClasses) read(p *onnxpb.TensorShapeProto_Dimension, model int) dimVal {
	v, ok := d.pending[p]
	if !ok {
		switch dim := onnxpb.DimOf(p); {
		case dim.Known:
			return dimVal{value: dim.Value, known: true, class: -1}
		default:
			v = dimVal{class: d.of(dimKey{model, dim.Param})}
		}
	}
	if v.class >= 0 {
		v.class = d.find(v.class)
		if n := d.number[v.class]; n != nil {
			return dimVal{value: *n, known: true, class: v.class}
		}
	}
	return v
}

// describe writes a dimension for messages.
func (d *dimClasses) describe(v dimVal) string {
	switch {
	case v.known && v.class >= 0:
		return fmt.Sprintf("%s (%d by another connection)", d.keys[v.class].name, v.value)
	case v.known:
		return fmt.Sprint(v.value)
	}
	return d.keys[v.class].name
}

// set makes a dimension what another is, for good where that is a number and at the end where it is a parameter, whose name is not known yet.
func (d *dimClasses) set(p *onnxpb.TensorShapeProto_Dimension, v dimVal) {
	if v.known {
		onnxpb.Number(v.value).Set(p)
		return
	}
	p.Value = nil
	if v.class >= 0 {
		if _, ok := d.pending[p]; !ok {
			d.order = append(d.order, p)
		}
		d.pending[p] = v
	}
}

// union makes two classes one, under the name of the first.
func (d *dimClasses) union(a, b int) error {
	a, b = d.find(a), d.find(b)
	if a == b {
		return nil
	}
	if n, o := d.number[a], d.number[b]; n != nil && o != nil && *n != *o {
		return fmt.Errorf("%s is %d, and %s is %d", d.keys[a].name, *n, d.keys[b].name, *o)
	} else if n == nil {
		d.number[a] = o
	}
	d.parent[b] = a
	return nil
}

// bind makes a class a number.
func (d *dimClasses) bind(class int, v int64) error {
	class = d.find(class)
	if n := d.number[class]; n != nil && *n != v {
		return fmt.Errorf("%s is %d by another connection, and cannot be %d", d.keys[class].name, *n, v)
	}
	d.number[class] = &v
	return nil
}

// unite makes the parameters of one name one over all models; "*" is every name.
func (d *dimClasses) unite(name string) error {
	first := map[string]int{}
	for i, k := range d.keys {
		if name != "*" && k.name != name {
			continue
		}
		j, ok := first[k.name]
		if !ok {
			first[k.name] = i
			continue
		}
		if err := d.union(j, i); err != nil {
			return &onnxpb.Error{Msg: fmt.Sprintf("the dimensions %s cannot be the same in all models", k.name), Err: err}
		}
	}
	if len(first) == 0 && name != "*" {
		names := make([]string, len(d.keys))
		for i, k := range d.keys {
			names[i] = k.name
		}
		slices.Sort(names)
		names = slices.Compact(names)
		hint := suggest(name, names)
		if len(names) == 0 {
			hint = "no model has a dimension parameter"
		}
		return &onnxpb.Error{Msg: fmt.Sprintf("no model has a dimension parameter %q", name), Hint: hint}
	}
	return nil
}

// copyType copies a type of a model for a value of another.
func (d *dimClasses) copyType(t *onnxpb.TypeProto, model int) *onnxpb.TypeProto {
	c := proto.Clone(t).(*onnxpb.TypeProto)
	for p := range c.AllDims() {
		d.set(p, d.read(p, model))
	}
	return c
}

func (d *dimClasses) copyShape(s *onnxpb.TensorShapeProto, model int) *onnxpb.TensorShapeProto {
	c := proto.Clone(s).(*onnxpb.TensorShapeProto)
	for _, p := range c.Dim {
		d.set(p, d.read(p, model))
	}
	return c
}

// nameDims gives every class its name: its own, where no class before it has that, or an invented one; and writes names and numbers into the
// models.
func (w *merger) nameDims() error {
	d := &w.dims
	taken := map[string]bool{} // the names that stand in any model, and invented ones
	for _, k := range d.keys {
		taken[k.name] = true
	}
	owner := map[string]int{}           // a name to the class that has it
	name := make([]string, len(d.keys)) // of a class
	for i, k := range d.keys {
		class := d.find(i)
		if class != i || d.number[class] != nil {
			continue
		}
		name[class] = k.name
		if _, ok := owner[k.name]; ok {
			for n := 1; taken[name[class]]; n++ {
				name[class] = fmt.Sprintf("%s_%d", k.name, n)
			}
			taken[name[class]] = true
		}
		owner[name[class]] = class
	}
	final := func(class int) onnxpb.Dim {
		class = d.find(class)
		if n := d.number[class]; n != nil {
			return onnxpb.Number(*n)
		}
		return onnxpb.Symbol(name[class])
	}
	change := make([]map[string]onnxpb.Dim, len(w.members))
	for i, k := range d.keys {
		to := final(i)
		if to.Param == k.name {
			continue
		}
		if change[k.model] == nil {
			change[k.model] = map[string]onnxpb.Dim{}
		}
		change[k.model][k.name] = to
		action := "renamed"
		if to.Known {
			action = "changed"
		}
		w.report.Add(action, "dimension", w.label(ref(k)), k.name, to.String())
	}
	for i, mb := range w.members {
		surgery.SubstituteDims(mb.m, change[i])
	}
	for _, p := range d.order {
		final(d.pending[p].class).Set(p)
	}
	return nil
}
