package verify

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"onnxtool/onnxpb"
)

// LayerSchema names the form of a LayerReport in JSON. It changes when a field changes its meaning or goes; new fields may come without.
const LayerSchema = "onnxtool.layers/1"

// LayerReport is the outcome of Layers and of Bisect.
type LayerReport struct {
	Schema string `json:"schema"`
	Method string `json:"method"` // "layers": every shared tensor was compared; "bisect": those that the search needed
	Equal  bool   `json:"equal"`  // every tensor below is within the tolerance

	Reference    ModelInfo  `json:"reference"`
	Model        ModelInfo  `json:"model"`
	Engine       EngineInfo `json:"engine"`
	Optimization string     `json:"optimization"` // the level of graph optimisation
	// ReferenceOptimization is that of the reference, where it is another.
	ReferenceOptimization string    `json:"reference_optimization,omitempty"`
	Seed                  uint64    `json:"seed"`
	Batch                 int64     `json:"batch"`
	Tolerance             Tolerance `json:"tolerance"`
	ByType                bool      `json:"by_type,omitempty"` // whether the tolerance is that of ToleranceFor
	// Command is the command line, where whoever asked has put it.
	Command []string      `json:"command,omitempty"`
	Inputs  []InputReport `json:"inputs"`

	// Blame is the node where the models part; nil where they do not.
	Blame *LayerBlame `json:"blame,omitempty"`
	// First is the first tensor below that differs; nil where none does.
	First *LayerRow `json:"first,omitempty"`
	// Sources counts the tensors below that differ though their node's inputs do not.
	Sources int `json:"sources"`
	// Differ counts the tensors below that differ.
	Differ int `json:"differ"`
	// Tensors are the comparisons, in the reference's order of execution.
	Tensors []*LayerRow `json:"tensors"`

	// Shared counts the tensors that both models have; Unmatched tells of those that one has alone.
	Shared    int            `json:"shared"`
	Unmatched LayerUnmatched `json:"unmatched"`
	// Sessions is how many sessions were made of each model, and Memory the bound of the tensors fetched in one, in bytes.
	Sessions int      `json:"sessions"`
	Memory   int64    `json:"memory"`
	Notes    []string `json:"notes,omitempty"`
}

// LayerRow is the comparison of one tensor. Of a sequence or a map it tells the first element that differs.
type LayerRow struct {
	Reference string `json:"reference"` // its name in the reference
	Model     string `json:"model"`     // and in the model
	Matched   string `json:"matched"`   // MatchedName, MatchedOutput or MatchedStructure
	// Node and Op are the node of the reference that makes it, as Label names it, and its operator (with its domain, where that is not the default): "" and "(constant)" for a
	// constant. ModelNode and ModelOp are the same in the model.
	Node      string `json:"node"`
	Op        string `json:"op"`
	ModelNode string `json:"model_node"`
	ModelOp   string `json:"model_op"`

	Path  string `json:"path,omitempty"`
	Type  string `json:"type"`
	Shape string `json:"shape"`
	// Metrics are missing where the tensors could not be compared; Why then says why.
	*Metrics `json:",omitempty"`
	// Index is where the worst element stands, by axis; nil where no element differs.
	Index []int64 `json:"index,omitempty"`
	Why   string  `json:"why,omitempty"`
	// Range and ModelRange are of the two tensors; nil for what are no real numbers.
	Range      *ValueRange  `json:"range,omitempty"`
	ModelRange *ValueRange  `json:"model_range,omitempty"`
	Inputs     []LayerInput `json:"inputs"` // of the reference's node
	Equal      bool         `json:"equal"`
	// Source says that it differs, and what its node reads does not.
	Source bool `json:"source"`
}

// ValueRange says where the elements of a tensor lie. Min, Max and Mean are over the finite ones, 0 where there are none.
type ValueRange struct {
	Min  Number `json:"min"`
	Max  Number `json:"max"`
	Mean Number `json:"mean"`
	NaN  int64  `json:"nan"`
	Inf  int64  `json:"inf"` // of both signs
}

// LayerInput is what a node reads.
type LayerInput struct {
	Name string `json:"name"`
	// Kind is "tensor" for one that was compared, "input" for an input of the model, "constant", "unmatched" for a tensor that the model does not have, and "skipped" for one that
	// a search did not need.
	Kind   string  `json:"kind"`
	Equal  bool    `json:"equal"`             // of an unmatched tensor: whether all that it is computed from is; of a constant outside of Blame: true
	MaxAbs *Number `json:"max_abs,omitempty"` // of a tensor that could be compared, and of a constant of the blamed node
}

