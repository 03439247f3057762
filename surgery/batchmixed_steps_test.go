package surgery_test

import (
	"slices"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// mixer makes random graphs in which what was made of the rows in different ways meets again: vectors beside sequences, values without the one row beside values with it, rows joined with rows.
type mixer struct {
	wild
	opset   int64
	ints    []wildValue
	options surgery.BatchOptions
}

func (w *mixer) pick() wildValue {
	if w.rng.IntN(3) == 0 {
		return w.values[len(w.values)-1]
	}
	return w.values[w.rng.IntN(len(w.values))]
}

func (w *mixer) last() wildValue { return w.values[len(w.values)-1] }

// settings gives a node a list of numbers as an attribute, or as an input from some opset on.
func (w *mixer) settings(kind string, dims []int64, in []string, attr string, from int64, list []int64, attrs ...*onnxpb.AttributeProto) {
	if w.opset >= from {
		w.emit(kind, dims, append(slices.Clone(in), w.list(list...)), attrs...)
	} else {
		w.emit(kind, dims, in, append(attrs, onnxpb.Ints(attr, list...))...)
	}
}

func (w *mixer) sign(axis, rank int) int64 {
	if w.opset >= 11 && w.rng.IntN(2) == 0 {
		return int64(axis - rank)
	}
	return int64(axis)
}

func (w *mixer) step() {
	r := w.rng
	a := w.pick()
	rank := len(a.dims)
	axis := 0
	if rank > 0 {
		axis = r.IntN(rank)
	}
	in := []string{a.name}
	with := func(n int64) []int64 {
		d := slices.Clone(a.dims)
		d[axis] = n
		return d
	}
	switch r.IntN(42) {
	case 0:
		w.emit([]string{"Relu", "Tanh", "Neg", "Sigmoid", "Exp", "Identity"}[r.IntN(6)], a.dims, in)
	case 1, 2, 3: // Squeeze
		var ones []int
		for i, d := range a.dims {
			if d == 1 {
				ones = append(ones, i)
			}
		}
		if len(ones) == 0 {
			return
		}
		if r.IntN(4) == 0 {
			w.emit("Squeeze", slices.DeleteFunc(slices.Clone(a.dims), func(d int64) bool { return d == 1 }), in)
			return
		}
		k := ones[r.IntN(len(ones))]
		w.settings("Squeeze", slices.Delete(slices.Clone(a.dims), k, k+1), in, "axes", 13, []int64{w.sign(k, rank)})
	case 4, 5: // Unsqueeze
		if rank < 4 {
			k := r.IntN(rank + 1)
			w.settings("Unsqueeze", slices.Insert(slices.Clone(a.dims), k, 1), in, "axes", 13, []int64{w.sign(k, rank+1)})
		}
	case 6, 7: // Reshape to the same numbers without and with ones, or joined
		d := slices.DeleteFunc(slices.Clone(a.dims), func(d int64) bool { return d == 1 })
		if len(d) > 1 && r.IntN(3) == 0 {
			k := r.IntN(len(d) - 1)
			d = slices.Replace(d, k, k+2, d[k]*d[k+1])
		}
		if r.IntN(4) == 0 {
			r.Shuffle(len(d), func(i, j int) { d[i], d[j] = d[j], d[i] })
		}
		for range r.IntN(3) {
			d = slices.Insert(d, r.IntN(len(d)+1), 1)
		}
		t := slices.Clone(d)
		if len(t) > 0 && r.IntN(3) == 0 {
			t[r.IntN(len(t))] = -1
		}
		if len(t) > 0 && r.IntN(6) == 0 {
			if k := r.IntN(len(t)); k < rank && a.dims[k] == d[k] {
				t[k] = 0
			}
		}
		w.emit("Reshape", d, []string{a.name, w.list(t...)})
	case 8, 9:
		if rank > 1 {
			perm, out := make([]int64, rank), make([]int64, rank)
			for i, p := range r.Perm(rank) {
				perm[i], out[i] = int64(p), a.dims[p]
			}
			w.emit("Transpose", out, in, onnxpb.Ints("perm", perm...))
		}
	case 10, 11, 12, 13, 14: // two values
		for range 6 {
			b := w.values[r.IntN(len(w.values))]
			if b.name == a.name {
				continue
			}
			if out, ok := broadcast(a.dims, b.dims); ok && size(out) < 200 {
				x := []string{a.name, b.name}
				if r.IntN(2) == 0 {
					x[0], x[1] = x[1], x[0]
				}
				switch k := r.IntN(6); {
				case k < 4:
					w.emit([]string{"Add", "Mul", "Sub", "Max"}[k], out, x)
				default:
					n := w.name("less")
					w.b.nodes = append(w.b.nodes, onnxpb.Node("Less", n, x, []string{n}))
					if w.opset >= 9 {
						w.emit("Where", out, []string{n, x[1], x[0]})
					}
				}
				return
			}
		}
	case 15, 16: // product of two values
		for range 8 {
			b := w.values[r.IntN(len(w.values))]
			if rank == 0 || len(b.dims) == 0 {
				continue
			}
			if out, ok := matMulDims(a.dims, b.dims); ok && size(out) < 200 {
				w.emit("MatMul", out, []string{a.name, b.name})
				return
			}
		}
		if rank > 0 {
			w.emit("MatMul", append(slices.Clone(a.dims[:rank-1]), 2), []string{a.name, w.weight(a.dims[rank-1], 2)})
		}
	case 17, 18: // Concat
		if rank == 0 {
			return
		}
		list, total := in, a.dims[axis]
		for _, b := range w.values {
			if len(b.dims) == rank && r.IntN(2) == 0 && len(list) < 3 {
				c := slices.Clone(b.dims)
				if c[axis] = a.dims[axis]; slices.Equal(c, a.dims) {
					list, total = append(list, b.name), total+b.dims[axis]
				}
			}
		}
		if len(list) == 1 && r.IntN(2) == 0 {
			list, total = append(list, w.weight(with(2)...)), total+2
		}
		if total < 12 {
			w.emit("Concat", with(total), list, onnxpb.Int("axis", w.sign(axis, rank)))
		}
	case 19: // Split
		if rank == 0 || a.dims[axis] < 2 {
			return
		}
		n := a.dims[axis]
		k := int64(1 + r.IntN(int(n)-1))
		names := []string{w.name("split"), w.name("split")}
		var node *onnxpb.NodeProto
		if w.opset >= 13 {
			node = onnxpb.Node("Split", names[0], []string{a.name, w.list(k, n-k)}, names, onnxpb.Int("axis", w.sign(axis, rank)))
		} else {
			node = onnxpb.Node("Split", names[0], in, names, onnxpb.Int("axis", int64(axis)), onnxpb.Ints("split", k, n-k))
		}
		w.b.nodes = append(w.b.nodes, node)
		w.values = append(w.values, wildValue{names[0], with(k)}, wildValue{names[1], with(n - k)})
	case 20: // Gather by constants
		if rank > 0 {
			n := a.dims[axis]
			switch r.IntN(4) {
			case 0:
				c := w.name("scalar")
				w.b.inits = append(w.b.inits, scalar(c, int64(r.IntN(int(n)))))
				w.emit("Gather", slices.Delete(slices.Clone(a.dims), axis, axis+1), []string{a.name, c}, onnxpb.Int("axis", w.sign(axis, rank)))
			case 1:
				p := make([]int64, n)
				for i, k := range r.Perm(int(n)) {
					p[i] = int64(k)
				}
				c := w.name("perm")
				w.b.inits = append(w.b.inits, onnxpb.TensorOf(c, []int64{1, n}, p))
				w.emit("Gather", slices.Insert(with(n), axis, 1), []string{a.name, c}, onnxpb.Int("axis", w.sign(axis, rank)))
			default:
				l := []int64{int64(r.IntN(int(n))), int64(r.IntN(int(n)))}
				if w.opset >= 11 {
					l[1] -= n
				}
				w.emit("Gather", with(2), []string{a.name, w.list(l...)}, onnxpb.Int("axis", int64(axis)))
			}
		}
	case 21: // Gather by the inputs
		if rank > 0 && len(w.ints) > 0 {
			i := w.ints[r.IntN(len(w.ints))]
			out := slices.Concat(a.dims[:axis:axis], i.dims, a.dims[axis+1:])
			if a.dims[axis] >= 2 && size(out) < 200 && len(out) < 6 {
				w.emit("Gather", out, []string{a.name, i.name}, onnxpb.Int("axis", int64(axis)))
			}
		}
	case 22: // ints are turned, too
		if len(w.ints) > 0 {
			i := w.ints[r.IntN(len(w.ints))]
			d := slices.DeleteFunc(slices.Clone(i.dims), func(d int64) bool { return d == 1 })
			if r.IntN(2) == 0 {
				d = []int64{size(i.dims)}
			}
			before := len(w.values)
			name := i.name
			if r.IntN(2) == 0 {
				z := w.name("zero")
				w.b.inits = append(w.b.inits, onnxpb.TensorOf(z, []int64{1, 1}[:r.IntN(3)], []int64{0}))
				sum := w.name("isum")
				if _, ok := broadcast(i.dims, []int64{1, 1}); ok && len(i.dims) >= 2 {
					w.b.nodes = append(w.b.nodes, onnxpb.Node("Add", sum, []string{name, z}, []string{sum}))
					name = sum
				}
			}
			w.emit("Reshape", d, []string{name, w.list(d...)})
			w.ints = append(w.ints, w.values[before])
			w.values = w.values[:before]
		}
	case 23: // Softmax
		if rank > 0 {
			w.emit([]string{"Softmax", "LogSoftmax"}[r.IntN(2)], a.dims, in, onnxpb.Int("axis", w.sign(axis, rank)))
		}
	case 24, 25: // Reduce
		if rank > 0 {
			keep := int64(r.IntN(2))
			d := with(1)
			if keep == 0 {
				d = slices.Delete(d, axis, axis+1)
			}
			if r.IntN(2) == 0 {
				w.settings("ReduceSum", d, in, "axes", 13, []int64{w.sign(axis, rank)}, onnxpb.Int("keepdims", keep))
			} else {
				w.settings([]string{"ReduceMax", "ReduceMean", "ReduceL2"}[r.IntN(3)], d, in, "axes", 18, []int64{w.sign(axis, rank)}, onnxpb.Int("keepdims", keep))
			}
		}
	case 26: // Expand
		d := slices.Clone(a.dims)
		for i := range d {
			if d[i] == 1 && r.IntN(2) == 0 {
				d[i] = 2
			}
		}
		if r.IntN(2) == 0 {
			d = slices.Insert(d, 0, int64(1+r.IntN(2)))
		}
		t := slices.Clone(d)
		for i := range t {
			if r.IntN(4) == 0 && len(t) == rank && d[i] == a.dims[i] {
				t[i] = 1
			}
		}
		if size(d) < 200 && len(d) < 5 {
			w.emit("Expand", d, []string{a.name, w.list(t...)})
		}
	case 27: // a constant of some axes
		k := slices.Clone(a.dims)
		for i := range k {
			if r.IntN(2) == 0 {
				k[i] = 1
			}
		}
		k = k[r.IntN(rank+1):]
		w.emit([]string{"Add", "Mul"}[r.IntN(2)], a.dims, []string{a.name, w.weight(k...)})
	case 28:
		if rank > 0 && w.opset >= 10 {
			end := int64(1 + r.IntN(int(a.dims[axis])))
			w.emit("Slice", with(end), []string{a.name, w.list(0), w.list(end), w.list(w.sign(axis, rank))})
		}
	case 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41:
		k := r.IntN(8)
		if k == 7 && w.opset != 17 {
			return
		}
		w.idiom(k, a)
	case 29:
		if rank > 0 && r.IntN(2) == 0 {
			cut := r.IntN(rank + 1)
			w.emit("Flatten", []int64{size(a.dims[:cut]), size(a.dims[cut:])}, in, onnxpb.Int("axis", int64(cut)))
		} else if w.opset >= 11 {
			// sequences
			s := w.name("seq")
			list := in
			for _, b := range w.values {
				if b.name != a.name && slices.Equal(a.dims, b.dims) && len(list) < 3 {
					list = append(list, b.name)
				}
			}
			w.b.nodes = append(w.b.nodes, onnxpb.Node("SequenceConstruct", s, list, []string{s}))
			switch k := r.IntN(3); {
			case k == 0:
				w.emit("SequenceAt", a.dims, []string{s, func() string { c := w.name("at"); w.b.inits = append(w.b.inits, scalar(c, -1)); return c }()})
			case k == 1:
				k := r.IntN(rank + 1)
				w.emit("ConcatFromSequence", slices.Insert(slices.Clone(a.dims), k, int64(len(list))), []string{s}, onnxpb.Int("axis", int64(k)), onnxpb.Int("new_axis", 1))
			case rank > 0:
				w.emit("ConcatFromSequence", with(a.dims[axis]*int64(len(list))), []string{s}, onnxpb.Int("axis", int64(axis)))
			}
		}
	}
}

// matMulDims is the shape of a product.
func matMulDims(a, b []int64) ([]int64, bool) {
	left, right := len(a) == 1, len(b) == 1
	if left {
		a = []int64{1, a[0]}
	}
	if right {
		b = []int64{b[0], 1}
	}
	n, m := len(a), len(b)
	if a[n-1] != b[m-2] {
		return nil, false
	}
	out, ok := broadcast(a[:n-2], b[:m-2])
	if !ok {
		return nil, false
	}
	out = slices.Clone(out)
	if !left {
		out = append(out, a[n-2])
	}
	if !right {
		out = append(out, b[m-1])
	}
	return out, true
}
