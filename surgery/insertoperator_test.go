package surgery

import (
	"testing"

	"onnxtool/onnxpb"
)

// operating makes an edit of InsertOperator.
func operating(op OperatorBlock, at InsertPlace, o InsertOptions) edit {
	return func(m *onnxpb.ModelProto) (*Report, error) { return InsertOperator(m, op, at, o) }
}

func castTo(t onnxpb.TensorProto_DataType) OperatorBlock {
	return OperatorBlock{Operator: "Cast", Attributes: []*onnxpb.AttributeProto{onnxpb.Int("to", int64(t))}}
}

func TestInsertOperator(t *testing.T) {
	model := `g (float[N,2,6] x) => (float[N,2,6] y) { [exp] a = Exp (x)  [neg] y = Neg (a) }`
	scalar := func(v float32) *onnxpb.Array { return onnxpb.ArrayOf([]int64{}, []float32{v}) }
	constant := OperatorBlock{Operator: "Constant", Name: "half", Attributes: []*onnxpb.AttributeProto{onnxpb.TensorAttr("value", scalar(0.5).Proto(""))}}
	for _, c := range []struct {
		name  string
		op    OperatorBlock
		at    InsertPlace
		o     InsertOptions
		model string
		want  string
	}{
		{"in the place of an input, of its type", OperatorBlock{Operator: "Relu"}, InsertPlace{Name: "x", Input: true}, InsertOptions{}, model,
			`g (float[N,2,6] x) => (float[N,2,6] y) <float[N,2,6] x_1> { [x_Relu] x_1 = Relu (x)  [exp] a = Exp (x_1)  [neg] y = Neg (a) }`},
		{"of another element type", castTo(tFloat), InsertPlace{Name: "x", Input: true, Takes: onnxpb.TensorType(onnxpb.TensorProto_UINT8, nil)}, InsertOptions{}, model,
			`g (uint8[N,2,6] x) => (float[N,2,6] y) <float[N,2,6] x_1> { [x_Cast] x_1 = Cast <to: int = 1> (x)  [exp] a = Exp (x_1)  [neg] y = Neg (a) }`},
		{"of another shape, in the model's symbols", OperatorBlock{Operator: "Transpose", Attributes: []*onnxpb.AttributeProto{onnxpb.Ints("perm", 0, 2, 1)}},
			InsertPlace{Name: "x", Input: true, Takes: onnxpb.TensorType(0, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(6), onnxpb.Number(2)})}, InsertOptions{}, model,
			`g (float[N,6,2] x) => (float[N,2,6] y) <float[N,2,6] x_1> { [x_Transpose] x_1 = Transpose <perm: ints = [0,2,1]> (x)  [exp] a = Exp (x_1)  [neg] y = Neg (a) }`},
		{"an operator without inputs behind a tensor", OperatorBlock{Operator: "RandomNormal", Attributes: []*onnxpb.AttributeProto{onnxpb.Ints("shape", 1, 2, 6)}}, InsertPlace{Name: "x"}, InsertOptions{},
			`g (float[1,2,6] x) => (float[1,2,6] y) { y = Neg (x) }`, `g (float[1,2,6] x) => (float[1,2,6] y) { [x_RandomNormal] x_RandomNormal = RandomNormal <shape: ints = [1,2,6]> ()  y = Neg (x_RandomNormal) }`},
		{"a constant in the place of another, by index", constant, InsertPlace{}, InsertOptions{Outputs: map[string]string{"0": "k"}},
			`g (float[N] i) => (float[N] o) <float k = {2}> { [mul] o = Mul (i, k) }`,
			`g (float[N] i) => (float[N] o) <float k = {2}> { [half] half = Constant <value: tensor = float {0.5}> ()  [mul] o = Mul (i, half) }`},
		{"a name of its own, for its node and its outputs", OperatorBlock{Operator: "Clip", Name: "bound", Operands: []Operand{{Place: true}, {Name: "low", Value: scalar(0)}, {Name: "bound", Value: scalar(6)}}}, InsertPlace{Name: "a"}, InsertOptions{}, model,
			`g (float[N,2,6] x) => (float[N,2,6] y) <float low = {0}, float bound = {6}> { [exp] a = Exp (x)  [bound] bound_1 = Clip (a, low, bound)  [neg] y = Neg (bound_1) }`},
		{"names that are taken", OperatorBlock{Operator: "Relu", Name: "exp"}, InsertPlace{Name: "a"}, InsertOptions{}, model,
			`g (float[N,2,6] x) => (float[N,2,6] y) { [exp] a = Exp (x)  [exp_1] exp = Relu (a)  [neg] y = Neg (exp) }`},
		{"the second output", OperatorBlock{Operator: "MaxPool", Name: "pool", Results: 2, Attributes: []*onnxpb.AttributeProto{onnxpb.Ints("kernel_shape", 1)}, Operands: []Operand{{Name: "x"}}}, InsertPlace{}, InsertOptions{Outputs: map[string]string{"1": "w"}},
			`g (float[N,2,6] x, int64[N,2,6] w) => (int64[N,2,6] y) { y = Neg (w) }`,
			`g (float[N,2,6] x, int64[N,2,6] w) => (int64[N,2,6] y) { [pool] pool, pool_1 = MaxPool <kernel_shape: ints = [1]> (x)  y = Neg (pool_1) }`},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fromText(t, c.model)
			if _, err := InsertOperator(m, c.op, c.at, c.o); err != nil {
				t.Fatal(err)
			}
			sameGraph(t, m, c.want)
		})
	}
}

