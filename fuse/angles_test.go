package fuse_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// narrow rounds a matrix to float32.
func narrow[A [9]float64 | [6]float64](a A) []float32 {
	var v []float32
	for i := range len(a) {
		v = append(v, float32(a[i]))
	}
	return v
}

// matrices makes an array [N,3,3].
func matrices(list [][9]float32) *onnxpb.Array {
	a := rows(list)
	a.Dims = []int64{int64(len(list)), 3, 3}
	return a
}

// eulerOf runs Euler.
func eulerOf(t *testing.T, list [][9]float32, order string, op int64) [][3]float32 {
	t.Helper()
	m, err := fuse.Euler(order, fuse.PartOptions{Opset: op})
	if err != nil {
		t.Fatal(err)
	}
	v := floatsOf(t, runPart(t, m, map[string]*onnxpb.Array{"rotation": matrices(list)})["pose"])
	out := make([][3]float32, len(list))
	for i := range out {
		out[i] = [3]float32(v[3*i:])
	}
	return out
}

// rotationGrid is rotations all over, the poles of yaw and their neighbourhood among them.
func rotationGrid() [][9]float32 {
	var list [][9]float32
	for _, yaw := range []float64{-90, -89.99, -89.9, -75, -60, -33.3, -15, -1, -1e-3, 0, 1e-5, 7.5, 30, 45, 75, 89, 89.95, 89.999, 90} {
		for pitch := -180.0; pitch <= 180; pitch += 22.5 {
			for roll := -180.0; roll <= 180; roll += 30 {
				list = append(list, [9]float32(narrow(oracleRotation(yaw, pitch+0.1, roll))))
			}
			list = append(list, [9]float32(narrow(oracleRotation(yaw, pitch, 0))))
		}
	}
	return list
}

// TestEuler holds the angles to float64 within 1e-4 degrees, at every opset.
func TestEuler(t *testing.T) {
	list := rotationGrid()
	for _, op := range partOpsets {
		worst := 0.0
		for i, got := range eulerOf(t, list, "yaw,pitch,roll", op) {
			var r [9]float64
			for k := range r {
				r[k] = float64(list[i][k])
			}
			yaw, pitch, roll := oracleEuler(r)
			for c, want := range []float64{yaw, pitch, roll} {
				d := circleDistance(float64(got[c]), want)
				worst = max(worst, d)
				if !(d < 1e-4) {
					t.Fatalf("opset %d: %v: column %d is %v, want %v", op, list[i], c, got[c], want)
				}
			}
			if math.Abs(float64(got[0])) > 90 || math.Abs(float64(got[1])) > 180 || math.Abs(float64(got[2])) > 180 {
				t.Fatalf("opset %d: %v is out of range", op, got)
			}
		}
		t.Logf("opset %d: at most %.1e degrees off over %d rotations", op, worst, len(list))
	}
}

// TestEulerOnTheAxes: the 24 rotations that turn the axes onto the axes give exact multiples of 90 degrees, the gimbal lock included; the sign of a zero
// in the matrix does not matter.
func TestEulerOnTheAxes(t *testing.T) {
	var list [][9]float32
	seen := map[[9]float32]bool{}
	for _, yaw := range []float64{-90, 0, 90} {
		for _, pitch := range []float64{-90, 0, 90, 180} {
			for _, roll := range []float64{-90, 0, 90, 180} {
				var r, n [9]float32
				for k, v := range oracleRotation(yaw, pitch, roll) {
					r[k] = float32(math.Round(v))
					n[k] = r[k]
					if n[k] == 0 {
						n[k] = float32(math.Copysign(0, -1))
						r[k] = 0
					}
				}
				if !seen[r] {
					seen[r] = true
					list = append(list, r, n)
				}
			}
		}
	}
	if len(list) != 48 {
		t.Fatalf("%d rotations, want 24 with two signs of zero each", len(list))
	}
	for i, got := range eulerOf(t, list, "yaw,pitch,roll", 17) {
		var r [9]float64
		for k := range r {
			r[k] = float64(list[i][k]) + 0 // no -0
		}
		yaw, pitch, roll := oracleEuler(r)
		for c, want := range []float64{yaw, pitch, roll} {
			// 180 and -180 are one angle; everything else is to be exact.
			if float64(got[c]) != want && !(math.Abs(want) == 180 && got[c] == 180) {
				t.Errorf("%v: column %d is %v, want %v", list[i], c, got[c], want)
			}
		}
	}
}

