package surgery_test

import (
	"bytes"
	"io"
	"math"
	"reflect"
	"testing"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

const weighty = `g (float[1,4] x) => (float[1,4] y, float[1,4] z) <float[4,4] w = ["location": "gone.bin"], int64[2] shape = {1,4}, float[4] bias = {1,2,3,4}> {
  h = MatMul (x, w)
  k = Add (h, bias)
  y = Reshape (k, shape)
  c = Constant <value_floats: floats = [1.0,2.0,3.0,4.0]> ()
  z = Mul (y, c)
}`

// TestFill: weights are made up by name and seed, without the file of the old ones; small tensors and shapes stay.
func TestFill(t *testing.T) {
	e := batchEngine(t)
	x := map[string]*onnxpb.Array{"x": onnxpb.ArrayOf([]int64{1, 4}, []float32{1, 1, 1, 1})}
	fill := func(o surgery.FillOptions) *onnxpb.ModelProto {
		t.Helper()
		m := textModel(t, 17, weighty)
		r, err := surgery.Fill(m, o)
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Changes) == 0 || onnxpb.HasExternal(m) {
			t.Errorf("%+v told %v", o, r.Changes)
		}
		mustPass(t, m)
		return m
	}
	wantRun(t, e, fill(surgery.FillOptions{With: surgery.FillZeros, Min: 64}), x, map[string]any{"y": []float32{1, 2, 3, 4}, "z": []float32{1, 4, 9, 16}})
	wantRun(t, e, fill(surgery.FillOptions{With: surgery.FillOnes, Min: 1}), x, map[string]any{"y": []float32{5, 5, 5, 5}, "z": []float32{5, 5, 5, 5}})
	nodes := fill(surgery.FillOptions{With: surgery.FillOnes, Min: 64, Nodes: true})
	wantRun(t, e, nodes, x, map[string]any{"y": []float32{5, 6, 7, 8}})
	if len(nodes.Graph.Initializer) != 3 || nodes.Graph.Initializer[2].GetName() != "w_shape" {
		t.Errorf("initializers: %v", nodes.Graph.Initializer)
	}
	a, b, c := fill(surgery.FillOptions{Min: 64, Seed: 1}), fill(surgery.FillOptions{Min: 64, Seed: 1}), fill(surgery.FillOptions{Min: 64, Seed: 2})
	if wa, wb, wc := runs(t, e, a, x), runs(t, e, b, x), runs(t, e, c, x); !reflect.DeepEqual(wa, wb) || reflect.DeepEqual(wa, wc) {
		t.Errorf("seeds 1, 1, 2: %v, %v, %v", wa["y"].Data, wb["y"].Data, wc["y"].Data)
	}
}

// TestFillTypes fills tensors of every type of weights: the mean and the deviation are those asked for.
func TestFillTypes(t *testing.T) {
	for _, name := range []string{"float", "double", "float16", "bfloat16", "float8e4m3fn", "float8e5m2", "int8", "uint8", "int4", "uint4"} {
		elem, err := onnxpb.ParseType(name)
		if err != nil {
			t.Fatal(err)
		}
		m := textModel(t, 21, `g () => (float y) { y = Constant <value_float: float = 0> () }`)
		m.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.NewArray(elem, []int64{99, 101}).Proto("k")}
		if _, err := surgery.Fill(m, surgery.FillOptions{With: surgery.FillUniform, Scale: 2}); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a, err := onnxpb.Decode(m.Graph.Initializer[0], "")
		if err != nil {
			t.Fatal(err)
		}
		v, err := a.Float64s()
		if err != nil {
			t.Fatal(err)
		}
		sum, square := 0.0, 0.0
		for _, x := range v {
			sum += x
			square += x * x
		}
		mean := sum / float64(len(v))
		std := math.Sqrt(square/float64(len(v)) - mean*mean)
		// Uniform over -2 to 2: 0 and 4/sqrt(12). Integers over half of their range.
		wantMean, wantStd := 0.0, 4/math.Sqrt(12)
		if bits := onnxpb.ElemBits(elem); name[0] == 'i' || name[0] == 'u' {
			wantMean, wantStd = -0.5, math.Ldexp(1, bits-1)/math.Sqrt(12)
			if name[0] == 'u' {
				wantMean = (math.Ldexp(1, bits) - 1) / 2
			}
		}
		if math.Abs(mean-wantMean) > 0.05*wantStd || math.Abs(std-wantStd) > 0.1*wantStd {
			t.Errorf("%s: mean %v, deviation %v, want %v, %v", name, mean, std, wantMean, wantStd)
		}
	}
}

