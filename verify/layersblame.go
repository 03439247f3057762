package verify

import (
	"bytes"
	"fmt"
	"slices"
	"sort"
	"strings"

	"onnxtool/onnxpb"
)

// firstNames is how many names a list of unmatched tensors holds.
const firstNames = 10

// state is what is known of a value of the reference.
type state int

const (
	stateEqual state = iota
	stateSkipped
	stateDiffers
)

// states tells of every value of the reference whether it is within the tolerance. Inputs are, and constants; what has no counterpart is as what it is computed from.
func (c *layerComparison) states() []state {
	ref := c.sides[0].graph
	states := make([]state, len(ref.values))
	for n := range ref.nodes {
		from := stateEqual
		for _, v := range ref.nodes[n].in {
			if v < 0 {
				continue
			}
			if ref.values[v].kind == valueConstant {
				states[v] = c.stateOf(v, stateEqual)
			}
			from = max(from, states[v])
		}
		for _, v := range ref.nodes[n].out {
			if v >= 0 {
				states[v] = c.stateOf(v, from)
			}
		}
	}
	return states
}

// stateOf is the state of a value; of one without counterpart it is otherwise.
func (c *layerComparison) stateOf(v int, otherwise state) state {
	p := c.pairOf[v]
	switch {
	case p < 0:
		return otherwise
	case c.rows[p] == nil:
		return stateSkipped
	case c.rows[p].Equal:
		return stateEqual
	}
	return stateDiffers
}

// report puts together what was found; blamed is the pair whose node is to blame, nil for the first that differs by itself.
func (c *layerComparison) report(method string, blamed *int) *LayerReport {
	r := c.base
	r.Method, r.Equal, r.Shared, r.Sessions = method, true, len(c.pairs)-len(c.doubted), c.sessions
	states := c.states()
	for p, row := range c.rows {
		if row == nil {
			continue
		}
		row.Inputs = c.inputsOf(c.pairs[p].ref, states)
		row.Source = !row.Equal && c.inputState(c.pairs[p].ref, states) == stateEqual
		r.Tensors = append(r.Tensors, row)
		if row.Equal {
			continue
		}
		r.Equal = false
		r.Differ++
		if r.First == nil {
			r.First = row
		}
		if row.Source {
			if r.Sources++; blamed == nil {
				blamed = &p
			}
		}
	}
	if blamed != nil {
		r.Blame = c.blame(*blamed)
	}
	c.unmatched(r)
	c.notes(r)
	return r
}

// inputState is the worst state of what the node reads that makes a value.
func (c *layerComparison) inputState(v int, states []state) state {
	ref := c.sides[0].graph
	worst := stateEqual
	if n := ref.values[v].node; n >= 0 {
		for _, in := range ref.nodes[n].in {
			if in >= 0 {
				worst = max(worst, states[in])
			}
		}
	}
	return worst
}

// inputsOf lists what the node reads that makes a value.
func (c *layerComparison) inputsOf(v int, states []state) []LayerInput {
	ref := c.sides[0].graph
	list := []LayerInput{}
	n := ref.values[v].node
	if n < 0 {
		return list
	}
	for _, in := range ref.nodes[n].in {
		if in < 0 {
			continue
		}
		x := LayerInput{Name: ref.values[in].name, Kind: "unmatched", Equal: states[in] == stateEqual}
		switch p := c.pairOf[in]; {
		case p >= 0 && c.rows[p] == nil:
			x.Kind = "skipped"
		case p >= 0:
			x.Kind = "tensor"
			if m := c.rows[p].Metrics; m != nil {
				x.MaxAbs = &m.MaxAbs
			}
		case ref.values[in].kind == valueInput:
			x.Kind = "input"
		case ref.values[in].kind == valueConstant:
			x.Kind = "constant"
		}
		list = append(list, x)
	}
	return list
}