// LayerBlame says where two models part: at a node of the reference whose inputs are within the tolerance and whose output is not. An input that the model does not have counts as
// what it is computed from does.
type LayerBlame struct {
	Node      string       `json:"node"`
	Op        string       `json:"op"`
	ModelNode string       `json:"model_node"`
	ModelOp   string       `json:"model_op"`
	Tensor    *LayerRow    `json:"tensor"` // its first output that differs
	Inputs    []LayerInput `json:"inputs"` // as in Tensor, with its constants compared
	// Missing are the nodes of the reference between the tensors that are equal and this node, which the model does not have: dropped, or computed otherwise. Added are the nodes that
	// the model has there. Both in order of execution.
	Missing []string `json:"missing,omitempty"`
	Added   []string `json:"added,omitempty"`
	// Differences tell how the node itself differs: operator, attributes, constants, what it reads.
	Differences []string `json:"differences,omitempty"`
}

// LayerUnmatched counts the tensors that nodes make and that have no counterpart in the other model, and lists the first of them.
type LayerUnmatched struct {
	Reference      int      `json:"reference"`
	Model          int      `json:"model"`
	Conflicts      int      `json:"conflicts"` // of the reference's, those for which several would do
	ReferenceNames []string `json:"reference_names,omitempty"`
	ModelNames     []string `json:"model_names,omitempty"`
}

// compare makes the row of a pair.
func (c *layerComparison) compare(p int, want, got *onnxpb.Value) *LayerRow {
	pair := c.pairs[p]
	ref, model := c.sides[0].graph, c.sides[1].graph
	r := &LayerRow{Reference: ref.values[pair.ref].name, Model: model.values[pair.got].name, Matched: c.match.how[pair.ref]}
	r.Node, r.Op = ref.label(pair.ref)
	r.ModelNode, r.ModelOp = model.label(pair.got)
	d, have := Difference{}, false
	compareValues("", want, got, func(want, got *onnxpb.Array) (Metrics, error) {
		t := c.o.Tolerance
		if c.o.ByType {
			t = ToleranceFor(want.Type)
		}
		return Compare(want, got, t)
	}, func(x Difference) {
		if !have || d.Equal() && !x.Equal() {
			d, have = x, true
		}
	})
	r.Path, r.Metrics, r.Why, r.Equal = d.Path, d.Metrics, d.Why, d.Equal()
	if d.Type != onnxpb.TensorProto_UNDEFINED {
		r.Type, r.Shape = onnxpb.TypeName(d.Type), shapeText(d.Shape)
	}
	if d.Metrics != nil {
		r.Index = multiIndex(d.Metrics.Worst, d.Shape)
	}
	r.Range, r.ModelRange = rangeOf(want), rangeOf(got)
	return r
}

// shownRows is how many rows WriteText prints around the first that differs, and shownBefore how many of them before it.
const (
	shownRows   = 15
	shownBefore = 3
)

