package verify

import (
	"fmt"
	"math"
	"slices"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// Sweep is the part of the exact check that needs no images: the gate is cut out of the fused model, between the two poses that it reads and the
// output, and run on poses round the whole circle, at the limit and the floats beside it, and with NaN and infinities in the pose that is not to be
// chosen.
type Sweep struct {
	Rows    int `json:"rows"`
	Unequal int `json:"unequal"`
	// Why says why the gate could not be cut out, where Rows is 0: then the exact choice is not proven.
	Why string `json:"why,omitempty"`
}

// sweep runs the gate by itself.
func (h *headCheck) sweep() (*Sweep, error) {
	m := onnxpb.Clone(h.fused.Model)
	if h.inner[front] == h.inner[rear] {
		return &Sweep{Why: "both poses are one tensor"}, nil
	}
	declareInner(m.Graph, h.inner)
	if _, err := surgery.Extract(m, h.inner[:], []string{h.output}); err != nil {
		return &Sweep{Why: err.Error()}, nil
	}
	step := 0
	batch := onnxpb.Symbol("N")
	if d, ok := leading(h.input); ok && d.Known {
		step, batch = int(d.Value), d
	}
	m.Graph.Input = nil
	for _, name := range h.inner {
		m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue(name, onnxpb.TensorProto_FLOAT, []onnxpb.Dim{batch, onnxpb.Number(3)}))
	}
	session, err := h.engine.Open(h.fused.changed(m), h.o.Session)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	f, r := h.gate.sweepPoses()
	if step == 0 {
		step = len(f)
	}
	s := &Sweep{Rows: len(f)}
	for at := 0; at < len(f); at += step {
		in := map[string]*onnxpb.Value{}
		for side, poses := range [][][3]float32{f, r} {
			data := make([]float32, 0, 3*step)
			for k := 0; k < step; k++ {
				p := poses[min(at+k, len(poses)-1)]
				for _, angle := range h.order {
					data = append(data, p[angle])
				}
			}
			in[h.inner[side]] = onnxpb.TensorVal(onnxpb.ArrayOf([]int64{int64(step), 3}, data))
		}
		out, err := session.Run(in, h.output)
		if err != nil {
			return nil, err
		}
		rows, err := h.poseRows(out[h.output], h.output, step)
		if err != nil {
			return nil, err
		}
		for k := 0; k < step && at+k < len(f); k++ {
			h.sweepRow(s, at+k, rows[k], f[at+k], r[at+k])
		}
	}
	return s, nil
}

// declareInner declares the poses that the gate reads, where a graph does not.
func declareInner(g *onnxpb.GraphProto, inner [2]string) {
	known := map[string]bool{}
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
		for _, v := range list {
			known[v.GetName()] = true
		}
	}
	info := slices.Clone(g.ValueInfo)
	for _, name := range inner {
		if !known[name] {
			info = append(info, onnxpb.TensorValue(name, onnxpb.TensorProto_FLOAT, nil))
		}
	}
	g.ValueInfo = info
}

func (h *headCheck) sweepRow(s *Sweep, i int, row, f, r [3]float32) {
	want, _, _ := h.gate.exact(f, r)
	for k := range row {
		if !sameFloat(float64(row[k]), float64(want[k])) {
			s.Unequal++
			h.fail(Failure{Check: "gate sweep", Image: i, Angle: angleNames[k], Got: Number(row[k]), Want: Number(want[k]), FrontYaw: Number(f[yaw]), RearYaw: Number(r[yaw])})
			return
		}
	}
}

// sweepPoses makes the poses of a sweep. The arithmetic of the published gate says nothing on what is not finite, so it is swept with finite poses.
func (g gate) sweepPoses() (f, r [][3]float32) {
	limit := float32(g.limit)
	up, down := float32(math.Inf(1)), float32(math.Inf(-1))
	notANumber := float32(math.NaN())
	edges := []float32{0, limit, -limit, math.Nextafter32(limit, up), math.Nextafter32(limit, down), -math.Nextafter32(limit, up), -math.Nextafter32(limit, down), 1e-5, -1e-5}
	var judges []float32
	for y := -180; y <= 180; y++ {
		judges = append(judges, float32(y))
	}
	judges = append(judges, edges...)
	others := append([]float32{30, -60, 100, -179}, edges...)
	if g.rule != GatePublished {
		odd := []float32{notANumber, up, down}
		judges, others = append(judges, odd...), append(others, odd...)
	}
	add := func(a, b [3]float32) { f, r = append(f, a), append(r, b) }
	for _, y := range judges {
		for _, o := range others {
			add([3]float32{o, 10.25, -3.5}, [3]float32{y, -20.125, 7.75})
			if g.rule == GateSum {
				add([3]float32{y, 10.25, -3.5}, [3]float32{o, -20.125, 7.75})
			}
		}
		if g.rule == GatePublished {
			continue
		}
		for _, bad := range []float32{notANumber, up, down} {
			add([3]float32{bad, bad, bad}, [3]float32{y, -20.125, 7.75})
			add([3]float32{20, bad, bad}, [3]float32{y, -20.125, 7.75})
			add([3]float32{20, 10.25, -3.5}, [3]float32{y, bad, bad})
			add([3]float32{y, bad, -3.5}, [3]float32{20, -20.125, 7.75})
		}
	}
	return f, r
}

// fault says what a sweep has against the gate, "" where nothing.
func (s *Sweep) fault() string {
	if s.Unequal > 0 {
		return fmt.Sprintf("the gate by itself gives %d of %d poses otherwise", s.Unequal, s.Rows)
	}
	return ""
}
