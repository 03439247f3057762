package diff

// join notes that two values are the same one.
func (d *differ) join(a, b *value) {
	if a == nil || b == nil || a.match != nil || b.match != nil {
		return
	}
	d.pairs++
	a.match, b.match, a.pair, b.pair = b, a, d.pairs, d.pairs
}

// matcher matches the nodes and values of two graphs.
type matcher struct {
	*differ
	a, b  *graph
	queue [][2]*value // pairs whose readers were not looked at yet
}

// matchGraphs matches two graphs whose inputs are matched. outputs tells of each output of either graph what stands for it.
func (d *differ) matchGraphs(a, b *graph, outputs [2][]hash) {
	m := &matcher{differ: d, a: a, b: b}
	for i, g := range []*graph{a, b} {
		g.hashDown()
		g.hashUp(outputs[i])
	}
	for _, v := range a.inputs {
		if v.match != nil {
			m.queue = append(m.queue, [2]*value{v, v.match})
		}
	}
	keys := []func(*node) hash{
		func(n *node) hash { return hashing("both").hash(n.down[exact]).hash(n.up[exact]).sum() },
		func(n *node) hash { return n.down[exact] },
		func(n *node) hash { return n.up[exact] },
		func(n *node) hash { return hashing("both").hash(n.down[coarse]).hash(n.up[coarse]).sum() },
		func(n *node) hash { return n.down[coarse] },
		func(n *node) hash { return n.up[coarse] },
	}
	// What is alike in both directions is taken in order, as it does not matter which is which.
	m.byKey(keys[0], true)
	for _, key := range keys[1:] {
		m.byKey(key, false)
	}
	m.neighbours()
	for _, key := range keys[1:] {
		m.byKey(key, true)
	}
	m.byName(true)
	m.neighbours()
	m.byName(false)
	m.byKey(place, false)
	m.constants()
}

// place hashes where a node stands, whatever its operator: what it reads, and how many values it makes.
func place(x *node) hash {
	b := hashing("place").number(len(x.outs))
	for _, v := range x.ins {
		switch {
		case v == nil:
			b = b.text("none")
		case v.pair > 0:
			b = b.text("pair").number(int(v.pair))
		default:
			b = b.text("value").hash(v.down[exact])
		}
	}
	return b.sum()
}

// node notes that two nodes are the same one.
func (m *matcher) node(a, b *node) {
	a.match, b.match = b, a
	for i, v := range a.outs {
		if i < len(b.outs) && v != nil && b.outs[i] != nil && v.match == nil && b.outs[i].match == nil {
			m.join(v, b.outs[i])
			m.queue = append(m.queue, [2]*value{v, b.outs[i]})
		}
	}
	for i, v := range a.ins {
		if i >= len(b.ins) || v == nil || b.ins[i] == nil {
			continue
		}
		// Where no other node of the same operator could be meant, the nodes that make the inputs are the same too.
		x, y := v.maker, b.ins[i].maker
		if x != nil && y != nil && x.match == nil && y.match == nil && x.graph == m.a && y.graph == m.b && x.op() == y.op() && v.down[coarse] == b.ins[i].down[coarse] {
			m.node(x, y)
		}
	}
}

// bucket holds nodes that are alike.
type bucket struct{ a, b []*node }

// byKey matches nodes of the same key: where each graph has one, or several of which two have the same name, and in order where that is asked for.
func (m *matcher) byKey(key func(*node) hash, inOrder bool) {
	buckets := map[hash]*bucket{}
	var order []*bucket
	for _, x := range m.a.nodes {
		if x.match != nil {
			continue
		}
		k := key(x)
		if buckets[k] == nil {
			buckets[k] = &bucket{}
			order = append(order, buckets[k])
		}
		buckets[k].a = append(buckets[k].a, x)
	}
	for _, y := range m.b.nodes {
		if y.match == nil {
			if l := buckets[key(y)]; l != nil {
				l.b = append(l.b, y)
			}
		}
	}
	for _, l := range order {
		m.inBucket(l, inOrder)
	}
}

