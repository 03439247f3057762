package verify

import (
	"fmt"
	"math"
	"reflect"

	"onnxtool/onnxpb"
)

// rules are what holds for each output of the reference.
type rules struct {
	by        map[string]Rule
	tolerance Tolerance // where byType is false
	byType    bool
	beside    map[string]string // outputs that are compared with boxes, and with which
}

// newRules holds the rules to the outputs that are compared.
func newRules(o Options, outputs []portPair) (*rules, error) {
	r := &rules{by: map[string]Rule{}, tolerance: o.Tolerance, byType: o.ByType, beside: map[string]string{}}
	names := make([]string, len(outputs))
	for i, p := range outputs {
		names[i] = p.ref.name
	}
	for _, rule := range o.Rules {
		if rule.Output != "" && !contains(names, rule.Output) {
			return nil, noSuch(fmt.Sprintf("rule for %s: the reference has no such output, or it is not compared", rule.Output), rule.Output, names)
		}
		if _, twice := r.by[rule.Output]; twice {
			what := "for " + rule.Output
			if rule.Output == "" {
				what = "for all outputs"
			}
			return nil, onnxpb.Errorf(onnxpb.Usage, "two rules %s: put their conditions into one", what)
		}
		r.by[rule.Output] = rule
		if rule.Boxes == nil {
			continue
		}
		if rule.Output == "" {
			return nil, onnxpb.Errorf(onnxpb.Usage, "iou is for the output that holds boxes: write NAME:iou=SHARE")
		}
		for _, beside := range []string{rule.Boxes.Scores, rule.Boxes.Labels} {
			switch {
			case beside == "":
				continue
			case !contains(names, beside):
				return nil, noSuch(fmt.Sprintf("rule for %s: the reference has no output %q", rule.Output, beside), beside, names)
			case beside == rule.Output || r.beside[beside] != "":
				return nil, onnxpb.Errorf(onnxpb.Usage, "rule for %s: output %s belongs to other boxes, or is them", rule.Output, beside)
			}
			r.beside[beside] = rule.Output
		}
	}
	return r, nil
}

// of returns what holds for an output of an element type.
func (r *rules) of(output string, elem onnxpb.TensorProto_DataType) applied {
	rule, ok := r.by[output]
	if !ok {
		rule = r.by[""]
	}
	base := r.tolerance
	if r.byType {
		base = ToleranceFor(elem)
	}
	a := rule.apply(base)
	if rule.Angle && rule.Abs == nil && !r.byType && r.tolerance != (Tolerance{}) {
		a.tolerance.Abs = r.tolerance.Abs // which was given
	}
	if exactType(elem) && rule.Boxes == nil {
		return a.exact()
	}
	return a
}

// judge compares the outputs of one run and adds the rows to the report.
func (c *comparison) judge(batch int64, sample int, want, got map[string]*onnxpb.Value) error {
	at := map[string]portPair{}
	for _, p := range c.outputs {
		at[p.ref.name] = p
	}
	for _, p := range c.outputs {
		w, g := want[p.ref.name], got[p.got.name]
		if c.rules.beside[p.ref.name] != "" {
			continue
		}
		if rule := c.rules.of(p.ref.name, p.ref.elem); rule.Boxes != nil {
			if err := c.judgeBoxes(batch, sample, p, at, rule, want, got); err != nil {
				return err
			}
			continue
		}
		compareValues("", w, g, func(want, got *onnxpb.Array) (Metrics, error) {
			rule := c.rules.of(p.ref.name, want.Type)
			m, err := compareBy(want, got, rule.measure())
			for k := range rule.Top {
				if share, ok := topAgreement(want, got, k); ok && err == nil {
					if m.Top == nil {
						m.Top = map[int]Number{}
					}
					m.Top[k] = share
				}
			}
			return m, err
		}, func(d Difference) {
			c.report.add(batch, sample, p, d, c.rules.of(p.ref.name, d.Type))
		})
	}
	return nil
}

// judgeBoxes compares boxes in any order, and what belongs to them pair by pair.
func (c *comparison) judgeBoxes(batch int64, sample int, p portPair, at map[string]portPair, rule applied, want, got map[string]*onnxpb.Value) error {
	d := Difference{}
	sets, err := c.pairAll(p, at, rule, want, got, &d)
	if err != nil {
		d.Metrics, d.Why = nil, err.Error()
	}
	c.report.add(batch, sample, p, d, rule)
	for _, name := range []string{rule.Boxes.Scores, rule.Boxes.Labels} {
		if name == "" {
			continue
		}
		q := at[name]
		own := c.rules.of(name, q.ref.elem)
		beside := Difference{}
		if err != nil {
			beside.Why = "the boxes of " + p.ref.name + " cannot be compared"
		} else if w, g := want[q.ref.name], got[q.got.name]; w.Kind != onnxpb.KindTensor || g.Kind != onnxpb.KindTensor {
			beside.Why = "it is no tensor"
		} else {
			beside.Type, beside.Shape = w.Array.Type, w.Array.Dims
			wp, gp, err := selectPairs(w.Array, g.Array, sets)
			if err == nil {
				var m Metrics
				if m, err = compareBy(wp, gp, own.measure()); err == nil {
					beside.Metrics = &m
				}
			}
			if err != nil {
				beside.Why = err.Error()
			}
		}
		c.report.add(batch, sample, q, beside, own)
	}
	return nil
}

