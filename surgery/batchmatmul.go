package surgery

import (
	"slices"
	"strings"
)

// matMul is MatMul: rows may lie in the axes in front of the last two of either side, in the rows of the left or in the columns of the right
// matrix; not in what is summed over.
func (c *batchCall) matMul() ([]*batchFact, error) { return c.product(0, 1) }

// qLinearMatMul is the same with scales between.
func (c *batchCall) qLinearMatMul() ([]*batchFact, error) { return c.product(0, 3) }

func (c *batchCall) product(left, right int) ([]*batchFact, error) {
	a, err := c.data(left)
	if err != nil {
		return nil, err
	}
	b, err := c.data(right)
	if err != nil {
		return nil, err
	}
	if a.rank() == 0 || b.rank() == 0 {
		return nil, c.refuse("it multiplies a scalar")
	}
	if a.rows() && a.axis == a.rank()-1 {
		return nil, c.mixes("it sums over axis %d of %q, which holds the batch (%s)", a.axis, c.n.Input[left], formatExtents(a.dims))
	}
	if b.rows() && b.axis == max(0, b.rank()-2) {
		return nil, c.mixes("it sums over axis %d of %q, which holds the batch (%s)", b.axis, c.n.Input[right], formatExtents(b.dims))
	}
	if a.rows() || b.rows() {
		// Scales and zero points of the integer forms may come one for each row or column.
		for i, s := range c.in {
			ofRight := right == 3 && (i == 4 || i == 5) || right == 1 && i == 3
			if i == left || i == right || s == nil || ofRight && !b.rows() {
				continue
			}
			if !s.ranked || !product(s.dims).is(1) {
				return nil, c.refuse("its input %q is more than one number", c.n.Input[i])
			}
		}
	}
	// Vectors become matrices for the time of the product.
	ad, bd := a.dims, b.dims
	if a.rank() == 1 {
		ad = append([]extent{extentOf(1)}, ad...)
	}
	if b.rank() == 1 {
		bd = append(append([]extent{}, bd...), extentOf(1))
	}
	rank := max(len(ad), len(bd))
	// Where the rows of each side come to lie in the product.
	place := func(x *batchFact, dims []extent) int {
		if !x.rows() {
			return -1
		}
		return x.axis + rank - len(dims)
	}
	pa, pb := place(a, ad), place(b, bd)
	if pa >= 0 && pb >= 0 && (pa != pb || pa >= rank-2) {
		return nil, c.mixes("it multiplies every row of %q (%s) with every row of %q (%s)", c.n.Input[left], formatExtents(a.dims), c.n.Input[right], formatExtents(b.dims))
	}
	axis, holder, other := pa, a, bd
	if pa < 0 {
		axis, holder, other = pb, b, ad
	}
	if pa >= 0 && pb >= 0 && (a.dims[a.axis] != b.dims[b.axis] || a.outer != b.outer) {
		return nil, c.mixes("the rows lie differently in %s and %s", formatExtents(a.dims), formatExtents(b.dims))
	}
	if axis >= 0 && axis < rank-2 && !(pa >= 0 && pb >= 0) {
		if k := axis - (rank - len(other)); k >= 0 && !other[k].is(1) {
			free, rows := right, left
			if pa < 0 {
				free, rows = left, right
			}
			if err := c.grow(free, k, rows); err != nil { // of more than two axes, so that k is one of its own
				return nil, err
			}
			return c.product(left, right)
		}
	}
	out := make([]extent, rank)
	for j := range rank - 2 {
		out[j] = extentOf(1)
		for _, dims := range [][]extent{ad, bd} {
			if k := j - (rank - len(dims)); k >= 0 {
				out[j] = c.f.meet(out[j], dims[k])
			}
		}
	}
	out[rank-2], out[rank-1] = ad[len(ad)-2], bd[len(bd)-1]
	// The axes that vectors lack go again; none of them holds the batch.
	if b.rank() == 1 {
		out = out[:rank-1]
	}
	if a.rank() == 1 {
		out = append(append([]extent{}, out[:rank-2]...), out[rank-1:]...)
		if axis == rank-1 {
			axis--
		}
	}
	if axis < 0 {
		return one(freeFact(out))
	}
	return one(rowsFact(out, axis, holder.outer))
}

// gemm is Gemm: rows may be those of the left or the columns of the right matrix.
func (c *batchCall) gemm() ([]*batchFact, error) {
	a, err := c.data(0)
	if err != nil {
		return nil, err
	}
	b, err := c.data(1)
	if err != nil {
		return nil, err
	}
	if a.rank() != 2 || b.rank() != 2 {
		return nil, c.refuse("it multiplies %s with %s, which are no matrices", formatExtents(a.dims), formatExtents(b.dims))
	}
	rowAxis, colAxis := 0, 1
	if c.n.AttrInt("transA", 0) != 0 {
		rowAxis = 1
	}
	if c.n.AttrInt("transB", 0) != 0 {
		colAxis = 0
	}
	out := []extent{a.dims[rowAxis], b.dims[colAxis]}
	axis, outer := -1, extentOf(1)
	switch {
	case a.rows() && a.axis != rowAxis:
		return nil, c.mixes("it sums over axis %d of %q, which holds the batch (%s)", a.axis, c.n.Input[0], formatExtents(a.dims))
	case b.rows() && b.axis != colAxis:
		return nil, c.mixes("it sums over axis %d of %q, which holds the batch (%s)", b.axis, c.n.Input[1], formatExtents(b.dims))
	case a.rows() && b.rows():
		return nil, c.mixes("it multiplies every row of %q with every row of %q", c.n.Input[0], c.n.Input[1])
	case a.rows():
		axis, outer = 0, a.outer
	case b.rows():
		axis, outer = 1, b.outer
	}
	if bias := c.input(2); bias != nil {
		if !bias.ranked {
			return nil, c.refuse("the rank of its input %q is not known", c.n.Input[2])
		}
		k := axis - (2 - bias.rank())
		switch {
		case bias.rows() && (axis < 0 || bias.axis != k || bias.dims[k] != out[axis] || bias.outer != outer):
			return nil, c.mixes("the rows lie differently in %q (%s) and the product (%s)", c.n.Input[2], formatExtents(bias.dims), formatExtents(out))
		case !bias.rows() && axis >= 0 && k >= 0 && !bias.dims[k].is(1):
			return nil, c.refuse("%q, of shape %s, stands where the batch is (axis %d) and does not grow with it", c.n.Input[2], formatExtents(bias.dims), k)
		}
	}
	if axis < 0 {
		return one(freeFact(out))
	}
	return one(rowsFact(out, axis, outer))
}

