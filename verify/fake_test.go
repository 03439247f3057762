package verify

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// fakeEngine runs models by Go functions, by the name of their graph. A function gets one batch of inputs and returns every tensor it knows; those are given out
// that are outputs of the model at hand, and only where inputs fit the declaration, as a real engine has it.
type fakeEngine map[string]func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array

func (fakeEngine) Version() string { return "0.0.fake" }

func (e fakeEngine) Open(s Source, _ SessionOptions) (Session, error) {
	f := e[s.Model.GetGraph().GetName()]
	if f == nil {
		return nil, onnxpb.Errorf(onnxpb.Engine, "there is no function %q", s.Model.GetGraph().GetName())
	}
	return &fakeSession{model: s.Model, f: f}, nil
}

// failingEngine opens everything and runs nothing.
type failingEngine struct{}

func (failingEngine) Version() string                              { return "0" }
func (failingEngine) Open(Source, SessionOptions) (Session, error) { return failingSession{}, nil }

type failingSession struct{}

func (failingSession) Close() error { return nil }
func (failingSession) Run(map[string]*onnxpb.Value, ...string) (map[string]*onnxpb.Value, error) {
	return nil, onnxpb.Errorf(onnxpb.Engine, "indices are out of range")
}

type fakeSession struct {
	model *onnxpb.ModelProto
	f     func(map[string]*onnxpb.Array) map[string]*onnxpb.Array
}

func (s *fakeSession) Close() error { return nil }

func (s *fakeSession) Run(inputs map[string]*onnxpb.Value, outputs ...string) (map[string]*onnxpb.Value, error) {
	in := map[string]*onnxpb.Array{}
	env := map[string]int64{}
	ports := inputsOf(s.model)
	for _, p := range ports {
		v := inputs[p.name]
		if v == nil {
			return nil, onnxpb.Errorf(onnxpb.Unfit, "input %s is missing", p.name)
		}
		in[p.name] = v.Array
		if v.Array.Type != p.elem || p.ranked && len(p.dims) != len(v.Array.Dims) {
			return nil, onnxpb.Errorf(onnxpb.Unfit, "input %s is %s%v", p.name, v.Array.Type, v.Array.Dims)
		}
		for i, d := range p.dims {
			want, known := d.Value, d.Known
			if d.Param != "" {
				want, known = env[d.Param]
				env[d.Param] = v.Array.Dims[i]
			}
			if known && v.Array.Dims[i] != want {
				return nil, onnxpb.Errorf(onnxpb.Unfit, "input %s has shape %v", p.name, v.Array.Dims)
			}
		}
	}
	if len(in) != len(inputs) {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "inputs %v are too many", slices.Sorted(maps.Keys(inputs)))
	}
	all := s.f(in)
	known := portNames(outputsOf(s.model))
	if len(outputs) == 0 {
		outputs = known
	}
	out := map[string]*onnxpb.Value{}
	for _, name := range outputs {
		if !contains(known, name) || all[name] == nil {
			return nil, onnxpb.Errorf(onnxpb.Unfit, "there is no output %s", name)
		}
		out[name] = onnxpb.TensorVal(all[name])
	}
	return out, nil
}

// declare makes a model without nodes: a name for a fakeEngine's function, and what goes in and out, as "x:float32:[N,3]".
func declare(t testing.TB, graph string, inputs, outputs []string) Source {
	t.Helper()
	g := &onnxpb.GraphProto{Name: proto.String(graph)}
	for i, list := range [][]string{inputs, outputs} {
		for _, s := range list {
			v := value(t, s)
			if i == 0 {
				g.Input = append(g.Input, v)
			} else {
				g.Output = append(g.Output, v)
			}
		}
	}
	return Source{Model: &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: g}}
}

func value(t testing.TB, s string) *onnxpb.ValueInfoProto {
	t.Helper()
	var name, elem, shape string
	parts := [3]*string{&name, &elem, &shape}
	at := 0
	for _, r := range s {
		if r == ':' && at < 2 {
			at++
			continue
		}
		*parts[at] += string(r)
	}
	e, err := onnxpb.ParseType(elem)
	if err != nil {
		t.Fatal(err)
	}
	if shape == "" {
		return onnxpb.TensorValue(name, e, nil)
	}
	dims, err := onnxpb.ParseShape(shape)
	if err != nil {
		t.Fatal(err)
	}
	return onnxpb.TensorValue(name, e, dims)
}

// elementwise makes a function that gives y, of x's shape, from x.
func elementwise(from, to string, f func(float32) float32) func(map[string]*onnxpb.Array) map[string]*onnxpb.Array {
	return func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		x := in[from]
		y := onnxpb.NewArray(onnxpb.TensorProto_FLOAT, x.Dims)
		for i, v := range x.Data.([]float32) {
			y.Data.([]float32)[i] = f(v)
		}
		return map[string]*onnxpb.Array{to: y}
	}
}

// rowsOf makes a function that computes each row of a matrix from a row of x by itself.
func rowsOf(from string, f func(x []float32) map[string][]float32) func(map[string]*onnxpb.Array) map[string]*onnxpb.Array {
	return func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		x := in[from]
		n := int(x.Dims[0])
		width := x.Len() / n
		all := map[string]*onnxpb.Array{}
		for r := 0; r < n; r++ {
			for name, row := range f(x.Data.([]float32)[r*width : (r+1)*width]) {
				a := all[name]
				if a == nil {
					a = onnxpb.NewArray(onnxpb.TensorProto_FLOAT, []int64{int64(n), int64(len(row))})
					all[name] = a
				}
				copy(a.Data.([]float32)[r*len(row):], row)
			}
		}
		return all
	}
}

func mustFail(t *testing.T, err error, kind onnxpb.Kind, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error; %q was expected", parts)
	}
	if onnxpb.KindOf(err) != kind {
		t.Errorf("error of kind %v, want %v: %v", onnxpb.KindOf(err), kind, err)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("error %q does not say %q", err, p)
		}
	}
}

// writeTensor writes a tensor to a .pb file and returns its path.
func writeTensor(t testing.TB, dir, name string, a *onnxpb.Array) string {
	t.Helper()
	data, err := proto.Marshal(a.Proto("x"))
	path := filepath.Join(dir, name)
	if err == nil {
		err = os.WriteFile(path, data, 0o666)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}