// pairAll pairs all sets of boxes of an output.
func (c *comparison) pairAll(p portPair, at map[string]portPair, rule applied, want, got map[string]*onnxpb.Value, d *Difference) ([]pairing, error) {
	w, g := want[p.ref.name], got[p.got.name]
	if w == nil || g == nil || w.Kind != onnxpb.KindTensor || g.Kind != onnxpb.KindTensor {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "boxes are a tensor, and this output is none")
	}
	d.Type, d.Shape = w.Array.Type, w.Array.Dims
	if w.Array.Type != g.Array.Type {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "the element type is %s, the reference's %s", onnxpb.TypeName(g.Array.Type), onnxpb.TypeName(w.Array.Type))
	}
	wants, err := boxesOf(w.Array, rule.Boxes.Format)
	if err != nil {
		return nil, err
	}
	gots, err := boxesOf(g.Array, rule.Boxes.Format)
	if err != nil {
		return nil, err
	}
	if len(wants) != len(gots) {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "there are %d sets of boxes, in the reference %d", len(gots), len(wants))
	}
	like := func(int, int, int) float64 { return 0 }
	if name := rule.Boxes.Scores; name != "" {
		like = scoreDistance(want[name], got[at[name].got.name], len(wants))
	}
	m := &Metrics{Cosine: 1, Worst: -1, SNR: Number(math.Inf(1))}
	worst := 1.0
	var sets []pairing
	for s := range wants {
		one, err := pairBoxes(wants[s], gots[s], rule.Boxes.IoU, func(i, j int) float64 { return like(s, i, j) })
		if err != nil {
			return nil, err
		}
		m.Elements += int64(max(len(wants[s]), len(gots[s])))
		m.Beyond += int64(one.alone)
		worst = min(worst, one.worst)
		sets = append(sets, one)
	}
	overlap := Number(worst)
	m.IoU = &overlap
	d.Metrics = m
	return sets, nil
}

// scoreDistance tells how far the scores of two boxes are apart; 0 where that cannot be told.
func scoreDistance(want, got *onnxpb.Value, sets int) func(s, i, j int) float64 {
	none := func(int, int, int) float64 { return 0 }
	if want == nil || got == nil || want.Kind != onnxpb.KindTensor || got.Kind != onnxpb.KindTensor || sets == 0 {
		return none
	}
	w, err1 := want.Array.Float64s()
	g, err2 := got.Array.Float64s()
	if err1 != nil || err2 != nil || len(w)%sets != 0 || len(g)%sets != 0 {
		return none
	}
	eachW, eachG := len(w)/sets, len(g)/sets
	return func(s, i, j int) float64 {
		if i >= eachW || j >= eachG {
			return 0
		}
		return math.Abs(w[s*eachW+i] - g[s*eachG+j])
	}
}

// selectPairs puts together what belongs to the paired boxes, in the reference's order, of tensors [...,count] or [...,count,more].
func selectPairs(want, got *onnxpb.Array, sets []pairing) (w, g *onnxpb.Array, err error) {
	if want.Type != got.Type {
		return nil, nil, onnxpb.Errorf(onnxpb.Unfit, "the element type is %s, the reference's %s", onnxpb.TypeName(got.Type), onnxpb.TypeName(want.Type))
	}
	entries := 0
	for _, s := range sets {
		entries += len(s.of)
	}
	if entries == 0 {
		empty := &onnxpb.Array{Type: want.Type, Dims: []int64{0}, Data: reflect.ValueOf(want.Data).Slice(0, 0).Interface()}
		return empty, empty, nil
	}
	size := want.Len() / entries
	if size == 0 || want.Len()%entries != 0 || got.Len()%(size*len(sets)) != 0 {
		return nil, nil, onnxpb.Errorf(onnxpb.Unfit, "of shape %s it has not as many entries for each of the %d boxes", shapeText(want.Dims), entries)
	}
	each := got.Len() / size / len(sets) // entries of got in one set
	src, dst := reflect.ValueOf(want.Data), reflect.ValueOf(got.Data)
	a, b := reflect.MakeSlice(src.Type(), 0, want.Len()), reflect.MakeSlice(src.Type(), 0, want.Len())
	at := 0
	for s, set := range sets {
		for i, j := range set.of {
			if j >= each {
				return nil, nil, onnxpb.Errorf(onnxpb.Unfit, "of shape %s it has not one entry for each box", shapeText(got.Dims))
			}
			if j >= 0 {
				from, to := (at+i)*size, (s*each+j)*size
				a, b = reflect.AppendSlice(a, src.Slice(from, from+size)), reflect.AppendSlice(b, dst.Slice(to, to+size))
			}
		}
		at += len(set.of)
	}
	dims := []int64{int64(a.Len() / size), int64(size)}
	return &onnxpb.Array{Type: want.Type, Dims: dims, Data: a.Interface()}, &onnxpb.Array{Type: got.Type, Dims: dims, Data: b.Interface()}, nil
}
