package verify

import (
	"fmt"
	"html"
	"io"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// page is a file of HTML that needs nothing else.
type page struct{ b strings.Builder }

func (p *page) printf(format string, args ...any) { fmt.Fprintf(&p.b, format, args...) }

// htmlText writes a text so that it is no mark, and shows what cannot be seen.
func htmlText(s string) string { return html.EscapeString(onnxpb.Visible(s)) }

const pageHead = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>%s</title><style>
body{font:14px/1.5 system-ui,sans-serif;margin:2em auto;max-width:76em;padding:0 1em;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;margin:1em 0}th,td{padding:.25em .7em;border-bottom:1px solid #ddd;text-align:right}th:first-child,td:first-child{text-align:left}
.ok{color:#0a6b2d}.bad{color:#b3261e;font-weight:600}code{font-size:12px;word-break:break-all}svg{max-width:100%%;height:auto}figure{margin:1em 0;display:inline-block;vertical-align:top}
figcaption{font-size:12px;color:#555}details{margin:1em 0}
</style></head><body>
`

// WriteHTML writes a report as one file of HTML that needs no other: the verdict, the table, histograms of the errors, and all rows.
func (r *Report) WriteHTML(w io.Writer) error { return Together(r).WriteHTML(w) }

// WriteHTML writes the reports as one file of HTML.
func (r *Reports) WriteHTML(w io.Writer) error {
	p := &page{}
	p.printf(pageHead, "onnxtool verify")
	for _, one := range r.Reports {
		one.html(p)
	}
	p.printf("</body></html>\n")
	_, err := io.WriteString(w, p.b.String())
	return err
}

func (r *Report) html(p *page) {
	class := map[bool]string{true: "ok", false: "bad"}
	esc := htmlText
	p.printf("<h1>%s: <span class=\"%s\">%s</span></h1>\n", esc(r.title()), class[r.Equal], r.verdict())
	p.printf("<table><tr><th>output</th><th>rows</th><th>failed</th><th>max abs</th><th>mean abs</th><th>max rel</th><th>p99 rel</th><th>cosine</th><th>SNR dB</th><th>ULP</th><th>passes at atol</th></tr>\n")
	for _, t := range r.Totals {
		p.printf("<tr><td>%s</td><td>%d</td><td class=\"%s\">%d</td>", esc(pairName(t.Reference, t.Model)+t.Path), t.Rows, class[t.Equal], t.Failed)
		if m := t.Metrics; m != nil {
			for _, v := range []string{short(m.MaxAbs), short(m.MeanAbs), short(m.MaxRel), short(m.P99Rel), cosineText(m.Cosine), decibelText(m.SNR), short(m.MaxULP), enoughShort(m.NeedsAbs)} {
				p.printf("<td>%s</td>", v)
			}
		} else {
			p.printf("<td colspan=\"8\">cannot be compared</td>")
		}
		p.printf("</tr>\n")
	}
	p.printf("</table>\n")
	for _, row := range r.Outputs {
		if !row.Equal {
			p.printf("<p class=\"bad\">%s</p>\n", esc(r.fault(row)))
		}
	}
	for _, t := range r.Totals {
		if t.Metrics != nil && t.Metrics.IoU == nil {
			name := pairName(t.Reference, t.Model) + t.Path
			p.histogram(name+": |got - want|", &t.Metrics.abs)
			p.histogram(name+": |got - want| / |want|", &t.Metrics.rel)
		}
	}
	for _, n := range r.Notes {
		p.printf("<p>%s</p>\n", esc(n))
	}
	p.printf("<details><summary>Inputs</summary><table><tr><th>input</th><th>type</th><th>shape</th><th>values</th><th>SHA-256</th></tr>\n")
	for _, in := range r.Inputs {
		p.printf("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td><td><code>%s</code></td></tr>\n", esc(pairName(in.Reference, in.Model)), esc(in.Type), esc(in.Shape), esc(in.Values), in.SHA256)
	}
	p.printf("</table></details>\n<details><summary>All rows</summary><table><tr><th>output</th><th>batch</th><th>sample</th><th>shape</th><th>max abs</th><th>max rel</th><th>rule</th><th></th></tr>\n")
	for _, row := range r.Outputs {
		p.printf("<tr><td>%s</td><td>%d</td><td>%s</td><td>%s</td>", esc(pairName(row.Reference, row.Model)+row.Path), row.Batch, row.sampleText(), esc(row.Type+row.Shape))
		if m := row.Metrics; m != nil {
			p.printf("<td>%s</td><td>%s</td>", short(m.MaxAbs), short(m.MaxRel))
		} else {
			p.printf("<td colspan=\"2\">%s</td>", esc(row.Why))
		}
		p.printf("<td>%s</td><td class=\"%s\">%s</td></tr>\n", esc(row.Rule), class[row.Equal], verdict(row.Equal))
	}
	p.printf("</table></details>\n<details><summary>How</summary><p>optimisation %s; seed %d; %d samples; %s %s</p><p>reference <code>%s</code> %s<br>model <code>%s</code> %s</p>",
		esc(r.Optimization), r.Seed, r.Samples, esc(r.Engine.Name), esc(r.Engine.Version), r.Reference.SHA256, esc(r.Reference.Path), r.Model.SHA256, esc(r.Model.Path))
	if len(r.Command) > 0 {
		p.printf("<p><code>%s</code></p>", esc(strings.Join(r.Command, " ")))
	}
	p.printf("</details>\n")
}

// histogram draws how many errors there are of each power of ten.
func (p *page) histogram(title string, s *sketch) {
	counts := s.decades()
	if len(counts) == 0 {
		return // all are 0
	}
	var keys []int
	most := s.zeros
	for k, n := range counts {
		keys = append(keys, k)
		most = max(most, n)
	}
	slices.Sort(keys)
	low, high := keys[0], keys[len(keys)-1]
	const bar, tall = 34, 120
	type column struct {
		label string
		n     int64
	}
	columns := []column{{"0", s.zeros}}
	for k := low; k <= high; k++ {
		columns = append(columns, column{fmt.Sprintf("1e%d", k), counts[k]})
	}
	if s.infs > 0 {
		columns = append(columns, column{"inf", s.infs})
		most = max(most, s.infs)
	}
	width := bar*len(columns) + 10
	p.printf("<figure><svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\" aria-label=\"%s\" font-family=\"system-ui,sans-serif\" font-size=\"9\" text-anchor=\"middle\">\n", width, tall+40, width, htmlText(title))
	for i, c := range columns {
		x := 5 + i*bar
		h := float64(c.n) / float64(most) * tall
		if c.n > 0 && h < 1 {
			h = 1
		}
		p.printf("<rect x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\" fill=\"#3b6ea5\"><title>%s: %d</title></rect><text x=\"%d\" y=\"%d\">%s</text>", x+2, 12+tall-h, bar-4, h, c.label, c.n, x+bar/2, tall+24, c.label)
		if c.n > 0 {
			p.printf("<text x=\"%d\" y=\"%.1f\">%s</text>", x+bar/2, 9+tall-h, countText(c.n))
		}
		p.printf("\n")
	}
	p.printf("</svg><figcaption>%s, by powers of ten</figcaption></figure>\n", htmlText(title))
}

// countText writes a count in little space.
func countText(n int64) string {
	switch {
	case n >= 10_000_000:
		return fmt.Sprintf("%dM", n/1_000_000)
	case n >= 10_000:
		return fmt.Sprintf("%dk", n/1000)
	}
	return fmt.Sprint(n)
}
