package verify

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"sort"
	"strings"

	"onnxtool/onnxpb"
)

// CheckPlotName tells whether the name of a file ends as a picture that WritePlot can draw: .svg or .png. The error is of kind Usage.
func CheckPlotName(path string) error {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".svg", ".png":
		return nil
	}
	return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%s: the name ends neither in .svg nor in .png", path), Hint: "the name's end says what is drawn"}
}

// WritePlot draws the report to a file, SVG or PNG by its name: on the left the median latency over the batch, with a band up to the 90th percentile where there
// are runs enough for one, on the right the throughput; a line for every model and number of threads. Both axes of values begin at 0; batches stand at
// equal steps for equal factors.
func (r *BenchReport) WritePlot(path string) error {
	if err := CheckPlotName(path); err != nil {
		return err
	}
	var buf bytes.Buffer
	var err error
	if strings.EqualFold(filepath.Ext(path), ".svg") {
		err = writeSVG(&buf, r.drawing())
	} else {
		err = writePNG(&buf, r.drawing())
	}
	if err != nil {
		return onnxpb.InFile(err, path)
	}
	return onnxpb.WriteFile(path, buf.Bytes())
}

// The measures of the picture, in pixels.
const (
	plotWidth  = 920
	panelWidth = 460
	axisLeft   = 70 // from the panel's edge to the axis
	axisRight  = 20
	axisTop    = 40
	axisHeight = 300
	legendLine = 20
	plotBottom = 60 // under the axis: batches and their title
)

// plotPoint is a place in the picture, from its upper left corner.
type plotPoint struct{ x, y float64 }

// drawing is a picture: what is drawn first lies below.
type drawing struct {
	width, height int
	title         string
	marks         []mark
}

// mark is a polygon that is filled, a line, or a text.
type mark struct {
	kind   string // what it is, for whoever reads the SVG: "axis", "tick", "band", "line", "point", "label"
	series string // which line it belongs to: "A", or "A 2 threads"
	points []plotPoint
	filled bool
	width  float64 // of a line
	text   string
	align  float64 // of a text: 0 begins at its point, 0.5 is in the middle of it, 1 ends there
	color  color.NRGBA
}

var (
	inkColor  = color.NRGBA{0x33, 0x33, 0x33, 0xff}
	gridColor = color.NRGBA{0xdd, 0xdd, 0xdd, 0xff}
	// seriesColors are told apart by people who see fewer colours too (Okabe and Ito).
	seriesColors = []color.NRGBA{{0x00, 0x72, 0xb2, 0xff}, {0xd5, 0x5e, 0x00, 0xff}, {0x00, 0x9e, 0x73, 0xff}, {0xcc, 0x79, 0xa7, 0xff}, {0xe6, 0x9f, 0x00, 0xff},
		{0x56, 0xb4, 0xe9, 0xff}, {0x00, 0x00, 0x00, 0xff}}
)

// plotSeries is a line: a model at a number of threads, by batch.
type plotSeries struct {
	name, legend string
	batches      []int64
	results      []BenchResult
}

func (r *BenchReport) series() []plotSeries {
	var list []plotSeries
	for _, threads := range r.Options.Threads {
		for i, m := range r.Models {
			s := plotSeries{name: m.Name + strings.ReplaceAll(threadsText(threads), ",", "")}
			s.legend = s.name
			if m.Path != "" {
				s.legend = m.Name + " " + filepath.Base(m.Path) + threadsText(threads)
			}
			for _, p := range r.Points {
				if p.Threads == threads {
					s.batches = append(s.batches, p.Batch)
					s.results = append(s.results, p.Results[i])
				}
			}
			sort.Stable(&s)
			list = append(list, s)
		}
	}
	return list
}

func (s *plotSeries) Len() int           { return len(s.batches) }
func (s *plotSeries) Less(i, j int) bool { return s.batches[i] < s.batches[j] }
func (s *plotSeries) Swap(i, j int) {
	s.batches[i], s.batches[j] = s.batches[j], s.batches[i]
	s.results[i], s.results[j] = s.results[j], s.results[i]
}

// drawing makes the picture.
func (r *BenchReport) drawing() *drawing {
	series := r.series()
	d := &drawing{width: plotWidth, height: axisTop + axisHeight + plotBottom + legendLine*len(series) + 10, title: "onnxtool bench: latency and throughput over the batch"}
	latency := &panel{d: d, left: axisLeft, title: "latency in ms: median, band to the 90th percentile", series: series,
		value: func(x BenchResult) *float64 { return x.Latency.P50 }, upper: func(x BenchResult) *float64 { return x.Latency.P90 }}
	latency.draw()
	rows := &panel{d: d, left: panelWidth + axisLeft, title: "throughput in rows per second", series: series,
		value: func(x BenchResult) *float64 { v := float64(x.RowsPerSecond); return &v }, upper: func(BenchResult) *float64 { return nil }}
	rows.draw()
	for i, s := range series {
		y := float64(axisTop + axisHeight + plotBottom + legendLine*i)
		d.point(s.name, i, plotPoint{axisLeft, y})
		d.label(plotPoint{axisLeft + 12, y + 4}, 0, s.legend)
	}
	return d
}