// WriteText prints a report for people: first where the models part, then the tensors, all of them or those around the first that differs.
func (r *LayerReport) WriteText(w io.Writer, all bool) error {
	out := &strings.Builder{}
	r.writeBlame(out)
	r.writeTable(out, all)
	if u := r.Unmatched; u.Reference+u.Model > 0 {
		sayf(out, "without counterpart: %s of the reference%s, %s of the model%s", counted(u.Reference, "tensor"), namesText(u.ReferenceNames, u.Reference), counted(u.Model, "tensor"),
			namesText(u.ModelNames, u.Model))
		if u.Conflicts > 0 {
			sayf(out, "; %s could be several", counted(u.Conflicts, "tensor"))
		}
		out.WriteString("\n")
	}
	for _, n := range r.Notes {
		sayf(out, "note: %s\n", n)
	}
	answer := "equal"
	if !r.Equal {
		answer = fmt.Sprintf("different in %d of %s", r.Differ, counted(len(r.Tensors), "tensor"))
	}
	compared := fmt.Sprintf("%d of %s compared in %s", len(r.Tensors), counted(r.Shared, "shared tensor"), counted(r.Sessions, "run"))
	level := r.Optimization
	if r.ReferenceOptimization != "" {
		level += ", of the reference " + r.ReferenceOptimization
	}
	sayf(out, "%s: %s; %s; batch %d; seed %d; %s %s, optimisation %s\n", answer, r.asked(), compared, r.Batch, r.Seed, r.Engine.Name, r.Engine.Version, level)
	_, err := io.WriteString(w, out.String())
	return err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// listed writes the first of n names in brackets.
func namesText(names []string, n int) string {
	if n == 0 {
		return ""
	}
	short := make([]string, len(names))
	for i, name := range names {
		short[i] = onnxpb.Shortened(name, 100)
	}
	more := ""
	if len(names) < n {
		more = ", ..."
	}
	return " (" + strings.Join(short, ", ") + more + ")"
}

func (r *LayerReport) writeBlame(w io.Writer) {
	b := r.Blame
	if b == nil {
		if r.Equal && r.Method == "layers" {
			sayf(w, "the models do not part: every tensor that both have is within the tolerance\n")
		} else if r.Equal {
			sayf(w, "the models do not part: every output is within the tolerance\n")
		}
		return
	}
	sayf(w, "the models part at %s\n", layerNodeText(b.Node, b.Op, b.Tensor.Reference))
	if b.ModelNode != b.Node || b.ModelOp != b.Op || b.Tensor.Model != b.Tensor.Reference {
		sayf(w, "  in the model: %s\n", layerNodeText(b.ModelNode, b.ModelOp, b.Tensor.Model))
	}
	sayf(w, "  output %s%s %s: %s\n", b.Tensor.Reference, b.Tensor.Path, b.Tensor.Type+b.Tensor.Shape, b.Tensor.verdictText())
	for _, in := range b.Inputs {
		sayf(w, "  input %s: %s\n", in.Name, in.text())
	}
	for _, d := range b.Differences {
		sayf(w, "  %s\n", d)
	}
	if len(b.Missing) > 0 {
		sayf(w, "  before it, the reference alone has: %s\n", strings.Join(b.Missing, ", "))
	}
	if len(b.Added) > 0 {
		sayf(w, "  before it, the model alone has: %s\n", strings.Join(b.Added, ", "))
	}
	if r.Sources > 1 {
		sayf(w, "%s more differ though what they read does not; see the rows that say SOURCE\n", counted(r.Sources-1, "tensor"))
	}
}

func layerNodeText(node, op, tensor string) string {
	if node == "" {
		return strings.Trim(op, "()") + " " + tensor
	}
	return fmt.Sprintf("node %s (%s)", node, op)
}

func (r *LayerRow) verdictText() string {
	m := r.Metrics
	if m == nil {
		return r.Why
	}
	if r.Equal {
		return "ok, max abs " + short(m.MaxAbs)
	}
	return fmt.Sprintf("%d of %d elements beyond the tolerance, most of all %s: %s, reference %s", m.Beyond, m.Elements, shapeText(r.Index), m.Got, m.Want)
}

func (in LayerInput) text() string {
	s := "ok"
	if !in.Equal {
		s = "DIFFERS"
	}
	switch in.Kind {
	case "input":
		return "the model's input, the same for both"
	case "unmatched":
		return "the model has no such tensor; what it is computed from: " + s
	case "skipped":
		return "not compared"
	case "constant":
		s = "constant, " + s
	}
	if in.MaxAbs != nil {
		s += ", max abs " + short(*in.MaxAbs)
	}
	return s
}

// shown tells which tensors are shown: all of them, or those around the first that differs.
func (r *LayerReport) shown(all bool) (from, to int) {
	to = len(r.Tensors)
	if all {
		return 0, to
	}
	if r.First == nil {
		return 0, 0
	}
	for i, row := range r.Tensors {
		if row == r.First {
			from = max(0, i-shownBefore)
		}
	}
	return from, min(to, from+shownRows)
}

func (r *LayerReport) writeTable(w io.Writer, all bool) {
	from, to := r.shown(all)
	if from == to {
		return
	}
	if from > 0 {
		sayf(w, "... %s before these (--all)\n", counted(from, "tensor"))
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "tensor\top\tshape\tinputs\tmax abs\tmax rel\tcosine\tmin\tmax\tverdict\n")
	for _, row := range r.Tensors[from:to] {
		name, op, shape := row.Reference, row.Op, row.Shape
		if row.Model != row.Reference {
			name += "=" + row.Model
		}
		if row.ModelOp != row.Op {
			op += "=" + row.ModelOp
		}
		if row.Type != "" && row.Type != "float32" {
			shape = row.Type + shape
		}
		sayf(tw, "%s%s\t%s\t%s\t%s\t", name, row.Path, op, shape, row.inputsText())
		if m := row.Metrics; m != nil {
			sayf(tw, "%s\t%s\t%s\t", short(m.MaxAbs), short(m.MaxRel), cosineText(m.Cosine))
		} else {
			fmt.Fprint(tw, "-\t-\t-\t")
		}
		if v := row.Range; v != nil {
			sayf(tw, "%s\t%s\t", short(v.Min), short(v.Max))
		} else {
			fmt.Fprint(tw, "-\t-\t")
		}
		verdict := verdict(row.Equal)
		if row.Source {
			verdict += ", SOURCE"
		}
		fmt.Fprintln(tw, verdict)
	}
	tw.Flush() // a strings.Builder takes everything
	if left := len(r.Tensors) - to; left > 0 {
		sayf(w, "... %s after these (--all)\n", counted(left, "tensor"))
	}
}

// inputsText is the largest error of what the node reads: "-" where nothing of it was compared.
func (r *LayerRow) inputsText() string {
	text, worst := "-", Number(-1)
	for _, in := range r.Inputs {
		if in.Kind == "constant" {
			continue
		}
		if !in.Equal && in.MaxAbs == nil {
			return "DIFFER"
		}
		if in.MaxAbs != nil && *in.MaxAbs > worst {
			worst = *in.MaxAbs
			text = short(worst)
		}
	}
	return text
}
