package surgery_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// squeezed makes a random graph that drops the one row, works on what is left, and brings the axis back.
func squeezed(seed uint64) *onnxpb.ModelProto {
	w := &wild{batch: 1, rng: rand.New(rand.NewPCG(seed, 11))}
	w.b.opset = 17
	dims := []int64{1}
	for range 1 + w.rng.IntN(3) {
		dims = append(dims, int64(1+w.rng.IntN(4)))
	}
	w.b.x = nums(dims...)
	perm := make([]int64, len(dims))
	turned := make([]int64, len(dims))
	at := 0
	for i, p := range w.rng.Perm(len(dims)) {
		if perm[i], turned[i] = int64(p), dims[p]; p == 0 {
			at = i
		}
	}
	w.emit("Transpose", turned, []string{"x"}, onnxpb.Ints("perm", perm...))
	top := w.values[0]
	w.values = nil
	var left []int64
	if w.rng.IntN(2) == 0 {
		for _, d := range turned {
			if d != 1 {
				left = append(left, d)
			}
		}
		w.emit("Squeeze", left, []string{top.name})
	} else {
		left = slices.Delete(slices.Clone(turned), at, at+1)
		w.emit("Squeeze", left, []string{top.name, w.list(int64(at))})
	}
	pick := func() wildValue { return w.values[w.rng.IntN(len(w.values))] }
	for range 1 + w.rng.IntN(6) {
		a := pick()
		rank := len(a.dims)
		switch w.rng.IntN(16) {
		case 8, 9, 10, 11, 12, 13, 14, 15:
			if rank > 0 {
				moreBeside(w, a)
			}
		case 0:
			w.emit([]string{"Relu", "Tanh", "Neg", "Sigmoid", "Exp"}[w.rng.IntN(5)], a.dims, []string{a.name})
		case 1:
			tail := a.dims[w.rng.IntN(rank+1):]
			in := []string{a.name, w.weight(tail...)}
			if w.rng.IntN(2) == 0 {
				in[0], in[1] = in[1], in[0]
			}
			w.emit([]string{"Add", "Mul", "Sub", "Max"}[w.rng.IntN(4)], a.dims, in)
		case 2:
			if b := pick(); slices.Equal(a.dims, b.dims) {
				w.emit("Add", a.dims, []string{a.name, b.name})
			}
		case 3:
			if rank > 0 {
				p, turned := make([]int64, rank), make([]int64, rank)
				for i, k := range w.rng.Perm(rank) {
					p[i], turned[i] = int64(k), a.dims[k]
				}
				w.emit("Transpose", turned, []string{a.name}, onnxpb.Ints("perm", p...))
			}
		case 4:
			if rank > 0 {
				w.emit("Softmax", a.dims, []string{a.name}, onnxpb.Int("axis", int64(w.rng.IntN(2*rank)-rank)))
			}
		case 5:
			if rank > 0 {
				k, keep := w.rng.IntN(rank), int64(w.rng.IntN(2))
				d := slices.Clone(a.dims)
				if d[k] = 1; keep == 0 {
					d = slices.Delete(d, k, k+1)
				}
				if w.rng.IntN(2) == 0 {
					w.emit("ReduceSum", d, []string{a.name, w.list(int64(k - rank))}, onnxpb.Int("keepdims", keep))
				} else {
					w.emit("ReduceMax", d, []string{a.name}, onnxpb.Ints("axes", int64(k)), onnxpb.Int("keepdims", keep))
				}
			}
		case 6:
			if rank > 0 {
				m := int64(1 + w.rng.IntN(3))
				w.emit("MatMul", append(slices.Clone(a.dims[:rank-1]), m), []string{a.name, w.weight(a.dims[rank-1], m)})
			}
		case 7:
			if rank > 1 {
				w.emit("MatMul", append(slices.Clone(a.dims[:rank-2]), a.dims[rank-2], a.dims[rank-2]), []string{a.name, func() string {
					p, turned := make([]int64, rank), slices.Clone(a.dims)
					for i := range p {
						p[i] = int64(i)
					}
					p[rank-1], p[rank-2] = p[rank-2], p[rank-1]
					turned[rank-1], turned[rank-2] = turned[rank-2], turned[rank-1]
					w.emit("Transpose", turned, []string{a.name}, onnxpb.Ints("perm", p...))
					return w.values[len(w.values)-1].name
				}()})
			}
		}
	}
	last := w.values[len(w.values)-1]
	if w.rng.IntN(4) == 0 { // the axis does not come back
		m := w.b.model()
		m.Graph.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(last.name, tFloat, nums(last.dims...))}
		return m
	}
	k := w.rng.IntN(len(last.dims) + 1)
	if w.rng.IntN(3) > 0 {
		k = 0
	}
	d := slices.Insert(slices.Clone(last.dims), k, 1)
	if w.rng.IntN(2) == 0 {
		w.emit("Unsqueeze", d, []string{last.name, w.list(int64(k))})
	} else {
		w.emit("Reshape", d, []string{last.name, w.list(d...)})
	}
	m := w.b.model()
	out := w.values[len(w.values)-1]
	m.Graph.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(out.name, tFloat, nums(out.dims...))}
	return m
}

