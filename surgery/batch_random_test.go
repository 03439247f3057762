package surgery_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

// wild is a random graph under construction, made for one batch.
type wild struct {
	batch  int64
	rng    *rand.Rand
	b      bm
	values []wildValue
	count  int
}

type wildValue struct {
	name string
	dims []int64
}

func (w *wild) name(kind string) string {
	w.count++
	return fmt.Sprintf("%s%d", kind, w.count)
}

func (w *wild) emit(kind string, dims []int64, inputs []string, attrs ...*onnxpb.AttributeProto) {
	name := w.name(strings.ToLower(kind))
	w.b.nodes = append(w.b.nodes, onnxpb.Node(kind, name, inputs, []string{name}, attrs...))
	w.values = append(w.values, wildValue{name, dims})
}

func (w *wild) list(v ...int64) string {
	name := w.name("list")
	w.b.inits = append(w.b.inits, ints(name, v...))
	return name
}

func (w *wild) weight(dims ...int64) string {
	name := w.name("w")
	w.b.inits = append(w.b.inits, noise(name, dims...))
	return name
}

func size(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= d
	}
	return n
}

// grow adds a random node.
func (w *wild) grow() {
	r := w.rng
	v := w.values[r.IntN(len(w.values))]
	if r.IntN(2) == 0 {
		v = w.values[len(w.values)-1]
	}
	rank := len(v.dims)
	dims := append([]int64{}, v.dims...)
	axis := 0
	if rank > 0 {
		axis = r.IntN(rank)
	}
	in := []string{v.name}
	switch kind := r.IntN(15); {
	case kind == 0:
		w.emit([]string{"Relu", "Tanh", "Neg", "Sigmoid"}[r.IntN(4)], dims, in)
	case kind <= 3: // Reshape to a random product
		left, target := size(dims), []int64{}
		lead := r.IntN(2) == 0 && left%w.batch == 0
		if lead {
			left /= w.batch
		}
		for left > 1 && len(target) < 3 {
			d := left
			for try := 0; try < 4; try++ {
				if c := int64(1 + r.IntN(int(left))); left%c == 0 {
					d = c
				}
			}
			target, left = append(target, d), left/d
		}
		target = append(target, left)
		r.Shuffle(len(target), func(i, j int) { target[i], target[j] = target[j], target[i] })
		if lead {
			target = append([]int64{w.batch}, target...)
		}
		written := append([]int64{}, target...)
		if r.IntN(3) == 0 {
			written[r.IntN(len(written))] = -1
		}
		w.emit("Reshape", target, []string{v.name, w.list(written...)})
	case kind <= 5 && rank > 1:
		perm, out := make([]int64, rank), make([]int64, rank)
		for i, p := range r.Perm(rank) {
			perm[i], out[i] = int64(p), dims[p]
		}
		w.emit("Transpose", out, in, onnxpb.Ints("perm", perm...))
	case kind == 6 && rank > 0:
		dims[axis] = 1
		w.emit([]string{"ReduceMean", "ReduceMax"}[r.IntN(2)], dims, in, onnxpb.Ints("axes", int64(axis)))
	case kind == 7 && rank > 0:
		w.emit("Softmax", dims, in, onnxpb.Int("axis", int64(axis)))
	case kind == 8 && rank > 1:
		n := int64(1 + r.IntN(3))
		w.emit("MatMul", append(dims[:rank-1:rank-1], n), []string{v.name, w.weight(dims[rank-1], n)})
	case kind == 9 && rank > 0:
		end := int64(1 + r.IntN(int(dims[axis])))
		dims[axis] = end
		w.emit("Slice", dims, []string{v.name, w.list(0), w.list(end), w.list(int64(axis))})
	case kind == 10 && rank > 0: // a constant that broadcasts, or has the full size of some axes
		k := append([]int64{}, dims[r.IntN(rank):]...)
		for i := range k {
			if r.IntN(2) == 0 {
				k[i] = 1
			}
		}
		w.emit("Add", dims, []string{v.name, w.weight(k...)})
	case kind == 11: // two values of the graph
		o := w.values[r.IntN(len(w.values))]
		if out, ok := broadcast(dims, o.dims); ok && size(out) < 400 {
			w.emit([]string{"Mul", "Add", "Sub"}[r.IntN(3)], out, []string{v.name, o.name})
		}
	case kind == 12 && rank > 0:
		k := append([]int64{}, dims...)
		k[axis] = 1
		other := w.weight(k...)
		for _, o := range w.values {
			if fmt.Sprint(o.dims) == fmt.Sprint(dims) && r.IntN(2) == 0 {
				other, k[axis] = o.name, dims[axis]
			}
		}
		dims[axis] += k[axis]
		w.emit("Concat", dims, []string{v.name, other}, onnxpb.Int("axis", int64(axis)))
	case kind == 13 && rank < 5:
		at := r.IntN(rank + 1)
		out := append(append(append([]int64{}, dims[:at]...), 1), dims[at:]...)
		w.emit("Unsqueeze", out, []string{v.name, w.list(int64(at))})
	case kind == 14 && rank > 0:
		if r.IntN(2) == 0 {
			cut := r.IntN(rank + 1)
			w.emit("Flatten", []int64{size(dims[:cut]), size(dims[cut:])}, in, onnxpb.Int("axis", int64(cut)))
			return
		}
		reps := make([]int64, rank)
		for i := range reps {
			reps[i] = 1
		}
		reps[axis], dims[axis] = 2, dims[axis]*2
		if size(dims) < 400 {
			w.emit("Tile", dims, []string{v.name, w.list(reps...)})
		}
	}
}

