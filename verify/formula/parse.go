package formula

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"onnxtool/surgery"
)

// parser reads the expressions of one line after the other.
type parser struct {
	tokens []token
	at     int
	models map[string]bool
	known  map[string]bool // names that stand for something
	depth  int
}

// mostNested is how deep parentheses may stand within each other.
const mostNested = 200

func (p *parser) peek() token {
	if p.at < len(p.tokens) {
		return p.tokens[p.at]
	}
	return token{}
}

func (p *parser) next() token {
	t := p.peek()
	p.at++
	return t
}

// take takes a sign, or a word that is an operator, if it comes next.
func (p *parser) take(text string) bool {
	if t := p.peek(); (t.kind == sign || t.kind == word) && t.text == text {
		p.at++
		return true
	}
	return false
}

// operators by how tightly they bind.
var operators = []map[string]bool{
	{"or": true}, {"and": true}, {"<": true, "<=": true, ">": true, ">=": true, "==": true, "!=": true}, {"+": true, "-": true}, {"*": true, "/": true},
}

// expression reads operators that bind as tightly as a level or more.
func (p *parser) expression(level int) (node, error) {
	if p.depth++; p.depth > mostNested*len(operators) {
		return nil, fmt.Errorf("the expression is nested too deep")
	}
	defer func() { p.depth-- }()
	if level == len(operators) {
		return p.unary()
	}
	left, err := p.expression(level + 1)
	for err == nil {
		t := p.peek()
		if t.kind != sign && t.kind != word || !operators[level][t.text] {
			return left, nil
		}
		p.next()
		var right node
		if right, err = p.expression(level + 1); err == nil {
			left = binary{t.text, left, right}
		}
	}
	return nil, err
}

func (p *parser) unary() (node, error) {
	for _, op := range []string{"-", "not"} {
		if p.take(op) {
			if p.depth++; p.depth > mostNested*len(operators) {
				return nil, fmt.Errorf("the expression is nested too deep")
			}
			defer func() { p.depth-- }()
			x, err := p.unary()
			return call{op, []node{x}}, err
		}
	}
	x, err := p.primary()
	for err == nil {
		switch {
		case p.take("["):
			x, err = p.part(x)
		case p.take("**"): // binds tighter than the sign before it, and to the right
			var exponent node
			exponent, err = p.unary()
			x = binary{"**", x, exponent}
		default:
			return x, nil
		}
	}
	return nil, err
}

func (p *parser) primary() (node, error) {
	switch t := p.next(); {
	case t.kind == number:
		v, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", t.text)
		}
		return constant(v), nil
	case t.kind == sign && t.text == "(":
		x, err := p.expression(0)
		if err == nil && !p.take(")") {
			err = fmt.Errorf(") is missing")
		}
		return x, err
	case t.kind == word && p.models[t.text]:
		return p.output(t.text)
	case t.kind == word && functions[t.text] != nil:
		return p.function(t.text)
	case t.kind == word && p.known[t.text]:
		return name(t.text), nil
	case t.kind == word:
		return nil, fmt.Errorf("%s stands for nothing%s", t.text, p.meant(t.text))
	case t.kind == end:
		return nil, fmt.Errorf("the expression ends where something should follow")
	default:
		return nil, fmt.Errorf("%q stands where a number, a name or a ( should", t.text)
	}
}

// meant names what a word may be meant for.
func (p *parser) meant(text string) string {
	var all []string
	for _, set := range []map[string]bool{p.models, p.known} {
		for n := range set {
			all = append(all, n)
		}
	}
	for n := range functions {
		all = append(all, n)
	}
	sort.Strings(all)
	if near := surgery.Nearest(text, all, 1); len(near) > 0 {
		return " (did you mean " + near[0] + "?)"
	}
	return ""
}

// output reads .NAME or ["NAME"] behind a model.
func (p *parser) output(model string) (node, error) {
	if p.take(".") {
		if t := p.next(); t.kind == word {
			return outputOf{model, t.text}, nil
		}
		return nil, fmt.Errorf("the name behind %s. is missing", model)
	}
	if p.take("[") {
		t := p.next()
		if t.kind == quoted && p.take("]") {
			return outputOf{model, t.text}, nil
		}
	}
	return nil, fmt.Errorf("%s is a model: write %s.NAME or %s[\"NAME\"] for what it gives", model, model, model)
}

func (p *parser) function(name string) (node, error) {
	if !p.take("(") {
		return nil, fmt.Errorf("( is missing behind %s", name)
	}
	var args []node
	for !p.take(")") {
		if len(args) > 0 && !p.take(",") {
			return nil, fmt.Errorf(", or ) is missing in %s(", name)
		}
		x, err := p.expression(0)
		if err != nil {
			return nil, err
		}
		args = append(args, x)
	}
	f := functions[name]
	if len(args) < f.least || f.most >= 0 && len(args) > f.most {
		return nil, fmt.Errorf("%s is written %s", name, f.form)
	}
	return call{name, args}, nil
}

// part reads what stands between [ and ].
func (p *parser) part(x node) (node, error) {
	s := sliced{of: x}
	for {
		var a axisPart
		fields := 0
		for {
			if t := p.peek(); t.kind == number || t.kind == sign && t.text == "-" {
				negative := p.take("-")
				t = p.next()
				v, err := strconv.ParseInt(t.text, 10, 64)
				if err != nil {
					return nil, fmt.Errorf("%q is no whole number", t.text)
				}
				if negative {
					v = -v
				}
				if fields > 2 {
					return nil, fmt.Errorf("an axis has from, to and step at most")
				}
				a.v[fields] = &v
			}
			if !p.take(":") {
				break
			}
			if fields++; fields > 2 {
				return nil, fmt.Errorf("an axis has from, to and step at most")
			}
		}
		if a.index = fields == 0; a.index && a.v[0] == nil {
			return nil, fmt.Errorf("an axis in [ ] is empty")
		}
		if a.v[2] != nil && *a.v[2] < 1 {
			return nil, fmt.Errorf("steps are 1 or more")
		}
		s.axes = append(s.axes, a)
		if p.take("]") {
			return s, nil
		}
		if !p.take(",") {
			return nil, fmt.Errorf(", or ] is missing")
		}
	}
}

// Functions lists the functions of expressions, as they are written.
func Functions() string {
	var all []string
	for _, f := range functions {
		all = append(all, f.form)
	}
	sort.Strings(all)
	return strings.Join(all, ", ")
}
