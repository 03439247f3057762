package surgery

import (
	"slices"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// What stands beside the axis that keepSqueezed keeps, and reads it from several inputs.

// tails returns how many axes stand behind the kept one, and the highest rank. Where they are not as many in all inputs that have it, those with fewer have to have it in front.
func (k *keptAxis) tails(n *onnxpb.NodeProto) (tail, most int, ok bool) {
	tail = -1
	for _, name := range n.Input {
		r, ok := k.rank(name)
		if !ok {
			return 0, 0, false
		}
		most = max(most, r)
		if a, kept := k.at[name]; kept {
			tail = max(tail, r-a)
		}
	}
	for _, name := range n.Input {
		if a, kept := k.at[name]; kept && a > 0 {
			if r, _ := k.rank(name); r-a < tail {
				return 0, 0, false
			}
		}
	}
	return tail, most, tail >= 0
}

// widen gives those inputs that do not have the axis, and reach past it, one of size 1 there, and those that have it too near to the end more of them behind it: ranks are aligned
// at the end.
func (k *keptAxis) widen(n *onnxpb.NodeProto, tail int) {
	n.Input = slices.Clone(n.Input)
	for i, name := range n.Input {
		r, _ := k.rank(name)
		if _, kept := k.at[name]; kept {
			for have := r; have < tail; have++ {
				n.Input[i] = k.unsqueezed(n, n.Input[i], 1)
			}
		} else if r > tail {
			n.Input[i] = k.unsqueezed(n, name, r-tail)
		}
	}
}

// broadcast is an operator whose inputs are broadcast to one another.
func (k *keptAxis) broadcast(n *onnxpb.NodeProto) bool {
	tail, most, ok := k.tails(n)
	if !ok {
		return false
	}
	if axis, met, fits := k.meetsRows(n, tail, most); met {
		k.back[n.Output[0]] = axis // the rows of the others stand where the kept axis comes to lie
		return fits
	}
	if !slices.ContainsFunc(n.Input, func(name string) bool { return k.at[name] > 0 }) {
		tail = most // what is in front stays there
	}
	k.widen(n, tail)
	return k.keep(n, most-tail)
}

// meetsRows tells whether some inputs have the rows in an axis that they had before, and whether that is where the kept axis stands when all are aligned at the end. In front of the kept axis there may
// be axes of 1 only: others stood one place further behind, as there was no kept axis to push them.
func (k *keptAxis) meetsRows(n *onnxpb.NodeProto, tail, most int) (axis int, met, fits bool) {
	fits = true
	for _, name := range n.Input {
		r, _ := k.rank(name)
		if a, kept := k.at[name]; kept {
			front := k.shapes.Value(name).Dims[:min(a, r)]
			fits = fits && r-a == tail && r < most && !slices.ContainsFunc(front, func(d shape.Dim) bool { return !isOne(d) })
			continue
		}
		a, back := k.back[name]
		if x := k.facts[name]; !back && x.rows() && x.plain() {
			a, back = x.axis, true
		}
		if back {
			met = true
			fits = fits && r-1-a == tail
		}
	}
	return most - 1 - tail, met, fits
}

// matMul is MatMul of matrices behind the axis, of rows by a matrix, and of vectors.
func (k *keptAxis) matMul(n *onnxpb.NodeProto) bool {
	a, keptA := k.at[n.Input[0]]
	rankA, okA := k.rank(n.Input[0])
	rankB, okB := k.rank(n.Input[1])
	_, keptB := k.at[n.Input[1]]
	if !okA || !okB {
		return false
	}
	if keptA && !keptB && rankB <= 2 && a < rankA {
		return k.keep(n, a) // each row along the last axis by itself
	}
	if keptA && keptB && a == 0 && k.at[n.Input[1]] == 0 && (rankA == 1 || rankB == 1) && rankA*rankB > 0 && max(rankA, rankB) <= 2 {
		return k.vectors(n, rankA == 1, rankB == 1)
	}
	tail, most, ok := k.tails(n)
	if !ok || tail < 2 || rankA < 2 || rankB < 2 {
		return false
	}
	k.widen(n, tail)
	return k.keep(n, most-tail)
}

// vectors is MatMul where one side of each row is a vector, or both: it becomes a matrix for the time of the product.
func (k *keptAxis) vectors(n *onnxpb.NodeProto, left, right bool) bool {
	inputs, drop := slices.Clone(n.Input), []int64{}
	if left {
		inputs[0], drop = k.unsqueezed(n, inputs[0], 1), append(drop, 1)
	}
	if right {
		inputs[1], drop = k.unsqueezed(n, inputs[1], 2), append(drop, 2)
	}
	op, product := "Squeeze", k.insert(n, "MatMul", n.Output[0]+"_product", inputs)
	n.OpType, n.Input = &op, []string{product}
	if asInput(op, k.m.OpsetVersion("")) {
		n.Input = append(n.Input, k.numbers(n, product+"_axes", drop))
	} else {
		setAttr(n, onnxpb.Ints("axes", drop...))
	}
	k.tell(n, "MatMul, and Squeeze of axes", drop)
	return k.keep(n, 0)
}

// gather is Gather from a value that has the axis, or by one that does.
func (k *keptAxis) gather(n *onnxpb.NodeProto) bool {
	rank, ok := k.rank(n.Input[0])
	count, okIndices := k.rank(n.Input[1])
	axis, okAxis := normAxis(n.AttrInt("axis", 0), rank)
	if !ok || !okIndices || !okAxis {
		return false
	}
	data, keptData := k.at[n.Input[0]]
	indices, keptIndices := k.at[n.Input[1]]
	switch {
	case keptData && keptIndices:
		return false
	case keptIndices:
		return k.keep(n, axis+indices)
	}
	k.setInt(n, "axis", behind(axis, data))
	if axis < data {
		data += count - 1
	}
	return k.keep(n, data)
}

// concat is Concat along another axis, of values that have the axis in the same place; others get one.
func (k *keptAxis) concat(n *onnxpb.NodeProto) bool {
	tail, rank, ok := k.tails(n)
	if !ok {
		return false
	}
	for _, name := range n.Input {
		r, _ := k.rank(name)
		if a, kept := k.at[name]; r != rank || kept && r-a != tail {
			return false
		}
	}
	if _, ok := k.along(n, rank, rank-tail, 1); !ok {
		return false
	}
	n.Input = slices.Clone(n.Input)
	for i, name := range n.Input {
		if _, kept := k.at[name]; !kept {
			n.Input[i] = k.unsqueezed(n, name, rank-tail)
		}
	}
	return k.keep(n, rank-tail)
}
