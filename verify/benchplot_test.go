package verify

import (
	"encoding/xml"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

type svgFile struct {
	Width  float64      `xml:"width,attr"`
	Height float64      `xml:"height,attr"`
	Lines  []svgElement `xml:"polyline"`
	Areas  []svgElement `xml:"polygon"`
	Texts  []svgElement `xml:"text"`
}

type svgElement struct {
	Class  string  `xml:"class,attr"`
	Series string  `xml:"data-series,attr"`
	Points string  `xml:"points,attr"`
	X      float64 `xml:"x,attr"`
	Y      float64 `xml:"y,attr"`
	Text   string  `xml:",chardata"`
}

func (e svgElement) at(t *testing.T) (list [][2]float64) {
	t.Helper()
	for _, s := range strings.Fields(e.Points) {
		a, b, _ := strings.Cut(s, ",")
		x, err1 := strconv.ParseFloat(a, 64)
		y, err2 := strconv.ParseFloat(b, 64)
		if err1 != nil || err2 != nil {
			t.Fatalf("point %q", s)
		}
		list = append(list, [2]float64{x, y})
	}
	return list
}

// plotted is a report of two models at batches 1, 2 and 8; with the 90th percentiles twice the medians.
func plotted() *BenchReport {
	r := &BenchReport{Options: BenchSettings{Threads: []int{2}}, Models: []BenchModel{{"A", ModelInfo{Path: "dir/a<&>.onnx"}}, {"B", ModelInfo{}}}}
	for _, b := range []int64{8, 1, 2} { // in any order
		p := BenchPoint{Batch: b, Threads: 2}
		for i, m := range r.Models {
			p50, p90 := float64(b)*float64(i+1), 2*float64(b)*float64(i+1)
			p.Results = append(p.Results, BenchResult{Model: m.Name, Latency: Latency{P50: &p50, P90: &p90}, RowsPerSecond: Number(1000 / float64(i+1))})
		}
		r.Points = append(r.Points, p)
	}
	return r
}

func readSVG(t *testing.T, r *BenchReport) *svgFile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "p.svg")
	if err := r.WritePlot(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var f svgFile
	if err := xml.Unmarshal(data, &f); err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	return &f
}

// TestPlotSVG reads the picture back: values are found from points by the axis's own labels.
func TestPlotSVG(t *testing.T) {
	f := readSVG(t, plotted())
	labels := map[string][]svgElement{}
	for _, e := range f.Texts {
		labels[e.Text] = append(labels[e.Text], e)
		if e.X < 0 || e.X > f.Width || e.Y < 0 || e.Y > f.Height {
			t.Errorf("label %q lies outside", e.Text)
		}
	}
	for _, want := range []string{"A a<&>.onnx, 2 threads", "B 2 threads", "batch", "1", "2", "8"} {
		if len(labels[want]) == 0 {
			t.Errorf("there is no label %q", want)
		}
	}
	// The left axis goes to 40 (the largest band ends at 32), the right one to 1000.
	zero, forty, thousand := labels["0"][0].Y, labels["40"][0].Y, labels["1000"][0].Y
	value := func(y, top, whole float64) float64 { return (zero - 4 - y) / (zero - top) * whole }
	lines := map[string][][][2]float64{}
	for _, e := range f.Lines {
		if e.Class == "line" {
			lines[e.Series] = append(lines[e.Series], e.at(t))
		}
	}
	for i, s := range []string{"A 2 threads", "B 2 threads"} {
		if len(lines[s]) != 2 || len(lines[s][0]) != 3 || len(lines[s][1]) != 3 {
			t.Fatalf("lines of %s: %v", s, lines[s])
		}
		for k, b := range []float64{1, 2, 8} {
			if got, want := value(lines[s][0][k][1], forty, 40), b*float64(i+1); math.Abs(got-want) > 0.01 {
				t.Errorf("latency of %s at batch %v is drawn as %v, want %v", s, b, got, want)
			}
			if got, want := value(lines[s][1][k][1], thousand, 1000), 1000/float64(i+1); math.Abs(got-want) > 0.1 {
				t.Errorf("throughput of %s at batch %v is drawn as %v, want %v", s, b, got, want)
			}
			// Batches under their labels; from 2 to 8 is twice as far as from 1 to 2.
			if x := labels[strconv.Itoa(int(b))][0].X; math.Abs(x-lines[s][0][k][0]) > 0.01 {
				t.Errorf("batch %v is drawn at %v, its label at %v", b, lines[s][0][k][0], x)
			}
		}
		x := lines[s][0]
		if d := (x[2][0] - x[1][0]) - 2*(x[1][0]-x[0][0]); math.Abs(d) > 0.1 {
			t.Errorf("batches stand at %v", x)
		}
	}
	bands := 0
	for _, e := range f.Areas {
		if e.Class != "band" {
			continue
		}
		bands++
		at := e.at(t)
		for k := range 3 {
			low, high := at[k], at[len(at)-1-k]
			if low[0] != high[0] || math.Abs(value(high[1], forty, 40)-2*value(low[1], forty, 40)) > 0.01 {
				t.Errorf("band of %s: %v and %v", e.Series, low, high)
			}
		}
	}
	if bands != 2 {
		t.Errorf("%d bands", bands)
	}
}

