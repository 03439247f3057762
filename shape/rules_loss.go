package shape

func lossRules() ruleSet {
	return ruleSet{
		"NegativeLogLikelihoodLoss": lossRule,
		"SoftmaxCrossEntropyLoss":   lossRule,
	}
}

// lossRule gives the loss of each target, or one number of all, and where it is asked for the logarithms of the probabilities. The input is [N,C,d1,...], the targets
// are [N,d1,...] and the weights [C].
func lossRule(c *call) {
	scores, sok := c.dims(0)
	targets, tok := c.dims(1)
	if sok {
		if len(scores) < 2 {
			c.fault("the input has the shape %s, and has to have two axes at least", formatDims(scores))
			return
		}
		c.setDims(1, scores)
		if weights, ok := c.dims(2); ok {
			if len(weights) != 1 {
				c.fault("the weights have the shape %s, and have to have one axis", formatDims(weights))
				return
			}
			c.unify(scores[1], weights[0], "the classes of the input and of the weights")
		}
	}
	each := targets
	known := tok
	if sok {
		each, known = append([]Dim{scores[0]}, scores[2:]...), true
		if tok {
			if len(targets) != len(each) {
				c.fault("the input has the shape %s and the targets have %s, which have to have one axis less", formatDims(scores), formatDims(targets))
				return
			}
			for i, d := range each {
				each[i] = c.unify(d, targets[i], "dimensions of the input and of the targets")
			}
		}
	}
	switch reduction := c.attrStr("reduction", "mean"); reduction {
	case "none":
		if known {
			c.setDims(0, each)
		}
	case "mean", "sum":
		c.setDims(0, nil)
	default:
		c.fault("the reduction %q is none of none, sum and mean", reduction)
	}
}
