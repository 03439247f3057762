package verify

import "math"

// Total is an output over all batches and samples.
type Total struct {
	Reference string `json:"reference"`
	Model     string `json:"model"`
	Path      string `json:"path,omitempty"`
	Rule      string `json:"rule"`
	Rows      int    `json:"rows"`   // comparisons
	Failed    int    `json:"failed"` // those of which not
	// Metrics are over all of them; Worst, Want and Got are of the row that is farthest off. They are missing where none could be compared.
	*Metrics `json:",omitempty"`
	Equal    bool `json:"equal"`
}

// merge adds the metrics of another tensor.
func (m *Metrics) merge(o *Metrics) {
	if o.Worst >= 0 && (m.Worst < 0 || o.Beyond > 0 && m.Beyond == 0 || (o.Beyond > 0) == (m.Beyond > 0) && o.MaxAbs > m.MaxAbs) {
		m.Worst, m.Want, m.Got = o.Worst, o.Want, o.Got
	}
	m.Elements += o.Elements
	m.Beyond += o.Beyond
	m.NotFinite += o.NotFinite
	m.sumAbs += o.sumAbs
	for _, f := range []struct{ mine, its *Number }{{&m.MaxAbs, &o.MaxAbs}, {&m.MaxRel, &o.MaxRel}, {&m.MaxULP, &o.MaxULP}, {&m.NeedsAbs, &o.NeedsAbs}, {&m.NeedsRel, &o.NeedsRel}} {
		*f.mine = max(*f.mine, *f.its)
	}
	if o.IoU != nil && (m.IoU == nil || *o.IoU < *m.IoU) {
		m.IoU = o.IoU
	}
	for k, share := range o.Top { // the smallest, as a rule is about each row of the report
		if m.Top == nil {
			m.Top = map[int]Number{}
		}
		if old, ok := m.Top[k]; !ok || share < old {
			m.Top[k] = share
		}
	}
	m.abs.merge(&o.abs)
	m.rel.merge(&o.rel)
	m.cos.merge(o.cos)
	m.noise.merge(o.noise)
	if m.IoU == nil {
		m.finish()
	}
}

// dropSketches frees what percentiles were made of.
func (m *Metrics) dropSketches() { m.abs, m.rel = sketch{}, sketch{} }

// common brings sums of squares to one unit, the larger one: the factors for each, squares not yet taken.
func common(a, b float64) (unit, fa, fb float64) {
	unit = math.Max(a, b)
	if unit == 0 {
		return 0, 1, 1
	}
	return unit, a / unit, b / unit
}

func (c *cosine) merge(o cosine) {
	w, fw, ow := common(c.wScale, o.wScale)
	g, fg, og := common(c.gScale, o.gScale)
	c.wSum = c.wSum*fw*fw + o.wSum*ow*ow
	c.gSum = c.gSum*fg*fg + o.gSum*og*og
	c.dot = c.dot*fw*fg + o.dot*ow*og
	c.wScale, c.gScale = w, g
}

func (p *power) merge(o power) {
	s, fs, os := common(p.signalScale, o.signalScale)
	n, fn, on := common(p.noiseScale, o.noiseScale)
	p.signal = p.signal*fs*fs + o.signal*os*os
	p.noise = p.noise*fn*fn + o.noise*on*on
	p.signalScale, p.noiseScale = s, n
}
