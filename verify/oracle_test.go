package verify

import (
	"math"
	"testing"

	"onnxtool/internal/headpose"
	"onnxtool/onnxpb"
)

type matrix [9]float64

func (a matrix) mul(b matrix) matrix {
	var c matrix
	for i := 0; i < 3; i++ {
		for j := 0; j < 3; j++ {
			for k := 0; k < 3; k++ {
				c[3*i+j] += a[3*i+k] * b[3*k+j]
			}
		}
	}
	return c
}

// turned is the rotation by pitch about x, then yaw about y, then roll about z, in degrees.
func turned(yawDeg, rollDeg, pitchDeg float64) matrix {
	sy, cy := math.Sincos(yawDeg * math.Pi / 180)
	sr, cr := math.Sincos(rollDeg * math.Pi / 180)
	sp, cp := math.Sincos(pitchDeg * math.Pi / 180)
	x := matrix{1, 0, 0, 0, cp, -sp, 0, sp, cp}
	y := matrix{cy, 0, sy, 0, 1, 0, -sy, 0, cy}
	z := matrix{cr, -sr, 0, sr, cr, 0, 0, 0, 1}
	return z.mul(y).mul(x)
}

func close1e9(a, b float64) bool { return math.Abs(a-b) < 1e-9 }

// TestEulerAngles reads back the angles of rotations that were multiplied together.
func TestEulerAngles(t *testing.T) {
	for _, want := range [][3]float64{{0, 0, 0}, {30, 0, 0}, {0, 30, 0}, {0, 0, 30}, {-75, 10, -20}, {89, -170, 170}, {-89.9, 5, 6}, {12.5, -33.25, 71}} {
		p := eulerAngles([9]float64(turned(want[0], want[1], want[2])))
		for i := range want {
			if !close1e9(p.angle[i], want[i]) {
				t.Errorf("rotation by %v reads as %v", want, p.angle)
			}
		}
		if !close1e9(p.sy, math.Cos(want[0]*math.Pi/180)) {
			t.Errorf("sy of yaw %v is %v", want[0], p.sy)
		}
	}
	// In the singular case roll is 0 by definition, and the angles still make the same rotation.
	for _, y := range []float64{90, -90} {
		r := turned(y, 40, 15)
		p := eulerAngles([9]float64(r))
		if !close1e9(p.angle[yaw], y) || p.angle[roll] != 0 {
			t.Errorf("yaw %v reads as %v", y, p.angle)
		}
		back := turned(p.angle[yaw], p.angle[roll], p.angle[pitch])
		for i := range back {
			if math.Abs(back[i]-r[i]) > 1e-9 {
				t.Fatalf("yaw %v: the angles %v make %v, not %v", y, p.angle, back, r)
			}
		}
	}
}

// TestRotationOf: two columns of a rotation, stretched, and the second leaning towards the first, give it back.
func TestRotationOf(t *testing.T) {
	for _, a := range [][3]float64{{0, 0, 0}, {40, -20, 10}, {-120, 77, 3}} {
		r := turned(a[0], a[1], a[2])
		var six [6]float64
		for i := 0; i < 3; i++ {
			six[i] = 2.5 * r[3*i]
			six[3+i] = 0.3*r[3*i+1] - 7*r[3*i]
		}
		got := rotationOf(six)
		for i := range got {
			if !close1e9(got[i], r[i]) {
				t.Fatalf("%v: %v, want %v", a, got, r)
			}
		}
	}
	for _, v := range rotationOf([6]float64{}) {
		if v != 0 {
			t.Error("zeros must give no NaN")
		}
	}
}

