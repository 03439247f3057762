package shape

func recurrentRules() ruleSet {
	return ruleSet{
		"RNN":  func(c *call) { recurrentRule(c, 1) },
		"GRU":  func(c *call) { recurrentRule(c, 3) },
		"LSTM": func(c *call) { recurrentRule(c, 4) },
	}
}

// ofRank faults where an input has another rank than it has to have; it is false then.
func ofRank(c *call, i, rank int, what string) bool {
	if r := c.rank(i); r >= 0 && r != rank {
		c.fault("%s has rank %d, and needs %d", what, r, rank)
		return false
	}
	return true
}

// recurrentRule is that of a network whose weights hold as many gates, one below the other.
func recurrentRule(c *call, gates int64) {
	for i, what := range []string{"the input X", "W", "R", "", "", "initial_h", "initial_c"} {
		if what != "" && !ofRank(c, i, 3, what) {
			return
		}
	}
	x, _ := c.dims(0)
	w, _ := c.dims(1)
	r, _ := c.dims(2)
	var directions Dim
	switch d := c.attrStr("direction", "forward"); d {
	case "forward", "foward", "reverse": // the former is how version 1 of GRU writes its default
		directions = Number(1)
	case "bidirectional":
		directions = Number(2)
	default:
		c.fault("direction is %q, which is none of forward, reverse and bidirectional", d)
		return
	}
	c.unify(directions, dimOf(w, 0), "the directions, by the attribute and by W,")
	c.unify(directions, dimOf(r, 0), "the directions, by the attribute and by R,")
	hidden := dimOf(r, 2)
	if h := c.attrInt("hidden_size", 0); h > 0 {
		hidden = c.unify(Number(h), hidden, "hidden_size and the columns of R")
	}
	g := Number(gates)
	if rows := dimOf(w, 1); !hidden.Known() {
		hidden, _ = rows.DivExact(g)
	} else {
		c.unify(hidden.Mul(g), rows, "the hidden size times the gates and the rows of W")
	}
	c.unify(hidden.Mul(g), dimOf(r, 1), "the hidden size times the gates and the rows of R")
	c.unify(dimOf(x, 2), dimOf(w, 2), "the features of the input and the columns of W")

	// By layout the batch stands first in the data and the states, or it stands second.
	layout := c.attrInt("layout", 0)
	if layout != 0 && layout != 1 {
		c.fault("layout is %d, and has to be 0 or 1", layout)
		return
	}
	sequence, batch := dimOf(x, 0), dimOf(x, 1)
	if layout == 1 {
		sequence, batch = batch, sequence
	}
	if lens, ok := c.dims(4); ok && len(lens) == 1 {
		batch = c.unify(batch, lens[0], "the batches of the input and of sequence_lens")
	}
	for i := 5; i <= 6; i++ {
		h, ok := c.dims(i)
		if !ok || i == 6 && gates != 4 {
			continue
		}
		d, b := h[0], h[1]
		if layout == 1 {
			d, b = b, d
		}
		c.unify(directions, d, "the directions and those of the initial state")
		batch = c.unify(batch, b, "the batches of the input and of the initial state")
		hidden = c.unify(hidden, h[2], "the hidden size and that of the initial state")
	}
	// What is unknown in several outputs is one unknown dimension.
	for _, d := range []*Dim{&batch, &hidden} {
		if !d.Known() {
			*d = c.fresh()
		}
	}
	y, last := []Dim{sequence, directions, batch, hidden}, []Dim{directions, batch, hidden}
	if layout == 1 {
		y, last = []Dim{batch, sequence, directions, hidden}, []Dim{batch, directions, hidden}
	}
	c.setDims(0, y)
	c.setDims(1, last)
	c.setDims(2, last)
}
