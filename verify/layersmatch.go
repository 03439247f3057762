package verify

import (
	"fmt"

	"onnxtool/onnxpb"
)

// matcher pairs the values and nodes of two graphs. A value of the reference has at most one counterpart; several may share one where the other model computes once what
// this one computes twice.
type matcher struct {
	ref, got *layerGraph
	s        *signer
	toGot    []int    // the counterpart of a value of the reference, -1
	toRef    []int    // the first value that a value of the model is the counterpart of, -1
	how      []string // by value of the reference: matchedInput and so on
	nodeGot  []int
	nodeRef  []int
	consts   [2][]int // the content of constants, by number; 0 while it is not known
}

// How a tensor was matched, in LayerRow.Matched.
const (
	MatchedName      = "name"      // both have the name
	MatchedOutput    = "output"    // they are outputs that belong together
	MatchedStructure = "structure" // they are computed alike, or read alike
	matchedInput     = "input"
)

// matchLayers pairs what two models share: first what is given (inputs and outputs), then names, then by structure what is left.
func matchLayers(ref, got *layerGraph, inputs, outputs []portPair, names bool) *matcher {
	m := &matcher{ref: ref, got: got, s: newSigner(), toGot: allNone(len(ref.values)), toRef: allNone(len(got.values)), how: make([]string, len(ref.values)),
		nodeGot: allNone(len(ref.nodes)), nodeRef: allNone(len(got.nodes))}
	m.consts = [2][]int{make([]int, len(ref.values)), make([]int, len(got.values))}
	for _, p := range inputs {
		m.given(p, matchedInput)
	}
	for _, p := range outputs {
		how := MatchedOutput
		if p.ref.name == p.got.name {
			how = MatchedName
		}
		m.given(p, how)
	}
	if names {
		m.names()
	}
	m.identities()
	if m.left(ref, m.toGot) && m.left(got, m.toRef) {
		m.structure()
	}
	return m
}

func allNone(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = -1
	}
	return list
}

func (m *matcher) given(p portPair, how string) {
	r, okRef := m.ref.at[p.ref.name]
	g, okGot := m.got.at[p.got.name]
	if okRef && okGot && m.toGot[r] < 0 {
		m.pair(r, g, how)
	}
}

// left tells whether a graph computes values that have no counterpart.
func (m *matcher) left(g *layerGraph, to []int) bool {
	for v := range g.values {
		if g.values[v].kind == valueComputed && to[v] < 0 {
			return true
		}
	}
	return false
}

// pair makes g the counterpart of r.
func (m *matcher) pair(r, g int, how string) {
	m.toGot[r], m.how[r] = g, how
	if m.toRef[g] < 0 {
		m.toRef[g] = r
	}
}

// pairNodes pairs two nodes, and those of their outputs that have no counterparts.
func (m *matcher) pairNodes(n, o int) { m.pairBoth(n, o, false) }

// pairBoth is pairNodes; shared says whether an output of o may be the counterpart of several.
func (m *matcher) pairBoth(n, o int, shared bool) {
	m.nodeGot[n] = o
	if m.nodeRef[o] < 0 {
		m.nodeRef[o] = n
	}
	for i, r := range m.ref.nodes[n].out {
		if i >= len(m.got.nodes[o].out) {
			break
		}
		g := m.got.nodes[o].out[i]
		if r < 0 || g < 0 {
			continue
		}
		if m.toGot[r] < 0 && (m.toRef[g] < 0 || shared) {
			m.pair(r, g, MatchedStructure)
		}
	}
}

// names pairs values of equal names, and their nodes where these are of the same operator.
func (m *matcher) names() {
	for r := range m.ref.values {
		v := &m.ref.values[r]
		g, ok := m.got.at[v.name]
		if !ok {
			continue
		}
		w := &m.got.values[g]
		if m.toGot[r] < 0 && m.toRef[g] < 0 && v.kind != valueInput && w.kind != valueInput && !(v.kind == valueConstant && w.kind == valueConstant) {
			m.pair(r, g, MatchedName)
		}
	}
	for r := range m.ref.values {
		if g := m.toGot[r]; g >= 0 {
			m.makers(r, g, m.sameOp)
		}
	}
}

// makers pairs the nodes that make two paired values, where both are free and fit; true where it did.
func (m *matcher) makers(r, g int, fit func(n, o int) bool) bool {
	v, w := &m.ref.values[r], &m.got.values[g]
	if v.node < 0 || w.node < 0 || v.out != w.out || m.nodeGot[v.node] >= 0 || m.nodeRef[w.node] >= 0 || !fit(v.node, w.node) {
		return false
	}
	m.pairNodes(v.node, w.node)
	return true
}

