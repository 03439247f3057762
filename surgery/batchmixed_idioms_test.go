package surgery_test

import (
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// node adds a node whose result is no value to go on with.
func (w *mixer) node(kind string, in []string, attrs ...*onnxpb.AttributeProto) string {
	name := w.name(strings.ToLower(kind))
	w.b.nodes = append(w.b.nodes, onnxpb.Node(kind, name, in, []string{name}, attrs...))
	return name
}

// idiom adds some nodes that exporters write together, and that are mended as one.
func (w *mixer) idiom(kind int, a wildValue) {
	r, rank := w.rng, len(a.dims)
	if rank == 0 {
		return
	}
	first := a.dims[0]
	numbers := func(n int64, of ...int64) string {
		name := w.name("numbers")
		v := make([]int64, size(of))
		for i := range v {
			v[i] = r.Int64N(n)
		}
		w.b.inits = append(w.b.inits, onnxpb.TensorOf(name, of, v))
		return name
	}
	row := func() string { // zeros, the number of the one row
		name := w.name("row")
		w.b.inits = append(w.b.inits, onnxpb.TensorOf(name, []int64{1, 1}, []int64{0}))
		return name
	}
	switch kind {
	case 0, 1: // two values behind one another, and parted again
		for _, b := range w.values {
			if b.name == a.name && r.IntN(2) == 0 || !slices.Equal(a.dims, b.dims) || len(w.values) > 20 {
				continue
			}
			d := slices.Clone(a.dims)
			d[0] *= 2
			w.emit("Concat", d, []string{a.name, b.name}, onnxpb.Int("axis", 0))
			w.emit([]string{"Exp", "Neg"}[r.IntN(2)], d, []string{w.last().name})
			c := w.last().name
			if kind == 0 {
				names := []string{w.name("split"), w.name("split")}
				n := onnxpb.Node("Split", names[0], []string{c}, names, onnxpb.Int("axis", 0))
				if w.opset >= 13 {
					n.Input = append(n.Input, w.list(first, first))
				} else {
					n.Attribute = append(n.Attribute, onnxpb.Ints("split", first, first))
				}
				w.b.nodes = append(w.b.nodes, n)
				w.values = append(w.values, wildValue{names[0], a.dims}, wildValue{names[1], a.dims})
			} else if w.opset >= 10 {
				n := w.node("Gather", []string{w.node("Shape", []string{c}), w.list(0)})
				half := w.node("Div", []string{w.node("Add", []string{n, w.list(1)}), w.list(2)})
				full := w.node("Mul", []string{half, w.list(2)})
				w.emit("Slice", a.dims, []string{c, w.list(0), half, w.list(0)})
				w.emit("Slice", a.dims, []string{c, half, full, w.list(0)})
			}
			return
		}
	case 2: // all of a row in another order
		if n := size(a.dims); n > 1 && w.opset >= 11 {
			p := make([]int64, n)
			for i, k := range r.Perm(int(n)) {
				p[i] = int64(k)
			}
			d := []int64{1, n}
			if r.IntN(2) == 0 {
				d = append([]int64{1}, a.dims...)
			}
			name := w.name("places")
			w.b.inits = append(w.b.inits, onnxpb.TensorOf(name, d, p))
			w.emit("Gather", d, []string{w.node("Reshape", []string{a.name, w.list(-1)}), name})
		}
	case 3: // one list of all rows
		if rank > 1 && w.opset >= 12 && len(w.ints) > 0 && a.dims[0] == 1 && a.dims[1] > 1 {
			i := w.ints[0]
			d := a.dims[1:]
			sum := w.node("Add", []string{i.name, row()})
			var out []int64
			if r.IntN(2) == 0 {
				sum = w.node("Reshape", []string{sum, w.list(-1)})
				out = append([]int64{size(i.dims)}, d[1:]...)
			} else {
				out = append([]int64{1, size(i.dims)}, d[1:]...)
			}
			w.emit("Gather", out, []string{w.node("Reshape", []string{a.name, w.list(d...)}), sum})
			if r.IntN(2) == 0 {
				b := append([]int64{1, size(i.dims)}, d[1:]...)
				w.emit("Reshape", b, []string{w.last().name, w.list(b...)})
			}
		}
	case 4: // the row by its number
		if rank > 1 && w.opset >= 12 {
			var ones []int
			for k := range min(rank, 2) {
				if a.dims[k] == 1 {
					ones = append(ones, k)
				}
			}
			if len(ones) == 0 {
				return
			}
			k := ones[r.IntN(len(ones))]
			n := a.dims[1-k]
			columns := []string{"", ""}
			columns[k], columns[1-k] = row(), numbers(n, 1, 1)
			if len(w.ints) > 0 && n > 1 && r.IntN(2) == 0 {
				columns[1-k] = w.node("Reshape", []string{w.node("Slice", []string{w.node("Reshape", []string{w.ints[0].name, w.list(w.batch, -1)}), w.list(0), w.list(1), w.list(1)}), w.list(-1, 1)})
				if w.batch != 1 {
					return
				}
			}
			by := w.node("Concat", columns, onnxpb.Int("axis", int64(1-2*r.IntN(2))))
			if r.IntN(3) > 0 {
				w.emit("GatherND", append([]int64{1}, a.dims[2:]...), []string{a.name, by})
			} else {
				w.emit("ScatterND", a.dims, []string{a.name, by, w.weight(append([]int64{1}, a.dims[2:]...)...)})
			}
		}
	case 5: // MaxPool and back
		if rank == 3 && a.dims[2] > 1 && w.opset >= 11 {
			p, i := w.name("pool"), w.name("places")
			n := a.dims[2] / 2
			d := []int64{a.dims[0], a.dims[1], n}
			w.b.nodes = append(w.b.nodes, onnxpb.Node("MaxPool", p, []string{a.name}, []string{p, i}, onnxpb.Ints("kernel_shape", 2), onnxpb.Ints("strides", 2)))
			w.values = append(w.values, wildValue{p, d})
			if r.IntN(2) == 0 {
				in := []string{p, i}
				d[2] = 2 * n
				if r.IntN(2) == 0 || a.dims[2]%2 == 1 { // else the count does not fit one row either
					d[2] = a.dims[2] + r.Int64N(2)
					in = append(in, w.list(d...))
				}
				w.values[len(w.values)-1].dims = []int64{a.dims[0], a.dims[1], n}
				w.emit("MaxUnpool", d, in, onnxpb.Ints("kernel_shape", 2), onnxpb.Ints("strides", 2))
			} else {
				w.emit("Cast", d, []string{i}, onnxpb.Int("to", 1))
			}
		}
	case 6: // a constant as long as the rows
		if w.opset >= 8 && a.dims[0] > 0 {
			name, v := w.name("even"), make([]float32, size(a.dims))
			for i := range v {
				v[i] = 2
			}
			w.b.inits = append(w.b.inits, onnxpb.TensorOf(name, a.dims, v))
			t := w.node("Shape", []string{a.name})
			if r.IntN(2) == 0 {
				t = w.node("Concat", []string{w.node("Gather", []string{t, w.list(0)}), w.list(append([]int64{1}, slices.Repeat([]int64{1}, rank-1)...)[:rank-1]...)}, onnxpb.Int("axis", 0))
			}
			if rank > 1 || r.IntN(2) == 0 {
				w.emit("Expand", a.dims, []string{name, t})
			}
		}
	case 7:
		moreBeside(&w.wild, a)
	}
}
