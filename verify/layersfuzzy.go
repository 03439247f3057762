package verify

import (
	"fmt"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// anchorElements is how many constant elements tell a node from others of its kind.
const anchorElements = 4

// anchors pairs nodes that have the same constants, where there is one of the kind in each model.
func (m *matcher) anchors() bool {
	key := func(side, n int) string {
		g := m.side(side)
		x := &g.nodes[n]
		numbers, elements := []int{m.s.node(g, n)}, int64(0)
		for _, v := range x.in {
			c := m.constant(side, v)
			numbers = append(numbers, c)
			if c != 0 && g.values[v].tensor != nil {
				k, err := onnxpb.Count(g.values[v].tensor.GetDims())
				if err == nil {
					elements += k
				}
			}
		}
		if elements < anchorElements {
			return ""
		}
		return keyOf("k", numbers...)
	}
	return m.unique(key, m.pairNodes)
}

// unique calls pair with the free nodes whose key one free node of each model has. A node without a key is left out.
func (m *matcher) unique(key func(side, n int) string, pair func(n, o int)) bool {
	type entry struct{ node, count int }
	var found [2]map[string]entry
	for side, taken := range [][]int{m.nodeGot, m.nodeRef} {
		found[side] = map[string]entry{}
		for n := range m.side(side).nodes {
			if taken[n] >= 0 {
				continue
			}
			if k := key(side, n); k != "" {
				found[side][k] = entry{n, found[side][k].count + 1}
			}
		}
	}
	progress := false
	for _, k := range sortedKeys(found[0]) {
		a, b := found[0][k], found[1][k]
		if a.count == 1 && b.count == 1 {
			pair(a.node, b.node)
			progress = true
		}
	}
	return progress
}

// proposal is the value that stands where paired nodes of the model read what these of the reference read of r; -1 where there is none. It is a conflict where they read several.
func (m *matcher) proposal(r int) (g int, conflict bool) {
	g = -1
	for _, u := range m.ref.values[r].uses {
		o := m.nodeGot[u.node]
		if o < 0 {
			continue
		}
		at := m.across(u.node, o, u.at, false)
		if at < 0 {
			continue
		}
		x := m.got.nodes[o].in[at]
		if x < 0 || m.toRef[x] >= 0 || m.got.values[x].kind == valueInput {
			continue
		}
		if g >= 0 && g != x {
			return -1, true
		}
		g = x
	}
	if g < 0 {
		return -1, false
	}
	for _, u := range m.got.values[g].uses {
		n := m.nodeRef[u.node]
		if n < 0 || m.nodeGot[n] != u.node {
			continue
		}
		if at := m.across(n, u.node, u.at, true); at >= 0 {
			if x := m.ref.nodes[n].in[at]; x != r && x >= 0 && m.toGot[x] < 0 {
				return -1, true
			}
		}
	}
	return g, false
}

// backward goes from the outputs back over what paired nodes read, and pairs it where its makers fit; whatever makes it, where weak says so.
func (m *matcher) backward(fit func(n, o int) bool, weak bool) bool {
	progress := false
	visit := func(r int) {
		if m.toGot[r] >= 0 {
			progress = m.makers(r, m.toGot[r], fit) || progress
			return
		}
		g, _ := m.proposal(r)
		switch {
		case g < 0 || m.ref.values[r].kind == valueConstant && m.got.values[g].kind == valueConstant:
		case m.makers(r, g, fit):
			progress = true
		case weak:
			m.pair(r, g, MatchedStructure)
			m.absorb(r, g)
			progress = true
		}
	}
	for _, n := range slices.Backward(m.ref.nodes) {
		for _, r := range n.out {
			if r >= 0 {
				visit(r)
			}
		}
	}
	if weak {
		for r := range m.ref.values {
			if m.ref.values[r].kind == valueConstant && m.toGot[r] < 0 {
				visit(r)
			}
		}
	}
	return progress
}

// absorb looks, where two values that belong together are made by other operators, for a fusion: a chain of nodes of one model of which the first is of the operator of the other's node
// (Conv and BatchNormalization, and one Conv). Those two read the same.
func (m *matcher) absorb(r, g int) {
	const longest = 4
	n, o := m.ref.values[r].node, m.got.values[g].node
	if n < 0 || o < 0 {
		return
	}
	for i, a := 0, n; i < longest && a >= 0; i, a = i+1, onlyMaker(m.ref, a) {
		for j, b := 0, o; j < longest && b >= 0; j, b = j+1, onlyMaker(m.got, b) {
			if (a != n || b != o) && (a == n || b == o) && m.nodeGot[a] < 0 && m.nodeRef[b] < 0 && m.sameOp(a, b) {
				m.nodeGot[a], m.nodeRef[b] = b, a
				return
			}
		}
	}
}

// onlyMaker is the node that makes the only computed value that a node reads; -1 where there are several or none.
func onlyMaker(g *layerGraph, n int) int {
	maker := -1
	for _, v := range g.nodes[n].in {
		if v < 0 || g.values[v].kind == valueConstant {
			continue
		}
		if maker >= 0 || g.values[v].kind == valueInput {
			return -1
		}
		maker = g.values[v].node
	}
	return maker
}

// loose pairs free nodes that read the same paired values, where one of each model does: of the same attributes and sizes of constants, else of the same operator, else in any
// order, else of whatever operator.
func (m *matcher) loose() bool {
	for level := 1; level <= 4; level++ {
		key := func(side, n int) string { return m.looseKey(level, side, n) }
		pair := m.pairNodes
		if level == 4 {
			pair = func(n, o int) {
				if m.pairNodes(n, o); !m.sameOp(n, o) {
					m.nodeGot[n], m.nodeRef[o] = -1, -1
				}
			}
		}
		if before := m.count(); m.unique(key, pair) && m.count() > before {
			return true
		}
	}
	return false
}

// twins puts right what was paired in order for want of anything better: of values that are the same function of the same in the reference, each is paired with what is read where it
// is read.
func (m *matcher) twins() {
	_, signatures := m.ids(0)
	groups := map[int][]int{}
	for n, sig := range signatures {
		if sig == 0 || len(m.ref.nodes[n].out) != 1 {
			continue
		}
		if r := m.ref.nodes[n].out[0]; r >= 0 && m.how[r] == MatchedStructure && m.toRef[m.toGot[r]] == r {
			groups[sig] = append(groups[sig], r)
		}
	}
	for n, sig := range signatures {
		list := groups[sig]
		if len(list) < 2 || m.ref.nodes[n].out[0] != list[0] {
			continue
		}
		for i, a := range list {
			for _, b := range list[i+1:] {
				g, h := m.toGot[a], m.toGot[b]
				if m.votes(a, h)+m.votes(b, g) > m.votes(a, g)+m.votes(b, h) {
					m.exchange(a, b)
				}
			}
		}
	}
}

// exchange gives two values of the reference each other's counterpart.
func (m *matcher) exchange(a, b int) {
	m.toGot[a], m.toGot[b] = m.toGot[b], m.toGot[a]
	n, o := m.ref.values[a].node, m.ref.values[b].node
	m.nodeGot[n], m.nodeGot[o] = m.nodeGot[o], m.nodeGot[n]
	for _, r := range []int{a, b} {
		m.toRef[m.toGot[r]] = r
		if x := m.nodeGot[m.ref.values[r].node]; x >= 0 {
			m.nodeRef[x] = m.ref.values[r].node
		}
	}
}

// votes counts where paired nodes read r in the reference and g in the model.
func (m *matcher) votes(r, g int) (count int) {
	for _, u := range m.ref.values[r].uses {
		if p := m.nodeGot[u.node]; p >= 0 {
			for _, v := range m.got.nodes[p].in {
				if v == g {
					count++
				}
			}
		}
	}
	return count
}

// count is how many values have counterparts.
func (m *matcher) count() (n int) {
	for _, g := range m.toGot {
		if g >= 0 {
			n++
		}
	}
	return n
}

func (m *matcher) looseKey(level, side, n int) string {
	g := m.side(side)
	x := &g.nodes[n]
	var in, sizes []int
	for _, v := range x.in {
		switch {
		case v < 0:
		case g.values[v].kind == valueConstant:
			size := 0
			if t := g.values[v].tensor; t != nil {
				size = m.s.number(fmt.Sprintf("d%d%v", t.GetDataType(), t.GetDims()))
			}
			sizes = append(sizes, size)
		default:
			id := m.pairID(side, v)
			if id == 0 {
				return ""
			}
			in = append(in, id)
		}
	}
	if len(in) == 0 {
		return ""
	}
	if level > 2 {
		slices.Sort(in)
	}
	switch level {
	case 1:
		return keyOf(keyOf("l1", m.s.node(g, n))+keyOf("|", sizes...), in...)
	case 2, 3:
		return keyOf(fmt.Sprintf("l%d%q%d", level, opName(x.proto), len(x.out)), in...)
	}
	return keyOf(fmt.Sprintf("l4|%d", len(x.out)), in...)
}

// conflicts counts the values of the reference without counterpart for which paired nodes tell several.
func (m *matcher) conflicts() (n int) {
	for r := range m.ref.values {
		if m.ref.values[r].kind == valueComputed && m.toGot[r] < 0 {
			if _, conflict := m.proposal(r); conflict {
				n++
			}
		}
	}
	return n
}

// identities pairs what Identity nodes give: with what an Identity of the counterpart of what they are given gives, where there is one that is free, else with that counterpart itself.
func (m *matcher) identities() {
	for n := range m.ref.nodes {
		x := &m.ref.nodes[n]
		if !isIdentity(x.proto) || len(x.in) != 1 || x.in[0] < 0 || x.out[0] < 0 || m.toGot[x.out[0]] >= 0 || m.toGot[x.in[0]] < 0 {
			continue
		}
		if o := m.freeIdentity(m.toGot[x.in[0]]); o >= 0 {
			m.pairNodes(n, o)
		}
		if m.toGot[x.out[0]] < 0 {
			m.pair(x.out[0], m.toGot[x.in[0]], MatchedStructure)
		}
	}
	for i := range m.got.nodes {
		if x := &m.got.nodes[i]; isIdentity(x.proto) && len(x.in) == 1 && x.in[0] >= 0 && x.out[0] >= 0 && m.toRef[x.out[0]] < 0 {
			m.toRef[x.out[0]] = m.toRef[x.in[0]]
		}
	}
}

// freeIdentity is an Identity of a value of the model that has no counterpart yet; -1 where there is none.
func (m *matcher) freeIdentity(g int) int {
	for _, u := range m.got.values[g].uses {
		if x := &m.got.nodes[u.node]; isIdentity(x.proto) && m.nodeRef[u.node] < 0 && x.out[0] >= 0 && m.toRef[x.out[0]] < 0 {
			return u.node
		}
	}
	return -1
}

// keyOf joins numbers to a key.
func keyOf(kind string, numbers ...int) string {
	var b strings.Builder
	b.WriteString(kind)
	for _, n := range numbers {
		fmt.Fprintf(&b, ",%d", n)
	}
	return b.String()
}