// TestFillWithANumber: every type of weights gets the number where it has it, and is refused where not, whether in tensors or in nodes.
func TestFillWithANumber(t *testing.T) {
	for _, c := range []struct {
		with  string
		types map[string]float64 // what they hold then; NaN where they are refused
	}{
		{"0.5", map[string]float64{"float": 0.5, "double": 0.5, "float16": 0.5, "bfloat16": 0.5, "float8e4m3fn": 0.5, "float8e5m2": 0.5, "float4e2m1": 0.5, "int8": math.NaN(), "uint4": math.NaN()}},
		{"-7", map[string]float64{"float": -7, "int8": -7, "int4": -7, "uint8": math.NaN(), "uint4": math.NaN(), "int2": math.NaN(), "float4e2m1": math.NaN()}},
		{"255", map[string]float64{"uint8": 255, "int8": math.NaN(), "float8e4m3fn": 256}},
		{"1e6", map[string]float64{"float": 1e6, "float16": math.NaN(), "float8e4m3fn": math.NaN(), "float8e5m2": math.NaN()}},
		{"1e-60", map[string]float64{"double": 1e-60, "float": math.NaN()}},
		{"1e39", map[string]float64{"double": 1e39, "float": math.NaN()}},
		{"0", map[string]float64{"float": 0, "int4": 0, "float8e5m2": 0}},
		{"1", map[string]float64{"float": 1, "uint2": 1}},
	} {
		for name, want := range c.types {
			elem, err := onnxpb.ParseType(name)
			if err != nil {
				t.Fatal(err)
			}
			m := textModel(t, 21, `g () => (float y) { y = Constant <value_float: float = 3> () }`)
			m.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.NewArray(elem, []int64{7, 3}).Proto("k")}
			_, err = surgery.Fill(m, surgery.FillOptions{With: surgery.FillWith(c.with), Min: 1, Names: []string{"k"}})
			if math.IsNaN(want) {
				if err == nil || onnxpb.KindOf(err) != onnxpb.Refused {
					t.Errorf("%s of %s: %v", c.with, name, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s of %s: %v", c.with, name, err)
				continue
			}
			a, err := onnxpb.Decode(m.Graph.Initializer[0], "")
			if err != nil {
				t.Fatal(err)
			}
			v, err := a.Float64s()
			if err != nil || len(v) != 21 {
				t.Fatal(v, err)
			}
			for _, x := range v {
				if math.Abs(x-want) > 1e-6*math.Abs(want) {
					t.Errorf("%s of %s: holds %v, want %v", c.with, name, x, want)
					break
				}
			}
		}
	}
	for _, with := range []string{"inf", "NaN", "half", "1,5"} {
		if _, err := surgery.Fill(textModel(t, 17, weighty), surgery.FillOptions{With: surgery.FillWith(with)}); err == nil || onnxpb.KindOf(err) != onnxpb.Usage {
			t.Errorf("%q: %v", with, err)
		}
	}
}

// TestFillNodes: Constants in graphs, subgraphs and functions become nodes that keep their names, and compute what the same constants do.
func TestFillNodes(t *testing.T) {
	const text = `g (float[3] x, bool c) => (float[3] y, float[3] o) <float[3] w = {1,2,3}, complex64[2] z> {
  [konst] k = Constant <value: tensor = float[3] {4,5,6}> ()
  [out] o = Constant <value_floats: floats = [1,2,3]> ()
  p = Mul (x, w)
  q = local.F <by: floats = [1,2,3]> (p)
  y = If (c) <
    then_branch = t () => (float[3] r) <float[3] w2 = {1,2,3}> { s = Mul (q, w2) r = Add (s, k) },
    else_branch = e () => (float[3] u) { [inner] h = Constant <value_floats: floats = [1,2,3]> () u = Mul (q, h) }>
}
<opset_import: ["": 17], domain: "local">
F <by> (in) => (out) { [own] m = Constant <value: tensor = float[3] {4,5,6}> () n = Constant <value_floats: floats = @by> () i = Mul (in, m) out = Mul (i, n) }`
	e := batchEngine(t)
	for _, ir := range []int64{8, 3} {
		made := func(nodes bool) *onnxpb.ModelProto {
			m := textModel(t, 17, text)
			m.Graph.Initializer = m.Graph.Initializer[:1]
			m.IrVersion = &ir
			if ir < 4 {
				m.Graph.Input = append(m.Graph.Input, onnxpb.TensorValue("w", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(3)))
			}
			r, err := surgery.Fill(m, surgery.FillOptions{With: "0.25", Min: 1, Nodes: nodes})
			if err != nil {
				t.Fatal(err)
			}
			if ir >= 8 {
				mustPass(t, m)
			}
			if nodes && (len(r.Notes) != 1 || len(m.Graph.Input) != 2) {
				t.Errorf("IR %d: notes %q, %d inputs", ir, r.Notes, len(m.Graph.Input))
			}
			return m
		}
		m := made(true)
		weights := 0
		m.AllTensors(func(x *onnxpb.TensorProto) {
			if x.GetDataType() == int32(onnxpb.TensorProto_FLOAT) && len(x.GetDims()) == 1 && x.GetDims()[0] > 1 {
				weights++
			}
		})
		if weights != 0 {
			t.Errorf("IR %d: %d tensors of weights are left", ir, weights)
		}
		names := map[string]bool{}
		for _, n := range m.Graph.Node {
			names[n.GetOpType()+" "+n.GetName()] = true
		}
		if !names["ConstantOfShape konst"] || !names["ConstantOfShape out"] || m.Functions[0].Node[1].GetName() != "own" || m.Functions[0].Node[1].GetOpType() != "ConstantOfShape" || m.Functions[0].Node[2].GetOpType() != "Constant" {
			t.Errorf("IR %d: nodes %v, in the function %v", ir, names, m.Functions[0].Node)
		}
		if ir < 8 {
			continue // functions are of a later version, for the engine
		}
		for _, c := range []bool{true, false} {
			in := map[string]*onnxpb.Array{"x": vec(1, -2, 3), "c": truth(c)}
			want, got := runs(t, e, made(false), in), runs(t, e, m, in)
			if !reflect.DeepEqual(want, got) || got["o"].Data.([]float32)[0] != 0.25 {
				t.Errorf("c %v: %v, want %v", c, got, want)
			}
		}
	}
}

// TestFillNodesThatStay: what no node can stand for is told, each reason once.
func TestFillNodesThatStay(t *testing.T) {
	for _, c := range []struct {
		opset int
		text  string
		notes []string
	}{
		{17, `g (float[3] x, float[3] a = {1,2,3}, float[3] b = {1,2,3}) => (float[3] y) <float[3] w = {1,2,3}> { p = Add (x, a) q = Add (p, b) y = Add (q, w) }`,
			[]string{"1 tensor made", "2 tensors filled where it stands"}},
		{8, `g (float[3] x) => (float[3] y) <float[3] w = {1,2,3}> { y = Add (x, w) }`, []string{"1 tensor filled where it stands, and not made of a ConstantOfShape: it is in a model of opset 8"}},
	} {
		m := textModel(t, c.opset, c.text)
		r, err := surgery.Fill(m, surgery.FillOptions{With: surgery.FillOnes, Min: 1, Nodes: true})
		if err != nil {
			t.Fatal(err)
		}
		mustPass(t, m)
		if len(r.Notes) != len(c.notes) {
			t.Fatalf("notes %q", r.Notes)
		}
		for i, w := range c.notes {
			if len(r.Notes[i]) < len(w) || r.Notes[i][:len(w)] != w {
				t.Errorf("note %q, want %q", r.Notes[i], w)
			}
		}
	}
}

// TestFillScratch: weights that are made elsewhere are those that are made in memory, and small ones are not made there.
func TestFillScratch(t *testing.T) {
	const text = `g (float[1,600] x) => (float[1,600] y) <float[600,600] w, float16[700,800] h, float[600] b> { p = MatMul (x, w) y = Add (p, b) }`
	model := func(o surgery.FillOptions) *onnxpb.ModelProto {
		m := textModel(t, 17, text)
		for _, x := range []struct {
			name string
			elem onnxpb.TensorProto_DataType
			dims []int64
		}{{"w", onnxpb.TensorProto_FLOAT, []int64{600, 600}}, {"h", onnxpb.TensorProto_FLOAT16, []int64{700, 800}}, {"b", onnxpb.TensorProto_FLOAT, []int64{600}}} {
			m.Graph.Initializer = append(m.Graph.Initializer, onnxpb.NewArray(x.elem, x.dims).Proto(x.name))
		}
		m.Graph.ValueInfo = nil
		if _, err := surgery.Fill(m, o); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, with := range []surgery.FillWith{surgery.FillNormal, surgery.FillUniform, surgery.FillOnes, "0.125"} {
		s := &onnxpb.Scratch{Dir: t.TempDir()}
		calls := 0
		got := model(surgery.FillOptions{With: with, Scratch: func(size int64, write func(io.Writer) error) ([]byte, error) {
			calls++
			return s.Make(size, write)
		}})
		want := model(surgery.FillOptions{With: with})
		if calls != 2 {
			t.Errorf("%s: %d tensors were made elsewhere", with, calls)
		}
		for i, x := range want.Graph.Initializer {
			if !bytes.Equal(x.RawData, got.Graph.Initializer[i].RawData) {
				t.Errorf("%s: %s is another", with, x.GetName())
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	// Where there is no room the model stays as it was.
	m := textModel(t, 17, text)
	m.Graph.Initializer = append(m.Graph.Initializer, onnxpb.NewArray(onnxpb.TensorProto_FLOAT, []int64{600, 600}).Proto("w"))
	before, err := onnxpb.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	_, err = surgery.Fill(m, surgery.FillOptions{Scratch: func(int64, func(io.Writer) error) ([]byte, error) { return nil, io.ErrShortWrite }})
	if after, _ := onnxpb.Marshal(m); err == nil || !bytes.Equal(before, after) {
		t.Errorf("no room: %v", err)
	}
}
