package verify

import (
	"bytes"
	"encoding/xml"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

// Transposition and parts against index arithmetic.
func TestTransposed(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		rank := 1 + rng.IntN(4)
		dims := make([]int64, rank)
		n := 1
		for i := range dims {
			dims[i] = int64(rng.IntN(4))
			n *= int(dims[i])
		}
		v := make([]int64, n)
		for i := range v {
			v[i] = int64(i)
		}
		perm := rng.Perm(rank)
		got, err := transposed(onnxpb.ArrayOf(dims, v), perm)
		if err != nil {
			t.Fatal(err)
		}
		for k := range n { // where element k of the result comes from
			index, rest := make([]int, rank), k
			for i := rank - 1; i >= 0; i-- {
				index[i] = rest % int(got.Dims[i])
				rest /= int(got.Dims[i])
			}
			from := 0
			source := make([]int, rank)
			for i, p := range perm {
				source[p] = index[i]
			}
			for i := range rank {
				from = from*int(dims[i]) + source[i]
			}
			if got.Data.([]int64)[k] != int64(from) {
				t.Fatalf("%v by %v: element %d is %v, want %d", dims, perm, k, got.Data.([]int64)[k], from)
			}
		}
	}
}

func TestParts(t *testing.T) {
	a := onnxpb.ArrayOf([]int64{2, 4}, []int64{0, 1, 2, 3, 4, 5, 6, 7})
	for text, want := range map[string][]int64{"y=:": {0, 1, 2, 3, 4, 5, 6, 7}, "y=:,0:3": {0, 1, 2, 4, 5, 6}, "y=1": {4, 5, 6, 7}, "y=-1,-2:": {6, 7}, "y=:,::2": {0, 2, 4, 6}, "y=0,1": {1}} {
		p, err := ParsePart(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.take(a)
		if err != nil || !slices.Equal(got.Data.([]int64), want) {
			t.Errorf("%s: %v, want %v (%v)", text, got, want, err)
		}
	}
	for _, text := range []string{"y=2", "y=:,0:5", "y=:,3:1", "y=:,:,:", "y=-3", "y=:,2:2"} {
		p, err := ParsePart(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = p.take(a); onnxpb.KindOf(err) != onnxpb.Unfit {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"", "y", "=:", "y=", "y=a", "y=::0", "y=1:2:3:4", "y=:,,"} {
		_, err := ParsePart(text)
		mustFail(t, err, onnxpb.Usage)
	}
	for _, text := range []string{"", "y", "y=0,0", "y=1,2", "y=a", "=0,1"} {
		_, err := ParseLayout(text)
		mustFail(t, err, onnxpb.Usage)
	}
}

// A model whose pictures have their channels last, and which gives more columns, at batches that its own is not.
func TestModelsLayouts(t *testing.T) {
	ref := func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		x := in["x"]
		sums := make([]float32, x.Dims[0]*x.Dims[1])
		each := int(x.Dims[2] * x.Dims[3])
		for i, v := range x.Data.([]float32) {
			sums[i/each] += v
		}
		return map[string]*onnxpb.Array{"y": onnxpb.ArrayOf(slices.Clone(x.Dims[:2]), sums), "z": x}
	}
	got := func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		x := in["x"] // [1,H,W,3]
		if x.Dims[3] != 3 || x.Dims[0] != 1 {
			return map[string]*onnxpb.Array{}
		}
		sums := make([]float32, 4)
		each := int(x.Dims[1] * x.Dims[2])
		for c := range 3 {
			for p := range each {
				sums[c] += x.Data.([]float32)[p*3+c]
			}
		}
		return map[string]*onnxpb.Array{"y": onnxpb.ArrayOf([]int64{1, 4}, sums), "z": x}
	}
	e := fakeEngine{"ref": ref, "got": got}
	a := declare(t, "ref", []string{"x:float32:[N,3,2,5]"}, []string{"y:float32:[N,3]", "z:float32:[N,3,2,5]"})
	b := declare(t, "got", []string{"x:float32:[1,2,5,3]"}, []string{"y:float32:[1,4]", "z:float32:[1,2,5,3]"})
	layout := func(s string) Layout {
		l, err := ParseLayout(s)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	part, _ := ParsePart("y=:,0:3")
	o := Options{Batches: []int64{1, 3}, Layouts: []Layout{layout("x=0,2,3,1"), layout("z=0,3,1,2")}, Parts: []Part{part}}
	r := compareAll(t, e, a, b, o)
	if !r.Equal || len(r.Outputs) != 4 {
		t.Errorf("%+v", r.Outputs)
	}
	o.Layouts[1] = layout("z=0,3,2,1")
	if r, err := Models(e, a, b, o); err == nil && r.Equal {
		t.Error("another order of axes is taken for equal")
	}
	_, err := Models(e, a, b, Options{Layouts: []Layout{layout("w=0,1")}})
	mustFail(t, err, onnxpb.Unfit, "no such input or output")
	_, err = Models(e, a, b, Options{Layouts: []Layout{layout("x=0,2,3,1"), layout("x=0,3,1,2")}})
	mustFail(t, err, onnxpb.Usage, "two orders")
	_, err = Models(e, a, b, Options{Layouts: []Layout{layout("x=0,1")}})
	mustFail(t, err, onnxpb.Unfit, "does not fit")
}

// fakeReport makes a report with an output that is equal and one that is not.
func fakeReport(t *testing.T) *Report {
	e := fakeEngine{"ref": elementwise("x", "y", func(v float32) float32 { return v }), "got": elementwise("x", "y", func(v float32) float32 { return v + 0.5 })}
	a, b := declare(t, "ref", []string{"x:float32:[N,2]"}, []string{"y:float32:[N,2]"}), declare(t, "got", []string{"x:float32:[N,2]"}, []string{"y:float32:[N,2]"})
	return compareAll(t, e, a, b, Options{Batches: []int64{1, 2}, Samples: 2, Tolerance: DefaultTolerance})
}

// The XML has what the schema of JUnit's reports asks for, as continuous integration reads it: attributes, the order of elements, counts that agree.
func TestJUnit(t *testing.T) {
	j := &JUnit{}
	j.Add(fakeReport(t))
	j.Fail("broken \x01 model", errors.New("no <graph> & \"more\" \x00"))
	var b bytes.Buffer
	if err := j.Write(&b); err != nil {
		t.Fatal(err)
	}
	type suite struct {
		Name     string `xml:"name,attr"`
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Cases    []struct {
			Name    string `xml:"name,attr"`
			Class   string `xml:"classname,attr"`
			Failure []struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
			Error []struct{} `xml:"error"`
		} `xml:"testcase"`
	}
	var back struct {
		XMLName  xml.Name `xml:"testsuites"`
		Tests    int      `xml:"tests,attr"`
		Failures int      `xml:"failures,attr"`
		Errors   int      `xml:"errors,attr"`
		Suites   []suite  `xml:"testsuite"`
	}
	if err := xml.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatalf("%v\n%s", err, &b)
	}
	if back.Tests != 5 || back.Failures != 4 || back.Errors != 1 || len(back.Suites) != 2 {
		t.Errorf("%+v", back)
	}
	tests, failures := 0, 0
	seen := map[string]bool{}
	for _, s := range back.Suites {
		if s.Name == "" || s.Tests != len(s.Cases) {
			t.Errorf("%+v", s)
		}
		tests += s.Tests
		for _, c := range s.Cases {
			if c.Name == "" || c.Class == "" || seen[c.Class+c.Name] {
				t.Errorf("case %+v", c)
			}
			seen[c.Class+c.Name] = true
			failures += len(c.Failure)
		}
	}
	if tests != back.Tests || failures != back.Failures {
		t.Errorf("%d tests and %d failures are told, %d and %d there", back.Tests, back.Failures, tests, failures)
	}
	dec := xml.NewDecoder(bytes.NewReader(b.Bytes()))
	order, depth := map[string]int{"properties": 0, "testcase": 1, "system-out": 2, "system-err": 3}, 0
	last := 0
	for {
		token, err := dec.Token()
		if err != nil {
			break
		}
		switch e := token.(type) {
		case xml.StartElement:
			if depth++; depth == 2 {
				last = 0
			}
			if depth == 3 {
				at, known := order[e.Name.Local]
				if !known || at < last {
					t.Errorf("%s stands where the schema has none", e.Name.Local)
				}
				last = at
			}
		case xml.EndElement:
			depth--
		}
	}
}

func TestMarkdownAndHTML(t *testing.T) {
	r := fakeReport(t)
	var b bytes.Buffer
	if err := r.WriteMarkdown(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	columns := 0
	for _, l := range lines {
		if strings.HasPrefix(l, "|") {
			if n := strings.Count(l, "|") - strings.Count(l, `\|`); columns == 0 {
				columns = n
			} else if n != columns {
				t.Errorf("a line of %d columns, the table has %d: %s", n, columns, l)
			}
		}
	}
	for _, part := range []string{"different", "| y | 4 | 0.5 |", "y at batch 2, sample 1: 4 of 4 elements beyond the tolerance"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("%q is missing:\n%s", part, &b)
		}
	}
	r.Outputs[0].Why = "<script>alert(1)</script>"
	r.Outputs[0].Metrics = nil
	b.Reset()
	if err := r.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	if strings.Contains(text, "<script") || !strings.Contains(text, "<svg") || strings.Contains(text, "http") || !strings.Contains(text, "1e-1: 12") {
		t.Errorf("the page:\n%s", text)
	}
	dec := xml.NewDecoder(strings.NewReader(strings.NewReplacer(`<meta charset="utf-8"><meta name="viewport" content="width=device-width">`, "", "<br>", "<br/>", "<!DOCTYPE html>\n", "").Replace(text)))
	for {
		if _, err := dec.Token(); err != nil {
			if err.Error() != "EOF" {
				t.Errorf("elements are not closed: %v", err)
			}
			break
		}
	}
}

// Rows that look at each other are found, in a batch as it is and in another order.
func TestRows(t *testing.T) {
	free := func(name string) Source {
		return declare(t, name, []string{"x:float32:[N,2]"}, []string{"y:float32:[N,2]"})
	}
	e := fakeEngine{
		"good": elementwise("x", "y", func(v float32) float32 { return 2 * v }),
		"mix": func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
			x := in["x"].Data.([]float32)
			y := slices.Clone(x)
			for i := range y {
				y[i] -= x[0] // of the first row
			}
			return map[string]*onnxpb.Array{"y": onnxpb.ArrayOf(slices.Clone(in["x"].Dims), y)}
		},
	}
	for _, bad := range []struct {
		s       Source
		batches []int64
		o       BatchOptions
		kind    onnxpb.Kind
	}{
		{declare(t, "good", []string{"x:float32:[2,2]"}, []string{"y:float32:[2,2]"}), []int64{2}, BatchOptions{}, onnxpb.Unfit}, {free("good"), []int64{1}, BatchOptions{}, onnxpb.Usage},
		{free("good"), []int64{2}, BatchOptions{Axes: map[string]int{"q": 1}}, onnxpb.Unfit}, {free("good"), []int64{2}, BatchOptions{Dims: map[string]int64{"N": 2}}, onnxpb.Usage},
	} {
		_, err := Rows(e, bad.s, bad.batches, 0, bad.o)
		mustFail(t, err, bad.kind)
	}
	for name, equal := range map[string]bool{"good": true, "mix": false} {
		r, err := Rows(e, free(name), []int64{1, 2, 5}, 3, BatchOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Equal != equal {
			t.Errorf("%s: equal is %v: %+v", name, r.Equal, r.Outputs)
		}
	}
}