func TestInsertOperatorRefuses(t *testing.T) {
	relu := OperatorBlock{Operator: "Relu"}
	x := func(t *onnxpb.TypeProto) InsertPlace { return InsertPlace{Name: "x", Input: true, Takes: t} }
	out := func(name, to string) InsertOptions { return InsertOptions{Outputs: map[string]string{name: to}} }
	for _, c := range []struct {
		name  string
		edit  edit
		kind  onnxpb.Kind
		words string
	}{
		{"what the old input was not", operating(castTo(tFloat), x(onnxpb.TensorType(onnxpb.TensorProto_UINT8, onnxpb.Numbers(2, 3))), InsertOptions{}), onnxpb.Unfit, "its readers are made for the former"},
		{"an operator that gives another type", operating(castTo(tInt64), x(nil), InsertOptions{}), onnxpb.Unfit, "its readers are made for the former"},
		{"no such input", operating(relu, InsertPlace{Name: "xx", Input: true}, InsertOptions{}), onnxpb.Unfit, `no input "xx"`},
		{"no operand", operating(OperatorBlock{Operator: "RandomNormal"}, x(nil), InsertOptions{}), onnxpb.Usage, "no input left"},
		{"no place", operating(relu, InsertPlace{}, InsertOptions{}), onnxpb.Usage, "none is given"},
		{"no such index", operating(relu, InsertPlace{Name: "a"}, out("1", "x")), onnxpb.Usage, "no output 1"},
		{"an output twice", operating(relu, InsertPlace{Name: "a"}, InsertOptions{Outputs: map[string]string{"0": "x", "a_Relu": "a"}}), onnxpb.Usage, "told twice"},
		{"no such operator", operating(OperatorBlock{Operator: "EfficientNMS_TRT"}, InsertPlace{Name: "a"}, InsertOptions{}), onnxpb.Unfit, "--domain"},
		{"an operator of later", operating(OperatorBlock{Operator: "Gelu"}, InsertPlace{Name: "a"}, InsertOptions{}), onnxpb.Unfit, "it came with version 20"},
		{"two constants of one name", operating(OperatorBlock{Operator: "Clip", Operands: []Operand{{Place: true}, {Name: "k", Value: onnxpb.ArrayOf([]int64{}, []float32{0})}, {Name: "k", Value: onnxpb.ArrayOf([]int64{}, []float32{1})}}}, InsertPlace{Name: "a"}, InsertOptions{}),
			onnxpb.Usage, "two operands"},
	} {
		t.Run(c.name, func(t *testing.T) {
			failsWith(t, fromText(t, `g (float[N,3] x) => (float[N,3] y) { [exp] a = Exp (x)  [neg] y = Neg (a) }`), c.edit, c.kind, c.words)
		})
	}
	t.Run("a part of the type of a sequence", func(t *testing.T) {
		m := fromText(t, `g (seq(float[N]) x) => (float[N] y) { i = Constant <value_int: int = 0> ()  y = SequenceAt (x, i) }`)
		failsWith(t, m, operating(OperatorBlock{Operator: "Identity"}, x(onnxpb.TensorType(0, onnxpb.Numbers(2))), InsertOptions{}), onnxpb.Usage, "told in part")
	})
}
