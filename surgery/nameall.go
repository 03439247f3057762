package surgery

import (
	"strconv"

	"onnxtool/onnxpb"
)

// NameOptions say what NameAll names.
type NameOptions struct {
	ShortTensors bool // inner values are called t0, t1, ... in the order of the graph
	ShortNodes   bool // all nodes are called n0, n1, ... in the order of the graph
	Interface    bool // with ShortTensors: inputs and outputs of the model too
}

// NameAll gives every node without a name one: its operator, and a number where that is taken. Of nodes that share a name all but the first get another. So the names of nodes are
// unique, in the model and within each function. With ShortTensors and ShortNodes it gives all of them short names; inputs and outputs of the model keep theirs unless Interface is set, and so do
// the values in functions, and names of subgraphs and training graphs are renamed with the graph. The same model gets the same names, and one that has them is left as it is.
func NameAll(m *onnxpb.ModelProto, o NameOptions) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		if o.Interface && !o.ShortTensors {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "inputs and outputs are renamed with the other values only", Hint: "ask for short names of tensors too, or see rename"}
		}
		r := &Report{Edit: "names"}
		nameNodes(m, o.ShortNodes, r)
		if o.ShortTensors {
			shortenTensors(m, o.Interface, r)
		}
		return r, nil
	})
}

// nameNodes names nodes, in the model and in each function.
func nameNodes(m *onnxpb.ModelProto, short bool, r *Report) {
	type space struct {
		names *Names
		seen  map[string]bool
		next  int
	}
	spaces := map[*onnxpb.FunctionProto]*space{}
	eachBody(m, func(b *nodeBody) {
		s := spaces[b.fn]
		if s == nil {
			s = &space{names: namesIn(m, b), seen: map[string]bool{}}
			spaces[b.fn] = s
		}
		for _, n := range b.nodes() {
			old, label := n.GetName(), n.Label()
			var name string
			switch {
			case short:
				name = "n" + strconv.Itoa(s.next)
				s.next++
			case old == "":
				name = s.names.Node(n.GetOpType())
			case s.seen[old]:
				name = s.names.Node(old)
			default:
				name = old
			}
			s.seen[name] = true
			if name == old {
				continue
			}
			n.Name = &name
			if old == "" {
				r.Add("added", "name", label, "", name)
			} else {
				r.Add("renamed", "node", old, old, name)
			}
		}
	})
}

// shortenTensors gives values short names. A name that stands in two subgraphs side by side stays one name.
func shortenTensors(m *onnxpb.ModelProto, all bool, r *Report) {
	kept := map[string]bool{}
	if !all {
		for _, list := range [][]*onnxpb.ValueInfoProto{m.GetGraph().GetInput(), m.GetGraph().GetOutput()} {
			for _, v := range list {
				kept[v.GetName()] = true
			}
		}
	}
	to := map[string]string{}
	next := 0
	MapNames(m, NameMap{Value: func(name string) string {
		if kept[name] {
			return name
		}
		short, ok := to[name]
		if !ok {
			for short = ""; short == "" || kept[short]; next++ {
				short = "t" + strconv.Itoa(next)
			}
			to[name] = short
			if short != name {
				r.Add("renamed", "tensor", name, name, short)
			}
		}
		return short
	}})
}
