package fuse

import (
	"fmt"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// Parser reads connections and outputs as the command line writes them. Names of tensors may hold colons, equals signs and commas, so what a text means
// depends on what the models hold: the parser takes the reading in which every name exists.
type Parser struct {
	models []Input
	graphs []*surgery.Graph
}

// NewParser returns a parser for models.
func NewParser(models []Input) *Parser {
	p := &Parser{models: models}
	for _, in := range models {
		p.graphs = append(p.graphs, surgery.NewGraph(in.Model))
	}
	return p
}

// ends lists the readings of MODEL:TENSOR whose model exists.
func (p *Parser) ends(s string) []End {
	var list []End
	for _, in := range p.models {
		if t, ok := strings.CutPrefix(s, in.Name+":"); ok {
			list = append(list, End{in.Name, t})
		}
	}
	return list
}

func (p *Parser) exists(e End) bool {
	for i, in := range p.models {
		if in.Name == e.Model && p.graphs[i].Exists(e.Tensor) {
			return true
		}
	}
	return false
}

// Connection reads MODEL:TENSOR=MODEL:INPUT. A text without a reading in which both sides exist is an error of Merge where the models exist, which has the nearest names;
// a text with several is of kind Usage.
func (p *Parser) Connection(s string) (Connection, error) {
	var whole, partly []Connection
	for i := range s {
		if s[i] != '=' {
			continue
		}
		for _, from := range p.ends(s[:i]) {
			for _, to := range p.ends(s[i+1:]) {
				c := Connection{from, to}
				partly = append(partly, c)
				if p.exists(from) && p.exists(to) {
					whole = append(whole, c)
				}
			}
		}
	}
	if len(whole) == 0 {
		whole = partly[:min(1, len(partly))]
	}
	switch {
	case len(whole) == 1:
		return whole[0], nil
	case len(whole) > 1:
		return Connection{}, onnxpb.Errorf(onnxpb.Usage, "connection %q can be read as %s to %s and as %s to %s", s, whole[0].From, whole[0].To, whole[1].From, whole[1].To)
	}
	from, to, ok := strings.Cut(s, "=")
	if !ok || !strings.Contains(from, ":") || !strings.Contains(to, ":") {
		return Connection{}, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("connection %q is not of the form MODEL:TENSOR=MODEL:INPUT", s),
			Hint: "the models are " + strings.Join(p.names(), ", ")}
	}
	// Some model does not exist: say which.
	for _, side := range []string{from, to} {
		if len(p.ends(side)) == 0 {
			model, _, _ := strings.Cut(side, ":")
			return Connection{}, p.noModel(s, model)
		}
	}
	return Connection{}, onnxpb.Errorf(onnxpb.Usage, "connection %q names no model", s)
}

// Outputs reads MODEL:TENSOR[=NAME], several of them separated by commas.
func (p *Parser) Outputs(s string) ([]OutputSpec, error) {
	if list := p.outputs(s); len(list) == 1 && p.exists(list[0].End) {
		return list, nil // with a comma in the name
	}
	var specs []OutputSpec
	for _, item := range strings.Split(s, ",") {
		list := p.outputs(item)
		switch {
		case len(list) > 1:
			return nil, onnxpb.Errorf(onnxpb.Usage, "output %q can be read as %s and as %s", item, list[0].End, list[1].End)
		case len(list) == 1:
			specs = append(specs, list[0])
			continue
		}
		model, _, ok := strings.Cut(item, ":")
		if !ok {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("output %q is not of the form MODEL:TENSOR or MODEL:TENSOR=NAME", item),
				Hint: "the models are " + strings.Join(p.names(), ", ")}
		}
		return nil, p.noModel(item, model)
	}
	return specs, nil
}

// outputs lists the readings of one output whose tensor exists; if there is none, the first whose model does.
func (p *Parser) outputs(s string) []OutputSpec {
	var whole, partly []OutputSpec
	take := func(text, as string) {
		for _, e := range p.ends(text) {
			partly = append(partly, OutputSpec{e, as})
			if p.exists(e) {
				whole = append(whole, OutputSpec{e, as})
			}
		}
	}
	for i := range s {
		if s[i] == '=' && i+1 < len(s) {
			take(s[:i], s[i+1:])
		}
	}
	take(s, "")
	if len(whole) == 0 {
		return partly[:min(1, len(partly))]
	}
	return whole
}

func (p *Parser) names() []string {
	names := make([]string, len(p.models))
	for i, in := range p.models {
		names[i] = in.Name
	}
	return names
}

func (p *Parser) noModel(s, model string) error {
	return &onnxpb.Error{Msg: fmt.Sprintf("%s: there is no model %q", s, model), Hint: suggest(model, p.names())}
}