// unfold writes letters of their own for the axes that an ellipsis stands for, which are aligned at the end.
func unfold(term string, axes int) string {
	var b strings.Builder
	for k := max(axes, 0); k > 0; k-- {
		b.WriteByte(0x7f + byte(min(k, 0x7f)))
	}
	return strings.Replace(term, "...", b.String(), 1)
}

// einsum is Einsum of an equation that names all axes and the output: the letter of the batch must be the same everywhere, and be kept.
func (c *batchCall) einsum() ([]*batchFact, error) {
	equation := strings.ReplaceAll(string(c.n.Attr("equation").GetS()), " ", "")
	left, right, explicit := strings.Cut(equation, "->")
	terms := strings.Split(left, ",")
	if !explicit || len(terms) != len(c.in) {
		return nil, c.refuse("its equation %q is not followed", equation)
	}
	most := 0
	for i, term := range terms {
		x, err := c.data(i)
		if err != nil {
			return nil, err
		}
		if strings.Contains(term, "...") {
			many := x.rank() - len(term) + len("...")
			if terms[i] = unfold(term, many); many < 0 {
				return nil, c.refuse("its equation %q does not fit %s", equation, formatExtents(x.dims))
			}
			most = max(most, many)
		}
	}
	right = unfold(right, most)
	size := map[byte]extent{}
	var batch byte
	var holder *batchFact
	for i, term := range terms {
		x, err := c.data(i)
		if err != nil {
			return nil, err
		}
		if x.rank() != len(term) {
			return nil, c.refuse("its equation %q does not fit %s", equation, formatExtents(x.dims))
		}
		if !x.rows() {
			continue
		}
		letter := term[x.axis]
		if holder != nil && (letter != batch || x.dims[x.axis] != holder.dims[holder.axis] || x.outer != holder.outer) {
			return nil, c.mixes("it holds the rows of several inputs against each other (%s)", equation)
		}
		if strings.Count(term, string(letter)) > 1 {
			return nil, c.mixes("it takes a diagonal over the batch (%s)", equation)
		}
		batch, holder = letter, x
	}
	for i, term := range terms {
		for k := range len(term) {
			d := c.in[i].dims[k]
			if holder != nil && term[k] == batch && !c.in[i].rows() && !d.is(1) {
				return nil, c.refuse("%q, of shape %s, stands where the batch is (axis %d) and does not grow with it", c.n.Input[i], formatExtents(c.in[i].dims), k)
			}
			if holder != nil && term[k] == batch && c.in[i].rows() && c.in[i].axis != k {
				return nil, c.mixes("it takes a diagonal over the batch (%s)", equation)
			}
			if have, ok := size[term[k]]; ok {
				d = c.f.meet(have, d)
			}
			size[term[k]] = d
		}
	}
	dims := make([]extent, len(right))
	axis := -1
	for k := range len(right) {
		dims[k] = size[right[k]]
		if holder != nil && right[k] == batch {
			if axis >= 0 {
				return nil, c.mixes("the batch comes twice (%s)", equation)
			}
			axis = k
		}
	}
	switch {
	case holder == nil:
		return one(freeFact(dims))
	case axis < 0:
		return nil, c.mixes("it sums over the batch (%s)", equation)
	}
	return one(rowsFact(dims, axis, holder.outer))
}

// fusedMatMul is MatMul with its matrices transposed before.
func (c *batchCall) fusedMatMul() ([]*batchFact, error) {
	if c.n.AttrInt("transBatchA", 0) != 0 || c.n.AttrInt("transBatchB", 0) != 0 {
		return nil, c.refuse("it moves the first axis between the last two, which is not followed")
	}
	whole := slices.Clone(c.in)
	defer func() { copy(c.in, whole) }()
	for i, attr := range []string{"transA", "transB"} {
		x, err := c.data(i)
		if err != nil {
			return nil, err
		}
		if c.n.AttrInt(attr, 0) == 0 || x.rank() < 2 {
			continue
		}
		y := *x
		a, b := x.rank()-2, x.rank()-1
		y.dims = slices.Clone(x.dims)
		y.dims[a], y.dims[b] = y.dims[b], y.dims[a]
		switch x.axis {
		case a:
			y.axis = b
		case b:
			y.axis = a
		}
		c.in[i] = &y
	}
	return c.product(0, 1)
}
