package opset

import (
	"strconv"

	"onnxtool/onnxpb"
)

func itoa(v int64) string { return strconv.FormatInt(v, 10) }

// attributes checks the attributes of a node, whatever its operator, and the tensors and subgraphs in them.
func (c *checker) attributes(s *scope, at *place, n *onnxpb.NodeProto) {
	list := n.GetAttribute()
	var seen map[string]bool
	if len(list) > 1 {
		seen = make(map[string]bool, len(list))
	}
	for _, a := range list {
		name := a.GetName()
		if name == "" {
			c.fail(at, FaultAttribute, "", "an attribute has no name")
		}
		c.name(at, "the attribute", name)
		if seen[name] {
			c.fail(at, FaultAttribute, "", "attribute %q is there twice", name)
		}
		if seen != nil {
			seen[name] = true
		}
		c.attribute(s, at, a)
	}
}

// attribute checks that an attribute holds one value, of the type that it tells.
func (c *checker) attribute(s *scope, at *place, a *onnxpb.AttributeProto) {
	name := a.GetName()
	c.attributeText(at, a)
	held := valueTypes(a)
	switch {
	case len(held) > 1:
		c.fail(at, FaultAttribute, "", "attribute %q has more than one value: %s and %s", name, held[0], held[1])
	case a.GetType() == onnxpb.AttributeProto_UNDEFINED && c.ir >= 2:
		c.fail(at, FaultAttribute, "", "attribute %q does not tell its type", name)
	case len(held) == 1 && a.GetType() != onnxpb.AttributeProto_UNDEFINED && held[0] != a.GetType():
		c.fail(at, FaultAttribute, "", "attribute %q says that it is of type %s, but holds %s", name, a.GetType(), held[0])
	case len(held) == 0 && a.GetRefAttrName() == "" && mustHold(a.GetType()):
		c.fail(at, FaultAttribute, "", "attribute %q has no value", name)
	}
	if ref := a.GetRefAttrName(); ref != "" {
		switch {
		case s.body.fn == nil:
			c.fail(at, FaultAttributeRef, "", "attribute %q refers to an attribute %q of a function, but the node is in none", name, ref)
		case !s.body.params[ref]:
			c.fail(at, FaultAttributeRef, "", "attribute %q refers to %q, which is no attribute of the function", name, ref)
		}
		if len(held) > 0 {
			c.fail(at, FaultAttributeRef, "", "attribute %q both refers to %q and has a value", name, ref)
		}
	}
	if a.T != nil {
		c.text(at, "", "the tensor", a.T.GetName())
		c.tensor(at, a.T, a.T.GetName())
	}
	for _, t := range a.GetTensors() {
		c.text(at, "", "the tensor", t.GetName())
		c.tensor(at, t, t.GetName())
	}
	if a.SparseTensor != nil {
		c.text(at, "", "the tensor", a.SparseTensor.GetValues().GetName())
		c.sparse(at, a.SparseTensor, a.SparseTensor.GetValues().GetName())
	}
	for _, t := range a.GetSparseTensors() {
		c.text(at, "", "the tensor", t.GetValues().GetName())
		c.sparse(at, t, t.GetValues().GetName())
	}
	if a.G != nil {
		c.subgraph(s, at, a.G, name, -1)
	}
	for i, g := range a.GetGraphs() {
		c.subgraph(s, at, g, name, i)
	}
}

// subgraph checks a graph that an attribute holds.
func (c *checker) subgraph(s *scope, at *place, g *onnxpb.GraphProto, attr string, index int) {
	if s.depth == MaxDepth {
		c.fail(at, FaultTooDeep, "", "subgraphs are nested more than %d deep: what is below was not checked", MaxDepth)
		return
	}
	c.graph(s.body, s, g, &place{parent: at, attr: attr, index: index}, s.depth+1)
}

// mustHold tells whether an attribute of this type needs a value. A number or a string may be left out, as writers of proto3 leave out zero;
// a list may be empty.
func mustHold(t onnxpb.AttributeProto_AttributeType) bool {
	switch t {
	case onnxpb.AttributeProto_TENSOR, onnxpb.AttributeProto_GRAPH, onnxpb.AttributeProto_SPARSE_TENSOR, onnxpb.AttributeProto_TYPE_PROTO:
		return true
	}
	return false
}

// attributeType returns the type of an attribute: as it tells it, or as its value shows, in models of IR version 1.
func attributeType(a *onnxpb.AttributeProto) onnxpb.AttributeProto_AttributeType {
	if t := a.GetType(); t != onnxpb.AttributeProto_UNDEFINED {
		return t
	}
	if held := valueTypes(a); len(held) > 0 {
		return held[0]
	}
	return onnxpb.AttributeProto_UNDEFINED
}

// valueTypes returns the types of the values that an attribute holds: one, if all is well.
func valueTypes(a *onnxpb.AttributeProto) []onnxpb.AttributeProto_AttributeType {
	held := make([]onnxpb.AttributeProto_AttributeType, 0, 2)
	add := func(has bool, t onnxpb.AttributeProto_AttributeType) {
		if has {
			held = append(held, t)
		}
	}
	add(a.F != nil, onnxpb.AttributeProto_FLOAT)
	add(a.I != nil, onnxpb.AttributeProto_INT)
	add(a.S != nil, onnxpb.AttributeProto_STRING)
	add(a.T != nil, onnxpb.AttributeProto_TENSOR)
	add(a.G != nil, onnxpb.AttributeProto_GRAPH)
	add(a.Tp != nil, onnxpb.AttributeProto_TYPE_PROTO)
	add(a.SparseTensor != nil, onnxpb.AttributeProto_SPARSE_TENSOR)
	add(len(a.Floats) > 0, onnxpb.AttributeProto_FLOATS)
	add(len(a.Ints) > 0, onnxpb.AttributeProto_INTS)
	add(len(a.Strings) > 0, onnxpb.AttributeProto_STRINGS)
	add(len(a.Tensors) > 0, onnxpb.AttributeProto_TENSORS)
	add(len(a.Graphs) > 0, onnxpb.AttributeProto_GRAPHS)
	add(len(a.SparseTensors) > 0, onnxpb.AttributeProto_SPARSE_TENSORS)
	add(len(a.TypeProtos) > 0, onnxpb.AttributeProto_TYPE_PROTOS)
	return held
}
