package shape

// trainingRules are the rules of the preview of training.
func trainingRules() ruleSet {
	return ruleSet{
		"Gradient": gradientRule,
		"Adagrad":  optimizerRule(1),
		"Momentum": optimizerRule(1),
		"Adam":     optimizerRule(2),
	}
}

// gradientRule: for each of the tensors that xs names, one of its shape.
func gradientRule(c *call) {
	names := c.attr("xs").GetStrings()
	for i := range c.out {
		if i >= len(names) {
			return
		}
		if v := c.s.lookup(string(names[i])); v.Kind == Tensor {
			x := *v
			x.Ints, x.Floats = nil, nil
			c.set(i, &x)
		}
	}
}

// optimizerRule: after the rate and the count of updates come the tensors that are optimised, their gradients, and so many lists of their states; the outputs are the
// tensors and the states anew.
func optimizerRule(states int) rule {
	return func(c *call) {
		n := (len(c.in) - 2) / (2 + states)
		if n < 1 || (len(c.in)-2)%(2+states) != 0 {
			return
		}
		for i := range c.out {
			from := 2 + i
			if i >= n {
				from += n // the gradients have no counterpart
			}
			c.same(i, from)
		}
	}
}

// previewRules are the rules of operators that ONNX tries out.
func previewRules() ruleSet {
	return ruleSet{"FlexAttention": func(c *call) {
		c.setElem(0, c.elemOf(0))
		q, ok1 := c.dims(0)
		k, ok2 := c.dims(1)
		v, ok3 := c.dims(2)
		if !ok1 || !ok3 {
			c.setDims(0, c.freshDims(4))
			return
		}
		if len(q) != 4 || len(v) != 4 || ok2 && len(k) != 4 {
			c.fault("its inputs have the shapes %s and %s, which are not of rank 4", formatDims(q), formatDims(v))
			return
		}
		if ok2 {
			c.unify(q[3], k[3], "the last dimensions of Q and K")
			c.unify(k[2], v[2], "the lengths of K and V")
		}
		c.setDims(0, []Dim{c.unify(q[0], v[0], "the batches of Q and V"), q[1], q[2], v[3]})
	}}
}
