package verify

import (
	"io"
	"math"
)

// WriteHTML writes the report as one file of HTML: where the models part, and the errors of all tensors that were compared as a curve in the order of execution.
func (r *LayerReport) WriteHTML(w io.Writer) error {
	esc := htmlText
	p := &page{}
	p.printf(pageHead, "onnxtool verify --layers")
	verdict, class := "equal", "ok"
	if !r.Equal {
		verdict, class = "different", "bad"
	}
	p.printf("<h1>%s against %s: <span class=\"%s\">%s</span></h1>\n", esc(r.Model.Path), esc(r.Reference.Path), class, verdict)
	if b := r.Blame; b != nil {
		p.printf("<p class=\"bad\">They part at node %s (%s)", esc(b.Node), esc(b.Op))
		if t := b.Tensor; t != nil && t.Metrics != nil {
			p.printf(": tensor %s is off by %s, where it is %s and should be %s", esc(t.Reference), short(t.MaxAbs), esc(t.Got), esc(t.Want))
		}
		p.printf("</p>\n")
	}
	r.curve(p)
	p.printf("<table><tr><th>tensor</th><th>node</th><th>operator</th><th>shape</th><th>max abs</th><th>mean abs</th><th>range</th><th></th></tr>\n")
	for _, t := range r.Tensors {
		class, verdict := "ok", "ok"
		if !t.Equal {
			class, verdict = "bad", "DIFFERS"
		}
		if t.Source {
			verdict = "DIFFERS HERE"
		}
		p.printf("<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td>", esc(pairName(t.Reference, t.Model)+t.Path), esc(t.Node), esc(t.Op), esc(t.Type+t.Shape))
		if m := t.Metrics; m != nil {
			p.printf("<td>%s</td><td>%s</td>", short(m.MaxAbs), short(m.MeanAbs))
		} else {
			p.printf("<td colspan=\"2\">%s</td>", esc(t.Why))
		}
		if v := t.Range; v != nil {
			p.printf("<td>%s to %s</td>", short(v.Min), short(v.Max))
		} else {
			p.printf("<td></td>")
		}
		p.printf("<td class=\"%s\">%s</td></tr>\n", class, verdict)
	}
	p.printf("</table>\n")
	for _, n := range r.Notes {
		p.printf("<p>%s</p>\n", esc(n))
	}
	p.printf("</body></html>\n")
	_, err := io.WriteString(w, p.b.String())
	return err
}

// curve draws the largest error of each tensor, in powers of ten, in the order of execution: those below the lowest power that is drawn stand at the bottom, those that cannot be compared at the top.
func (r *LayerReport) curve(p *page) {
	if len(r.Tensors) == 0 {
		return
	}
	const width, height, left, low, high = 900, 240, 46, -9, 3
	y := func(exponent float64) float64 {
		return 10 + (high-math.Min(math.Max(exponent, low), high))/(high-low)*height
	}
	x := func(i int) float64 { return left + (float64(i)+0.5)/float64(len(r.Tensors))*(width-left-10) }
	p.printf("<figure><svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\" aria-label=\"largest error of each tensor\" font-family=\"system-ui,sans-serif\" font-size=\"10\" text-anchor=\"end\">\n", width, height+30, width)
	for e := low; e <= high; e += 3 {
		p.printf("<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\">1e%d</text>\n", left, width-10, y(float64(e)), y(float64(e)), left-4, y(float64(e))+3, e)
	}
	p.printf("<polyline fill=\"none\" stroke=\"#3b6ea5\" points=\"")
	at := make([]float64, len(r.Tensors))
	for i, t := range r.Tensors {
		at[i] = y(high)
		if t.Metrics != nil {
			at[i] = y(math.Log10(float64(t.MaxAbs))) // of 0 it is -Inf, which stands at the bottom
		}
		p.printf("%.1f,%.1f ", x(i), at[i])
	}
	p.printf("\"/>\n")
	for i, t := range r.Tensors {
		colour := "#3b6ea5"
		if !t.Equal {
			colour = "#b3261e"
		}
		radius := 1.5
		if t.Source {
			radius = 4
		}
		p.printf("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" fill=\"%s\"><title>%s</title></circle>\n", x(i), at[i], radius, colour, htmlText(t.Reference+" ("+t.Op+")"))
	}
	p.printf("</svg><figcaption>largest |got - want| of each tensor, in the order of execution; red where it is beyond the tolerance, large where it begins</figcaption></figure>\n")
}
