package verify

import (
	"fmt"
	"math"
	"strings"

	"onnxtool/onnxpb"
)

// BoxRule compares sets of boxes, such as detectors give, in any order. Boxes [...,count,4] are paired, each with at most one, those first that overlap most; every box must have a
// partner with an overlap (intersection over union) of IoU at least.
type BoxRule struct {
	// IoU is the smallest overlap of a pair, above 0 and up to 1.
	IoU float64
	// Format is what the four numbers are: "xyxy" (the default; two corners), "yxyx", or "cxcywh" (centre, width and height).
	Format string
	// Scores and Labels name outputs of the reference [...,count] (or [...,count,classes] of scores) that belong to the boxes, by place; "" is none. They are compared pair by pair:
	// scores by the tolerance of their own output, labels for equality.
	Scores, Labels string
}

// String writes the rule as ParseRule reads it.
func (b BoxRule) String() string {
	parts := []string{fmt.Sprintf("iou=%v", b.IoU)}
	for _, f := range []struct{ key, v string }{{"format", b.Format}, {"scores", b.Scores}, {"labels", b.Labels}} {
		if f.v != "" {
			parts = append(parts, f.key+"="+f.v)
		}
	}
	return strings.Join(parts, ",")
}

// box is a rectangle by its corners.
type box struct{ x1, y1, x2, y2 float64 }

var boxFormats = map[string]func(a, b, c, d float64) box{
	"xyxy":   func(a, b, c, d float64) box { return box{a, b, c, d} },
	"yxyx":   func(a, b, c, d float64) box { return box{b, a, d, c} },
	"cxcywh": func(a, b, c, d float64) box { return box{a - c/2, b - d/2, a + c/2, b + d/2} },
}

func (b box) area() float64 { return max(0, b.x2-b.x1) * max(0, b.y2-b.y1) }

// overlap is the intersection over the union. Boxes without an area overlap where they are the same, which all boxes with a NaN do not.
func (b box) overlap(o box) float64 {
	if b == o {
		return 1
	}
	inter := box{max(b.x1, o.x1), max(b.y1, o.y1), min(b.x2, o.x2), min(b.y2, o.y2)}.area()
	union := b.area() + o.area() - inter
	if !(union > 0) || math.IsInf(union, 1) {
		return 0
	}
	return inter / union
}

// pairing is the outcome for one set of boxes.
type pairing struct {
	of    []int // for each box of the reference its partner, -1 where it has none
	worst float64
	alone int // boxes of either side without a partner
}

// pairBoxes pairs two sets: of all pairs that overlap by least or more, those with the largest overlap first. Among boxes in the same place those that like prefers come first.
// It is an error where more than mostCandidates pairs would have to be looked at.
func pairBoxes(want, got []box, least float64, like func(i, j int) float64) (pairing, error) {
	p := pairing{of: make([]int, len(want)), worst: 1}
	type candidate struct {
		i, j          int
		overlap, like float64
	}
	var all []candidate
	for i, w := range want {
		p.of[i] = -1
		for j, g := range got {
			if o := w.overlap(g); o >= least {
				if len(all) == mostCandidates {
					return p, onnxpb.Errorf(onnxpb.Unfit, "too many boxes overlap to be paired")
				}
				all = append(all, candidate{i, j, o, like(i, j)})
			}
		}
	}
	sortBy(all, func(a, b candidate) bool {
		switch {
		case a.overlap != b.overlap:
			return a.overlap > b.overlap
		case a.like != b.like:
			return a.like < b.like
		case a.i != b.i:
			return a.i < b.i
		}
		return a.j < b.j
	})
	taken := make([]bool, len(got))
	pairs := 0
	for _, c := range all {
		if p.of[c.i] < 0 && !taken[c.j] {
			p.of[c.i], taken[c.j] = c.j, true
			p.worst = min(p.worst, c.overlap)
			pairs++
		}
	}
	p.alone = len(want) - pairs + len(got) - pairs
	return p, nil
}

// mostCandidates bounds the memory that pairs of boxes take, for sets in which all are in one place.
const mostCandidates = 4 << 20

// boxesOf reads a tensor [...,count,4] as sets of boxes.
func boxesOf(a *onnxpb.Array, format string) (sets [][]box, err error) {
	n := len(a.Dims)
	if n < 2 || a.Dims[n-1] != 4 {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "boxes are of shape [...,count,4], this is %s", shapeText(a.Dims))
	}
	v, err := a.Float64s()
	if err != nil {
		return nil, err
	}
	count, err := onnxpb.Count(a.Dims[:n-2])
	if err != nil {
		return nil, err
	}
	if format == "" {
		format = "xyxy"
	}
	each := int(a.Dims[n-2])
	for s := range int(count) {
		set := make([]box, each)
		for i := range set {
			q := v[(s*each+i)*4:]
			set[i] = boxFormats[format](q[0], q[1], q[2], q[3])
		}
		sets = append(sets, set)
	}
	return sets, nil
}