func TestBinAngle(t *testing.T) {
	hot := func(n int, at ...int) []float64 {
		l := make([]float64, n)
		for i := range l {
			l[i] = -1000
		}
		for _, i := range at {
			l[i] = 3
		}
		return l
	}
	for _, c := range []struct {
		logits       []float64
		line, circle float64
	}{
		{hot(120, 0), -180, 180},
		{hot(120, 60), 0, 0},
		{hot(120, 119), 177, 177},
		{hot(120, 70, 72), 33, 33},
		{hot(120, 1, 119), 0, 180}, // the mass split round ±180 that the line takes for the front
		{hot(66, 0), -99, -99},
		{hot(66, 33), 0, 0},
		{make([]float64, 120), -1.5, nan}, // evenly spread: the middle of the line, and nothing on the circle
		{[]float64{0, math.Log(3)}, 3 * (0.75 - 1), 3 * (0.75 - 1)},
	} {
		if got := binAngle(c.logits, 3, false); !close1e9(got, c.line) {
			t.Errorf("along the line %v, want %v", got, c.line)
		}
		got := binAngle(c.logits, 3, true)
		if math.Abs(angleError(got, c.circle)) > 1e-3 && !math.IsNaN(c.circle) {
			t.Errorf("along the circle %v, want %v", got, c.circle)
		}
	}
	if !math.IsNaN(binAngle([]float64{1, nan}, 3, false)) {
		t.Error("a NaN among the logits must come out")
	}
	if got := binAngle([]float64{math.Inf(-1), 1e300, math.Inf(-1), math.Inf(-1)}, 3, false); got != -3 {
		t.Errorf("large and infinite logits: %v", got)
	}
}

func TestOracleHeadReads(t *testing.T) {
	tensor := func(dims []int64, v ...float32) *onnxpb.Value { return onnxpb.TensorVal(onnxpb.ArrayOf(dims, v)) }
	h := oracleHead{Head: &headpose.Head{Kind: headpose.Angles, Outputs: []string{"out"}, Order: [3]string{"pitch", "yaw", "roll"}}}
	p, err := h.read(map[string]*onnxpb.Value{"out": tensor([]int64{2, 3}, 1, 2, 3, 4, 5, 6)}, 2)
	if err != nil || p[1].angle != [3]float64{5, 6, 4} {
		t.Errorf("%v, %v", p, err)
	}
	_, err = h.read(map[string]*onnxpb.Value{"out": tensor([]int64{1, 3}, 1, 2, 3)}, 2)
	mustFail(t, err, onnxpb.Unfit, "[1,3] for 2 images")
	_, err = h.read(nil, 1)
	mustFail(t, err, onnxpb.Engine, "no such tensor")
	h = oracleHead{Head: &headpose.Head{Kind: headpose.Bins, Outputs: []string{"y", "r", "p"}, Counts: [3]int64{2, 3, 4}}, binWidth: 10}
	p, err = h.read(map[string]*onnxpb.Value{"y": tensor([]int64{1, 2}, 0, 99), "r": tensor([]int64{1, 3}, 99, 0, 0), "p": tensor([]int64{1, 4}, 0, 0, 0, 99)}, 1)
	if err != nil || !close1e9(p[0].angle[yaw], 0) || !close1e9(p[0].angle[roll], -15) || !close1e9(p[0].angle[pitch], 10) {
		t.Errorf("%v, %v", p, err)
	}
}

func TestNorm(t *testing.T) {
	n := &Norm{Mean: []float64{1, 2, 3}, Std: []float64{2, 4, 8}, Scale: 0.5}
	x := []float32{2, 4, 6, 8, 10, 12}
	nchw, err := n.apply(onnxpb.ArrayOf([]int64{1, 3, 1, 2}, x))
	if err != nil {
		t.Fatal(err)
	}
	nhwc, err := n.apply(onnxpb.ArrayOf([]int64{1, 2, 1, 3}, x))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{0, 0.5, 0.25, 0.5, 0.25, 0.375} {
		if nchw.Data.([]float32)[i] != want {
			t.Errorf("NCHW: %v", nchw.Data)
		}
	}
	for i, want := range []float32{0, 0, 0, 1.5, 0.75, 0.375} {
		if nhwc.Data.([]float32)[i] != want {
			t.Errorf("NHWC: %v", nhwc.Data)
		}
	}
	_, err = n.apply(onnxpb.ArrayOf([]int64{1, 4, 1, 1}, make([]float32, 4)))
	mustFail(t, err, onnxpb.Unfit, "3 channels", "[1,4,1,1]")
	one, err := (&Norm{Mean: []float64{4}}).apply(onnxpb.ArrayOf([]int64{1, 2}, []float32{4, 6}))
	if err != nil || one.Data.([]float32)[1] != 2 {
		t.Errorf("one mean for all: %v, %v", one, err)
	}
}