func broadcast(a, b []int64) ([]int64, bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := append([]int64{}, a...)
	for i := range b {
		j := len(a) - len(b) + i
		switch {
		case b[i] == a[j] || b[i] == 1:
		case a[j] == 1:
			out[j] = b[i]
		default:
			return nil, false
		}
	}
	return out, true
}

// TestSetBatchOnRandomGraphs frees random graphs, each of their values being the output once, and holds what is accepted to its rows in ONNX Runtime.
func TestSetBatchOnRandomGraphs(t *testing.T) {
	e := batchEngine(t)
	freed, mended, refused := 0, 0, 0
	for seed := range uint64(240) {
		w := &wild{rng: rand.New(rand.NewPCG(seed, 7))}
		w.batch = []int64{1, 1, 3}[seed%3]
		dims := append([]int64{w.batch}, [][]int64{{6}, {4, 6}, {2, 3, 4}, {1, 4}, {5, 1, 2}}[seed%5]...)
		w.b.x = nums(dims...)
		w.values = []wildValue{{"x", dims}}
		for len(w.values) < 13 {
			w.grow()
		}
		whole := w.b.model()
		whole.Graph.Output = nil
		for _, v := range w.values[1:] {
			one := onnxpb.Clone(whole)
			one.Graph.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(v.name, tFloat, nums(v.dims...))}
			if _, err := surgery.Tidy(one); err != nil {
				t.Fatal(err)
			}
			m := onnxpb.Clone(one)
			r, err := surgery.SetBatch(m, onnxpb.Symbol("N"))
			if err != nil {
				refused++
				continue
			}
			freed++
			if strings.Contains(written(r), "node") {
				mended++
			}
			axis, hasRows := r.Axes[v.name]
			if d, _ := m.Graph.Output[0].Shape(); !hasRows || len(d) <= axis || d[axis] != onnxpb.Symbol("N") {
				t.Errorf("seed %d, %s: output %s", seed, v.name, onnxpb.FormatShape(d))
			}
			rep, err := verify.CheckBatch(e, verify.Source{Model: one}, verify.Source{Model: m}, []int64{1, 3}, seed, verify.BatchOptions{Axes: r.Axes})
			if err != nil {
				t.Errorf("seed %d, %s: %v", seed, v.name, err)
				continue
			}
			if !rep.Equal {
				t.Errorf("seed %d, %s: rows differ: %+v", seed, v.name, rep.Outputs)
			}
		}
	}
	t.Logf("%d freed, of these %d mended; %d refused", freed, mended, refused)
	if freed < 300 || mended < 100 || refused < 300 {
		t.Errorf("%d freed, of these %d mended, and %d refused: too few to say anything", freed, mended, refused)
	}
}
