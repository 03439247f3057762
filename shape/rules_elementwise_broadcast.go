package shape

// broadcast returns the shape that shapes have together where each is stretched to it, from the last axis on (multidirectional broadcasting); false, and a fault,
// where two cannot be. A dimension of which it is not proven which one it is, is open.
func broadcast(c *call, shapes ...[]Dim) ([]Dim, bool) {
	rank := 0
	for _, s := range shapes {
		rank = max(rank, len(s))
	}
	dims := make([]Dim, rank)
	for i := range dims {
		dims[i] = Number(1)
	}
	for _, s := range shapes {
		for i, d := range s {
			at := rank - len(s) + i
			c.metUnlessOne(dims[at], d)
			got, ok := broadcastDim(dims[at], d)
			if !ok {
				c.fault("the shapes %s cannot be broadcast to one: on axis %d, counted from the last, there are %s and %s", formatShapes(shapes), i-len(s), formatDim(dims[at]),
					formatDim(d))
				return nil, false
			}
			dims[at] = got
		}
	}
	for i, d := range dims {
		if !d.Known() {
			dims[i] = c.fresh()
		}
	}
	return dims, true
}

// broadcastDim returns the dimension that two have together, unknown where that is not proven; false where there is none.
func broadcastDim(a, b Dim) (Dim, bool) {
	switch {
	case isConst(a, 1):
		return b, true
	case isConst(b, 1) || a.Equal(b):
		return a, true
	}
	// What is not 1 is the dimension, and the other one is 1 or the same.
	aFixed, bFixed := neverOne(a), neverOne(b)
	switch {
	case aFixed && bFixed:
		if provenUnequal(a, b) {
			return Dim{}, false
		}
		if _, number := b.Const(); number || isHidden(a) {
			return b, true
		}
		return a, true
	case aFixed:
		return a, true
	case bFixed:
		return b, true
	}
	return Dim{}, true
}

// metUnlessOne tells that two dimensions have to be equal, where neither is the number 1, which would be stretched.
func (c *call) metUnlessOne(a, b Dim) {
	if !isConst(a, 1) && !isConst(b, 1) {
		c.met(a, b)
	}
}

// neverOne tells whether it is proven that a dimension is not 1.
func neverOne(d Dim) bool { return d.AtLeast(2) || d.AtMost(0) }

// provenUnequal tells whether it is proven that two dimensions differ.
func provenUnequal(a, b Dim) bool {
	d := a.Sub(b)
	return d.AtLeast(1) || d.AtMost(-1)
}

// formatShapes writes the first few of some shapes.
func formatShapes(shapes [][]Dim) string {
	const most = 4
	s := ""
	for i, dims := range shapes {
		switch {
		case i == most:
			return s + ", ..."
		case i > 0:
			s += ", "
		}
		s += formatDims(dims)
	}
	return s
}

// unifyAll returns the shape that two have to be; false, and a fault, where they have different ranks.
func (c *call) unifyAll(a, b []Dim) ([]Dim, bool) {
	if len(a) != len(b) {
		c.fault("the inputs have the shapes %s and %s, which have to be equal", formatDims(a), formatDims(b))
		return nil, false
	}
	dims := make([]Dim, len(a))
	for i, d := range a {
		dims[i] = c.unify(d, b[i], "dimensions of the inputs")
	}
	return dims, true
}

// stretches tells whether one shape may be broadcast to another one that stays as it is (unidirectional broadcasting), from the last axis on; false, and a fault,
// where it cannot be.
func (c *call) stretches(from, to []Dim) bool {
	ok := len(from) <= len(to)
	for i, d := range from {
		if at := len(to) - len(from) + i; at >= 0 {
			c.metUnlessOne(d, to[at])
		}
		ok = ok && !(neverOne(d) && provenUnequal(d, to[len(to)-len(from)+i]))
	}
	if !ok {
		c.fault("the shape %s cannot be broadcast to %s", formatDims(from), formatDims(to))
	}
	return ok
}
