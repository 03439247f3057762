package verify

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// NaNSchema names the form of a NaNReport in JSON. It changes when a field changes its meaning or goes; new fields may come without.
const NaNSchema = "onnxtool.find-nan/1"

// NaNReport is the outcome of FindNaN.
type NaNReport struct {
	Schema       string     `json:"schema"`
	Found        bool       `json:"found"` // an input holds a NaN or an infinity, a constant a NaN, or a node makes one of them
	Model        ModelInfo  `json:"model"`
	Engine       EngineInfo `json:"engine"`
	Optimization string     `json:"optimization"` // the level of graph optimisation
	// Command is the command line, where whoever asked has put it.
	Command []string   `json:"command,omitempty"`
	Seed    uint64     `json:"seed"`
	Sample  int        `json:"sample"`  // the set of inputs that the rest is about: the last that was run
	Samples int        `json:"samples"` // how many were run
	Batch   int64      `json:"batch"`   // 0 where no input has a leading dimension
	Inputs  []RunInput `json:"inputs"`
	// First is the first finding: inputs come before initializers, and these before the nodes in the order of execution.
	First *NaNFinding `json:"first,omitempty"`
	// Sources are the inputs, initializers and constants that hold a NaN or an infinity.
	Sources []NaNFinding `json:"sources"`
	// Nodes are the nodes that make a NaN or an infinity, in the order of execution.
	Nodes []NaNFinding `json:"nodes"`
	// Passing are the values that hold one because what their node reads does.
	Passing []NaNPassing `json:"passing"`
	// Looked is how many values that nodes make were looked at, those of integers and the like counted in; Skipped are the others.
	Looked  int      `json:"looked"`
	Skipped []string `json:"skipped,omitempty"`
	Runs    int      `json:"runs"` // how often the model ran, for all samples together
}

// NaNFinding is where a NaN or an infinity comes from.
type NaNFinding struct {
	Kind     string `json:"kind"`           // input, initializer, constant or node
	Position int    `json:"position"`       // of the node in the graph, from 0; -1 where it is none
	Node     string `json:"node,omitempty"` // its name
	Op       string `json:"op,omitempty"`   // its operator
	Tensor   string `json:"tensor"`         // the value
	Path     string `json:"path,omitempty"` // the tensor in it, where it is a sequence or a map
	Type     string `json:"type"`
	Shape    string `json:"shape"`
	Makes    string `json:"makes"` // NaN or infinity
	// FromInfinity tells that an input of the node holds an infinity, and none a NaN.
	FromInfinity bool `json:"from_infinity,omitempty"`
	*Stats       `json:",omitempty"`
	Element      *Element     `json:"element"`            // the first that is one
	Inputs       []NaNInput   `json:"inputs,omitempty"`   // what the node reads, from outside of its subgraphs too
	Operands     []NaNOperand `json:"operands,omitempty"` // of an operator that works element by element: what the element comes of
	Unknown      []string     `json:"unknown,omitempty"`  // what the node reads and could not be looked at: it may come from there
	Cause        string       `json:"cause"`              // what likely makes it
}

// NaNInput is a value that a node reads.
type NaNInput struct {
	Name   string `json:"name"`
	Path   string `json:"path,omitempty"`
	Type   string `json:"type"`
	Shape  string `json:"shape,omitempty"`
	*Stats `json:",omitempty"`
}

// NaNOperand is an element that another is computed from.
type NaNOperand struct {
	Name string `json:"name"`
	Element
}

// NaNPassing is a value that holds a NaN or an infinity that came in.
type NaNPassing struct {
	Position int    `json:"position"`
	Node     string `json:"node,omitempty"`
	Op       string `json:"op"`
	Tensor   string `json:"tensor"`
	Path     string `json:"path,omitempty"`
	NaN      int64  `json:"nan"`
	Inf      int64  `json:"inf"`
}

// found files a finding as the first, where there was none.
func (r *NaNReport) found(d *NaNFinding) {
	if !r.Found {
		first := *d
		r.Found, r.First = true, &first
	}
}