// blame says what is to be said of the node that makes a pair.
func (c *layerComparison) blame(p int) *LayerBlame {
	row, pair := c.rows[p], c.pairs[p]
	b := &LayerBlame{Node: row.Node, Op: row.Op, ModelNode: row.ModelNode, ModelOp: row.ModelOp, Tensor: row, Inputs: slices.Clone(row.Inputs)}
	ref, got := c.sides[0].graph, c.sides[1].graph
	b.Missing = alone(ref, pair.ref, func(v int) bool { return c.pairOf[v] < 0 })
	b.Added = alone(got, pair.got, func(v int) bool { return c.match.toRef[v] < 0 })
	n, o := ref.values[pair.ref].node, got.values[pair.got].node
	if n < 0 || o < 0 {
		b.Differences = append(b.Differences, "one of the models computes it, the other has it as a constant")
		return b
	}
	if !c.match.sameOp(n, o) {
		b.Differences = append(b.Differences, fmt.Sprintf("the operator is %s, in the reference %s", b.ModelOp, b.Op))
		return b
	}
	b.Differences = append(c.attributes(n, o), c.reads(n, o, b)...)
	return b
}

// alone lists the nodes before the one that makes a value whose outputs only one model has, in order.
func alone(g *layerGraph, v int, only func(int) bool) []string {
	found := map[int]bool{}
	var look func(n int)
	queue := []int{g.values[v].node}
	look = func(n int) {
		for _, in := range g.nodes[n].in {
			if in >= 0 && g.values[in].kind == valueComputed && only(in) && !found[g.values[in].node] {
				found[g.values[in].node] = true
				queue = append(queue, g.values[in].node)
			}
		}
	}
	for len(queue) > 0 {
		n := queue[0]
		if queue = queue[1:]; n >= 0 {
			look(n)
		}
	}
	var list []int
	for n := range found {
		list = append(list, n)
	}
	sort.Ints(list)
	var labels []string
	for _, n := range list {
		labels = append(labels, fmt.Sprintf("%s (%s)", g.nodes[n].proto.Label(), opName(g.nodes[n].proto)))
	}
	return labels
}

// attributes tells which attributes of two nodes differ.
func (c *layerComparison) attributes(n, o int) (list []string) {
	a, b := c.sides[0].graph.nodes[n].proto, c.sides[1].graph.nodes[o].proto
	names := map[string]bool{}
	for _, node := range []*onnxpb.NodeProto{a, b} {
		for _, x := range node.GetAttribute() {
			names[x.GetName()] = true
		}
	}
	for _, name := range sortedKeys(names) {
		x, y := a.Attr(name), b.Attr(name)
		if c.attributeKey(0, a, x) == c.attributeKey(1, b, y) {
			continue
		}
		left, right := attributeText(x), attributeText(y)
		if left == right {
			list = append(list, fmt.Sprintf("attribute %s holds something else", name))
			continue
		}
		list = append(list, fmt.Sprintf("attribute %s is %s, in the reference %s", name, right, left))
	}
	return list
}

// attributeKey writes an attribute so that equal ones are equal.
func (c *layerComparison) attributeKey(side int, n *onnxpb.NodeProto, a *onnxpb.AttributeProto) string {
	if a == nil {
		return ""
	}
	w := &nodeWriter{s: c.match.s, dir: c.sides[side].graph.dir, captured: map[string]int{}}
	for i, name := range captured(n) {
		w.captured[name] = i
	}
	w.attribute(a)
	return w.b.String()
}

func attributeText(a *onnxpb.AttributeProto) string {
	if a == nil {
		return "not set"
	}
	text := ""
	switch a.GetType() {
	case onnxpb.AttributeProto_INT:
		text = fmt.Sprint(a.GetI())
	case onnxpb.AttributeProto_INTS:
		text = fmt.Sprint(a.GetInts())
	case onnxpb.AttributeProto_FLOAT:
		text = fmt.Sprint(a.GetF())
	case onnxpb.AttributeProto_FLOATS:
		text = fmt.Sprint(a.GetFloats())
	case onnxpb.AttributeProto_STRING:
		text = onnxpb.Quoted(string(a.GetS()))
	case onnxpb.AttributeProto_STRINGS:
		text = fmt.Sprintf("%q", bytes.Join(a.GetStrings(), []byte(",")))
	default:
		text = "a " + strings.ToLower(a.GetType().String())
	}
	return onnxpb.Shortened(text, 200)
}

