// Package formula reads and evaluates small expression files that say what a model is to compute, in terms of other models: the oracle of a fusion. It computes in float64, in plain Go.
//
//	# what the fused model was made of; its input image is the fused model's input
//	model front "sixdrepnet.onnx"
//	model rear "whenet.onnx" image=input
//	yaw = sum(softmax(rear.yaw, -1) * range(0, 120), -1, 1) * 3 - 180
//	output pose = where(abs(yaw) <= 75, front.pose, rear.pose)
//
// Each line is a model, a name and what it stands for, an output of the model that is held to the formula, or a comment. Expressions have + - * / and ** (power), comparisons, and, or, not, numbers,
// names, outputs of models (front.pose, or front["a name/with:0"]), inputs of the model (input.image), functions, and parts as Python writes them (x[:,0:3]). Shapes are broadcast as ONNX does.
package formula

import (
	"fmt"
	"strings"
	"unicode"

	"onnxtool/onnxpb"
)

// File is what a formula file says.
type File struct {
	Models  []Model
	Outputs []Output // in the order of the file
	lets    []let
}

// Model is a model that the formula speaks of.
type Model struct {
	Name, Path string
	// Inputs tell which input of the model that is held to the formula each of its inputs is, where their names differ.
	Inputs map[string]string
	line   int
}

// Output is an output that is held to the formula.
type Output struct {
	Name string
	expr node
}

type let struct {
	name string
	expr node
}

// Uses lists the outputs of a model that the formula reads, in order.
func (f *File) Uses(model string) []string {
	var names []string
	seen := map[string]bool{}
	visit := func(n node) {
		n.walk(func(x node) {
			if r, ok := x.(outputOf); ok && r.model == model && !seen[r.output] {
				seen[r.output] = true
				names = append(names, r.output)
			}
		})
	}
	for _, l := range f.lets {
		visit(l.expr)
	}
	for _, o := range f.Outputs {
		visit(o.expr)
	}
	return names
}

// Eval computes the outputs. value gives the tensors of an output of a model, or, for the model "input", of an input. The errors are of kind Unfit: shapes that do not fit each other.
func (f *File) Eval(value func(model, name string) (*onnxpb.Array, error)) (map[string]*Tensor, error) {
	env := &environment{value: value, names: map[string]*Tensor{}}
	for _, l := range f.lets {
		t, err := l.expr.eval(env)
		if err != nil {
			return nil, &onnxpb.Error{Msg: "in " + l.name, Err: err}
		}
		env.names[l.name] = t
	}
	out := map[string]*Tensor{}
	for _, o := range f.Outputs {
		t, err := o.expr.eval(env)
		if err != nil {
			return nil, &onnxpb.Error{Msg: "in output " + o.Name, Err: err}
		}
		out[o.Name] = t
	}
	return out, nil
}

// Parse reads a formula file. The errors are of kind Usage and tell the line.
func Parse(text string) (*File, error) {
	f := &File{}
	p := &parser{models: map[string]bool{"input": true}, known: map[string]bool{}}
	for i, line := range strings.Split(text, "\n") {
		if err := p.line(f, i+1, line); err != nil {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("line %d", i+1), Err: err}
		}
	}
	if len(f.Outputs) == 0 {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the formula has no output", Hint: "write a line: output NAME = EXPRESSION"}
	}
	return f, nil
}

