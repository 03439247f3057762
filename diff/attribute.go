package diff

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// attributes compares the attributes of two matched nodes, and the subgraphs in them.
func (d *differ) attributes(at Difference, x, y *node) {
	at.What = "attribute"
	subs := func(n *node, attr string) []*sub {
		var out []*sub
		for _, s := range n.subs {
			if s.attr == attr {
				out = append(out, s)
			}
		}
		return out
	}
	d.attributeLists(at, x.graph.side, y.graph.side, x.proto.GetAttribute(), y.proto.GetAttribute(), func(name string) {
		sx, sy := subs(x, name), subs(y, name)
		for i, s := range sx {
			if i < len(sy) {
				d.graphs(s.graph, sy[i].graph, false)
			}
		}
	})
}

// attributeLists compares two lists of attributes; inner is called with the name of each that both have.
func (d *differ) attributeLists(at Difference, sideA, sideB *side, a, b []*onnxpb.AttributeProto, inner func(string)) {
	find := func(list []*onnxpb.AttributeProto, name string) *onnxpb.AttributeProto {
		i := slices.IndexFunc(list, func(x *onnxpb.AttributeProto) bool { return x.GetName() == name })
		if i < 0 {
			return nil
		}
		return list[i]
	}
	for _, p := range a {
		at.Name = p.GetName()
		q := find(b, p.GetName())
		if q == nil {
			at.Action, at.From, at.To = "removed", attributeText(p), ""
			d.add(at)
			continue
		}
		graphs := func(x *onnxpb.AttributeProto) int {
			n := len(x.GetGraphs())
			if x.G != nil {
				n++
			}
			return n
		}
		if sideA.attribute(p, exact) != sideB.attribute(q, exact) || graphs(p) != graphs(q) {
			at.Action, at.From, at.To = "changed", attributeText(p), attributeText(q)
			if at.From == at.To {
				at.To = ""
				at.From += ", another value"
				if p.T != nil && q.T != nil {
					at.From += d.elements(&value{tensor: p.T}, &value{tensor: q.T})
				}
			}
			d.add(at)
		}
		at.From, at.To = "", ""
		d.doc(at, p.GetDocString(), q.GetDocString())
		inner(p.GetName())
	}
	for _, q := range b {
		if find(a, q.GetName()) == nil {
			at.Name, at.Action, at.From, at.To = q.GetName(), "added", "", attributeText(q)
			d.add(at)
		}
	}
}

// attributeText writes the value of an attribute.
func attributeText(a *onnxpb.AttributeProto) string {
	if ref := a.GetRefAttrName(); ref != "" {
		return "the attribute " + onnxpb.Quoted(ref) + " of the function"
	}
	switch {
	case a.F != nil:
		return number(*a.F)
	case a.I != nil:
		return strconv.FormatInt(*a.I, 10)
	case a.S != nil:
		return onnxpb.Quoted(string(a.S))
	case a.T != nil:
		return tensorKind(a.T)
	case a.G != nil:
		return fmt.Sprintf("a graph of %d nodes", len(a.G.GetNode()))
	case a.SparseTensor != nil:
		return "sparse " + tensorKind(a.SparseTensor.GetValues())
	case a.Tp != nil:
		return onnxpb.FormatTypeProto(a.Tp)
	case len(a.Graphs) > 0:
		return fmt.Sprintf("%d graphs", len(a.Graphs))
	case len(a.Tensors) > 0:
		return fmt.Sprintf("%d tensors", len(a.Tensors))
	case len(a.SparseTensors) > 0:
		return fmt.Sprintf("%d sparse tensors", len(a.SparseTensors))
	case len(a.TypeProtos) > 0:
		return fmt.Sprintf("%d types", len(a.TypeProtos))
	case len(a.Floats) > 0:
		return listText(a.Floats, number)
	case len(a.Strings) > 0:
		return listText(a.Strings, func(b []byte) string { return onnxpb.Quoted(string(b)) })
	}
	return listText(a.Ints, func(v int64) string { return strconv.FormatInt(v, 10) })
}

func number(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) }

// listText writes a list, cut where it is long.
func listText[T any](list []T, one func(T) string) string {
	const most = 12
	out := make([]string, 0, most+1)
	for i, v := range list {
		if i == most {
			out = append(out, fmt.Sprintf("... %d in all", len(list)))
			break
		}
		out = append(out, one(v))
	}
	return "[" + strings.Join(out, ",") + "]"
}