func (m *matcher) inBucket(l *bucket, inOrder bool) {
	if len(l.a) == 1 && len(l.b) == 1 {
		if l.a[0].match == nil && l.b[0].match == nil {
			m.node(l.a[0], l.b[0])
		}
		return
	}
	named := map[string]*node{}
	for _, y := range l.b {
		if y.match == nil {
			named[y.proto.Label()] = y
		}
	}
	for _, x := range l.a {
		if y := named[x.proto.Label()]; y != nil && x.match == nil && y.match == nil {
			m.node(x, y)
		}
	}
	if !inOrder {
		return
	}
	next := 0
	for _, x := range l.a {
		if x.match != nil {
			continue
		}
		for next < len(l.b) && l.b[next].match != nil {
			next++
		}
		if next == len(l.b) {
			return
		}
		m.node(x, l.b[next])
	}
}

// neighbours matches nodes that read the same value, or make what the same node reads, where the operator leaves no choice.
func (m *matcher) neighbours() {
	for _, v := range m.a.list {
		if v.match != nil {
			m.queue = append(m.queue, [2]*value{v, v.match})
		}
	}
	type place struct {
		op    string
		index int
	}
	for len(m.queue) > 0 {
		pair := m.queue[len(m.queue)-1]
		m.queue = m.queue[:len(m.queue)-1]
		buckets := map[place]*bucket{}
		var order []*bucket
		for _, u := range pair[0].uses {
			if u.node.match == nil && u.node.graph == m.a {
				k := place{u.node.op(), u.index}
				if buckets[k] == nil {
					buckets[k] = &bucket{}
					order = append(order, buckets[k])
				}
				buckets[k].a = append(buckets[k].a, u.node)
			}
		}
		if len(order) == 0 {
			continue
		}
		for _, u := range pair[1].uses {
			if u.node.match == nil && u.node.graph == m.b {
				if l := buckets[place{u.node.op(), u.index}]; l != nil {
					l.b = append(l.b, u.node)
				}
			}
		}
		for _, l := range order {
			m.inBucket(l, false)
		}
	}
}

// byName matches nodes of the same name, where each graph has one; nodes without a name go by operator and first output.
func (m *matcher) byName(sameOp bool) {
	if m.ignore["names"] {
		return
	}
	count := func(g *graph) map[string][]*node {
		out := map[string][]*node{}
		for _, x := range g.nodes {
			if x.match == nil {
				out[x.proto.Label()] = append(out[x.proto.Label()], x)
			}
		}
		return out
	}
	a, b := count(m.a), count(m.b)
	for _, x := range m.a.nodes {
		name := x.proto.Label()
		if x.match != nil || len(a[name]) != 1 || len(b[name]) != 1 {
			continue
		}
		if y := b[name][0]; y.match == nil && (!sameOp || x.op() == y.op()) {
			m.node(x, y)
		}
	}
}

// constants matches the initializers of two graphs: by the nodes that read them and their content, by name, then by what is left of these.
func (m *matcher) constants() {
	read := func(fits func(v, w *value) bool) {
		for _, x := range m.a.nodes {
			if x.match == nil {
				continue
			}
			for i, v := range x.ins {
				if i >= len(x.match.ins) {
					break
				}
				w := x.match.ins[i]
				if v == nil || w == nil || v.match != nil || w.match != nil || !v.constant() || !w.constant() || v.graph != m.a || w.graph != m.b {
					continue
				}
				if fits(v, w) {
					m.join(v, w)
				}
			}
		}
	}
	same := func(v, w *value) bool { return v.content(exact) == w.content(exact) }
	named := func(v, w *value) bool { return v.name == w.name }
	read(func(v, w *value) bool { return same(v, w) && named(v, w) })
	read(same)
	if !m.ignore["names"] {
		for _, v := range m.a.list {
			if w := m.b.values[v.name]; w != nil && v.match == nil && w.match == nil && v.constant() && w.constant() {
				m.join(v, w)
			}
		}
	}
	read(func(*value, *value) bool { return true })
	left := map[hash][]*value{}
	for _, w := range m.b.list {
		if w.match == nil && w.constant() {
			left[w.content(exact)] = append(left[w.content(exact)], w)
		}
	}
	for _, v := range m.a.list {
		if v.match != nil || !v.constant() {
			continue
		}
		if l := left[v.content(exact)]; len(l) > 0 {
			m.join(v, l[0])
			left[v.content(exact)] = l[1:]
		}
	}
}