func (p *parser) line(f *File, number int, text string) error {
	tokens, err := scan(text)
	if err != nil {
		return err
	}
	p.tokens, p.at = tokens, 0
	switch {
	case len(tokens) == 0:
		return nil
	case p.peek().text == "model" && len(tokens) > 1 && tokens[1].kind == word:
		return p.model(f, number)
	case p.peek().text == "output" && len(tokens) > 1 && tokens[1].text != "=":
		p.next()
		name := p.next()
		if name.kind != word && name.kind != quoted {
			return fmt.Errorf("the name of the output is missing")
		}
		for _, o := range f.Outputs {
			if o.Name == name.text {
				return fmt.Errorf("output %s is given twice", name.text)
			}
		}
		e, err := p.assigned()
		if err != nil {
			return err
		}
		f.Outputs = append(f.Outputs, Output{name.text, e})
		return nil
	}
	name := p.next()
	if name.kind != word {
		return fmt.Errorf("a line is a model, a name and what it stands for, or an output")
	}
	if p.models[name.text] || p.known[name.text] || functions[name.text] != nil {
		return fmt.Errorf("%s has a meaning already", name.text)
	}
	e, err := p.assigned()
	if err != nil {
		return err
	}
	p.known[name.text] = true
	f.lets = append(f.lets, let{name.text, e})
	return nil
}

func (p *parser) model(f *File, number int) error {
	p.next()
	m := Model{Name: p.next().text, Inputs: map[string]string{}, line: number}
	if p.models[m.Name] || p.known[m.Name] || functions[m.Name] != nil {
		return fmt.Errorf("%s has a meaning already", m.Name)
	}
	path := p.next()
	if path.kind != quoted || path.text == "" {
		return fmt.Errorf("the file of model %s is missing: write it in quotes", m.Name)
	}
	m.Path = path.text
	for p.peek().kind != end {
		in := p.next()
		if in.kind != word && in.kind != quoted || !p.take("=") {
			return fmt.Errorf("behind the file stand pairs: INPUT_OF_IT=INPUT_OF_THE_MODEL")
		}
		of := p.next()
		if of.kind != word && of.kind != quoted {
			return fmt.Errorf("input %s: the input of the model is missing", in.text)
		}
		m.Inputs[in.text] = of.text
		p.take(",")
	}
	p.models[m.Name] = true
	f.Models = append(f.Models, m)
	return nil
}

// assigned reads = and an expression up to the end of the line.
func (p *parser) assigned() (node, error) {
	if !p.take("=") {
		return nil, fmt.Errorf("= is missing")
	}
	e, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != end {
		return nil, fmt.Errorf("%q stands where the expression has ended", t.text)
	}
	return e, nil
}

type kind int

const (
	end kind = iota
	word
	number
	quoted
	sign
)

type token struct {
	kind kind
	text string
}

// scan cuts a line into tokens.
func scan(s string) ([]token, error) {
	var list []token
	for i := 0; i < len(s); {
		c := rune(s[i])
		switch {
		case c == '#':
			return list, nil
		case unicode.IsSpace(c):
			i++
		case c == '"':
			j := strings.IndexByte(s[i+1:], '"')
			if j < 0 {
				return nil, fmt.Errorf("a quote is not closed")
			}
			list = append(list, token{quoted, s[i+1 : i+1+j]})
			i += j + 2
		case c >= '0' && c <= '9' || c == '.' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9':
			j := i
			for j < len(s) && (isWord(s[j]) || s[j] == '.' || (s[j] == '-' || s[j] == '+') && (s[j-1] == 'e' || s[j-1] == 'E')) {
				j++
			}
			list = append(list, token{number, s[i:j]})
			i = j
		case isWord(s[i]):
			j := i
			for j < len(s) && isWord(s[j]) {
				j++
			}
			list = append(list, token{word, s[i:j]})
			i = j
		default:
			n := 1
			if i+1 < len(s) && (s[i:i+2] == "**" || s[i:i+2] == "<=" || s[i:i+2] == ">=" || s[i:i+2] == "==" || s[i:i+2] == "!=") {
				n = 2
			}
			if !strings.Contains("+-*/<>=!()[],:.", s[i:i+1]) {
				return nil, fmt.Errorf("%q has no meaning here", s[i:i+1])
			}
			list = append(list, token{sign, s[i : i+n]})
			i += n
		}
	}
	return list, nil
}

func isWord(c byte) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c >= 0x80
}
