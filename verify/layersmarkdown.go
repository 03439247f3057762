package verify

import (
	"fmt"
	"io"
	"strings"
)

// title names the two models.
func (r *LayerReport) title() string {
	return fmt.Sprintf("%s against %s", modelName(r.Model), modelName(r.Reference))
}

// WriteMarkdown writes a report for pull requests: the verdict, the node where the models part, and the tensors around the first that differs.
func (r *LayerReport) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	verdict := "they do not part"
	if !r.Equal {
		verdict = "different in " + counted(r.Differ, "tensor")
	}
	fmt.Fprintf(&b, "### %s %s: %s\n\n", markdownMark(r.Equal), markdownText(r.title()), verdict)
	if r.Blame != nil {
		var text strings.Builder
		r.writeBlame(&text)
		for i, line := range strings.Split(strings.TrimSpace(text.String()), "\n") {
			if i > 0 {
				b.WriteString("- ")
			}
			fmt.Fprintf(&b, "%s\n", markdownText(strings.TrimSpace(line)))
			if i == 0 {
				b.WriteString("\n")
			}
		}
		b.WriteString("\n")
	}
	if from, to := r.shown(false); from < to {
		b.WriteString("| tensor | operator | shape | error of the inputs | max abs | max rel | cosine | |\n|---|---|---|---|---|---|---|---|\n")
		for _, t := range r.Tensors[from:to] {
			mark := markdownMark(t.Equal)
			if t.Source {
				mark += " source"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |", markdownText(pairName(t.Reference, t.Model)+t.Path), markdownText(pairName(t.Op, t.ModelOp)), markdownText(t.Type+t.Shape), t.inputsText())
			if m := t.Metrics; m != nil {
				fmt.Fprintf(&b, " %s | %s | %s |", short(m.MaxAbs), short(m.MaxRel), cosineText(m.Cosine))
			} else {
				fmt.Fprintf(&b, " %s | | |", markdownText(t.Why))
			}
			fmt.Fprintf(&b, " %s |\n", mark)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d of %s compared; without counterpart: %d of the reference, %d of the model.\n", len(r.Tensors), counted(r.Shared, "shared tensor"), r.Unmatched.Reference, r.Unmatched.Model)
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n> %s\n", markdownText(n))
	}
	markdownHow(&b, fmt.Sprintf("%s; optimisation %s; seed %d, batch %d; %s %s", markdownText(r.asked()), r.Optimization, r.Seed, r.Batch, r.Engine.Name, r.Engine.Version), r.Reference, r.Model)
	_, err := io.WriteString(w, b.String())
	return err
}

// asked says in a few words what tensors were held to.
func (r *LayerReport) asked() string {
	if r.ByType {
		return "the tolerance follows the element type"
	}
	return fmt.Sprintf("|got - want| <= %s + %s*|want|", short(Number(r.Tolerance.Abs)), short(Number(r.Tolerance.Rel)))
}

// AddLayers adds a report of Layers or Bisect: each tensor that was compared is a case, and fails where it differs. The node where the models part is told in the output of the suite.
func (j *JUnit) AddLayers(r *LayerReport) {
	s := JUnitSuite{Name: xmlText(r.title()), Properties: &JUnitProperties{[]JUnitProperty{
		{"method", r.Method}, {"reference.sha256", r.Reference.SHA256}, {"model.sha256", r.Model.SHA256}, {"engine", r.Engine.Name + " " + r.Engine.Version}, {"optimization", r.Optimization}, {"seed", fmt.Sprint(r.Seed)}}}}
	for _, t := range r.Tensors {
		c := JUnitCase{Name: xmlText(fmt.Sprintf("%s%s (%s)", pairName(t.Reference, t.Model), t.Path, pairName(t.Op, t.ModelOp))), Class: s.Name}
		if !t.Equal {
			kind, text := "difference", "what its node reads differs too"
			if t.Source {
				kind, text = "source", "what its node reads does not differ"
			}
			c.Failure = &JUnitProblem{Message: xmlText(t.verdictText()), Type: kind, Text: text}
			s.Failures++
		}
		s.Cases = append(s.Cases, c)
	}
	var blame strings.Builder
	if r.Blame != nil {
		r.writeBlame(&blame)
	}
	s.Out = xmlText(strings.TrimSpace(blame.String() + strings.Join(r.Notes, "\n")))
	j.suite(s)
}
