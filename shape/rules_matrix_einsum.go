package shape

import (
	"errors"
	"fmt"
	"strings"
)

// ellipsis stands for ... among the labels of an equation.
const ellipsis = '.'

// equation is what Einsum computes: the labels of the axes of each input and of the output.
type equation struct {
	in  []string
	out string
}

// parseEquation reads an equation, such as "bij, bjk -> bik". Without an arrow the output has what the ellipses stand for, and then the labels that come once, in
// the order of their characters.
func parseEquation(s string) (equation, error) {
	left, right, explicit := strings.Cut(strings.ReplaceAll(s, " ", ""), "->")
	var e equation
	count := map[rune]int{}
	for _, term := range strings.Split(left, ",") {
		labels, err := parseLabels(term)
		if err != nil {
			return e, err
		}
		for _, l := range labels {
			count[l]++
		}
		e.in = append(e.in, labels)
	}
	if !explicit {
		if count[ellipsis] > 0 {
			e.out = string(ellipsis)
		}
		for _, group := range []rune{'A', 'a'} {
			for l := group; l < group+26; l++ {
				if count[l] == 1 {
					e.out += string(l)
				}
			}
		}
		return e, nil
	}
	labels, err := parseLabels(right)
	if err != nil {
		return e, err
	}
	for i, l := range labels {
		if l != ellipsis && count[l] == 0 {
			return e, fmt.Errorf("the output has the label %c, which no input has", l)
		}
		if strings.ContainsRune(labels[:i], l) {
			return e, fmt.Errorf("the output has the label %c twice", l)
		}
	}
	e.out = labels
	return e, nil
}

// parseLabels reads the labels of one input or of the output.
func parseLabels(term string) (string, error) {
	labels := strings.Replace(term, "...", string(ellipsis), 1)
	dots := 0
	for _, l := range labels {
		switch {
		case l == ellipsis:
			if dots++; dots > 1 || !strings.Contains(term, "...") {
				return "", errors.New("a dot is not one of three, or there is more than one ellipsis in a term")
			}
		case (l < 'A' || l > 'Z') && (l < 'a' || l > 'z'):
			return "", fmt.Errorf("%q is not a label", l)
		}
	}
	return labels, nil
}

// einsumRule gives the sums of products that an equation says. A label is one number wherever it comes, or 1.
func einsumRule(c *call) {
	if c.attr("equation") == nil {
		return
	}
	e, err := parseEquation(c.attrStr("equation", ""))
	if err != nil {
		c.fault("the equation %q is not one: %v", c.attrStr("equation", ""), err)
		return
	}
	if len(e.in) != len(c.in) {
		c.fault("the equation %q is for %d inputs, and there are %d", c.attrStr("equation", ""), len(e.in), len(c.in))
		return
	}
	sizes := map[rune]Dim{}
	var rest [][]Dim // what the ellipses stand for
	restKnown := true
	for i, labels := range e.in {
		open := strings.ContainsRune(labels, ellipsis)
		dims, ok := c.dims(i)
		if !ok {
			restKnown = restKnown && !open
			// Its labels may be greater than the 1 that another input has.
			for _, l := range labels {
				if l != ellipsis && !c.einsumLabel(sizes, l, Dim{}) {
					return
				}
			}
			continue
		}
		n := len(dims) - len(labels)
		if open {
			n++
		}
		if n < 0 || n > 0 && !open {
			c.fault("the equation %q gives input %d the labels %s, and its shape is %s", c.attrStr("equation", ""), i, strings.Replace(labels, string(ellipsis), "...", 1),
				formatDims(dims))
			return
		}
		for _, l := range labels {
			if l == ellipsis {
				rest, dims = append(rest, dims[:n]), dims[n:]
				continue
			}
			if !c.einsumLabel(sizes, l, dims[0]) {
				return
			}
			dims = dims[1:]
		}
	}
	var out []Dim
	for _, l := range e.out {
		if l != ellipsis {
			out = append(out, sizes[l])
			continue
		}
		batch, ok := broadcast(c, rest...)
		if !ok || !restKnown {
			return
		}
		out = append(out, batch...)
	}
	c.setDims(0, out)
}

// einsumLabel puts what one axis says of a label to what others said.
func (c *call) einsumLabel(sizes map[rune]Dim, label rune, d Dim) bool {
	have, ok := sizes[label]
	if !ok {
		sizes[label] = d
		return true
	}
	c.metUnlessOne(have, d)
	got, ok := broadcastDim(have, d)
	if !ok {
		c.fault("the label %c is %s and %s", label, formatDim(have), formatDim(d))
		return false
	}
	sizes[label] = got
	return true
}
