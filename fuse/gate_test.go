package fuse_test

import (
	"fmt"
	"math"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// sweep is the yaws that masks and gates are tried at: the circle in steps of 1 degree, the limits and their float neighbours, and what
// is no number.
func sweep(limits ...float32) []float32 {
	var yaws []float32
	for d := -180; d <= 180; d++ {
		yaws = append(yaws, float32(d))
	}
	for _, l := range append(limits, 180, 0) {
		for _, v := range []float32{l, -l} {
			yaws = append(yaws, v, math.Nextafter32(v, inf), math.Nextafter32(v, -inf))
		}
	}
	negativeZero := float32(math.Copysign(0, -1))
	return append(yaws, 1e-30, -1e-30, math.SmallestNonzeroFloat32, negativeZero, math.MaxFloat32, -math.MaxFloat32, nan, inf, -inf)
}

// specials are numbers that a product with 0 would spoil.
var specials = []float32{nan, inf, -inf, math.MaxFloat32, math.SmallestNonzeroFloat32, -1, 0.1}

// TestMasks holds both masks to the oracle over the sweep: own judge and given one, every column, limits that are and are not float32, every opset. A row
// that passes has the bits that it had; one that does not is zeros, whatever stood in it.
func TestMasks(t *testing.T) {
	for _, op := range partOpsets {
		for _, limit := range []float64{75, 0, 90, 180, 33.3} {
			if op != 17 && limit != 75 {
				continue
			}
			for _, column := range []int{0, 1, 2} {
				o := fuse.PartOptions{Opset: op, YawColumn: column}
				tryMasks(t, limit, o)
			}
		}
	}
}

func tryMasks(t *testing.T, limit float64, o fuse.PartOptions) {
	var poses [][3]float32
	var judges [][1]float32
	for i, yaw := range sweep(float32(limit)) {
		pose := [3]float32{specials[i%len(specials)], specials[(i/2)%len(specials)], specials[(i/3)%len(specials)]}
		judges = append(judges, [1]float32{yaw})
		pose[o.YawColumn] = yaw
		poses = append(poses, pose)
	}
	for _, judge := range []bool{false, true} {
		inputs := map[string]*onnxpb.Array{"pose": rows(poses)}
		if judge {
			// The pose's own yaw says the opposite of the judge, so that a mask that asks it is found out.
			turned := append([][3]float32{}, poses...)
			for i := range turned {
				turned[i][o.YawColumn] = 170
				if !oracleFront(judges[i][0], limit) {
					turned[i][o.YawColumn] = 0
				}
			}
			inputs = map[string]*onnxpb.Array{"pose": rows(turned), "judge": rows(judges)}
		}
		front, err := fuse.FrontMask(limit, judge, o)
		if err != nil {
			t.Fatal(err)
		}
		rear, err := fuse.RearMask(limit, judge, o)
		if err != nil {
			t.Fatal(err)
		}
		f := floatsOf(t, runPart(t, front, inputs)["masked"])
		r := floatsOf(t, runPart(t, rear, inputs)["masked"])
		pose := floatsOf(t, inputs["pose"])
		for i := range poses {
			pass := oracleFront(judges[i][0], limit)
			for c := range 3 {
				k := 3*i + c
				wantF, wantR := float32(0), pose[k]
				if pass {
					wantF, wantR = pose[k], 0
				}
				if !same(f[k], wantF) || !same(r[k], wantR) {
					t.Errorf("opset %d, limit %v, judge %v, column %d, yaw %v, value %v: front %v and rear %v, want %v and %v",
						o.Opset, limit, judge, o.YawColumn, judges[i][0], pose[k], f[k], r[k], wantF, wantR)
				}
			}
		}
	}
}

// TestGates holds every rule to the oracle over pairs of yaws: the sweep against itself in coarse steps, and each with a near one; roll and pitch with
// and without what is no number. select and sum are exact, published equals float32 arithmetic to the bit.
func TestGates(t *testing.T) {
	for _, rule := range fuse.Rules() {
		for _, op := range partOpsets {
			for column := range 3 {
				if op != 13 && column > 0 {
					continue
				}
				limit := 75.0
				if rule == fuse.Published {
					limit = 90
				}
				tryGate(t, fuse.GateOptions{Rule: rule, Source: rule != fuse.Published}, limit, fuse.PartOptions{Opset: op, YawColumn: column})
			}
		}
		tryGate(t, fuse.GateOptions{Rule: rule, Limit: 33.3}, 33.3, fuse.PartOptions{})
	}
}

func tryGate(t *testing.T, g fuse.GateOptions, limit float64, o fuse.PartOptions) {
	t.Helper()
	var fronts, rears [][3]float32
	pair := func(f, r float32) {
		i := len(fronts)
		front := [3]float32{10 + float32(i%7), 20.5, -3.25}
		rear := [3]float32{-10, 33 + float32(i%5), 0.125}
		if i%3 == 1 {
			rear = [3]float32{specials[i%len(specials)], specials[(i/2)%len(specials)], 1}
		} else if i%3 == 2 {
			front = [3]float32{specials[i%len(specials)], 2, specials[(i/3)%len(specials)]}
		}
		front[o.YawColumn], rear[o.YawColumn] = f, r
		fronts, rears = append(fronts, front), append(rears, rear)
	}
	yaws := sweep(float32(limit), 1e-5)
	for i, y := range yaws {
		for j, other := range yaws {
			if (i+j)%11 == 0 || i == j {
				pair(y, other)
			}
		}
		pair(y-2.5, y)
		pair(y+2.5, y)
	}
	m, err := fuse.Gate(g, o)
	if err != nil {
		t.Fatal(err)
	}
	out := runPart(t, m, map[string]*onnxpb.Array{"front": rows(fronts), "rear": rows(rears)})
	pose := floatsOf(t, out["pose"])
	bad := 0
	for i := range fronts {
		want, source := oracleGate(g.Rule, fronts[i], rears[i], o.YawColumn, limit)
		got := [3]float32(pose[3*i:])
		for c := range 3 {
			if !same(got[c], want[c]) {
				bad++
				if bad < 5 {
					t.Errorf("%s, opset %d, yaw in column %d: front %v and rear %v give %v, want %v", g.Rule, o.Opset, o.YawColumn, fronts[i], rears[i], got, want)
				}
				break
			}
		}
		if g.Source {
			if s := out["source"].Data.([]int64)[i]; s != source {
				t.Errorf("%s: front %v and rear %v: source %d, want %d", g.Rule, fronts[i], rears[i], s, source)
			}
		}
	}
	if bad > 0 {
		t.Errorf("%s, opset %d: %d of %d rows differ", g.Rule, o.Opset, bad, len(fronts))
	}
}

// TestSelectIsAlwaysOneOfBoth: under select every row is the front's or the rear's, bit by bit but for the sign of zeros, and the limit belongs to the front.
func TestSelectIsAlwaysOneOfBoth(t *testing.T) {
	m, err := fuse.Gate(fuse.GateOptions{Source: true}, fuse.PartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var fronts, rears [][3]float32
	yaws := sweep(75)
	for i, y := range yaws {
		fronts = append(fronts, [3]float32{float32(i) + 0.1, float32(i) + 0.2, float32(i) + 0.3})
		rears = append(rears, [3]float32{y, float32(-i) - 0.2, float32(-i) - 0.3})
	}
	out := runPart(t, m, map[string]*onnxpb.Array{"front": rows(fronts), "rear": rows(rears)})
	pose, source := floatsOf(t, out["pose"]), out["source"].Data.([]int64)
	for i, y := range yaws {
		chosen := fronts[i]
		if source[i] == 1 {
			chosen = rears[i]
		}
		for c := range 3 {
			got, want := math.Float32bits(pose[3*i+c]), math.Float32bits(chosen[c])
			if got != want && !(chosen[c] == 0 && pose[3*i+c] == 0) && !(chosen[c] != chosen[c] && pose[3*i+c] != pose[3*i+c]) {
				t.Errorf("yaw %v: column %d is %x, the chosen one %x", y, c, got, want)
			}
		}
	}
	for _, c := range []struct {
		yaw  float32
		want int64
	}{{75, 0}, {-75, 0}, {math.Nextafter32(75, 76), 1}, {-math.Nextafter32(75, 76), 1}, {math.Nextafter32(75, 74), 0}, {75.5, 1}, {nan, 1}, {inf, 1}, {180, 1}, {0, 0}} {
		out := runPart(t, m, map[string]*onnxpb.Array{"front": rows([][3]float32{{1, 2, 3}}), "rear": rows([][3]float32{{c.yaw, 0, 0}})})
		if got := out["source"].Data.([]int64)[0]; got != c.want {
			t.Errorf("yaw %v: source %d, want %d", c.yaw, got, c.want)
		}
	}
}

// TestPublishedFaults shows what the released arithmetic does where select does not: numbers known from it.
func TestPublishedFaults(t *testing.T) {
	m, err := fuse.Gate(fuse.GateOptions{Rule: fuse.Published}, fuse.PartOptions{Opset: 11})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		front, rear [3]float32
		check       func(p []float32) bool
		what        string
	}{
		{[3]float32{88, 0, 0}, [3]float32{95, 0, 0}, func(p []float32) bool { return p[0] == 183 }, "yaws are added"},
		{[3]float32{-1e-5, 1, -1}, [3]float32{0, 0, 0}, func(p []float32) bool { return p[1] == -inf && p[2] == inf }, "infinities at -1e-5"},
		{[3]float32{-1e-5, 0, 0}, [3]float32{0, 0, 0}, func(p []float32) bool { return p[1] != p[1] }, "NaN at -1e-5"},
		{[3]float32{0, 12, 13}, [3]float32{0, 0, 0}, func(p []float32) bool { return p[1] == 0 && p[2] == 0 }, "roll and pitch vanish at 0"},
		{[3]float32{30, 5, 6}, [3]float32{90, 7, 8}, func(p []float32) bool { return p[0] == 30 }, "90 itself is shrunk away"},
		{[3]float32{30, 5, 6}, [3]float32{91, 7, 8}, func(p []float32) bool { return p[0] == 121 }, "past 90 the rear is added"},
	} {
		out := runPart(t, m, map[string]*onnxpb.Array{"front": rows([][3]float32{c.front}), "rear": rows([][3]float32{c.rear})})
		if p := floatsOf(t, out["pose"]); !c.check(p) {
			t.Errorf("%s: front %v and rear %v give %v", c.what, c.front, c.rear, p)
		}
	}
}

func ExampleFrontMask() {
	m, err := fuse.FrontMask(75, false, fuse.PartOptions{Opset: 13})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range m.Graph.Node {
		fmt.Println(n.GetOpType(), n.GetInput(), n.GetOutput())
	}
	// Output:
	// Gather [pose front_mask/yaw_index] [front_mask/yaw]
	// Abs [front_mask/yaw] [front_mask/abs_yaw]
	// LessOrEqual [front_mask/abs_yaw front_mask/is_front_limit] [front_mask/is_front]
	// Where [front_mask/is_front pose front_mask/zero] [masked]
}
