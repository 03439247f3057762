//go:build cgo

package ort

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// everyValue returns an array of one dimension with every value of a type of up to 16 bits, and with the telling ones of the others.
func everyValue(t *testing.T, et onnxpb.TensorProto_DataType) *onnxpb.Array {
	t.Helper()
	inf := math.Inf(1)
	switch et {
	case onnxpb.TensorProto_FLOAT:
		return onnxpb.ArrayOf([]int64{7}, []float32{0, -1.5, math.MaxFloat32, math.SmallestNonzeroFloat32, float32(inf), float32(-inf), float32(math.NaN())})
	case onnxpb.TensorProto_DOUBLE:
		return onnxpb.ArrayOf([]int64{6}, []float64{0, -1.5, math.MaxFloat64, math.SmallestNonzeroFloat64, inf, math.NaN()})
	case onnxpb.TensorProto_INT32:
		return onnxpb.ArrayOf([]int64{3}, []int32{math.MinInt32, -1, math.MaxInt32})
	case onnxpb.TensorProto_INT64:
		return onnxpb.ArrayOf([]int64{3}, []int64{math.MinInt64, -1, math.MaxInt64})
	case onnxpb.TensorProto_UINT32:
		return onnxpb.ArrayOf([]int64{3}, []uint32{0, 1, math.MaxUint32})
	case onnxpb.TensorProto_UINT64:
		return onnxpb.ArrayOf([]int64{3}, []uint64{0, 1, math.MaxUint64})
	case onnxpb.TensorProto_BOOL:
		return onnxpb.ArrayOf([]int64{3}, []bool{true, false, true})
	case onnxpb.TensorProto_STRING:
		return onnxpb.ArrayOf([]int64{5}, []string{"", "a", "größer", "a b\n", "\xff\xfe"})
	}
	var raw []byte
	n := int64(1) << onnxpb.ElemBits(et)
	switch onnxpb.ElemBits(et) {
	case 2:
		raw = []byte{0b11_10_01_00}
	case 4:
		raw = []byte{0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe}
	case 8:
		for i := range 256 {
			raw = append(raw, byte(i))
		}
	case 16:
		for i := range 1 << 16 {
			raw = append(raw, byte(i), byte(i>>8))
		}
	}
	a, err := onnxpb.ArrayFromRaw(et, []int64{n}, raw)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// same wants equal types, shapes and bits, where a NaN may be another NaN.
func same(got, want *onnxpb.Array) error {
	if err := corpus.Compare(onnxpb.TensorVal(got), onnxpb.TensorVal(want), 0, 0); err != nil || reflect.DeepEqual(got.Data, want.Data) {
		return err
	}
	values, err := want.Float64s()
	if err != nil {
		return err
	}
	g, w := reflect.ValueOf(got.Data), reflect.ValueOf(want.Data)
	for i, v := range values {
		if !math.IsNaN(v) && g.Index(i).Interface() != w.Index(i).Interface() {
			return fmt.Errorf("element %d has the bits %x, want %x", i, g.Index(i).Interface(), w.Index(i).Interface())
		}
	}
	return nil
}

// TestEveryType passes every element type through a model, in every shape that the ways in and out treat differently.
func TestEveryType(t *testing.T) {
	e := testEngine(t)
	for number := range onnxpb.TensorProto_DataType_name {
		et := onnxpb.TensorProto_DataType(number)
		switch et {
		case onnxpb.TensorProto_UNDEFINED, onnxpb.TensorProto_COMPLEX64, onnxpb.TensorProto_COMPLEX128, onnxpb.TensorProto_FLOAT4E2M1:
			continue // those that ONNX Runtime has not: see below
		}
		all := everyValue(t, et)
		one := slice(t, all, 1, 2)
		one.Dims = []int64{}
		matrix := slice(t, all, 0, 2)
		matrix.Dims = []int64{1, 2, 1}
		empty := slice(t, all, 0, 0)
		empty.Dims = []int64{0, 3}
		for name, a := range map[string]*onnxpb.Array{"all": all, "scalar": one, "three dimensions": matrix, "empty": empty} {
			numbers, symbols := []onnxpb.Dim{}, []onnxpb.Dim{}
			for i, d := range a.Dims {
				numbers = append(numbers, onnxpb.Number(d))
				symbols = append(symbols, onnxpb.Symbol(string(rune('A'+i))))
			}
			for declared, dims := range map[string][]onnxpb.Dim{"numbers": numbers, "symbols": symbols, "nothing": nil} {
				t.Run(fmt.Sprintf("%s/%s/declared as %s", onnxpb.TypeName(et), name, declared), func(t *testing.T) {
					m := model(25, []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{"x"}, []string{"y"})},
						ports(onnxpb.TensorValue("x", et, dims)), ports(onnxpb.TensorValue("y", et, dims)))
					got := runOnce(t, e, verify.Source{Model: m}, map[string]*onnxpb.Value{"x": onnxpb.TensorVal(a)})
					if err := same(got["y"].Array, a); err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
}

// slice returns the elements from..to of an array of one dimension.
func slice(t *testing.T, a *onnxpb.Array, from, to int) *onnxpb.Array {
	t.Helper()
	return &onnxpb.Array{Type: a.Type, Dims: []int64{int64(to - from)}, Data: reflect.ValueOf(a.Data).Slice(from, to).Interface()}
}

// TestFloat4 holds a type that ONNX Runtime has no operators for to be refused with the reason.
func TestFloat4(t *testing.T) {
	e := testEngine(t)
	x := ports(tensor("x", onnxpb.TensorProto_FLOAT4E2M1, onnxpb.Symbol("N"), onnxpb.Number(3)))
	m := model(25, []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{"x"}, []string{"y"})}, x, ports(tensor("y", onnxpb.TensorProto_FLOAT4E2M1)))
	_, err := e.Open(verify.Source{Model: m}, verify.SessionOptions{})
	wantError(t, err, onnxpb.Engine, `"y"`, "no tensors of float4e2m1")
}

// TestScalarsCompute holds the narrow types to come through a computation, not only an Identity: the scalar is compared with the one that a Constant holds.
func TestScalarsCompute(t *testing.T) {
	e := testEngine(t)
	for _, et := range []onnxpb.TensorProto_DataType{onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16, onnxpb.TensorProto_FLOAT8E5M2, onnxpb.TensorProto_INT4} {
		m := model(21, []*onnxpb.NodeProto{onnxpb.Node("Cast", "", []string{"x"}, []string{"y"}, onnxpb.Int("to", int64(onnxpb.TensorProto_FLOAT)))},
			ports(tensor("x", et)), ports(tensor("y", onnxpb.TensorProto_FLOAT)))
		x, err := onnxpb.ArrayFromFloat64s(et, nil, []float64{-3})
		if err != nil {
			t.Fatal(err)
		}
		got := runOnce(t, e, verify.Source{Model: m}, map[string]*onnxpb.Value{"x": onnxpb.TensorVal(x)})
		if v := got["y"].Array.Data.([]float32); len(got["y"].Array.Dims) != 0 || v[0] != -3 {
			t.Errorf("%s: %v%v", onnxpb.TypeName(et), got["y"].Array.Dims, v)
		}
	}
}

func TestNoInputs(t *testing.T) {
	e := testEngine(t)
	m := model(17, []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{"c"}, []string{"y"})}, nil,
		ports(tensor("y", onnxpb.TensorProto_INT64, onnxpb.Number(2))), onnxpb.TensorOf("c", []int64{2}, []int64{7, 8}))
	got := runOnce(t, e, verify.Source{Model: m}, nil)
	if !slices.Equal(got["y"].Array.Data.([]int64), []int64{7, 8}) {
		t.Errorf("got %v", got["y"].Array)
	}
}