// sameOp tells whether two nodes are of the same operator.
func (m *matcher) sameOp(n, o int) bool {
	a, b := m.ref.nodes[n].proto, m.got.nodes[o].proto
	return a.GetOpType() == b.GetOpType() && onnxpb.NormalDomain(a.GetDomain()) == onnxpb.NormalDomain(b.GetDomain()) && len(a.GetOutput()) == len(b.GetOutput())
}

// alike tells whether two nodes are the same but for what they compute from: attributes and constants are equal too.
func (m *matcher) alike(n, o int) bool {
	a, b := &m.ref.nodes[n], &m.got.nodes[o]
	if len(a.in) != len(b.in) || m.s.node(m.ref, n) != m.s.node(m.got, o) {
		return false
	}
	for i := range a.in {
		if c, d := m.constant(0, a.in[i]), m.constant(1, b.in[i]); c != d && !m.crossed(n, o) {
			return false
		}
	}
	return true
}

// constant numbers the content of a constant; 0 for what is none.
func (m *matcher) constant(side, v int) int {
	g := m.side(side)
	if v < 0 || g.values[v].kind != valueConstant {
		return 0
	}
	if m.consts[side][v] == 0 {
		m.consts[side][v] = m.s.constant(g, v)
	}
	return m.consts[side][v]
}

func (m *matcher) side(side int) *layerGraph {
	if side == 0 {
		return m.ref
	}
	return m.got
}

// commutes tells whether the two inputs of a node may be exchanged.
func commutes(n *onnxpb.NodeProto) bool {
	if len(n.GetInput()) != 2 || onnxpb.NormalDomain(n.GetDomain()) != "" {
		return false
	}
	switch n.GetOpType() {
	case "Add", "Mul", "Max", "Min", "Sum", "Mean", "And", "Or", "Xor", "Equal":
		return true
	}
	return false
}

// crossed tells whether the inputs of two nodes of an operator that commutes belong together crosswise.
func (m *matcher) crossed(n, o int) bool {
	a, b := &m.ref.nodes[n], &m.got.nodes[o]
	if !commutes(a.proto) || !m.sameOp(n, o) || len(b.in) < 2 {
		return false
	}
	fits := func(r, g int) bool {
		if r < 0 || g < 0 {
			return false
		}
		if m.toGot[r] >= 0 || m.toRef[g] >= 0 {
			return m.toGot[r] == g
		}
		v, w := &m.ref.values[r], &m.got.values[g]
		if v.kind != valueComputed || w.kind != valueComputed {
			return v.kind == w.kind && m.constant(0, r) == m.constant(1, g)
		}
		return v.out == w.out && m.s.node(m.ref, v.node) == m.s.node(m.got, w.node)
	}
	straight := fits(a.in[0], b.in[0]) || fits(a.in[1], b.in[1])
	return !straight && (fits(a.in[0], b.in[1]) || fits(a.in[1], b.in[0]))
}

// across returns where, in one of two paired nodes, what stands at a place in the other one stands; -1 where they do not go together. The place is one of the reference's node, with
// back one of the model's.
func (m *matcher) across(n, o, at int, back bool) int {
	from, to := &m.ref.nodes[n], &m.got.nodes[o]
	if back {
		from, to = to, from
	}
	if at >= from.inputs { // what subgraphs capture
		if len(from.in)-from.inputs != len(to.in)-to.inputs {
			return -1
		}
		return at - from.inputs + to.inputs
	}
	if at < 2 && m.crossed(n, o) {
		return 1 - at
	}
	if at >= to.inputs {
		return -1
	}
	return at
}

// structure pairs what names did not: what is computed alike from the inputs on; then nodes that are told by their weights; then, from the outputs back, what paired nodes read
// at the same place, first where it is made by a node that is alike, then of the same operator, then whatever makes it; then what reads the same. What one model computes twice and
// the other once comes last: as long as there is another node to pair it with, it may have been meant to differ.
func (m *matcher) structure() {
	shared := false
	for {
		m.exact(shared)
		if m.anchors() || m.backward(m.alike, false) || m.backward(m.sameOp, false) || m.backward(m.sameOp, true) || m.loose() {
			continue
		}
		if shared {
			m.twins()
			return
		}
		shared = true
	}
}