// reads tells what two nodes of an operator read differently. It compares the constants of the reference's node, and notes what it finds in the blame's inputs.
func (c *layerComparison) reads(n, o int, b *LayerBlame) (list []string) {
	ref, got := c.sides[0].graph, c.sides[1].graph
	x, y := &ref.nodes[n], &got.nodes[o]
	if x.inputs != y.inputs || len(x.in) != len(y.in) {
		list = append(list, fmt.Sprintf("the node reads %d tensors, in the reference %d", len(y.in), len(x.in)))
	}
	row := -1
	for at, r := range x.in {
		if r >= 0 {
			row++
		}
		other := c.match.across(n, o, at, false)
		if other < 0 {
			continue
		}
		g := y.in[other]
		if r < 0 || g < 0 {
			if r >= 0 || g >= 0 {
				list = append(list, fmt.Sprintf("input %d is there in one of the models only", at))
			}
			continue
		}
		v, w := &ref.values[r], &got.values[g]
		switch {
		case v.kind == valueConstant && w.kind == valueConstant:
			if text := c.constants(r, g, &b.Inputs[row]); text != "" {
				list = append(list, fmt.Sprintf("constant %s (input %d) differs: %s", v.name, at, text))
			}
		case c.match.toGot[r] >= 0 && c.match.toGot[r] != g && c.match.toRef[g] != r:
			list = append(list, fmt.Sprintf("input %d is %s, in the reference %s, whose counterpart is %s", at, w.name, v.name, got.values[c.match.toGot[r]].name))
		}
	}
	return list
}

// constants tells how two constants differ; "" where they do not.
func (c *layerComparison) constants(r, g int, in *LayerInput) string {
	want, err := c.sides[0].graph.array(r)
	if err != nil {
		return ""
	}
	got, err := c.sides[1].graph.array(g)
	if err != nil {
		return ""
	}
	m, err := Compare(want, got, Tolerance{})
	if err != nil {
		in.Equal = false
		return err.Error()
	}
	in.MaxAbs, in.Equal = &m.MaxAbs, m.Equal()
	if in.Equal {
		return ""
	}
	return fmt.Sprintf("%d of %d elements, most of all %s: %s, reference %s", m.Beyond, m.Elements, shapeText(multiIndex(m.Worst, want.Dims)), m.Got, m.Want)
}

// unmatched counts the tensors without counterpart.
func (c *layerComparison) unmatched(r *LayerReport) {
	u := &r.Unmatched
	for i, s := range c.sides {
		count, names := &u.Reference, &u.ReferenceNames
		to := c.match.toGot
		if i == 1 {
			count, names, to = &u.Model, &u.ModelNames, c.match.toRef
		}
		for v, x := range s.graph.values {
			if x.kind != valueComputed || to[v] >= 0 {
				continue
			}
			if *count++; *count <= firstNames {
				*names = append(*names, x.name)
			}
		}
	}
	u.Conflicts = c.match.conflicts()
}

// notes adds what has to be said of the matching.
func (c *layerComparison) notes(r *LayerReport) {
	if n := c.doubtedNote(); n != "" {
		r.Notes = append(r.Notes, n)
	}
	if n := len(c.untyped); n > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s cannot be given out and compared, as the type is not known%s", counted(n, "tensor"), namesText(c.untyped[:min(n, firstNames)], n)))
	}
	named, other, first := 0, 0, ""
	for _, p := range c.pairs {
		if c.match.how[p.ref] != MatchedName || c.match.toGot[p.ref] < 0 {
			continue
		}
		named++
		_, op := c.sides[0].graph.label(p.ref)
		if _, modelOp := c.sides[1].graph.label(p.got); op != modelOp {
			if other++; first == "" {
				first = fmt.Sprintf("%s by %s and %s", c.sides[0].graph.values[p.ref].name, op, modelOp)
			}
		}
	}
	if other > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf("%s of the same name made by different operators, first %s", counted(other, "tensor"), first))
	}
	if other > 3 && 5*other > named {
		r.Notes = append(r.Notes, "names seem to mean other tensors in the two models; they can be left out of the matching: --by-structure")
	}
	for _, n := range c.sides[0].graph.nodes {
		if op := n.proto.GetOpType(); strings.HasPrefix(op, "Random") || op == "Bernoulli" || op == "Multinomial" {
			r.Notes = append(r.Notes, fmt.Sprintf("node %s (%s) is random: what comes after it differs from run to run", n.proto.Label(), op))
			break
		}
	}
}
