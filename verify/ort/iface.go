package ort

import (
	"fmt"
	"slices"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// port is an input or output as the model declares it.
type port struct {
	name       string
	typ        *onnxpb.TypeProto
	hasDefault bool // an input that an initializer gives a value
}

// iface is what a model takes and gives.
type iface struct{ inputs, outputs []port }

func interfaceOf(m *onnxpb.ModelProto) iface {
	g := m.GetGraph()
	initialized := map[string]bool{}
	for _, t := range g.GetInitializer() {
		initialized[t.GetName()] = true
	}
	for _, t := range g.GetSparseInitializer() {
		initialized[t.GetValues().GetName()] = true
	}
	var f iface
	for _, v := range g.GetInput() {
		f.inputs = append(f.inputs, port{v.GetName(), v.GetType(), initialized[v.GetName()]})
	}
	for _, v := range g.GetOutput() {
		f.outputs = append(f.outputs, port{v.GetName(), v.GetType(), false})
	}
	return f
}

func names(ports []port) []string {
	var list []string
	for _, p := range ports {
		list = append(list, p.name)
	}
	return list
}

// unknownName is the error for a name that is no input or output.
func unknownName(what, name string, ports []port) error {
	e := &onnxpb.Error{Tensor: name, Msg: "the model has no such " + what}
	if near := surgery.Nearest(name, names(ports), 3); len(near) > 0 {
		e.Hint = "did you mean " + strings.Join(near, ", ") + "?"
	} else if len(ports) > 0 {
		e.Hint = "it has " + strings.Join(names(ports), ", ")
	} else {
		e.Hint = "it has no " + what + "s"
	}
	return e
}

// checkInputs holds the values that a run is given to what the model declares.
func (f iface) checkInputs(values map[string]*onnxpb.Value) error {
	var given []string
	for n := range values {
		given = append(given, n)
	}
	slices.Sort(given)
	for _, n := range given {
		if !slices.ContainsFunc(f.inputs, func(p port) bool { return p.name == n }) {
			return unknownName("input", n, f.inputs)
		}
	}
	for _, p := range f.inputs {
		v, ok := values[p.name]
		if !ok && p.hasDefault {
			continue
		}
		if !ok {
			return &onnxpb.Error{Tensor: p.name, Msg: "the input is missing: " + typeString(p.typ) + " was expected"}
		}
		if err := fits(v, p.typ); err != nil {
			return &onnxpb.Error{Tensor: p.name, Msg: fmt.Sprintf("the input does not fit: %s was expected, got %s", typeString(p.typ), valueString(v)), Err: err}
		}
	}
	return nil
}

// selectOutputs returns the outputs asked for, all where none is named.
func (f iface) selectOutputs(asked []string) ([]string, error) {
	if len(asked) == 0 {
		return names(f.outputs), nil
	}
	for _, n := range asked {
		if !slices.ContainsFunc(f.outputs, func(p port) bool { return p.name == n }) {
			return nil, unknownName("output", n, f.outputs)
		}
	}
	return asked, nil
}

// fits tells whether a value is of a type; the error says what is off in a few words.
func fits(v *onnxpb.Value, t *onnxpb.TypeProto) error {
	if v == nil {
		return fmt.Errorf("there is no value")
	}
	if v.Kind == onnxpb.KindTensor && v.Array == nil {
		return fmt.Errorf("there is no tensor")
	}
	if v.Kind == onnxpb.KindTensor {
		if err := sound(v.Array); err != nil {
			return err
		}
	}
	switch t := t.GetValue().(type) {
	case nil:
		return nil
	case *onnxpb.TypeProto_OptionalType:
		if v.Kind == onnxpb.KindNone {
			return nil
		}
		return fits(v, t.OptionalType.GetElemType())
	case *onnxpb.TypeProto_TensorType:
		if v.Kind != onnxpb.KindTensor {
			return fmt.Errorf("not a tensor")
		}
		return fitsTensor(v.Array, t.TensorType)
	case *onnxpb.TypeProto_SequenceType:
		if v.Kind != onnxpb.KindSequence {
			return fmt.Errorf("not a sequence")
		}
		for i, e := range v.Elems {
			if err := fits(e, t.SequenceType.GetElemType()); err != nil {
				return fmt.Errorf("element %d: %w", i, err)
			}
		}
		return nil
	case *onnxpb.TypeProto_MapType:
		if v.Kind != onnxpb.KindMap {
			return fmt.Errorf("not a map")
		}
		return fitsMap(v, t.MapType)
	}
	return nil // sparse and opaque values cannot be given: the session says so
}

func fitsTensor(a *onnxpb.Array, t *onnxpb.TypeProto_Tensor) error {
	if want := onnxpb.TensorProto_DataType(t.GetElemType()); want != onnxpb.TensorProto_UNDEFINED && a.Type != want {
		return fmt.Errorf("the element type is another")
	}
	if t.Shape == nil {
		return nil
	}
	dims := t.Shape.GetDim()
	if len(dims) != len(a.Dims) {
		return fmt.Errorf("rank %d, not %d", len(a.Dims), len(dims))
	}
	for i, d := range dims {
		// A negative number stands for a free dimension in some old models, and ONNX Runtime takes it so.
		if d := onnxpb.DimOf(d); d.Known && d.Value >= 0 && d.Value != a.Dims[i] {
			return fmt.Errorf("dimension %d is %d, not %d", i, a.Dims[i], d.Value)
		}
	}
	return nil
}

func fitsMap(v *onnxpb.Value, t *onnxpb.TypeProto_Map) error {
	if v.Keys == nil || sound(v.Keys) != nil || v.Keys.Len() != len(v.Elems) {
		return fmt.Errorf("not one key for each value")
	}
	if want := onnxpb.TensorProto_DataType(t.GetKeyType()); v.Keys.Type != want {
		return fmt.Errorf("the keys are of %s, not %s", onnxpb.TypeName(v.Keys.Type), onnxpb.TypeName(want))
	}
	for i, e := range v.Elems {
		if err := fits(e, t.GetValueType()); err != nil {
			return fmt.Errorf("value %d: %w", i, err)
		}
	}
	return nil
}

// sound tells whether an array holds as many elements as its dimensions say, in a slice of the kind that its type says.
func sound(a *onnxpb.Array) error {
	n, err := onnxpb.Count(a.Dims)
	if err != nil {
		return err
	}
	if int64(a.Len()) != n {
		return fmt.Errorf("%d elements where its shape takes %d", a.Len(), n)
	}
	if _, known := onnxpb.TensorProto_DataType_name[int32(a.Type)]; !known || a.Type == onnxpb.TensorProto_UNDEFINED {
		return fmt.Errorf("its element type is not one of ONNX's")
	}
	if want := onnxpb.NewArray(a.Type, []int64{0}).Data; fmt.Sprintf("%T", want) != fmt.Sprintf("%T", a.Data) {
		return fmt.Errorf("its elements are a %T, not a %T", a.Data, want)
	}
	return nil
}

// typeString writes a declared type: float32[N,3], sequence of int64[?], optional float32.
func typeString(t *onnxpb.TypeProto) string {
	switch t := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		s := onnxpb.TypeName(onnxpb.TensorProto_DataType(t.TensorType.GetElemType()))
		if t.TensorType.Shape == nil {
			return s + " of any shape"
		}
		var dims []string
		for _, d := range t.TensorType.Shape.GetDim() {
			dims = append(dims, onnxpb.DimOf(d).String())
		}
		return s + "[" + strings.Join(dims, ",") + "]"
	case *onnxpb.TypeProto_SequenceType:
		return "a sequence of " + typeString(t.SequenceType.GetElemType())
	case *onnxpb.TypeProto_OptionalType:
		return "an optional " + typeString(t.OptionalType.GetElemType())
	case *onnxpb.TypeProto_MapType:
		return "a map of " + onnxpb.TypeName(onnxpb.TensorProto_DataType(t.MapType.GetKeyType())) + " to " + typeString(t.MapType.GetValueType())
	case *onnxpb.TypeProto_SparseTensorType:
		return "a sparse " + onnxpb.TypeName(onnxpb.TensorProto_DataType(t.SparseTensorType.GetElemType())) + " tensor"
	case *onnxpb.TypeProto_OpaqueType:
		return "an opaque value"
	}
	return "a value of any type"
}

// valueString writes the type of a value as typeString does.
func valueString(v *onnxpb.Value) string {
	switch {
	case v == nil:
		return "nothing"
	case v.Kind == onnxpb.KindTensor && v.Array != nil:
		var dims []string
		for _, d := range v.Array.Dims {
			dims = append(dims, fmt.Sprint(d))
		}
		return onnxpb.TypeName(v.Array.Type) + "[" + strings.Join(dims, ",") + "]"
	case v.Kind == onnxpb.KindSequence && len(v.Elems) > 0:
		return fmt.Sprintf("a sequence of %d, the first %s", len(v.Elems), valueString(v.Elems[0]))
	case v.Kind == onnxpb.KindNone:
		return "an optional that holds nothing"
	case v.Kind == onnxpb.KindTensor:
		return "no tensor"
	}
	return "a " + v.Kind.String() + fmt.Sprintf(" of %d", len(v.Elems))
}
