package verify

import (
	"fmt"
	"io"
	"strings"

	"onnxtool/onnxpb"
)

// WriteMarkdown writes a report for pull requests: the verdict, a table with one line for each output over all batches and samples, and what failed.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s %s: %s\n\n", markdownMark(r.Equal), markdownText(r.title()), r.verdict())
	b.WriteString("| output | rows | max abs | mean abs | max rel | p99 rel | cosine | SNR dB | ULP | passes at atol | |\n|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, t := range r.Totals {
		fmt.Fprintf(&b, "| %s | %d |", markdownText(pairName(t.Reference, t.Model)+t.Path), t.Rows)
		if m := t.Metrics; m != nil {
			fmt.Fprintf(&b, " %s | %s | %s | %s | %s | %s | %s | %s |", short(m.MaxAbs), short(m.MeanAbs), short(m.MaxRel), short(m.P99Rel), cosineText(m.Cosine), decibelText(m.SNR), short(m.MaxULP),
				enoughShort(m.NeedsAbs))
		} else {
			b.WriteString(" | | | | | | | |")
		}
		fmt.Fprintf(&b, " %s |\n", markdownMark(t.Equal))
	}
	const most = 20
	shown := 0
	for _, row := range r.Outputs {
		if row.Equal {
			continue
		}
		if shown == 0 {
			b.WriteString("\n")
		}
		if shown++; shown > most {
			b.WriteString("- and more\n")
			break
		}
		fmt.Fprintf(&b, "- %s\n", markdownText(r.fault(row)))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n> %s\n", markdownText(n))
	}
	markdownHow(&b, fmt.Sprintf("%s; optimisation %s; seed %d, %d samples; %s %s", markdownText(r.asked()), r.Optimization, r.Seed, r.Samples, r.Engine.Name, r.Engine.Version), r.Reference, r.Model)
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMarkdown writes the reports one after the other.
func (r *Reports) WriteMarkdown(w io.Writer) error {
	for i, one := range r.Reports {
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := one.WriteMarkdown(w); err != nil {
			return err
		}
	}
	return nil
}

// markdownMark shows a verdict.
func markdownMark(equal bool) string {
	if equal {
		return "✅"
	}
	return "❌"
}

// markdownHow writes how it was compared, and the hashes of the reference, where there is one, and the model.
func markdownHow(b *strings.Builder, how string, models ...ModelInfo) {
	fmt.Fprintf(b, "\n<details><summary>How</summary>\n\n%s\n\n", how)
	switch len(models) {
	case 1:
		fmt.Fprintf(b, "model `%s`\n\n", models[0].SHA256)
	case 2:
		fmt.Fprintf(b, "reference `%s`, model `%s`\n\n", models[0].SHA256, models[1].SHA256)
	}
	b.WriteString("</details>\n")
}

// markdownText keeps names from being taken for marks.
func markdownText(s string) string {
	var b strings.Builder
	for _, r := range onnxpb.Visible(strings.NewReplacer("\n", " ", "\r", " ").Replace(s)) {
		switch r {
		case '|', '<', '>', '*', '_', '`', '[', ']', '#', '\\', '~':
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}