// TestEulerSingular: either side of the threshold of 1e-6 the right case answers, in any order of the columns.
func TestEulerSingular(t *testing.T) {
	list := [][9]float32{
		{0.9e-6, 0.5, 0.5, 0, 0.6, -0.8, -1, 0.3, 0.4},  // sy below
		{1.1e-6, 0.5, 0.5, 0, 0.6, -0.8, -1, 0.3, 0.4},  // sy above
		{0, 0.5, 0.5, -0.9e-6, 0.6, 0.8, 1, 0.3, -0.4},  // below, by R10
		{0, 0.5, 0.5, -1.1e-6, 0.6, 0.8, 1, 0.3, -0.4},  // above
		{0, 0, 0, 0, 0, 0, 0, 0, 0},                     // no rotation at all
		{1e-30, 0, 0, 0, 1, 0, 0, 0, 1},                 // a square that vanishes
		{1e15, 0, 0, 1e15, 1e15, 0, -1e15, 1e15, -1e15}, // no unit lengths
	}
	for _, order := range []string{"yaw,pitch,roll", "roll,yaw,pitch", "pitch,roll,yaw", ""} {
		for i, got := range eulerOf(t, list, order, 13) {
			var r [9]float64
			for k := range r {
				r[k] = float64(list[i][k])
			}
			yaw, pitch, roll := oracleEuler(r)
			want := map[string][3]float64{"yaw,pitch,roll": {yaw, pitch, roll}, "roll,yaw,pitch": {roll, yaw, pitch}, "pitch,roll,yaw": {pitch, roll, yaw}, "": {yaw, roll, pitch}}[order]
			for c := range 3 {
				if !(circleDistance(float64(got[c]), want[c]) < 1e-4) {
					t.Errorf("%v, order %q: %v, want %v", list[i], order, got, want)
				}
			}
		}
	}
}

// TestEulerKeepsNaN: a matrix with NaN in it gives no number that looks like an angle of it.
func TestEulerKeepsNaN(t *testing.T) {
	identity := [9]float32{1, 0, 0, 0, 1, 0, 0, 0, 1}
	var list [][9]float32
	for _, k := range []int{0, 3, 6, 7, 8} {
		r := identity
		r[k] = nan
		list = append(list, r)
	}
	reads := map[int][]int{0: {0, 3}, 1: {7, 8}, 2: {0, 3}} // by column: yaw, pitch, roll
	reads[0] = append(reads[0], 6)
	for i, got := range eulerOf(t, list, "yaw,pitch,roll", 17) {
		for c := range 3 {
			poisoned := false
			for _, k := range reads[c] {
				poisoned = poisoned || list[i][k] != list[i][k]
			}
			if poisoned != (got[c] != got[c]) {
				t.Errorf("%v: %v", list[i], got)
			}
		}
	}
}

