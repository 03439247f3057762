package shape_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/shape"
)

// mathOperators are the operators that TestMathSoundness runs.
var mathOperators = []string{"Abs", "Add", "And", "ArgMax", "BatchNormalization", "Bernoulli", "BitCast", "BitShift", "BitwiseAnd", "BitwiseNot",
	"Cast", "CastLike", "Clip", "CumSum", "Det",
	"Div", "Dropout", "Einsum", "Equal", "Floor", "Gemm", "Greater", "GroupNormalization", "Identity", "InstanceNormalization", "LRN",
	"LayerNormalization", "LessOrEqual",
	"LpNormalization", "MatMul", "Max", "Mean", "MeanVarianceNormalization", "Min", "Mod", "Mul", "Neg", "NegativeLogLikelihoodLoss", "Not", "Or",
	"PRelu", "Pow", "QLinearMatMul",
	"RMSNormalization", "ReduceMax", "ReduceMean", "ReduceProd", "ReduceSum", "Relu", "Sign", "Softmax", "SoftmaxCrossEntropyLoss", "Sub", "Sum",
	"SwiGLU", "TopK", "Trilu", "Where", "Xor"}

// some makes random nodes and values.
type some struct{ *rand.Rand }

func pick[T any](r some, list ...T) T { return list[r.IntN(len(list))] }

func (r some) dim() shape.Dim {
	n, m := shape.Symbol("N"), shape.Symbol("M")
	return pick(r, shape.Number(int64(r.IntN(4))), shape.Number(1), n, n, m, n.Add(shape.Number(1)), n.Mul(m), n.Mul(shape.Number(2)))
}

func (r some) dims() []shape.Dim {
	dims := make([]shape.Dim, pick(r, 0, 1, 1, 2, 2, 2, 3, 4))
	for i := range dims {
		dims[i] = r.dim()
	}
	return dims
}

func (r some) value(dims []shape.Dim) *shape.Value {
	elem := pick(r, onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_INT64, onnxpb.TensorProto_INT64, onnxpb.TensorProto_INT8, onnxpb.TensorProto_BOOL,
		onnxpb.TensorProto_FLOAT16)
	if r.IntN(12) == 0 {
		return &shape.Value{Kind: pick(r, shape.Unknown, shape.Tensor, shape.Sequence)}
	}
	v := shape.TensorOf(elem, dims)
	count := int64(1)
	for _, d := range dims {
		n, ok := d.Const()
		if !ok {
			return v
		}
		count *= n
	}
	if r.IntN(3) == 0 {
		return v
	}
	for range count {
		v.Ints = append(v.Ints, pick(r, r.dim(), shape.Number(int64(r.IntN(9)-4)), r.dim().Neg(), shape.Dim{}))
		if elem == onnxpb.TensorProto_BOOL {
			v.Ints[len(v.Ints)-1] = pick(r, shape.Number(0), shape.Number(1))
		}
	}
	return v
}

func (r some) attribute(name, typ string) *onnxpb.AttributeProto {
	if r.IntN(30) == 0 {
		typ = pick(r, "int", "string", "list of ints", "float")
	}
	switch typ {
	case "int":
		if name == "to" || name == "dtype" {
			return onnxpb.Int(name, pick[int64](r, 1, 2, 3, 6, 7, 9, 10, 11, 500))
		}
		return onnxpb.Int(name, pick[int64](r, 0, 1, 1, 2, -1, -2, 3, -1<<63, 1<<62))
	case "float":
		return onnxpb.Float(name, 0.5)
	case "list of ints":
		list := make([]int64, r.IntN(3))
		for i := range list {
			list[i] = int64(r.IntN(5) - 2)
		}
		return onnxpb.Ints(name, list...)
	}
	return onnxpb.Str(name, pick(r, "none", "mean", "LEFT", "RIGHT", "ij,jk->ik", "ij,jk", "...i,...i->...", "i,", "...j,jk", "ii->i", "bij,bjk->bik",
		"FLOAT", "é", "a->...", "->"))
}