func TestComplexIsRefused(t *testing.T) {
	e := testEngine(t)
	m := model(17, []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{"x"}, []string{"y"})},
		ports(tensor("x", onnxpb.TensorProto_COMPLEX64)), ports(tensor("y", onnxpb.TensorProto_COMPLEX64)))
	_, err := e.Open(verify.Source{Model: m}, verify.SessionOptions{})
	wantError(t, err, onnxpb.Engine, "no tensors of complex64")
}

func typeOf(v *onnxpb.TypeProto, kind string) *onnxpb.TypeProto {
	if kind == "sequence" {
		return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_SequenceType{SequenceType: &onnxpb.TypeProto_Sequence{ElemType: v}}}
	}
	return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_OptionalType{OptionalType: &onnxpb.TypeProto_Optional{ElemType: v}}}
}

func value(name string, t *onnxpb.TypeProto) *onnxpb.ValueInfoProto {
	return &onnxpb.ValueInfoProto{Name: &name, Type: t}
}

// TestSequences passes sequences through: of a passable and of a narrow type, with scalars and empty tensors in them, and empty ones.
func TestSequences(t *testing.T) {
	e := testEngine(t)
	for _, et := range []onnxpb.TensorProto_DataType{onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_STRING} {
		all := everyValue(t, et)
		scalar, empty := slice(t, all, 1, 2), slice(t, all, 0, 0)
		scalar.Dims, empty.Dims = []int64{}, []int64{0, 2}
		some := onnxpb.TensorVal(slice(t, all, 0, 3))
		for name, elems := range map[string][]*onnxpb.Value{
			"tensors": {some, some}, "scalars": {onnxpb.TensorVal(scalar), some, onnxpb.TensorVal(scalar)}, "empty": {onnxpb.TensorVal(empty)}, "none": {},
		} {
			t.Run(onnxpb.TypeName(et)+"/"+name, func(t *testing.T) {
				st := typeOf(onnxpb.TensorType(et, nil), "sequence")
				m := model(17, []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{"x"}, []string{"y"})}, ports(value("x", st)), ports(value("y", st)))
				want := &onnxpb.Value{Kind: onnxpb.KindSequence, Elems: elems}
				got := runOnce(t, e, verify.Source{Model: m}, map[string]*onnxpb.Value{"x": want})
				if err := corpus.Compare(got["y"], want, 0, 0); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestOptionals passes optionals through that hold a tensor, a sequence, and nothing, one after another on one session.
func TestOptionals(t *testing.T) {
	for _, et := range []onnxpb.TensorProto_DataType{onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_FLOAT16} {
		all := everyValue(t, et)
		scalar := slice(t, all, 1, 2)
		scalar.Dims = []int64{}
		some := onnxpb.TensorVal(slice(t, all, 0, 3))
		none := &onnxpb.Value{Kind: onnxpb.KindNone}
		ot := typeOf(onnxpb.TensorType(et, nil), "optional")
		st := typeOf(typeOf(onnxpb.TensorType(et, nil), "sequence"), "optional")
		m := model(17, []*onnxpb.NodeProto{onnxpb.Node("Identity", "", []string{"t"}, []string{"tt"}), onnxpb.Node("Identity", "", []string{"s"}, []string{"ss"})},
			ports(value("t", ot), value("s", st)), ports(value("tt", ot), value("ss", st)))
		s := open(t, m, verify.SessionOptions{})
		for _, tensor := range []*onnxpb.Value{some, none, onnxpb.TensorVal(scalar)} {
			for _, sequence := range []*onnxpb.Value{none, {Kind: onnxpb.KindSequence, Elems: []*onnxpb.Value{some, some}}, {Kind: onnxpb.KindSequence}} {
				got, err := s.Run(map[string]*onnxpb.Value{"t": tensor, "s": sequence})
				if err != nil {
					t.Fatalf("%s and %s: %v", valueString(tensor), valueString(sequence), err)
				}
				if err := corpus.Compare(got["tt"], tensor, 0, 0); err != nil {
					t.Errorf("%s: %v", valueString(tensor), err)
				}
				if err := corpus.Compare(got["ss"], sequence, 0, 0); err != nil {
					t.Errorf("%s: %v", valueString(sequence), err)
				}
			}
		}
	}
}

// mlModel builds a model of one node of ai.onnx.ml that imports nothing else.
func mlModel(n *onnxpb.NodeProto, in, out *onnxpb.ValueInfoProto) *onnxpb.ModelProto {
	n.Domain = proto.String("ai.onnx.ml")
	return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("ai.onnx.ml", 3)},
		Graph: &onnxpb.GraphProto{Name: proto.String("ml"), Node: []*onnxpb.NodeProto{n}, Input: ports(in), Output: ports(out)}}
}

func mapType(key, value onnxpb.TensorProto_DataType) *onnxpb.TypeProto {
	k := int32(key)
	return &onnxpb.TypeProto{Value: &onnxpb.TypeProto_MapType{MapType: &onnxpb.TypeProto_Map{KeyType: &k, ValueType: onnxpb.TensorType(value, []onnxpb.Dim{})}}}
}

// TestMapOutputs takes over a sequence of maps, from a model that does not import the default domain.
func TestMapOutputs(t *testing.T) {
	e := testEngine(t)
	m := mlModel(onnxpb.Node("ZipMap", "", []string{"x"}, []string{"y"}, onnxpb.Strs("classlabels_strings", "a", "b")),
		tensor("x", onnxpb.TensorProto_FLOAT, onnxpb.Symbol("N"), onnxpb.Number(2)),
		value("y", typeOf(mapType(onnxpb.TensorProto_STRING, onnxpb.TensorProto_FLOAT), "sequence")))
	got := runOnce(t, e, verify.Source{Model: m}, map[string]*onnxpb.Value{"x": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{2, 2}, []float32{1, 2, 3, 4}))})
	y := got["y"]
	if y.Kind != onnxpb.KindSequence || len(y.Elems) != 2 {
		t.Fatalf("got %s", valueString(y))
	}
	for i, e := range y.Elems {
		if e.Kind != onnxpb.KindMap || !slices.Equal(e.Keys.Data.([]string), []string{"a", "b"}) {
			t.Fatalf("element %d: %s", i, valueString(e))
		}
		for k, v := range e.Elems {
			if want := float32(2*i + k + 1); len(v.Array.Dims) != 0 || v.Array.Data.([]float32)[0] != want {
				t.Errorf("element %d: %v is %v, want %v", i, e.Keys.Data.([]string)[k], v.Array, want)
			}
		}
	}
}

func TestMapInputs(t *testing.T) {
	e := testEngine(t)
	m := mlModel(onnxpb.Node("DictVectorizer", "", []string{"x"}, []string{"y"}, onnxpb.Ints("int64_vocabulary", 10, 20, 30)),
		value("x", mapType(onnxpb.TensorProto_INT64, onnxpb.TensorProto_FLOAT)), tensor("y", onnxpb.TensorProto_FLOAT, onnxpb.Number(1), onnxpb.Number(3)))
	scalar := func(f float32) *onnxpb.Value { return onnxpb.TensorVal(onnxpb.ArrayOf([]int64{}, []float32{f})) }
	x := &onnxpb.Value{Kind: onnxpb.KindMap, Keys: onnxpb.ArrayOf([]int64{2}, []int64{30, 10}), Elems: []*onnxpb.Value{scalar(3), scalar(1)}}
	got := runOnce(t, e, verify.Source{Model: m}, map[string]*onnxpb.Value{"x": x})
	if v := got["y"].Array.Data.([]float32); !slices.Equal(v, []float32{1, 0, 3}) {
		t.Errorf("got %v", v)
	}
}
