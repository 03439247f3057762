package readback

import (
	"fmt"
	"math"
	"reflect"
	"slices"

	"gorgonia.org/tensor"

	"onnxtool/onnxpb"
)

// Compare holds a recording to our own reading of the same model: the nodes of the main graph one by one (operator, inputs and outputs in order, attributes and
// their values), the graph's inputs and outputs, and the initializers where the recording has them. It returns the first difference.
func Compare(m *onnxpb.ModelProto, rec *Recording) error {
	g := m.GetGraph()
	if len(g.GetNode()) != len(rec.Operations) {
		return fmt.Errorf("the graph has %d nodes, onnx-go saw %d", len(g.GetNode()), len(rec.Operations))
	}
	for i, n := range g.GetNode() {
		if err := compareNode(n, rec.Operations[i]); err != nil {
			return fmt.Errorf("node %d (%s): %w", i, n.Label(), err)
		}
	}
	initial := map[string]bool{}
	for _, t := range g.GetInitializer() {
		initial[t.GetName()] = true
	}
	var inputs, outputs []string
	for _, v := range g.GetInput() {
		if !initial[v.GetName()] {
			inputs = append(inputs, v.GetName())
		}
	}
	for _, v := range g.GetOutput() {
		outputs = append(outputs, v.GetName())
	}
	if !slices.Equal(inputs, rec.Inputs) {
		return fmt.Errorf("the inputs are %q, onnx-go saw %q", inputs, rec.Inputs)
	}
	if !slices.Equal(outputs, rec.Outputs) {
		return fmt.Errorf("the outputs are %q, onnx-go saw %q", outputs, rec.Outputs)
	}
	if rec.Tensors == nil {
		return nil
	}
	for _, t := range g.GetInitializer() {
		seen, ok := rec.Tensors[t.GetName()]
		if !ok {
			return fmt.Errorf("initializer %q: onnx-go did not see it", t.GetName())
		}
		if err := compareTensor(t, seen); err != nil {
			return fmt.Errorf("initializer %q: %w", t.GetName(), err)
		}
	}
	return nil
}

func compareNode(n *onnxpb.NodeProto, op Operation) error {
	if n.GetOpType() != op.Type {
		return fmt.Errorf("the operator is %q, onnx-go saw %q", n.GetOpType(), op.Type)
	}
	inputs := n.GetInput()
	if len(inputs) == 0 {
		inputs = []string{n.GetName() + "/input"} // onnx-go makes one up for a node without inputs
	}
	if !slices.Equal(inputs, op.Inputs) {
		return fmt.Errorf("the inputs are %q, onnx-go saw %q", inputs, op.Inputs)
	}
	if !slices.Equal(n.GetOutput(), op.Outputs) {
		return fmt.Errorf("the outputs are %q, onnx-go saw %q", n.GetOutput(), op.Outputs)
	}
	if len(n.GetAttribute()) != len(op.Attributes) {
		return fmt.Errorf("there are %d attributes, onnx-go saw %d", len(n.GetAttribute()), len(op.Attributes))
	}
	for _, a := range n.GetAttribute() {
		seen, ok := op.Attributes[a.GetName()]
		if !ok {
			return fmt.Errorf("attribute %q: onnx-go did not see it", a.GetName())
		}
		if err := compareAttribute(a, seen); err != nil {
			return fmt.Errorf("attribute %q: %w", a.GetName(), err)
		}
	}
	return nil
}

// compareAttribute holds the value that onnx-go read to ours, by the type that the attribute tells.
func compareAttribute(a *onnxpb.AttributeProto, seen any) error {
	var ours any
	switch a.GetType() {
	case onnxpb.AttributeProto_UNDEFINED:
		ours = struct{}{}
	case onnxpb.AttributeProto_FLOAT:
		if f, ok := seen.(float32); ok {
			return differ(math.Float32bits(a.GetF()), math.Float32bits(f))
		}
		ours = a.GetF()
	case onnxpb.AttributeProto_INT:
		ours = a.GetI()
	case onnxpb.AttributeProto_STRING:
		ours = string(a.GetS())
	case onnxpb.AttributeProto_FLOATS:
		if f, ok := seen.([]float32); ok {
			return differ(bitsOf(a.GetFloats()), bitsOf(f))
		}
		ours = a.GetFloats()
	case onnxpb.AttributeProto_INTS:
		if v, ok := seen.([]int64); ok && len(v) == 0 && len(a.GetInts()) == 0 {
			return nil
		}
		ours = a.GetInts()
	case onnxpb.AttributeProto_STRINGS:
		s := make([]string, 0, len(a.GetStrings()))
		for _, b := range a.GetStrings() {
			s = append(s, string(b))
		}
		ours = s
	case onnxpb.AttributeProto_TENSOR:
		t, ok := seen.(tensor.Tensor)
		if !ok {
			return fmt.Errorf("is a tensor, onnx-go saw %T", seen)
		}
		return compareTensor(a.GetT(), t)
	default:
		return fmt.Errorf("is of type %s, which onnx-go cannot read, but it saw %v", a.GetType(), seen)
	}
	return differ(ours, seen)
}

func differ(ours, seen any) error {
	if reflect.DeepEqual(ours, seen) {
		return nil
	}
	return fmt.Errorf("is %v, onnx-go saw %v", ours, seen)
}

func bitsOf(v []float32) []uint32 {
	b := make([]uint32, len(v))
	for i, f := range v {
		b[i] = math.Float32bits(f)
	}
	return b
}

// compareTensor holds the shape and the elements that onnx-go read to ours.
func compareTensor(t *onnxpb.TensorProto, seen tensor.Tensor) error {
	a, err := onnxpb.Decode(t, "")
	if err != nil {
		return err
	}
	shape := make([]int64, 0, len(a.Dims))
	for _, d := range seen.Shape() {
		shape = append(shape, int64(d))
	}
	if !slices.Equal(shape, a.Dims) {
		return fmt.Errorf("has the dimensions %v, onnx-go saw %v", a.Dims, shape)
	}
	data := reflect.ValueOf(seen.Data())
	if data.Kind() != reflect.Slice { // a scalar is its element
		s := reflect.MakeSlice(reflect.SliceOf(data.Type()), 1, 1)
		s.Index(0).Set(data)
		data = s
	}
	switch d := data.Interface().(type) {
	case []float32:
		if o, ok := a.Data.([]float32); ok {
			return differ(bitsOf(o), bitsOf(d))
		}
	case []float64:
		if o, ok := a.Data.([]float64); ok {
			for i := range min(len(o), len(d)) {
				if math.Float64bits(o[i]) != math.Float64bits(d[i]) {
					return fmt.Errorf("element %d is %v, onnx-go saw %v", i, o[i], d[i])
				}
			}
			return differ(len(o), len(d))
		}
	}
	return differ(a.Data, data.Interface())
}
