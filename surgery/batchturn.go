package surgery

import (
	"slices"

	"onnxtool/onnxpb"
)

// turnNearest turns the Reshape that lies nearest before a node, or is that node, where one loses the batch among other axes. Before a recurrent layer also one that makes the batch an axis of its own:
// time may have been meant by it.
func (o *oneRow) turnNearest(n *onnxpb.NodeProto) bool {
	op := n.GetOpType()
	plain := op == "GRU" || op == "LSTM" || op == "RNN"
	merged := func(name string) bool { x := o.facts[name]; return x.rows() && !x.plain() }
	if !plain && !slices.ContainsFunc(n.GetInput(), merged) && !slices.ContainsFunc(n.GetOutput(), merged) {
		return false // the rows themselves meet here
	}
	seen := map[*onnxpb.NodeProto]bool{n: true}
	for list := []*onnxpb.NodeProto{n}; len(list) > 0; list = list[1:] {
		n := list[0]
		if n.GetOpType() == "Reshape" && onnxpb.NormalDomain(n.GetDomain()) == "" && len(n.GetInput()) == 2 && len(n.GetOutput()) == 1 && !o.done[n.Output[0]] {
			if o.done[n.Output[0]] = true; o.turn(n, plain) {
				return true
			}
		}
		for _, name := range n.GetInput() {
			_, kept := o.kept[name]
			if p := o.index.Producer(name); p != nil && !seen[p] && (kept || o.facts[name].rows()) {
				seen[p] = true
				list = append(list, p)
			}
		}
	}
	return false
}

// turn writes a Reshape anew that puts the elements of the one row into axes of which none, or another, holds the batch: a Transpose brings the batch to the front, the Reshape leaves it there and makes
// of the rest what it made, and the batch goes to the place of a 1 in its result, or is dropped where there is none, for keepSqueezed to keep. For one row the elements are the same, in the same order.
// plain has those turned too that make the batch an axis of its own.
func (o *oneRow) turn(n *onnxpb.NodeProto, plain bool) bool {
	x := o.facts[n.Input[0]]
	if _, kept := o.kept[n.Input[0]]; kept || !x.rows() || !x.plain() || n.AttrInt("allowzero", 0) != 0 {
		return false
	}
	if t, known := constants(o.shapes.Value(n.Input[1])); !known || slices.Contains(t, -1) {
		return false // a target that any number of rows fits means what it does with them
	}
	rank, ok := o.rank(n.Input[0])
	v := o.shapes.Value(n.Output[0])
	if !ok || rank != x.rank() || v == nil || !v.Ranked {
		return false
	}
	was := -1
	if y := o.facts[n.Output[0]]; y.rows() && y.plain() {
		if was = y.axis; !plain {
			return false
		}
	}
	target, hole, place, ones := []int64{}, false, -1, 0
	for i, d := range v.Dims {
		c, known := d.Const()
		if !known && hole || known && c == 0 {
			return false
		}
		if !known {
			c, hole = -1, true
		}
		if c == 1 {
			if ones++; place < 0 && i != was {
				place = i
			}
		}
		target = append(target, c)
	}
	if ones > 0 && place < 0 {
		return false
	}
	out := n.Output[0]
	front := o.move(n, out+"_front", n.Input[0], rank, x.axis, 0)
	if place >= 0 {
		target = slices.Delete(target, place, place+1)
	}
	shaped := o.insert(n, "Reshape", out+"_front", []string{front, o.numbers(n, out+"_shape", append([]int64{0}, target...))})
	label, op := n.Label(), "Identity"
	n.Input = []string{shaped}
	n.Attribute = nil
	to := "the batch stays in front"
	switch {
	case place > 0:
		op = "Transpose"
		n.Attribute = []*onnxpb.AttributeProto{onnxpb.Ints("perm", moved(len(v.Dims), 0, place)...)}
		to = "beside the batch"
	case place < 0:
		op = "Squeeze"
		to = "without the batch"
		if asInput(op, o.opset) {
			n.Input = append(n.Input, o.numbers(n, out+"_axes", []int64{0}))
		} else {
			n.Attribute = []*onnxpb.AttributeProto{onnxpb.Ints("axes", 0)}
		}
	}
	n.OpType = &op
	o.report.Add("changed", "node", label, "Reshape of the one row", to)
	return true
}