// TestMathSoundness infers random nodes with symbols and with numbers in their place: what is told of the symbols has to be true of the numbers.
func TestMathSoundness(t *testing.T) {
	r := some{rand.New(rand.NewPCG(1, 2))}
	rounds := 60_000
	if testing.Short() {
		rounds = 6_000
	}
	compared, clean := 0, 0
	for range rounds {
		op, version := pick(r, mathOperators...), pick[int64](r, 6, 7, 9, 11, 13, 18, 21, 28)
		n := &onnxpb.NodeProto{OpType: &op}
		m := &onnxpb.ModelProto{Graph: &onnxpb.GraphProto{Node: []*onnxpb.NodeProto{n}}, OpsetImport: []*onnxpb.OperatorSetIdProto{{Version: &version}}}
		inputs := 1 + r.IntN(4)
		if facts, ok := opset.Lookup("", op, version); ok {
			for _, a := range facts.Attributes {
				if r.IntN(2) == 0 || a.Required {
					n.Attribute = append(n.Attribute, r.attribute(a.Name, a.Type))
				}
			}
			if len(facts.Inputs) > 0 && r.IntN(8) > 0 {
				inputs = len(facts.Inputs)
			}
		}
		symbolic, numeric := map[string]*shape.Value{}, map[string]*shape.Value{}
		numbers := map[string]int64{"N": 1 + r.Int64N(4), "M": 1 + r.Int64N(4)}
		given := map[string]expr.Expr{"N": shape.Number(numbers["N"]), "M": shape.Number(numbers["M"])}
		var last []shape.Dim
		for i := range inputs {
			name := fmt.Sprintf("x%d", i)
			n.Input = append(n.Input, name)
			m.Graph.Input = append(m.Graph.Input, &onnxpb.ValueInfoProto{Name: &name})
			dims := r.dims()
			if last != nil && r.IntN(2) == 0 {
				dims = append([]shape.Dim(nil), last...)
				if len(dims) > 0 && r.IntN(2) == 0 {
					dims[r.IntN(len(dims))] = r.dim()
				}
			}
			last = dims
			v := r.value(dims)
			w := *v
			w.Dims, w.Ints = put(v.Dims, given), put(v.Ints, given)
			symbolic[name], numeric[name] = v, &w
		}
		for i := range 1 + r.IntN(3) {
			n.Output = append(n.Output, fmt.Sprintf("y%d", i))
		}
		a := shape.Infer(m, shape.Options{Inputs: symbolic})
		b := shape.Infer(m, shape.Options{Inputs: numeric})
		label := fmt.Sprintf("%s of opset %d, %v, %v with %v", op, version, n.Attribute, describeAll(n, symbolic), numbers)
		if len(a.Faults) > 0 && len(b.Faults) == 0 {
			t.Fatalf("%s: there is a fault with symbols: %v, and none with numbers", label, a.Faults[0])
		}
		if len(b.Faults) > 0 {
			continue
		}
		clean++
		for _, name := range n.Output {
			compared += sound(t, label+": "+name, a.Value(name), b.Value(name), numbers)
		}
	}
	t.Logf("%d of %d nodes without faults, %d dimensions and elements compared", clean, rounds, compared)
}

func put(list []shape.Dim, given map[string]expr.Expr) []shape.Dim {
	if list == nil {
		return nil
	}
	out := make([]shape.Dim, len(list))
	for i, d := range list {
		out[i] = d.Subst(given)
	}
	return out
}

func describeAll(n *onnxpb.NodeProto, values map[string]*shape.Value) string {
	s := ""
	for _, name := range n.Input {
		s += fmt.Sprintf(" %v %v", values[name], values[name].Ints)
	}
	return s
}

// sound holds what was told with symbols to what was told with numbers.
func sound(t *testing.T, label string, a, b *shape.Value, numbers map[string]int64) int {
	t.Helper()
	if a.Kind != b.Kind || a.Kind != shape.Tensor {
		if a.Kind != b.Kind {
			t.Fatalf("%s is %v and %v", label, a, b)
		}
		return 0
	}
	if a.Elem != b.Elem || a.Ranked && (!b.Ranked || len(a.Dims) != len(b.Dims)) {
		t.Fatalf("%s is %v and %v", label, a, b)
	}
	if !a.Ranked {
		return 0
	}
	compared := 0
	holds := func(x, y shape.Dim) {
		want, ok := y.Const()
		got, told := x.Eval(numbers)
		if ok && told {
			compared++
		}
		if ok && told && got != want {
			t.Fatalf("%s is %v %v and %v %v", label, a, a.Ints, b, b.Ints)
		}
	}
	for i, d := range a.Dims {
		holds(d, b.Dims[i])
	}
	if a.Ints != nil && len(a.Ints) == len(b.Ints) {
		for i, d := range a.Ints {
			holds(d, b.Ints[i])
		}
	}
	return compared
}