// moreBeside adds a node that has an axis or a shape among its settings.
func moreBeside(w *wild, a wildValue) {
	rank := len(a.dims)
	k := w.rng.IntN(rank)
	with := func(size int64) []int64 {
		d := slices.Clone(a.dims)
		d[k] = size
		return d
	}
	axis := onnxpb.Int("axis", int64(k-rank*w.rng.IntN(2)))
	switch w.rng.IntN(15) {
	case 0:
		b := w.weight(with(2)...)
		in := []string{a.name, b, a.name}
		w.rng.Shuffle(3, func(i, j int) { in[i], in[j] = in[j], in[i] })
		w.emit("Concat", with(2*a.dims[k]+2), in, axis)
	case 1:
		w.emit("Gather", with(3), []string{a.name, w.list(0, a.dims[k]-1, -1)}, axis)
	case 2:
		w.emit("Slice", with(1), []string{a.name, w.list(a.dims[k] - 1), w.list(a.dims[k]), w.list(int64(k))})
	case 3:
		w.emit("Slice", a.dims, []string{a.name, w.list(-1), w.list(-100), w.list(int64(k - rank)), w.list(-1)})
	case 4:
		from := k
		tail := slices.Clone(a.dims[from:])
		w.emit("LayerNormalization", a.dims, []string{a.name, w.weight(tail...), w.weight(tail...)}, axis)
	case 5:
		pads := make([]int64, 2*rank)
		pads[k], pads[rank+k] = 1, 2
		w.emit("Pad", with(a.dims[k]+3), []string{a.name, w.list(pads...)})
	case 6:
		w.emit("Expand", append([]int64{2}, a.dims...), []string{a.name, w.list(append([]int64{2}, a.dims...)...)})
	case 7:
		repeats := slices.Repeat([]int64{1}, rank)
		repeats[k] = 2
		w.emit("Tile", with(2*a.dims[k]), []string{a.name, w.list(repeats...)})
	case 8:
		name := w.name("axis")
		w.b.inits = append(w.b.inits, scalar(name, int64(k)))
		w.emit("CumSum", a.dims, []string{a.name, name})
	case 9:
		if rank == 2 {
			w.emit("Gemm", []int64{a.dims[0], 3}, []string{a.name, w.weight(3, a.dims[1]), w.weight(3)}, onnxpb.Int("transB", 1))
		}
	case 10:
		w.emit("Unsqueeze", slices.Insert(slices.Clone(a.dims), rank, 1), []string{a.name, w.list(int64(rank))})
		last := w.values[len(w.values)-1]
		w.emit("Neg", last.dims, []string{last.name})
		last = w.values[len(w.values)-1]
		w.emit("Squeeze", a.dims, []string{last.name, w.list(int64(rank))})
	case 11:
		name := w.name("shape")
		w.b.nodes = append(w.b.nodes, op("Shape", name, a.name))
		w.emit("Expand", a.dims, []string{w.weight(slices.Repeat([]int64{1}, rank)...), name})
	case 12: // a constant of a higher rank
		d := append([]int64{2}, a.dims...)
		w.emit("Mul", d, []string{a.name, w.weight(d...)})
	case 13:
		if rank > 1 {
			w.emit("Reshape", []int64{size(a.dims)}, []string{a.name, w.list(-1)})
		}
	case 14:
		d := append(append([]int64{2}, a.dims[:rank-1]...), 3)
		if rank > 1 {
			w.emit("MatMul", d, []string{a.name, w.weight(append(append([]int64{2}, a.dims[:rank-2]...), a.dims[rank-1], 3)...)})
		}
	}
}

// TestSetBatchKeepsSqueezedAxes holds the rewriting of what stands between Squeeze and Unsqueeze to the model itself, row by row in ONNX Runtime.
func TestSetBatchKeepsSqueezedAxes(t *testing.T) {
	e := batchEngine(t)
	freed, refused := 0, 0
	for seed := range uint64(400) {
		original := squeezed(seed)
		if _, err := surgery.Tidy(original); err != nil {
			t.Fatal(err)
		}
		mustBeValid(t, original)
		m := onnxpb.Clone(original)
		r, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
		if err != nil {
			refused++
			continue
		}
		freed++
		mustBeValid(t, m)
		if _, err := surgery.Infer(m, surgery.InferOptions{}); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		// Not optimised: ONNX Runtime 1.27 fuses a Transpose that both inputs of a MatMul come from into a Gemm of the wrong shape.
		options := verify.BatchOptions{Axes: r.Axes, Session: verify.SessionOptions{Optimization: verify.OptimizeNone}}
		rep, err := verify.CheckBatch(e, verify.Source{Model: original}, verify.Source{Model: m}, []int64{1, 2, 3}, seed, options)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
			continue
		}
		if !rep.Equal {
			t.Errorf("seed %d: rows differ: %+v", seed, rep.Outputs)
		}
	}
	t.Logf("%d freed, %d refused", freed, refused)
	if freed < 100 || refused < 50 {
		t.Errorf("%d freed and %d refused: too few to say anything", freed, refused)
	}
}
