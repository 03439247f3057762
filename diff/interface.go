package diff

import (
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// matchInputs matches the inputs of two graphs: those of main graphs by name, then by type; those of subgraphs and functions by position.
func (d *differ) matchInputs(a, b *graph, byName bool) {
	if !byName {
		for i, v := range a.inputs {
			if i < len(b.inputs) {
				d.join(v, b.inputs[i])
			}
		}
		return
	}
	for _, v := range a.inputs {
		if w := b.values[v.name]; w != nil && w.isInput {
			d.join(v, w)
		}
	}
	// Of those that are called otherwise, defaults tell best which is which (before IR version 4 every initializer is an input), then the whole type, then as much of it as
	// is no name.
	declared := func(v *value) *onnxpb.TypeProto { return v.graph.proto.GetInput()[v.position].GetType() }
	def := func(v *value) string { return string(hashing("default").hash(v.content(exact))) }
	for _, key := range []func(v *value) string{
		func(v *value) string { return onnxpb.FormatTypeProto(declared(v)) + def(v) },
		func(v *value) string { return looseType(declared(v)) + def(v) },
	} {
		left := map[string][]*value{}
		for _, w := range b.inputs {
			if w.match == nil {
				left[key(w)] = append(left[key(w)], w)
			}
		}
		for _, v := range a.inputs {
			if l := left[key(v)]; v.match == nil && len(l) > 0 {
				d.join(v, l[0])
				left[key(v)] = l[1:]
			}
		}
	}
}

// looseType writes a type without the names of dimensions.
func looseType(t *onnxpb.TypeProto) string {
	c := proto.Clone(t).(*onnxpb.TypeProto)
	for dim := range c.AllDims() {
		if onnxpb.DimOf(dim).Param != "" {
			onnxpb.Dim{}.Set(dim)
		}
	}
	return onnxpb.FormatTypeProto(c)
}

// outputPair is an output of each graph, -1 where the other one has none such.
type outputPair struct{ a, b int }

// matchOutputs matches the outputs of two graphs: those of main graphs by name, and the others of both in order; and tells for each what stands for it in hashes.
func matchOutputs(a, b *graph, byName bool) (pairs []outputPair, tokens [2][]hash) {
	tokens = [2][]hash{make([]hash, len(a.outputs)), make([]hash, len(b.outputs))}
	taken := make([]bool, len(b.outputs))
	of := make([]int, len(a.outputs))
	at := map[string][]int{}
	if byName {
		for i, w := range b.outputs {
			at[w.name] = append(at[w.name], i)
		}
	}
	for i, v := range a.outputs {
		of[i] = -1
		if l := at[v.name]; len(l) > 0 {
			of[i], at[v.name] = l[0], l[1:]
			taken[l[0]] = true
		}
	}
	next := 0
	for i := range a.outputs {
		if of[i] < 0 {
			for next < len(taken) && taken[next] {
				next++
			}
			if next < len(taken) {
				of[i], taken[next] = next, true
			}
		}
		pairs = append(pairs, outputPair{i, of[i]})
		tokens[0][i] = hashing("output").number(i).sum()
		if of[i] >= 0 {
			tokens[1][of[i]] = tokens[0][i]
		}
	}
	for i := range b.outputs {
		if !taken[i] {
			pairs = append(pairs, outputPair{-1, i})
			tokens[1][i] = hashing("output").number(-1 - i).sum()
		}
	}
	return pairs, tokens
}

// sameType tells whether two declared types are the same. Where names do not count, a symbol of the one model stands for one of the other, always the same.
func (d *differ) sameType(a, b *onnxpb.TypeProto) bool {
	if a == nil || b == nil {
		return a.GetValue() == nil && b.GetValue() == nil
	}
	if proto.Equal(a, b) && !d.ignore["names"] {
		return true
	}
	a, b = plain(a), plain(b)
	if !d.ignore["names"] {
		return proto.Equal(a, b)
	}
	c := proto.Clone(a).(*onnxpb.TypeProto)
	var other []*onnxpb.TensorShapeProto_Dimension
	for dim := range b.AllDims() {
		other = append(other, dim)
	}
	i := 0
	for dim := range c.AllDims() {
		if i == len(other) {
			break
		}
		from, to := onnxpb.DimOf(dim).Param, onnxpb.DimOf(other[i]).Param
		i++
		if from == "" || to == "" {
			continue
		}
		if d.dims[0][from] == "" && d.dims[1][to] == "" {
			d.dims[0][from], d.dims[1][to] = to, from
		}
		if d.dims[0][from] != to || d.dims[1][to] != from {
			return false
		}
		onnxpb.Symbol(to).Set(dim)
	}
	return proto.Equal(c, b)
}

// plain returns a type without denotations that are empty, which say what one says that is left out.
func plain(t *onnxpb.TypeProto) *onnxpb.TypeProto {
	c := proto.Clone(t).(*onnxpb.TypeProto)
	for x := c; x != nil; {
		if x.GetDenotation() == "" {
			x.Denotation = nil
		}
		switch v := x.GetValue().(type) {
		case *onnxpb.TypeProto_SequenceType:
			x = v.SequenceType.GetElemType()
		case *onnxpb.TypeProto_OptionalType:
			x = v.OptionalType.GetElemType()
		case *onnxpb.TypeProto_MapType:
			x = v.MapType.GetValueType()
		default:
			x = nil
		}
	}
	for dim := range c.AllDims() {
		if dim.GetDenotation() == "" {
			dim.Denotation = nil
		}
	}
	return c
}

// typ compares two declared types.
func (d *differ) typ(at Difference, a, b *onnxpb.TypeProto) {
	if d.sameType(a, b) {
		return
	}
	at.Action, at.From, at.To = "changed", onnxpb.FormatTypeProto(a), onnxpb.FormatTypeProto(b)
	if at.From == at.To {
		at.To += " (the denotation differs)"
	}
	d.add(at)
}

// declaration compares two declarations of one value.
func (d *differ) declaration(at Difference, a, b *onnxpb.ValueInfoProto) {
	d.typ(at, a.GetType(), b.GetType())
	d.doc(at, a.GetDocString(), b.GetDocString())
	d.metadata(at, a.GetMetadataProps(), b.GetMetadataProps())
}

// interfaces compares what two graphs take and give.
func (d *differ) interfaces(a, b *graph, outputs []outputPair, typed bool) {
	for i, v := range a.inputs {
		at := Difference{What: "input", Graph: a.path, Name: v.name}
		switch {
		case v.position != i: // listed twice
		case v.match == nil:
			at.Action, at.From = "removed", typeOf(a.proto.GetInput()[i].GetType(), typed)
			d.add(at)
		default:
			d.renamed(at, v.match.name)
			if typed {
				d.declaration(at, a.proto.GetInput()[i], b.proto.GetInput()[v.match.position])
			}
		}
	}
	for i, w := range b.inputs {
		if w.match == nil && w.position == i {
			d.add(Difference{Action: "added", What: "input", Graph: a.path, Name: w.name, To: typeOf(b.proto.GetInput()[i].GetType(), typed)})
		}
	}
	// Names in order, as the other model has them; an input that has a default is not fed by place.
	order := func(g *graph, other bool) (names []string, partners []*value) {
		for _, v := range g.inputs {
			if v.match == nil || v.tensor != nil || v.sparse != nil || v.match.tensor != nil || v.match.sparse != nil {
				continue
			}
			if names = append(names, v.name); other {
				v = v.match
			}
			partners = append(partners, v)
		}
		return names, partners
	}
	namesA, inOrder := order(a, false)
	namesB, partners := order(b, true)
	for i, v := range inOrder {
		if i < len(partners) && partners[i] != v {
			d.add(Difference{Action: "changed", What: "input_order", Graph: a.path, From: strings.Join(namesA, ", "), To: strings.Join(namesB, ", ")})
			break
		}
	}
	last, moved := -1, false
	for _, p := range outputs {
		at := Difference{What: "output", Graph: a.path}
		switch {
		case p.b < 0:
			at.Action, at.Name, at.From = "removed", a.outputs[p.a].name, typeOf(a.proto.GetOutput()[p.a].GetType(), typed)
			d.add(at)
			continue
		case p.a < 0:
			at.Action, at.Name, at.To = "added", b.outputs[p.b].name, typeOf(b.proto.GetOutput()[p.b].GetType(), typed)
			d.add(at)
			continue
		}
		moved = moved || p.b < last
		last = p.b
		v, w := a.outputs[p.a], b.outputs[p.b]
		at.Name = v.name
		d.renamed(at, w.name)
		if !same(v, w) {
			at.What, at.Action, at.From, at.To = "output_value", "changed", v.origin(), w.origin()
			d.add(at)
			at.From, at.To = "", ""
		}
		if at.What = "output"; typed {
			d.declaration(at, a.proto.GetOutput()[p.a], b.proto.GetOutput()[p.b])
		}
	}
	if moved {
		names := func(list []*value) string {
			out := make([]string, len(list))
			for i, v := range list {
				out[i] = v.name
			}
			return strings.Join(out, ", ")
		}
		d.add(Difference{Action: "changed", What: "output_order", Graph: a.path, From: names(a.outputs), To: names(b.outputs)})
	}
}

// typeOf writes a type, where there are types.
func typeOf(t *onnxpb.TypeProto, typed bool) string {
	if !typed {
		return ""
	}
	return onnxpb.FormatTypeProto(t)
}

// renamed notes that something has another name.
func (d *differ) renamed(at Difference, to string) {
	if at.Name != to && !d.ignore["names"] {
		at.Action, at.From, at.To = "renamed", quoted(at.Name), quoted(to)
		d.add(at)
	}
}

// origin tells what makes a value.
func (v *value) origin() string {
	switch {
	case v.maker != nil:
		return v.maker.proto.GetOpType() + " " + onnxpb.Quoted(v.maker.proto.Label())
	case v.isInput:
		return "input " + onnxpb.Quoted(v.name)
	case v.constant():
		return "initializer " + onnxpb.Quoted(v.name)
	}
	return "nothing"
}