// TestPlotOdd draws reports with one batch, without percentiles, and without rows.
func TestPlotOdd(t *testing.T) {
	one := plotted()
	one.Points = one.Points[:1]
	few := plotted()
	for i := range few.Points {
		for k := range few.Points[i].Results {
			few.Points[i].Results[k].Latency.P90 = nil
		}
	}
	none := plotted()
	for i := range none.Points {
		for k := range none.Points[i].Results {
			none.Points[i].Results[k].Latency = Latency{}
			none.Points[i].Results[k].RowsPerSecond = Number(math.Inf(1))
		}
	}
	for name, c := range map[string]struct {
		r            *BenchReport
		lines, bands int
	}{"one batch": {one, 4, 2}, "no band": {few, 4, 0}, "no line": {none, 0, 0}} {
		f := readSVG(t, c.r)
		lines, bands := 0, 0
		for _, e := range f.Lines {
			if e.Class == "line" {
				lines++
			}
		}
		for _, e := range f.Areas {
			if e.Class == "band" {
				bands++
			}
		}
		if lines != c.lines || bands != c.bands {
			t.Errorf("%s: %d lines and %d bands, want %d and %d", name, lines, bands, c.lines, c.bands)
		}
		for _, e := range append(f.Lines, f.Areas...) {
			if strings.Contains(e.Points, "NaN") || strings.Contains(e.Points, "Inf") {
				t.Errorf("%s: %s", name, e.Points)
			}
		}
	}
}

// TestPlotPNG finds the colours of the lines where the SVG has their points.
func TestPlotPNG(t *testing.T) {
	r := plotted()
	path := filepath.Join(t.TempDir(), "P.PNG")
	if err := r.WritePlot(path); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	img, err := png.Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	svg := readSVG(t, r)
	if b := img.Bounds(); float64(b.Dx()) != svg.Width || float64(b.Dy()) != svg.Height {
		t.Errorf("%v, the SVG is %vx%v", b, svg.Width, svg.Height)
	}
	found := 0
	for _, e := range svg.Lines {
		if e.Class != "line" {
			continue
		}
		want := seriesColors[0]
		if strings.HasPrefix(e.Series, "B") {
			want = seriesColors[1]
		}
		for _, p := range e.at(t) {
			red, green, blue, _ := img.At(int(math.Round(p[0])), int(math.Round(p[1]))).RGBA()
			if got := [3]uint8{uint8(red >> 8), uint8(green >> 8), uint8(blue >> 8)}; got != [3]uint8{want.R, want.G, want.B} {
				t.Errorf("%s at %v has colour %v", e.Series, p, got)
			}
			found++
		}
	}
	if found != 12 {
		t.Errorf("%d points", found)
	}
	for _, e := range svg.Texts { // a text in the middle of its place
		if e.Text != "batch" {
			continue
		}
		left, right := 0, 0
		for x := int(e.X) - 40; x < int(e.X)+40; x++ {
			for y := int(e.Y) - 10; y < int(e.Y)+3; y++ {
				if red, _, _, _ := img.At(x, y).RGBA(); red < 0x8000 && left == 0 {
					left, right = x, x
				} else if red < 0x8000 {
					right = x
				}
			}
		}
		if middle := float64(left+right) / 2; left == 0 || right-left < 20 || math.Abs(middle-e.X) > 3 {
			t.Errorf("the text at %v goes from %d to %d", e.X, left, right)
		}
	}
}

func TestPlotErrors(t *testing.T) {
	for _, name := range []string{"p.pdf", "p", ".svgz", "svg"} {
		mustFail(t, CheckPlotName(name), onnxpb.Usage, name, ".svg")
	}
	err := plotted().WritePlot(filepath.Join(t.TempDir(), "none", "p.svg"))
	mustFail(t, err, onnxpb.Unfit, "p.svg")
}

func TestNiceStep(t *testing.T) {
	for x, want := range map[float64]float64{1: 1, 1.1: 2, 2.5: 5, 6: 10, 0.03: 0.05, 300: 500, 1e-7: 1e-7} {
		if got := niceStep(x); math.Abs(got/want-1) > 1e-9 {
			t.Errorf("%v gives %v, want %v", x, got, want)
		}
	}
}