// WriteText prints a report for people.
func (r *NaNReport) WriteText(w io.Writer) error {
	if r.First != nil {
		r.First.write(w)
	} else {
		sayf(w, "no node makes a NaN or an infinity: %d values were looked at, %s of inputs\n", r.Looked, sets(r.Samples))
	}
	var others []string
	for _, d := range r.Nodes {
		if r.First == nil || d.Position != r.First.Position || d.Tensor != r.First.Tensor || d.Path != r.First.Path {
			others = append(others, fmt.Sprintf("%s makes %s in %s%s (%s)", nodeText(d.Node, d.Op, d.Position), article(d.Makes), d.Tensor, d.Path, d.Cause))
		}
	}
	writeSome(w, "also: ", others)
	var held []string
	for _, d := range r.Sources {
		if r.First == nil || d.Tensor != r.First.Tensor || d.Path != r.First.Path {
			held = append(held, fmt.Sprintf("%s %s%s holds %s", d.Kind, d.Tensor, d.Path, countsText(d.Stats)))
		}
	}
	writeSome(w, "source: ", held)
	var passed []string
	for _, p := range r.Passing {
		passed = append(passed, fmt.Sprintf("%s in %s%s: %d NaN, %d infinite", nodeText(p.Node, p.Op, p.Position), p.Tensor, p.Path, p.NaN, p.Inf))
	}
	writeSome(w, "passes on: ", passed)
	if len(r.Skipped) > 0 {
		sayf(w, "note: not looked at, as the type is not known or the engine does not give it out: %s\n", listed(r.Skipped))
	}
	sample := ""
	if r.Samples > 1 {
		sample = fmt.Sprintf(" + %d", r.Sample)
	}
	_, err := sayf(w, "%sseed %d%s; optimization %s; %s %s\n", batchText(r.Batch), r.Seed, sample, r.Optimization, r.Engine.Name, r.Engine.Version)
	return err
}

func sets(n int) string {
	if n == 1 {
		return "one set"
	}
	return fmt.Sprintf("%d sets", n)
}

// writeSome prints lines, no more than ten.
func writeSome(w io.Writer, head string, lines []string) {
	const most = 10
	for i, line := range lines {
		if i == most {
			sayf(w, "%s%d more\n", head, len(lines)-most)
			return
		}
		sayf(w, "%s%s\n", head, line)
	}
}

// nodeText names a node.
func nodeText(name, op string, position int) string {
	if name == "" {
		return fmt.Sprintf("node %d (%s)", position, op)
	}
	return fmt.Sprintf("node %s (%s)", strconv.Quote(name), op)
}

func article(makes string) string {
	if makes == "NaN" {
		return "a NaN"
	}
	return "an infinity"
}

func countsText(s *Stats) string {
	return fmt.Sprintf("%d NaN and %d infinities in %d elements", s.NaN, s.PosInf+s.NegInf, s.Elements)
}

// write prints the finding that is the first.
func (d *NaNFinding) write(w io.Writer) {
	switch {
	case d.Kind != "node":
		sayf(w, "%s %s%s holds %s\n", d.Kind, d.Tensor, d.Path, article(d.Makes))
	case d.FromInfinity:
		sayf(w, "%s makes %s of an infinity that comes in\n", nodeText(d.Node, d.Op, d.Position), article(d.Makes))
	default:
		sayf(w, "%s makes %s of finite inputs\n", nodeText(d.Node, d.Op, d.Position), article(d.Makes))
	}
	sayf(w, "  value   %s%s %s%s: %s\n", d.Tensor, d.Path, d.Type, d.Shape, countsText(d.Stats))
	if d.Moments != nil {
		sayf(w, "  range   %s to %s, mean %s, of the finite elements\n", digits(d.Min), digits(d.Max), digits(d.Mean))
	}
	sayf(w, "  first   %s%s%s = %s\n", d.Tensor, d.Path, indexText(d.Element.Index), d.Element.Value)
	for _, o := range d.Operands {
		sayf(w, "  of      %s%s = %s\n", o.Name, indexText(o.Index), o.Value)
	}
	for _, in := range d.Inputs {
		sayf(w, "  input   %s%s %s%s%s\n", in.Name, in.Path, in.Type, in.Shape, rangeText(in.Stats))
	}
	if len(d.Unknown) > 0 {
		sayf(w, "  not looked at, so that it may come from there: %s\n", listed(d.Unknown))
	}
	sayf(w, "  cause   %s\n", d.Cause)
}

func rangeText(s *Stats) string {
	if s == nil || s.Moments == nil {
		return ""
	}
	text := fmt.Sprintf(": %s to %s", digits(s.Min), digits(s.Max))
	if s.Infinite() {
		text += fmt.Sprintf(", %d infinite", s.PosInf+s.NegInf)
	}
	return text
}

// indexText writes the place of an element: [0,3], and nothing for a scalar.
func indexText(index []int64) string {
	if len(index) == 0 {
		return ""
	}
	list := make([]string, len(index))
	for i, x := range index {
		list[i] = strconv.FormatInt(x, 10)
	}
	return "[" + strings.Join(list, ",") + "]"
}
