package verify

import (
	"fmt"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// Layout tells how a tensor of a model lies against its counterpart in the reference.
type Layout struct {
	// Name is the input or output, by its name in the model.
	Name string
	// Perm turns what goes into an input from the reference's layout to the model's, and what comes out of an output from the model's to the reference's, as the attribute perm of ONNX's
	// Transpose does: axis i of the result is axis Perm[i].
	Perm []int
}

// ParseLayout reads NAME=0,3,1,2. The errors are of kind Usage.
func ParseLayout(s string) (Layout, error) {
	bad := func() (Layout, error) {
		return Layout{}, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no order of axes", s), Hint: "write NAME=0,3,1,2: each axis once"}
	}
	i := strings.LastIndexByte(s, '=')
	if i <= 0 {
		return bad()
	}
	l := Layout{Name: s[:i]}
	seen := map[int]bool{}
	for _, f := range strings.Split(s[i+1:], ",") {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || n < 0 || seen[n] {
			return bad()
		}
		seen[n] = true
		l.Perm = append(l.Perm, n)
	}
	for n := range l.Perm {
		if !seen[n] {
			return bad()
		}
	}
	return l, nil
}

// Part names a part of an output that is compared, where the other model gives no more than that.
type Part struct {
	Name      string
	Reference bool // it is an output of the reference, not of the model
	Axes      []AxisPart
	text      string
}

// AxisPart is what is taken of an axis: from, up to but without to, every step-th. Numbers below 0 count from the end.
type AxisPart struct {
	From, To *int64 // nil: from the beginning, to the end
	Step     int64  // 1 or more
	Index    bool   // the one element at From is taken, and the axis is dropped
}

// ParsePart reads NAME=:,0:3 as Python writes slices: one entry for each axis from the first on, : for all of it, a number for one element, whose axis is dropped. The errors are of kind Usage.
func ParsePart(s string) (Part, error) {
	bad := func(why string) (Part, error) {
		return Part{}, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no part of a tensor: %s", s, why), Hint: "write NAME=:,0:3 for all of axis 0 and the first three of axis 1"}
	}
	i := strings.LastIndexByte(s, '=')
	if i <= 0 {
		return bad("the name is missing")
	}
	p := Part{Name: s[:i], text: s[i+1:]}
	for _, f := range strings.Split(p.text, ",") {
		fields := strings.Split(strings.TrimSpace(f), ":")
		if len(fields) > 3 {
			return bad("an axis has from, to and step at most")
		}
		var v [3]*int64
		for k, text := range fields {
			if text == "" {
				continue
			}
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return bad(fmt.Sprintf("%q is no number", text))
			}
			v[k] = &n
		}
		a := AxisPart{From: v[0], To: v[1], Step: 1, Index: len(fields) == 1}
		if a.Index && a.From == nil {
			return bad("an axis is empty")
		}
		if v[2] != nil {
			if a.Step = *v[2]; a.Step < 1 {
				return bad("steps are 1 or more")
			}
		}
		p.Axes = append(p.Axes, a)
	}
	return p, nil
}

// transposed returns a tensor with its axes in another order.
func transposed(a *onnxpb.Array, perm []int) (*onnxpb.Array, error) {
	if len(perm) != len(a.Dims) {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "an order of %d axes does not fit shape %s", len(perm), shapeText(a.Dims))
	}
	dims, strides := make([]int64, len(perm)), make([]int, len(perm))
	source := stridesOf(a.Dims)
	for i, p := range perm {
		dims[i], strides[i] = a.Dims[p], source[p]
	}
	return gathered(a, dims, strides, 0)
}

// take returns a part of a tensor.
func (p Part) take(a *onnxpb.Array) (*onnxpb.Array, error) {
	if len(p.Axes) > len(a.Dims) {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "part %s of %s, which is of shape %s, names too many axes", p.text, p.Name, shapeText(a.Dims))
	}
	dims, strides, from := []int64{}, []int{}, 0
	source := stridesOf(a.Dims)
	for i, size := range a.Dims {
		part := AxisPart{Step: 1}
		if i < len(p.Axes) {
			part = p.Axes[i]
		}
		begin, end := int64(0), size
		if part.From != nil {
			begin = *part.From
		}
		if part.To != nil {
			end = *part.To
		}
		if begin < 0 {
			begin += size
		}
		if end < 0 {
			end += size
		}
		if part.Index {
			end = begin + 1
		}
		// Unlike Python's, a part that is not there is an error: less would be compared than is thought.
		if begin < 0 || begin > size || end > size || end < begin || part.Index && begin == size {
			return nil, onnxpb.Errorf(onnxpb.Unfit, "part %s of %s does not lie within shape %s", p.text, p.Name, shapeText(a.Dims))
		}
		from += int(begin) * source[i]
		if !part.Index {
			dims = append(dims, (end-begin+part.Step-1)/part.Step)
			strides = append(strides, source[i]*int(part.Step))
		}
	}
	part, err := gathered(a, dims, strides, from)
	if err == nil && part.Len() == 0 && a.Len() > 0 {
		err = onnxpb.Errorf(onnxpb.Unfit, "part %s of %s takes nothing of shape %s", p.text, p.Name, shapeText(a.Dims))
	}
	return part, err
}

