package verify

import "sort"

const (
	// bisectProbes is how many tensors one step of the search looks at: loading a model costs far more than giving out a few tensors more.
	bisectProbes = 7
	// bisectSample bounds the tensors that are weighed in one step.
	bisectSample = 64
)

// Bisect finds a node where two models part as Layers does, in few runs: it compares the outputs and then, among the tensors that the first differing one is computed from, a few at a
// time, so that with each run most of what is left drops out. A tensor that is within the tolerance clears what it is computed from, as long as nothing there turns out to differ; the
// node that is found is shown to be one by its inputs, all of which are compared. So the answer does not rest on the search: its inputs are within the tolerance, its output is not.
//
// Where several nodes differ by themselves, the one that is found need not be the first. A difference that no output shows is not found.
func Bisect(e Engine, reference, model Source, o LayerOptions) (*LayerReport, error) {
	c, err := newLayerComparison(e, reference, model, o)
	if err != nil {
		return nil, err
	}
	if err := c.fetch(c.outputs); err != nil {
		return nil, err
	}
	b := &bisection{c: c}
	if b.begin(); b.bad < 0 {
		return c.report("bisect", nil), nil
	}
	for {
		found, err := b.step()
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		if err := b.siblings(); err != nil {
			return nil, err
		}
		doubted, err := c.doubt()
		if err != nil {
			return nil, err
		}
		if !doubted {
			return c.report("bisect", &b.bad), nil
		}
		b.begin()
	}
}

// begin begins the search with the first output that differs, and what is known already.
func (b *bisection) begin() {
	b.bad, b.good, b.from = -1, nil, map[int][]int{}
	for _, p := range b.c.outputs {
		if !b.c.rows[p].Equal && (b.bad < 0 || p < b.bad) {
			b.bad = p
		}
	}
	if b.bad < 0 {
		return
	}
	for p, row := range b.c.rows {
		if row != nil && row.Equal {
			b.clears(p)
		}
	}
}

// bisection is a search among the pairs that a differing one is computed from.
type bisection struct {
	c    *layerComparison
	bad  int   // a pair that differs
	good []int // pairs that are within the tolerance, and clear their ancestors
	from map[int][]int
}

// parents lists the pairs that a pair is computed from: what its node reads, and for what of that has no counterpart, what that is computed from.
func (b *bisection) parents(p int) []int {
	if list, known := b.from[p]; known {
		return list
	}
	ref := b.c.sides[0].graph
	var list []int
	seen := map[int]bool{}
	queue := []int{b.c.pairs[p].ref}
	for len(queue) > 0 {
		v := queue[0]
		queue = queue[1:]
		n := ref.values[v].node
		if n < 0 {
			continue
		}
		for _, in := range ref.nodes[n].in {
			if in < 0 || seen[in] {
				continue
			}
			seen[in] = true
			if q := b.c.pairOf[in]; q >= 0 {
				list = append(list, q)
			} else {
				queue = append(queue, in)
			}
		}
	}
	sort.Ints(list)
	b.from[p] = list
	return list
}

// ancestors marks what pairs are computed from, within a set where one is given; the pairs themselves are not marked unless they are ancestors of others.
func (b *bisection) ancestors(within map[int]bool, pairs ...int) map[int]bool {
	marked := map[int]bool{}
	queue := append([]int(nil), pairs...)
	for len(queue) > 0 {
		p := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, q := range b.parents(p) {
			if !marked[q] && (within == nil || within[q]) {
				marked[q] = true
				queue = append(queue, q)
			}
		}
	}
	return marked
}

// step narrows the search; true where the node is found.
func (b *bisection) step() (bool, error) {
	left := b.left()
	var probes []int
	if len(left) > 1 {
		probes = b.choose(left)
	}
	if len(probes) == 0 {
		probes = b.unknown(b.parents(b.bad))
		if len(probes) == 0 {
			// All that the node reads is known: it is to blame, or what differs of that comes next.
			for _, p := range b.parents(b.bad) {
				if !b.c.rows[p].Equal {
					b.worse(p)
					return false, nil
				}
			}
			return true, nil
		}
	}
	if err := b.c.fetch(probes); err != nil {
		return false, err
	}
	sort.Ints(probes)
	for _, p := range probes {
		if !b.c.rows[p].Equal {
			b.worse(p)
			break
		}
	}
	for _, p := range probes {
		if b.c.rows[p].Equal {
			b.clears(p)
		}
	}
	return false, nil
}

