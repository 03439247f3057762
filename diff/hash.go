package diff

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// hash stands for the content of something.
type hash [2]uint64

// The two kinds of hashes: with the elements of tensors, and with their types and dimensions only.
const (
	exact = iota
	coarse
)

// plus adds hashes up, whatever their order.
func (h hash) plus(o hash) hash { return hash{h[0] + o[0], h[1] + o[1]} }

// hashing builds a hash.
type hashing []byte

func (b hashing) text(s string) hashing { return protowire.AppendString(b, s) }
func (b hashing) number(n int) hashing  { return binary.AppendVarint(b, int64(n)) }
func (b hashing) hash(h hash) hashing {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(b, h[0]), h[1])
}

func (b hashing) sum() hash {
	s := sha256.Sum256(b)
	return hash{binary.LittleEndian.Uint64(s[:]), binary.LittleEndian.Uint64(s[8:])}
}

// digestAll hashes the content of every tensor of a model.
func (s *side) digestAll() error {
	var failed error
	s.model.AllTensors(func(t *onnxpb.TensorProto) {
		if failed != nil {
			return
		}
		if s.noData {
			s.digests[t] = kindOf(t)
			return
		}
		d, err := onnxpb.Digest(t, s.dir)
		if err != nil {
			failed = err
		}
		s.digests[t] = hash{binary.LittleEndian.Uint64(d[:]), binary.LittleEndian.Uint64(d[8:])}
	})
	return failed
}

// kindOf hashes the type and the dimensions of a tensor.
func kindOf(t *onnxpb.TensorProto) hash {
	b := hashing("kind").number(int(t.GetDataType()))
	for _, d := range t.GetDims() {
		b = b.number(int(d))
	}
	return b.sum()
}

// tensor hashes a tensor.
func (s *side) tensor(t *onnxpb.TensorProto, level int) hash {
	if level == coarse {
		return kindOf(t)
	}
	return s.digests[t]
}

// sparse hashes a sparse tensor.
func (s *side) sparse(t *onnxpb.SparseTensorProto, level int) hash {
	b := hashing("sparse").hash(s.tensor(t.GetValues(), level)).hash(s.tensor(t.GetIndices(), level))
	for _, d := range t.GetDims() {
		b = b.number(int(d))
	}
	return b.sum()
}

// content hashes the initializer that a value is, or that is its default.
func (v *value) content(level int) hash {
	switch {
	case v.tensor != nil:
		return v.graph.side.tensor(v.tensor, level)
	case v.sparse != nil:
		return v.graph.side.sparse(v.sparse, level)
	}
	return hash{}
}

// attribute hashes an attribute, its name and doc string aside; graphs in it count as there being some.
func (s *side) attribute(a *onnxpb.AttributeProto, level int) hash {
	b := hashing("attribute").text(a.GetName())
	for _, t := range slices.Concat([]*onnxpb.TensorProto{a.T}, a.Tensors) {
		if t != nil {
			b = b.hash(s.tensor(t, level))
		}
	}
	for _, t := range slices.Concat([]*onnxpb.SparseTensorProto{a.SparseTensor}, a.SparseTensors) {
		if t != nil {
			b = b.hash(s.sparse(t, level))
		}
	}
	// What is left is small, but for lists of numbers.
	rest := &onnxpb.AttributeProto{F: a.F, I: a.I, S: a.S, Tp: a.Tp, Floats: a.Floats, Ints: a.Ints, Strings: a.Strings, TypeProtos: a.TypeProtos, Type: a.Type, RefAttrName: a.RefAttrName}
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(rest)
	if err != nil { // a string that is not UTF-8, of no use to anybody
		text = []byte(err.Error())
	}
	return hashing(append(b, text...)).sum()
}

// attributes hashes the attributes of a node, whatever their order, without graphs.
func (x *node) attributes(level int) hash {
	var sum hash
	for _, a := range x.proto.GetAttribute() {
		sum = sum.plus(x.graph.side.attribute(a, level))
	}
	return sum
}