// panel is one of the two diagrams.
type panel struct {
	d      *drawing
	left   float64 // where its axis is
	title  string
	series []plotSeries
	value  func(BenchResult) *float64 // what the line shows; nil where there is none
	upper  func(BenchResult) *float64 // where the band above it ends

	low, high int64   // batches
	top       float64 // the value at the upper end
}

func (p *panel) draw() {
	p.scale()
	p.axes()
	for i, s := range p.series {
		p.line(i, s)
	}
}

// scale finds the ends of the axes.
func (p *panel) scale() {
	most := 0.0
	for _, s := range p.series {
		for i, b := range s.batches {
			if p.low == 0 || b < p.low {
				p.low = b
			}
			p.high = max(p.high, b)
			for _, v := range []*float64{p.value(s.results[i]), p.upper(s.results[i])} {
				if v != nil && !math.IsInf(*v, 0) && !math.IsNaN(*v) {
					most = max(most, *v)
				}
			}
		}
	}
	if most == 0 {
		most = 1
	}
	step := niceStep(most / 5)
	p.top = step * math.Ceil(most/step)
}

// niceStep is the least of 1, 2 and 5 times a power of ten that is x or more.
func niceStep(x float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, f := range []float64{1, 2, 5} {
		if f*power >= x {
			return f * power
		}
	}
	return 10 * power
}

const axisWidth = panelWidth - axisLeft - axisRight

// place is where a value at a batch is drawn.
func (p *panel) place(batch int64, v float64) plotPoint {
	x := 0.5
	if p.low < p.high {
		x = math.Log(float64(batch)/float64(p.low)) / math.Log(float64(p.high)/float64(p.low))
	}
	return plotPoint{p.left + 15 + x*(axisWidth-30), axisTop + axisHeight*(1-v/p.top)}
}

func (p *panel) axes() {
	bottom := float64(axisTop + axisHeight)
	step := niceStep(p.top / 5)
	for k := 0; float64(k)*step <= p.top*(1+1e-9); k++ {
		v := float64(k) * step
		y := p.place(p.low, v).y
		p.d.marks = append(p.d.marks, mark{kind: "tick", points: []plotPoint{{p.left, y}, {p.left + axisWidth, y}}, width: 1, color: gridColor})
		p.d.label(plotPoint{p.left - 6, y + 4}, 1, fmt.Sprintf("%.10g", v))
	}
	p.d.marks = append(p.d.marks, mark{kind: "axis", points: []plotPoint{{p.left, axisTop}, {p.left, bottom}, {p.left + axisWidth, bottom}}, width: 1, color: inkColor})
	p.d.label(plotPoint{p.left, axisTop - 16}, 0, p.title)
	var batches []int64
	for _, s := range p.series {
		batches = append(batches, s.batches...)
	}
	sort.Slice(batches, func(i, j int) bool { return batches[i] < batches[j] })
	last := math.Inf(-1)
	for _, b := range batches {
		x := p.place(b, 0).x
		if x-last < 24 { // it would lie on the one before, or is that
			continue
		}
		last = x
		p.d.label(plotPoint{x, bottom + 18}, 0.5, fmt.Sprint(b))
	}
	p.d.label(plotPoint{p.left + axisWidth/2, bottom + 36}, 0.5, "batch")
}

func (p *panel) line(i int, s plotSeries) {
	c := seriesColors[i%len(seriesColors)]
	var points, upper []plotPoint
	banded := true
	for k, b := range s.batches {
		v := p.value(s.results[k])
		if v == nil || math.IsInf(*v, 0) || math.IsNaN(*v) {
			continue
		}
		points = append(points, p.place(b, *v))
		if u := p.upper(s.results[k]); u != nil {
			upper = append(upper, p.place(b, *u))
		} else {
			banded = false
		}
	}
	if len(points) == 0 {
		return
	}
	if banded {
		band := append([]plotPoint{}, points...)
		if len(points) == 1 { // a band of one batch has a width too
			x := points[0].x
			band, upper = []plotPoint{{x - 4, points[0].y}, {x + 4, points[0].y}}, []plotPoint{{x - 4, upper[0].y}, {x + 4, upper[0].y}}
		}
		for k := len(upper) - 1; k >= 0; k-- {
			band = append(band, upper[k])
		}
		light := c
		light.A = 0x33
		p.d.marks = append(p.d.marks, mark{kind: "band", series: s.name, points: band, filled: true, color: light})
	}
	p.d.marks = append(p.d.marks, mark{kind: "line", series: s.name, points: points, width: 2, color: c})
	for _, at := range points {
		p.d.point(s.name, i, at)
	}
}

// point draws the mark of a line: a disc, and with the colours used up a square, a triangle, ...
func (d *drawing) point(series string, i int, at plotPoint) {
	corners := []int{24, 4, 3, 6, 5}[i/len(seriesColors)%5]
	m := mark{kind: "point", series: series, filled: true, color: seriesColors[i%len(seriesColors)]}
	for k := range corners {
		sin, cos := math.Sincos(2*math.Pi*float64(k)/float64(corners) + math.Pi/4)
		m.points = append(m.points, plotPoint{at.x + 4*cos, at.y + 4*sin})
	}
	d.marks = append(d.marks, m)
}

func (d *drawing) label(at plotPoint, align float64, text string) {
	d.marks = append(d.marks, mark{kind: "label", points: []plotPoint{at}, text: text, align: align, color: inkColor})
}