// stridesOf tells how far apart two neighbours along each axis lie in row-major order.
func stridesOf(dims []int64) []int {
	strides, n := make([]int, len(dims)), 1
	for i := len(dims) - 1; i >= 0; i-- {
		strides[i] = n
		n *= int(dims[i])
	}
	return strides
}

// gathered makes a tensor of the elements that lie so far apart, from one on.
func gathered(a *onnxpb.Array, dims []int64, strides []int, from int) (*onnxpb.Array, error) {
	n, err := onnxpb.Count(dims)
	if err != nil {
		return nil, err
	}
	at := make([]int, 0, n)
	index := make([]int64, len(dims))
	place := from
	for range n {
		at = append(at, place)
		for i := len(dims) - 1; i >= 0; i-- {
			index[i]++
			place += strides[i]
			if index[i] < dims[i] {
				break
			}
			place -= int(index[i]) * strides[i]
			index[i] = 0
		}
	}
	return &onnxpb.Array{Type: a.Type, Dims: dims, Data: pick(a.Data, at)}, nil
}

// layouts are how the tensors of the model lie, by their names there.
type layouts struct {
	in, out      map[string][]int
	refPart, got map[string]Part // parts of outputs of either side
}

// newLayouts applies layouts to the matched ports, which then have the dimensions that they have in the reference's layout.
func newLayouts(o Options, inputs, outputs []portPair) (*layouts, error) {
	l := &layouts{in: map[string][]int{}, out: map[string][]int{}, refPart: map[string]Part{}, got: map[string]Part{}}
	var names []string
	for _, p := range append(append([]portPair{}, inputs...), outputs...) {
		names = append(names, p.got.name)
	}
	for _, y := range o.Layouts {
		found := false
		if l.in[y.Name] != nil || l.out[y.Name] != nil {
			return nil, onnxpb.Errorf(onnxpb.Usage, "two orders of axes for %s", y.Name)
		}
		for i := range inputs {
			if p := &inputs[i].got; p.name == y.Name {
				found = true
				dims := make([]onnxpb.Dim, len(y.Perm))
				if p.ranked && len(p.dims) != len(y.Perm) {
					return nil, &onnxpb.Error{Tensor: y.Name, Msg: fmt.Sprintf("an order of %d axes does not fit shape %s", len(y.Perm), onnxpb.FormatShape(p.dims))}
				}
				if p.ranked {
					for k, axis := range y.Perm {
						dims[axis] = p.dims[k]
					}
					p.dims = dims
				}
				l.in[y.Name] = y.Perm
			}
		}
		for i := range outputs {
			if p := &outputs[i].got; p.name == y.Name {
				found = true
				if p.ranked && len(p.dims) != len(y.Perm) {
					return nil, &onnxpb.Error{Tensor: y.Name, Msg: fmt.Sprintf("an order of %d axes does not fit shape %s", len(y.Perm), onnxpb.FormatShape(p.dims))}
				}
				if p.ranked {
					dims := make([]onnxpb.Dim, len(y.Perm))
					for k, axis := range y.Perm {
						dims[k] = p.dims[axis]
					}
					p.dims = dims
				}
				l.out[y.Name] = y.Perm
			}
		}
		if !found {
			return nil, noSuch(fmt.Sprintf("--transpose %s: the model has no such input or output, or it is not compared", y.Name), y.Name, names)
		}
	}
	for _, p := range o.Parts {
		side, into := "model", l.got
		if p.Reference {
			side, into = "reference", l.refPart
		}
		var have []string
		for _, q := range outputs {
			have = append(have, map[bool]string{true: q.ref.name, false: q.got.name}[p.Reference])
		}
		if !contains(have, p.Name) {
			return nil, noSuch(fmt.Sprintf("--slice %s: the %s has no such output, or it is not compared", p.Name, side), p.Name, have)
		}
		if _, twice := into[p.Name]; twice {
			return nil, onnxpb.Errorf(onnxpb.Usage, "two parts of %s", p.Name)
		}
		into[p.Name] = p
	}
	return l, nil
}

// parts cuts outputs down to the parts that are compared.
func cutParts(values map[string]*onnxpb.Value, parts map[string]Part) (map[string]*onnxpb.Value, error) {
	for name, p := range parts {
		v := values[name]
		if v == nil || v.Kind != onnxpb.KindTensor {
			return nil, &onnxpb.Error{Tensor: name, Msg: "parts are of tensors, and this output is none"}
		}
		a, err := p.take(v.Array)
		if err != nil {
			return nil, err
		}
		values[name] = onnxpb.TensorVal(a)
	}
	return values, nil
}

// turn transposes values by their names.
func turn(values map[string]*onnxpb.Value, perms map[string][]int) (map[string]*onnxpb.Value, error) {
	if len(perms) == 0 {
		return values, nil
	}
	out := make(map[string]*onnxpb.Value, len(values))
	for name, v := range values {
		out[name] = v
		perm := perms[name]
		if perm == nil {
			continue
		}
		if v.Kind != onnxpb.KindTensor {
			return nil, &onnxpb.Error{Tensor: name, Msg: "tensors can be transposed, and this is none"}
		}
		a, err := transposed(v.Array, perm)
		if err != nil {
			return nil, &onnxpb.Error{Tensor: name, Err: err}
		}
		out[name] = onnxpb.TensorVal(a)
	}
	return out, nil
}
