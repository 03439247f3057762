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

// Outputs reads MODEL:TENSOR[=NAME], several of them separated by commas. NAME holds no comma: what follows one is the next output.
func (p *Parser) Outputs(s string) ([]OutputSpec, error) {
	switch lists := p.outputLists(s); len(lists) {
	case 1:
		return lists[0], nil
	case 2:
		return nil, onnxpb.Errorf(onnxpb.Usage, "output %q can be read as %s and as %s", s, outputsText(lists[0]), outputsText(lists[1]))
	}
	// Some tensor does not exist, of which Merge has the nearest names, or some model.
	var specs []OutputSpec
	for _, item := range strings.Split(s, ",") {
		if _, partly := p.outputs(item); len(partly) > 0 {
			specs = append(specs, partly[0])
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

func outputsText(specs []OutputSpec) string {
	list := make([]string, len(specs))
	for i, o := range specs {
		if list[i] = o.End.String(); o.As != "" {
			list[i] += fmt.Sprintf(" called %q", o.As)
		}
	}
	return strings.Join(list, " beside ")
}

// outputLists lists the readings of several outputs, separated by commas that may also stand in the names of tensors, in which every tensor exists: two of them at
// most.
func (p *Parser) outputLists(s string) [][]OutputSpec {
	ends := []int{}
	for i := range s {
		if s[i] == ',' {
			ends = append(ends, i)
		}
	}
	ends = append(ends, len(s))
	// From the last comma to the first: the readings of what follows each are known when they are asked for.
	rest := map[int][][]OutputSpec{len(s) + 1: {nil}}
	for at := len(ends) - 1; at >= 0; at-- {
		start := 0
		if at > 0 {
			start = ends[at-1] + 1
		}
		var lists [][]OutputSpec
		for _, end := range ends[at:] {
			if len(rest[end+1]) == 0 {
				continue
			}
			whole, _ := p.outputs(s[start:end])
			for _, o := range whole {
				for _, more := range rest[end+1] {
					if len(lists) < 2 {
						lists = append(lists, append([]OutputSpec{o}, more...))
					}
				}
			}
		}
		rest[start] = lists
	}
	return rest[0]
}

// outputs lists the readings of one output: those whose tensor exists, and those whose model does.
func (p *Parser) outputs(s string) (whole, partly []OutputSpec) {
	take := func(text, as string) {
		for _, e := range p.ends(text) {
			partly = append(partly, OutputSpec{e, as})
			if p.exists(e) {
				whole = append(whole, OutputSpec{e, as})
			}
		}
	}
	for i := range s {
		if s[i] == '=' && i+1 < len(s) && !strings.Contains(s[i:], ",") {
			take(s[:i], s[i+1:])
		}
	}
	take(s, "")
	return whole, partly
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
