package verify

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// outputs are those that are compared.
func (c *batchCheck) outputs(m *onnxpb.ModelProto) []port {
	all := outputsOf(m)
	if len(c.o.Only) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(p port) bool { return !contains(c.o.Only, p.name) })
}

// makeInputs makes the inputs of all rows: generated, or taken from files.
func (c *batchCheck) makeInputs(s Source, total int64, seed uint64) (map[string]*onnxpb.Value, error) {
	if len(c.o.Files)+len(c.o.Dists) == 0 {
		return c.generate(total, seed)
	}
	for _, p := range inputsOf(s.Model) {
		if axis := c.o.Axes[p.name]; axis != 0 {
			return nil, onnxpb.Errorf(onnxpb.Usage, "inputs from files, and distributions, have the batch in axis 0: that of %s is axis %d", p.name, axis)
		}
	}
	o := Options{Batches: []int64{total}, Seed: seed, Files: c.o.Files, Dists: c.o.Dists, Ranges: c.o.Ranges, Dims: c.o.Dims}
	p, _, err := recordPlan(s, o)
	if err != nil {
		return nil, err
	}
	values, _, err := (&comparison{plan: p, o: o}).inputs(total, 0)
	return values, err
}

// title says what was proven of which model.
func (r *BatchReport) title() string {
	if r.Model == nil {
		return "rows of a batch"
	}
	return "rows of " + modelName(*r.Model)
}

// fault says in one line what is wrong with an output at a batch.
func (row BatchRow) fault() string {
	if row.Why != "" {
		return fmt.Sprintf("%s at batch %d: %s", row.Output, row.Batch, row.Why)
	}
	return fmt.Sprintf("%s at batch %d: rows %v are not what the original computes of them, off by %s at most", row.Output, row.Batch, row.Differ, short(row.MaxAbs))
}

func (r *BatchReport) verdict() string {
	if r.Equal {
		return "every row is what the model computes of it alone"
	}
	return "rows differ"
}

// asked says in one line what rows were held to.
func (r *BatchReport) asked() string {
	return fmt.Sprintf("|got - want| <= %s + %s*|want|", short(Number(r.Tolerance.Abs)), short(Number(r.Tolerance.Rel)))
}

// models are the models that a report tells of.
func (r *BatchReport) models() []ModelInfo {
	if r.Model == nil {
		return nil
	}
	return []ModelInfo{*r.Model}
}

// WriteMarkdown writes a report for pull requests: the verdict, a table with one line an output and batch, and what is wrong.
func (r *BatchReport) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s %s: %s\n\n", markdownMark(r.Equal), markdownText(r.title()), r.verdict())
	b.WriteString("| output | batch | shape | max abs | max rel | |\n|---|---|---|---|---|---|\n")
	for _, row := range r.Outputs {
		fmt.Fprintf(&b, "| %s | %d | %s | %s | %s | %s |\n", markdownText(row.Output), row.Batch, markdownText(row.Shape), short(row.MaxAbs), short(row.MaxRel), markdownMark(row.Equal))
	}
	first := true
	for _, row := range r.Outputs {
		if row.Equal {
			continue
		}
		if first {
			b.WriteString("\n")
		}
		first = false
		fmt.Fprintf(&b, "- %s\n", markdownText(row.fault()))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n> %s\n", markdownText(n))
	}
	markdownHow(&b, fmt.Sprintf("%s; seed %d; %s %s", markdownText(r.asked()), r.Seed, r.Engine.Name, r.Engine.Version), r.models()...)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteHTML writes a report as one file of HTML.
func (r *BatchReport) WriteHTML(w io.Writer) error {
	esc, class := htmlText, map[bool]string{true: "ok", false: "bad"}
	p := &page{}
	p.printf(pageHead, "onnxtool verify --rows")
	p.printf("<h1>%s: <span class=\"%s\">%s</span></h1>\n", esc(r.title()), class[r.Equal], r.verdict())
	p.printf("<table><tr><th>output</th><th>batch</th><th>shape</th><th>max abs</th><th>max rel</th><th></th></tr>\n")
	for _, row := range r.Outputs {
		p.printf("<tr><td>%s</td><td>%d</td><td>%s</td><td>%s</td><td>%s</td><td class=\"%s\">%s</td></tr>\n", esc(row.Output), row.Batch, esc(row.Shape), short(row.MaxAbs), short(row.MaxRel),
			class[row.Equal], verdict(row.Equal))
	}
	p.printf("</table>\n")
	for _, row := range r.Outputs {
		if !row.Equal {
			p.printf("<p class=\"bad\">%s</p>\n", esc(row.fault()))
		}
	}
	for _, n := range r.Notes {
		p.printf("<p>%s</p>\n", esc(n))
	}
	p.printf("<details><summary>How</summary><p>%s; seed %d; %s %s</p>", esc(r.asked()), r.Seed, esc(r.Engine.Name), esc(r.Engine.Version))
	for _, m := range r.models() {
		p.printf("<p>model <code>%s</code> %s</p>", m.SHA256, esc(m.Path))
	}
	if len(r.Command) > 0 {
		p.printf("<p><code>%s</code></p>", esc(strings.Join(r.Command, " ")))
	}
	p.printf("</details>\n</body></html>\n")
	_, err := io.WriteString(w, p.b.String())
	return err
}

// AddRows adds a report of Rows: each output at each batch is a case.
func (j *JUnit) AddRows(r *BatchReport) {
	s := JUnitSuite{Name: xmlText(r.title()), Properties: &JUnitProperties{[]JUnitProperty{{"engine", r.Engine.Name + " " + r.Engine.Version}, {"seed", fmt.Sprint(r.Seed)}}}}
	for _, m := range r.models() {
		s.Properties.List = append(s.Properties.List, JUnitProperty{"model.sha256", m.SHA256})
	}
	for _, row := range r.Outputs {
		c := JUnitCase{Name: xmlText(fmt.Sprintf("%s batch %d", row.Output, row.Batch)), Class: s.Name}
		if !row.Equal {
			c.Failure = &JUnitProblem{Message: xmlText(row.fault()), Type: "difference", Text: xmlText(r.asked())}
			s.Failures++
		}
		s.Cases = append(s.Cases, c)
	}
	s.Out = xmlText(strings.Join(r.Notes, "\n"))
	j.suite(s)
}
