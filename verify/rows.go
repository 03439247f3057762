package verify

import (
	"fmt"
	"reflect"

	"onnxtool/onnxpb"
)

// rows returns the rows from..to of a tensor along its leading dimension. The elements are shared, not copied.
func rows(a *onnxpb.Array, from, to int64) (*onnxpb.Array, error) {
	if len(a.Dims) == 0 || from < 0 || from > to || to > a.Dims[0] {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "a tensor of shape %s has no rows %d to %d", shapeText(a.Dims), from, to)
	}
	dims := append([]int64{to - from}, a.Dims[1:]...)
	size, err := onnxpb.Count(a.Dims[1:])
	if err != nil {
		return nil, err
	}
	data := reflect.ValueOf(a.Data).Slice3(int(from*size), int(to*size), int(to*size)).Interface()
	return &onnxpb.Array{Type: a.Type, Dims: dims, Data: data}, nil
}

// rowsAlong returns the slices from..to-1 of a tensor along an axis. Along axis 0 it shares the elements.
func rowsAlong(a *onnxpb.Array, axis int, from, to int64) (*onnxpb.Array, error) {
	if axis == 0 {
		return rows(a, from, to)
	}
	if axis < 0 || axis >= len(a.Dims) || from < 0 || from > to || to > a.Dims[axis] {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "a tensor of shape %s has no slices %d to %d along axis %d", shapeText(a.Dims), from, to, axis)
	}
	outer, err := onnxpb.Count(a.Dims[:axis])
	if err != nil {
		return nil, err
	}
	inner, err := onnxpb.Count(a.Dims[axis+1:])
	if err != nil {
		return nil, err
	}
	dims := append([]int64{}, a.Dims...)
	dims[axis] = to - from
	src := reflect.ValueOf(a.Data)
	dst := reflect.MakeSlice(src.Type(), 0, int(outer*(to-from)*inner))
	for o := range outer {
		at := (o*a.Dims[axis] + from) * inner
		dst = reflect.AppendSlice(dst, src.Slice(int(at), int(at+(to-from)*inner)))
	}
	return &onnxpb.Array{Type: a.Type, Dims: dims, Data: dst.Interface()}, nil
}

// stack puts tensors under each other along their leading dimension.
func stack(parts []*onnxpb.Array) (*onnxpb.Array, error) {
	first := parts[0]
	if len(parts) == 1 {
		return first, nil
	}
	if len(first.Dims) == 0 {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "scalars cannot be stacked")
	}
	total := int64(0)
	elements := 0
	for _, p := range parts {
		if p.Type != first.Type || len(p.Dims) == 0 || !equalDims(p.Dims[1:], first.Dims[1:]) {
			return nil, onnxpb.Errorf(onnxpb.Unfit, "the parts of a batch do not fit each other: %s%s and %s%s", onnxpb.TypeName(first.Type), shapeText(first.Dims),
				onnxpb.TypeName(p.Type), shapeText(p.Dims))
		}
		total += p.Dims[0]
		elements += p.Len()
	}
	data := reflect.MakeSlice(reflect.TypeOf(first.Data), 0, elements)
	for _, p := range parts {
		data = reflect.AppendSlice(data, reflect.ValueOf(p.Data))
	}
	return &onnxpb.Array{Type: first.Type, Dims: append([]int64{total}, first.Dims[1:]...), Data: data.Interface()}, nil
}

// batchRunner runs a model at any batch, in parts where the model's own batch is fixed.
type batchRunner struct {
	session Session
	step    int64           // the batch that the model is fixed to; 0 where it takes any
	carries map[string]bool // the inputs whose leading dimension is the batch
	outputs []string
	in, out map[string][]int // orders of axes: see Layout
}

// runOnce runs the session on inputs in the reference's layout, and returns outputs in that.
func (r *batchRunner) runOnce(inputs map[string]*onnxpb.Value) (map[string]*onnxpb.Value, error) {
	inputs, err := turn(inputs, r.in)
	if err != nil {
		return nil, err
	}
	outputs, err := r.session.Run(inputs, r.outputs...)
	if err != nil {
		return nil, err
	}
	return turn(outputs, r.out)
}

// parts tells in how many runs a batch is computed.
func (r *batchRunner) parts(batch int64) int64 {
	if r.step == 0 || batch <= r.step {
		return 1
	}
	return batch / r.step
}

// run computes the outputs at a batch, of which a fixed step must be a divisor. Inputs that do not carry the batch are given to every part whole.
func (r *batchRunner) run(inputs map[string]*onnxpb.Value, batch int64) (map[string]*onnxpb.Value, error) {
	n := r.parts(batch)
	if n == 1 {
		return r.runOnce(inputs)
	}
	pieces := map[string][]*onnxpb.Array{}
	for k := int64(0); k < n; k++ {
		part := make(map[string]*onnxpb.Value, len(inputs))
		for name, v := range inputs {
			part[name] = v
			if !r.carries[name] {
				continue
			}
			a, err := rows(v.Array, k*r.step, (k+1)*r.step)
			if err != nil {
				return nil, err
			}
			part[name] = onnxpb.TensorVal(a)
		}
		out, err := r.runOnce(part)
		if err != nil {
			return nil, err
		}
		for name, v := range out {
			if v.Kind != onnxpb.KindTensor || len(v.Array.Dims) == 0 || v.Array.Dims[0] != r.step {
				return nil, noRows(name, r.step, v)
			}
			pieces[name] = append(pieces[name], v.Array)
		}
	}
	all := make(map[string]*onnxpb.Value, len(pieces))
	for name, p := range pieces {
		a, err := stack(p)
		if err != nil {
			return nil, &onnxpb.Error{Tensor: name, Msg: "the outputs of the parts of the batch", Err: err}
		}
		all[name] = onnxpb.TensorVal(a)
	}
	return all, nil
}

// noRows is the error for an output of which the leading dimension is not the batch, so that a batch cannot be put together from parts.
func noRows(name string, step int64, v *onnxpb.Value) error {
	what := "is a " + v.Kind.String()
	if v.Kind == onnxpb.KindTensor {
		what = "is of shape " + shapeText(v.Array.Dims)
	}
	return &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("the model's batch is fixed to %d, and this output %s: its rows cannot be put together to a larger batch", step, what),
		Hint: "compare at the model's own batch, free it with onnxtool setbatch, or leave the output out with --only"}
}

// checkRows refuses a run in parts where an output's declaration shows no batch in its leading dimension.
func checkRows(outputs []port, step int64) error {
	for _, p := range outputs {
		if !p.tensor {
			return noRows(p.name, step, &onnxpb.Value{Kind: onnxpb.KindSequence})
		}
		if d, ok := leading(p); p.ranked && (!ok || d.Known && d.Value != step) {
			return &onnxpb.Error{Tensor: p.name, Msg: fmt.Sprintf("the model's batch is fixed to %d, and this output is declared as %s: its rows cannot be put together to a larger batch",
				step, onnxpb.FormatShape(p.dims)), Hint: "compare at the model's own batch, free it with onnxtool setbatch, or leave the output out with --only"}
		}
	}
	return nil
}