// siblings looks, where nodes are missing or added before the one that was found, at those that read what it reads: a node that is dropped makes all that read it differ, and the first
// is to be named.
func (b *bisection) siblings() error {
	c := b.c
	ref, got := c.sides[0].graph, c.sides[1].graph
	pair := c.pairs[b.bad]
	missing := alone(ref, pair.ref, func(v int) bool { return c.pairOf[v] < 0 })
	if len(missing)+len(alone(got, pair.got, func(v int) bool { return c.match.toRef[v] < 0 })) == 0 || ref.values[pair.ref].node < 0 {
		return nil
	}
	var near []int
	for _, v := range ref.nodes[ref.values[pair.ref].node].in {
		if v < 0 || ref.values[v].kind == valueConstant {
			continue
		}
		for _, u := range ref.values[v].uses {
			for _, o := range ref.nodes[u.node].out {
				if o >= 0 && c.pairOf[o] >= 0 && c.pairOf[o] < b.bad {
					near = append(append(near, c.pairOf[o]), b.parents(c.pairOf[o])...)
				}
			}
		}
	}
	sort.Ints(near)
	if err := c.fetch(near); err != nil {
		return err
	}
	for _, p := range near {
		if !c.rows[p].Equal && p < b.bad && len(b.unknown(b.parents(p))) == 0 && b.allEqual(b.parents(p)) {
			b.bad = p
			break
		}
	}
	return nil
}

func (b *bisection) allEqual(list []int) bool {
	for _, p := range list {
		if !b.c.rows[p].Equal {
			return false
		}
	}
	return true
}

// worse makes p, an ancestor of the pair that differed so far, the one to explain. What is equal though it is computed from p clears nothing.
func (b *bisection) worse(p int) {
	b.bad = p
	kept := b.good[:0]
	for _, g := range b.good {
		if !b.ancestors(nil, g)[p] {
			kept = append(kept, g)
		}
	}
	b.good = kept
}

// clears takes p, which is equal, unless it is computed from what differs.
func (b *bisection) clears(p int) {
	if !b.ancestors(nil, p)[b.bad] {
		b.good = append(b.good, p)
	}
}

// left lists, in order, the pairs among which the first that differs has to be: bad, and its ancestors without those that are equal or cleared.
func (b *bisection) left() []int {
	cleared := b.ancestors(nil, b.good...)
	for {
		list := []int{b.bad}
		for p := range b.ancestors(nil, b.bad) {
			if row := b.c.rows[p]; !cleared[p] && (row == nil || !row.Equal) {
				list = append(list, p)
			}
		}
		sort.Ints(list)
		if first := b.firstBad(list); first != b.bad {
			b.worse(first)
			cleared = b.ancestors(nil, b.good...)
			continue
		}
		return list
	}
}

// firstBad is the first of the pairs that is known to differ.
func (b *bisection) firstBad(list []int) int {
	for _, p := range list {
		if row := b.c.rows[p]; row != nil && !row.Equal {
			return p
		}
	}
	return b.bad
}

func (b *bisection) unknown(list []int) []int {
	var some []int
	for _, p := range list {
		if b.c.rows[p] == nil {
			some = append(some, p)
		}
	}
	return some
}

// choose picks the tensors to look at: those of which the ancestors are 1/8, 2/8 ... of what is left. Where none splits that well, as of many branches that meet, it picks none, and
// what the node reads is looked at instead.
func (b *bisection) choose(left []int) []int {
	within := map[int]bool{}
	for _, p := range left {
		within[p] = true
	}
	candidates := b.unknown(left)
	if n := len(candidates); n > bisectSample {
		some := make([]int, bisectSample)
		for i := range some {
			some[i] = candidates[i*n/bisectSample]
		}
		candidates = some
	}
	weight := map[int]int{}
	best := 0
	for _, p := range candidates {
		weight[p] = 1 + len(b.ancestors(within, p))
		best = max(best, min(weight[p], len(left)-weight[p]))
	}
	if len(b.unknown(b.parents(b.bad))) > 0 && best < len(left)/16 {
		return nil
	}
	taken := map[int]bool{}
	var probes []int
	for i := 1; i <= bisectProbes; i++ {
		aim, near := len(left)*i/(bisectProbes+1), -1
		for _, p := range candidates {
			if !taken[p] && (near < 0 || distance(weight[p]-aim) < distance(weight[near]-aim)) {
				near = p
			}
		}
		if near >= 0 {
			taken[near] = true
			probes = append(probes, near)
		}
	}
	return probes
}

func distance(n int) int {
	if n < 0 {
		return -n
	}
	return n
}