// TestRotation6D holds the matrix to float64 for vectors of every length and angle, and for those that give none.
func TestRotation6D(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var list [][6]float32
	for i := range 500 {
		scale := math.Pow(10, float64(i%9)-4)
		var six [6]float32
		for k := range six {
			six[k] = float32(rng.NormFloat64() * scale)
		}
		list = append(list, six)
	}
	ordinary := len(list)
	list = append(list, [6]float32{1, 0, 0, 0, 1, 0}, [6]float32{0, 0, -2, 0, 3, 0},
		[6]float32{}, [6]float32{1, 2, 3, 2, 4, 6}, [6]float32{1, 2, 3, 0, 0, 0}, [6]float32{0, 0, 0, 1, 2, 3}, [6]float32{1e-9, 0, 0, 0, 1, 0})
	for _, op := range partOpsets {
		m, err := fuse.Rotation6D(fuse.PartOptions{Opset: op})
		if err != nil {
			t.Fatal(err)
		}
		a := runPart(t, m, map[string]*onnxpb.Array{"six": rows(list)})["rotation"]
		if len(a.Dims) != 3 || a.Dims[1] != 3 || a.Dims[2] != 3 {
			t.Fatalf("shape %v", a.Dims)
		}
		v := floatsOf(t, a)
		for i := range list {
			var six [6]float64
			for k := range six {
				six[k] = float64(list[i][k])
			}
			want := oracleSix(six)
			// Nearly parallel vectors lose digits in the cross product, in any arithmetic of this width.
			x, a2 := unit3([3]float64(six[:3])), [3]float64(six[3:])
			c := cross3(x, a2)
			sine := math.Sqrt(c[0]*c[0]+c[1]*c[1]+c[2]*c[2]) / max(math.Sqrt(a2[0]*a2[0]+a2[1]*a2[1]+a2[2]*a2[2]), 1e-30)
			tolerance := 1e-6
			if i < ordinary {
				tolerance = 4e-7 / sine
			}
			for k := range want {
				if !(math.Abs(float64(v[9*i+k])-want[k]) <= tolerance) {
					t.Errorf("opset %d: %v: element %d is %v, want %v", op, list[i], k, v[9*i+k], want[k])
				}
			}
		}
	}
}

// TestRotation6DKeepsNaN: no row with NaN in it looks like a rotation.
func TestRotation6DKeepsNaN(t *testing.T) {
	m, err := fuse.Rotation6D(fuse.PartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for k := range 6 {
		six := [6]float32{1, 2, 3, -1, 0.5, 1}
		six[k] = nan
		v := floatsOf(t, runPart(t, m, map[string]*onnxpb.Array{"six": rows([][6]float32{six})})["rotation"])
		for i, x := range v {
			// The first column reads the first three numbers only.
			if poisoned := k < 3 || i%3 != 0; poisoned != (x != x) {
				t.Errorf("NaN at %d: element %d is %v", k, i, x)
			}
		}
	}
}

// TestSixToEuler: a rotation's first two columns give its angles back.
func TestSixToEuler(t *testing.T) {
	m, err := fuse.Rotation6D(fuse.PartOptions{})
	if err != nil {
		t.Fatal(err)
	}
	type angles struct{ yaw, pitch, roll float64 }
	var want []angles
	var six [][6]float32
	for yaw := -89.0; yaw <= 89; yaw += 8.9 {
		for pitch := -175.0; pitch < 180; pitch += 35 {
			for roll := -175.0; roll < 180; roll += 35 {
				r := oracleRotation(yaw, pitch, roll)
				want = append(want, angles{yaw, pitch, roll})
				six = append(six, [6]float32(narrow([6]float64{2 * r[0], 2 * r[3], 2 * r[6], r[1] + r[0], r[4] + r[3], r[7] + r[6]})))
			}
		}
	}
	v := floatsOf(t, runPart(t, m, map[string]*onnxpb.Array{"six": rows(six)})["rotation"])
	list := make([][9]float32, len(six))
	for i := range list {
		list[i] = [9]float32(v[9*i:])
	}
	for i, got := range eulerOf(t, list, "yaw,pitch,roll", 17) {
		w := want[i]
		for c, a := range []float64{w.yaw, w.pitch, w.roll} {
			// Near the poles a rounded matrix moves roll and pitch by its own error over cos(yaw).
			if d := circleDistance(float64(got[c]), a); !(d < 5e-5/math.Cos(w.yaw*math.Pi/180)) {
				t.Errorf("yaw %v, pitch %v, roll %v: %v", w.yaw, w.pitch, w.roll, got)
			}
		}
	}
}