// ids numbers the values of both models, so that those have the same number that are paired, or are the same function of values that are; 0 where that is not known. The signatures
// of nodes come along.
func (m *matcher) ids(side int) (ids, signatures []int) {
	g := m.side(side)
	ids, signatures = make([]int, len(g.values)), make([]int, len(g.nodes))
	for v := range g.values {
		if ids[v] = m.pairID(side, v); ids[v] == 0 {
			ids[v] = m.constant(side, v)
		}
	}
	for n := range g.nodes {
		x := &g.nodes[n]
		if isIdentity(x.proto) {
			if len(x.in) == 1 && x.out[0] >= 0 && ids[x.out[0]] == 0 && x.in[0] >= 0 {
				ids[x.out[0]] = ids[x.in[0]]
			}
			continue
		}
		if signatures[n] = m.signature(side, n, ids); signatures[n] == 0 {
			continue
		}
		for i, v := range x.out {
			if v >= 0 && ids[v] == 0 {
				ids[v] = m.s.number(fmt.Sprintf("o%d.%d", signatures[n], i))
			}
		}
	}
	return ids, signatures
}

func isIdentity(n *onnxpb.NodeProto) bool {
	return n.GetOpType() == "Identity" && onnxpb.NormalDomain(n.GetDomain()) == "" && len(n.GetOutput()) == 1
}

// pairID is the number of a pair, 0 for a value without counterpart: below 0, where no other number is.
func (m *matcher) pairID(side, v int) int {
	if side == 1 {
		if v = m.toRef[v]; v < 0 {
			return 0
		}
	}
	if m.toGot[v] < 0 {
		return 0
	}
	return -1 - m.toGot[v]
}

// signature numbers what a node computes of what; 0 where one of its inputs has no number.
func (m *matcher) signature(side, n int, ids []int) int {
	g := m.side(side)
	x := &g.nodes[n]
	in := make([]int, len(x.in))
	for i, v := range x.in {
		if v < 0 {
			continue
		}
		if in[i] = ids[v]; in[i] == 0 {
			return 0
		}
	}
	if commutes(x.proto) && in[0] > in[1] {
		in[0], in[1] = in[1], in[0]
	}
	return m.s.number(fmt.Sprintf("s%d%v", m.s.node(g, n), in))
}

// exact pairs nodes that compute the same of the same, one with one; with shared, those that are left over with one that is paired.
func (m *matcher) exact(shared bool) {
	_, refSigs := m.ids(0)
	_, gotSigs := m.ids(1)
	var bySig [2]map[int][]int
	for side, sigs := range [][]int{refSigs, gotSigs} {
		bySig[side] = map[int][]int{}
		for n, sig := range sigs {
			if sig != 0 && (side == 0 || m.open(n, sig, refSigs)) {
				bySig[side][sig] = append(bySig[side][sig], n)
			}
		}
	}
	for n, sig := range refSigs {
		refs, gots := bySig[0][sig], bySig[1][sig]
		if len(gots) == 0 || n != refs[0] {
			continue
		}
		m.pairEach(refs, gots)
		if !shared {
			continue
		}
		for i := range max(len(refs), len(gots)) {
			r, o := refs[min(i, len(refs)-1)], gots[min(i, len(gots)-1)]
			if m.nodeGot[r] < 0 {
				m.pairBoth(r, o, true)
			}
			m.sameAgain(r, o, gotSigs)
		}
	}
	m.identities()
}

// pairEach pairs the free nodes of two lists in order.
func (m *matcher) pairEach(refs, gots []int) {
	at := 0
	for _, r := range refs {
		for at < len(gots) && m.nodeRef[gots[at]] >= 0 {
			at++
		}
		if at < len(gots) && m.nodeGot[r] < 0 {
			m.pairNodes(r, gots[at])
		}
	}
}

// open tells whether a node of the model may be paired with those of its signature: it does not stand for another one already.
func (m *matcher) open(o, sig int, refSigs []int) bool {
	for _, g := range m.got.nodes[o].out {
		if g >= 0 {
			r := m.toRef[g]
			return r < 0 || m.ref.values[r].node >= 0 && refSigs[m.ref.values[r].node] == sig
		}
	}
	return false
}

// sameAgain notes that a node of the model computes once more what a node of the reference and its counterpart do.
func (m *matcher) sameAgain(n, o int, gotSigs []int) {
	for i, g := range m.got.nodes[o].out {
		if g < 0 || m.toRef[g] >= 0 || i >= len(m.ref.nodes[n].out) || m.ref.nodes[n].out[i] < 0 {
			continue
		}
		r := m.ref.nodes[n].out[i]
		if m.toGot[r] < 0 {
			continue
		}
		if maker := m.got.values[m.toGot[r]].node; maker >= 0 && gotSigs[maker] == gotSigs[o] {
			m.toRef[g] = r
		}
	}
	if m.nodeRef[o] < 0 {
		m.nodeRef[o] = n
	}
}