// TestGates: the gates' answers on poses, by hand.
func TestGates(t *testing.T) {
	at := func(y, r, p float64) pose { return pose{angle: [3]float64{y, r, p}, sy: 1} }
	for _, c := range []struct {
		rule        string
		f, r        pose
		want        [3]float64
		front, rear bool
		others      int
	}{
		{GateSelect, at(10, 1, 2), at(20, 3, 4), [3]float64{10, 1, 2}, true, false, 0},
		{GateSelect, at(10, 1, 2), at(-75, 3, 4), [3]float64{10, 1, 2}, true, false, 1},
		{GateSelect, at(10, 1, 2), at(75.01, 3, 4), [3]float64{75.01, 3, 4}, false, true, 0},
		{GateSelect, at(10, 1, 2), at(75.0005, 3, 4), [3]float64{75.0005, 3, 4}, false, true, 1},
		{GateSelect, at(90, 1, 2), at(-100, 3, 4), [3]float64{-100, 3, 4}, false, true, 0},
		{GateSelect, at(nan, 1, 2), at(-100, 3, 4), [3]float64{-100, 3, 4}, false, true, 0},
		{GateSelect, at(1, 1, 2), at(nan, 3, 4), [3]float64{nan, 3, 4}, false, true, 0},
		{GateSum, at(10, 1, 2), at(20, 3, 4), [3]float64{10, 1, 2}, true, false, 0},
		{GateSum, at(80, 1, 2), at(100, 3, 4), [3]float64{100, 3, 4}, false, true, 0},
		{GateSum, at(70, 1, 2), at(100, 3, 4), [3]float64{170, 4, 6}, true, true, 0},
		{GateSum, at(80, 1, 2), at(20, 3, 4), [3]float64{0, 0, 0}, false, false, 0},
		{GateSum, at(75, 1, 2), at(75, 3, 4), [3]float64{75, 1, 2}, true, false, 3},
		{GatePublished, at(100, 2, 4), at(20, 3, 4), [3]float64{75, 2 * 75 / 75.00001, 4 * 75 / 75.00001}, true, false, 0},
		{GatePublished, at(-50, 2, 4), at(-100, 8, 16), [3]float64{-150, 2*50/49.99999 + 8*100/99.99999, 4*50/49.99999 + 16*100/99.99999}, true, true, 0},
		{GatePublished, at(50, 2, 4), at(nan, 8, 16), [3]float64{50, 2 * 50 / 50.00001, 4 * 50 / 50.00001}, true, false, 0},
	} {
		g, err := newGate(c.rule, 75)
		if err != nil {
			t.Fatal(err)
		}
		list := g.answers(c.f, c.r, 1e-3)
		a := list[0]
		if len(list)-1 != c.others || a.front != c.front || a.rear != c.rear {
			t.Errorf("%s of %v and %v: %+v", c.rule, c.f.angle, c.r.angle, list)
		}
		var f, r, w [3]float32
		for i := range c.want {
			if !(angleError(a.pose[i], c.want[i]) < 2e-5) {
				t.Errorf("%s of %v and %v is %v, want %v", c.rule, c.f.angle, c.r.angle, a.pose, c.want)
			}
			f[i], r[i], w[i] = float32(c.f.angle[i]), float32(c.r.angle[i]), float32(c.want[i])
		}
		// The arithmetic of float32 says the same.
		row, fromFront, fromRear := g.exact(f, r)
		if fromFront != c.front || fromRear != c.rear {
			t.Errorf("%s of %v and %v in float32: front %v, rear %v", c.rule, f, r, fromFront, fromRear)
		}
		for i := range row {
			if !(angleError(float64(row[i]), float64(w[i])) < 2e-5) {
				t.Errorf("%s of %v and %v in float32 is %v, want %v", c.rule, f, r, row, w)
			}
		}
	}
	_, err := newGate("route", 75)
	mustFail(t, err, onnxpb.Usage, `no gate "route"`)
	_, err = newGate(GateSelect, 181)
	mustFail(t, err, onnxpb.Usage, "not a yaw")
}

func TestAngleError(t *testing.T) {
	for _, c := range [][3]float64{{1, 2, 1}, {-179.5, 179.5, 1}, {180, -180, 0}, {0, 180, 180}, {185, -175, 360}, {nan, nan, 0}, {nan, 1, inf}, {inf, inf, 0}, {inf, -inf, inf}, {-90, 90, 180}} {
		if got := angleError(c[0], c[1]); math.Abs(got-c[2]) > 1e-12 && got != c[2] {
			t.Errorf("between %v and %v lie %v degrees, want %v", c[0], c[1], got, c[2])
		}
	}
}
