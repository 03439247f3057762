package verify

import (
	"fmt"
	"sort"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// What is matched by structure is a guess: that two tensors are read at the same place by nodes that belong together says that they serve the same end, not that they are the same. Two
// exporters compute a shape in different ways, [-1,8] here and [2,8] there, and the Reshape that reads it gives the same. So a guess has to prove itself where it would be the source of a
// difference: a pair that differs though nothing that is computed from it does is taken back, unless what makes it is alike in both models.

// unlike takes back, before anything is run, the pairs whose types and shapes show that they are not the same tensor: those of different operators, or of a constant and a node.
func (c *layerComparison) unlike() {
	ref, got := c.sides[0].graph, c.sides[1].graph
	var list []int
	for r, g := range c.match.toGot {
		if g < 0 || c.match.how[r] != MatchedStructure {
			continue
		}
		n, o := ref.values[r].node, got.values[g].node
		if n >= 0 && o >= 0 && c.match.sameOp(n, o) {
			continue // an attribute may have changed the shape, and that is to be seen
		}
		if !compatible(c.sides[0].sizes[r], c.sides[1].sizes[g]) {
			list = append(list, r)
		}
	}
	c.match.unpair(list)
}

// compatible tells whether two values can be the same tensor, by what is known of their types and shapes for the inputs at hand.
func compatible(a, b *shape.Value) bool {
	if a == nil || b == nil || a.Kind != shape.Tensor || b.Kind != shape.Tensor {
		return a == nil || b == nil || a.Kind == b.Kind
	}
	if a.Elem != b.Elem && a.Elem != onnxpb.TensorProto_UNDEFINED && b.Elem != onnxpb.TensorProto_UNDEFINED {
		return false
	}
	if !a.Ranked || !b.Ranked {
		return true
	}
	if len(a.Dims) != len(b.Dims) {
		return false
	}
	for i, d := range a.Dims {
		x, known := d.Const()
		y, other := b.Dims[i].Const()
		if known && other && x != y {
			return false
		}
	}
	return true
}

// unpair takes their counterparts from values of the reference.
func (m *matcher) unpair(list []int) {
	left := map[int]bool{} // values of the model that stood for one of them first
	for _, r := range list {
		g := m.toGot[r]
		m.toGot[r] = -1
		if m.toRef[g] == r {
			m.toRef[g], left[g] = -1, true
		}
	}
	if len(left) == 0 {
		return
	}
	for r, g := range m.toGot { // another one may share it
		if left[g] && m.toRef[g] < 0 {
			m.toRef[g] = r
		}
	}
}

// doubt takes back the pairs that have been compared, differ, and do not prove themselves; true where there were any.
func (c *layerComparison) doubt() (bool, error) {
	proven := map[int]bool{}
	var wrong []int
	for p, row := range c.rows {
		if row == nil || row.Equal {
			continue
		}
		ok, err := c.proves(p, proven)
		if err != nil {
			return false, err
		}
		if !ok {
			wrong = append(wrong, p)
		}
	}
	var list []int
	for _, p := range wrong {
		r := c.pairs[p].ref
		list = append(list, r)
		c.doubted = append(c.doubted, fmt.Sprintf("%s and %s", c.name(0, p), c.name(1, p)))
		c.pairOf[r], c.rows[p] = -1, nil
	}
	c.match.unpair(list)
	return len(wrong) > 0, nil
}

// proves tells whether a pair that differs may be believed: it is no guess, its makers are alike, or something that is computed from it differs and may be believed.
func (c *layerComparison) proves(p int, proven map[int]bool) (bool, error) {
	pair := c.pairs[p]
	if c.match.how[pair.ref] != MatchedStructure || c.makersAlike(pair, c.rows[p]) {
		return true, nil
	}
	if known, done := proven[p]; done {
		return known, nil
	}
	proven[p] = false
	next := c.next(pair.ref)
	if err := c.fetch(next); err != nil {
		return false, err
	}
	for _, q := range next {
		if c.rows[q].Equal {
			continue
		}
		ok, err := c.proves(q, proven)
		if err != nil {
			return false, err
		}
		if ok {
			proven[p] = true
			break
		}
	}
	return proven[p], nil
}

// makersAlike tells whether the same operator with the same attributes makes both of a pair, of inputs that belong together and of constants of the same types and shapes. Integers that
// shapes may be computed from are made so by nodes that have nothing else in common.
func (c *layerComparison) makersAlike(pair layerPair, row *LayerRow) bool {
	switch row.Type {
	case "int64", "int32", "bool", "":
		return false
	}
	ref, got := c.sides[0].graph, c.sides[1].graph
	n, o := ref.values[pair.ref].node, got.values[pair.got].node
	if n < 0 || o < 0 || c.match.s.node(ref, n) != c.match.s.node(got, o) {
		return false
	}
	x, y := &ref.nodes[n], &got.nodes[o]
	if len(x.in) != len(y.in) {
		return false
	}
	for at, r := range x.in {
		other := c.match.across(n, o, at, false)
		if other < 0 {
			return false
		}
		g := y.in[other]
		if r < 0 || g < 0 {
			if r != g {
				return false
			}
			continue
		}
		if ref.values[r].kind == valueConstant && got.values[g].kind == valueConstant {
			if !compatible(c.sides[0].sizes[r], c.sides[1].sizes[g]) {
				return false
			}
		} else if c.match.toGot[r] != g && c.match.toRef[g] != r {
			return false
		}
	}
	return true
}

// next lists the pairs that are computed from a value of the reference: what nodes make of it, and what is made of that where it has no counterpart.
func (c *layerComparison) next(v int) []int {
	ref := c.sides[0].graph
	var list []int
	seen := map[int]bool{v: true}
	for queue := []int{v}; len(queue) > 0; queue = queue[1:] {
		for _, u := range ref.values[queue[0]].uses {
			for _, w := range ref.nodes[u.node].out {
				if w < 0 || seen[w] {
					continue
				}
				seen[w] = true
				if p := c.pairOf[w]; p >= 0 {
					list = append(list, p)
				} else {
					queue = append(queue, w)
				}
			}
		}
	}
	sort.Ints(list)
	return list
}

// doubtedNote tells which guesses were taken back.
func (c *layerComparison) doubtedNote() string {
	n := len(c.doubted)
	if n == 0 {
		return ""
	}
	list := strings.Join(c.doubted[:min(n, firstNames)], ", ")
	if n > firstNames {
		list += ", ..."
	}
	return fmt.Sprintf("%s matched by structure alone did not belong together, and are without counterpart: they differ, and nothing that is computed from them does (%s)", counted(n, "pair"), list)
}