// hashDown hashes every value of a graph by what it is computed from. Values of graphs around it count by the pair that they are matched in.
func (g *graph) hashDown() {
	for level := range 2 {
		g.hashDownAt(level, func(v *value) hash {
			if v.pair > 0 {
				return hashing("pair").number(int(v.pair)).sum()
			}
			return hashing("alone").text(v.name).number(g.side.index).sum()
		})
	}
}

// hashDownAt hashes the values of a graph and its subgraphs; outer tells the hash of one of a graph around it.
func (g *graph) hashDownAt(level int, outer func(*value) hash) {
	for _, v := range g.list {
		switch {
		case v.isInput && v.pair > 0:
			v.down[level] = hashing("pair").number(int(v.pair)).sum()
		case v.isInput:
			v.down[level] = hashing("input").number(v.position).number(g.side.index).sum()
		case v.constant():
			v.down[level] = hashing("constant").hash(v.content(level)).sum()
		case v.maker == nil:
			v.down[level] = hashing("nothing").text(v.name).sum()
		default:
			v.down[level] = hash{} // on a cycle, what is not known yet
		}
	}
	of := func(v *value) hash {
		if v.graph == g {
			return v.down[level]
		}
		return outer(v)
	}
	for _, x := range g.order {
		b := hashing("node").text(x.op()).hash(x.attributes(level))
		last := len(x.ins)
		for last > 0 && x.ins[last-1] == nil { // inputs that are left out at the end
			last--
		}
		for _, v := range x.ins[:last] {
			if v == nil {
				b = b.text("none")
				continue
			}
			b = b.text("value").hash(of(v))
		}
		for _, s := range x.subs {
			s.hashDownAt(level, of)
			var sum hash
			for _, n := range s.nodes {
				sum = sum.plus(n.down[level])
			}
			b = b.text(s.attr).number(s.at).hash(sum)
			for _, o := range s.outputs {
				if o.graph == s.graph {
					b = b.hash(o.down[level])
				} else {
					b = b.hash(of(o))
				}
			}
		}
		x.down[level] = b.sum()
		for i, v := range x.outs {
			if v == nil || v.maker != x {
				continue
			}
			if a := constantTensor(x.proto); a != nil && len(x.outs) == 1 {
				v.down[level] = hashing("constant").hash(g.side.tensor(a, level)).sum() // as the initializer would be
				continue
			}
			v.down[level] = hashing("output").hash(x.down[level]).number(i).sum()
		}
	}
}

// constantTensor returns the tensor of a node Constant.
func constantTensor(n *onnxpb.NodeProto) *onnxpb.TensorProto {
	if n.GetOpType() != "Constant" || onnxpb.NormalDomain(n.GetDomain()) != "" || len(n.GetAttribute()) != 1 || n.GetAttribute()[0].GetName() != "value" {
		return nil
	}
	return n.GetAttribute()[0].GetT()
}

// bag hashes what a subgraph holds, without how it hangs together.
func (g *graph) bag(level int) hash {
	var sum hash
	for _, v := range g.list {
		if v.constant() {
			sum = sum.plus(v.content(level))
		}
	}
	for _, x := range g.nodes {
		b := hashing("node").text(x.op()).hash(x.attributes(level))
		for _, s := range x.subs {
			b = b.text(s.attr).hash(s.bag(level))
		}
		sum = sum.plus(b.sum())
	}
	return sum
}

// hashUp hashes every node of a graph by what is computed from it. outputs are the tokens of the graph's outputs.
func (g *graph) hashUp(outputs []hash) {
	for level := range 2 {
		for _, x := range slices.Backward(g.order) {
			b := hashing("node").text(x.op()).hash(x.attributes(level))
			for i, v := range x.ins {
				if v != nil && v.constant() {
					b = b.number(i).hash(v.content(level))
				}
			}
			for _, s := range x.subs {
				b = b.text(s.attr).hash(s.bag(level))
			}
			for i, v := range x.outs {
				if v == nil {
					continue
				}
				var sum hash
				for _, u := range v.uses {
					sum = sum.plus(hashing("use").number(u.index).hash(u.node.up[level]).sum())
				}
				for _, o := range v.outputs {
					sum = sum.plus(outputs[o])
				}
				b = b.number(i).hash(sum)
			}
			x.up[level] = b.sum()
		}
	}
}
