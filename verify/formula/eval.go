package formula

import (
	"fmt"
	"math"
	"slices"

	"onnxtool/onnxpb"
)

// Tensor is a value of an expression: row-major, in float64. Booleans are 0 and 1.
type Tensor struct {
	Dims []int64
	Data []float64
}

// mostElements bounds what an expression may make.
const mostElements = 1 << 26

func newTensor(dims []int64) (*Tensor, error) {
	n, err := onnxpb.Count(dims)
	if err != nil {
		return nil, err
	}
	if n > mostElements {
		return nil, fmt.Errorf("shape %v has more than %d elements", dims, mostElements)
	}
	return &Tensor{slices.Clone(dims), make([]float64, n)}, nil
}

func scalar(v float64) *Tensor { return &Tensor{[]int64{}, []float64{v}} }

// environment is what names stand for.
type environment struct {
	value func(model, name string) (*onnxpb.Array, error)
	names map[string]*Tensor
}

// node is an expression.
type node interface {
	eval(*environment) (*Tensor, error)
	walk(func(node))
}

type constant float64

func (c constant) eval(*environment) (*Tensor, error) { return scalar(float64(c)), nil }
func (c constant) walk(f func(node))                  { f(c) }

type name string

func (n name) eval(e *environment) (*Tensor, error) { return e.names[string(n)], nil }
func (n name) walk(f func(node))                    { f(n) }

// outputOf is an output of a model.
type outputOf struct{ model, output string }

func (o outputOf) walk(f func(node)) { f(o) }

func (o outputOf) eval(e *environment) (*Tensor, error) {
	a, err := e.value(o.model, o.output)
	if err != nil {
		return nil, err
	}
	v, err := a.Float64s()
	if err != nil {
		if b, ok := a.Data.([]bool); ok {
			v = make([]float64, len(b))
			for i, x := range b {
				v[i] = truth(x)
			}
		} else {
			return nil, err
		}
	}
	return &Tensor{a.Dims, v}, nil
}

// binary is two expressions with an operator between.
type binary struct {
	op   string
	a, b node
}

func (b binary) walk(f func(node)) {
	f(b)
	b.a.walk(f)
	b.b.walk(f)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

var operations = map[string]func(a, b float64) float64{
	"+": func(a, b float64) float64 { return a + b }, "-": func(a, b float64) float64 { return a - b }, "*": func(a, b float64) float64 { return a * b },
	"/": func(a, b float64) float64 { return a / b }, "**": math.Pow,
	"<": func(a, b float64) float64 { return truth(a < b) }, "<=": func(a, b float64) float64 { return truth(a <= b) }, ">": func(a, b float64) float64 { return truth(a > b) },
	">=": func(a, b float64) float64 { return truth(a >= b) }, "==": func(a, b float64) float64 { return truth(a == b) }, "!=": func(a, b float64) float64 { return truth(a != b) },
	"and": func(a, b float64) float64 { return truth(a != 0 && b != 0) }, "or": func(a, b float64) float64 { return truth(a != 0 || b != 0) },
}

func (b binary) eval(e *environment) (*Tensor, error) {
	x, err := b.a.eval(e)
	if err != nil {
		return nil, err
	}
	y, err := b.b.eval(e)
	if err != nil {
		return nil, err
	}
	op := operations[b.op]
	return broadcast(func(v []float64) float64 { return op(v[0], v[1]) }, x, y)
}

// broadcast works element by element on tensors of shapes that fit, as ONNX broadcasts them.
func broadcast(f func([]float64) float64, of ...*Tensor) (*Tensor, error) {
	rank := 0
	for _, t := range of {
		rank = max(rank, len(t.Dims))
	}
	dims := make([]int64, rank)
	strides := make([][]int, len(of))
	for axis := range dims {
		dims[axis] = 1
		for _, t := range of {
			if k := axis - rank + len(t.Dims); k >= 0 && t.Dims[k] != 1 {
				if dims[axis] != 1 && dims[axis] != t.Dims[k] {
					return nil, fmt.Errorf("shapes %v do not fit each other", shapes(of))
				}
				dims[axis] = t.Dims[k]
			}
		}
	}
	for i, t := range of {
		own := stridesOf(t.Dims)
		strides[i] = make([]int, rank)
		for axis := range dims {
			if k := axis - rank + len(t.Dims); k >= 0 && t.Dims[k] != 1 {
				strides[i][axis] = own[k]
			}
		}
	}
	out, err := newTensor(dims)
	if err != nil {
		return nil, err
	}
	index, at, v := make([]int64, rank), make([]int, len(of)), make([]float64, len(of))
	for n := range out.Data {
		for i, t := range of {
			v[i] = t.Data[at[i]]
		}
		out.Data[n] = f(v)
		for axis := rank - 1; axis >= 0; axis-- {
			index[axis]++
			for i := range of {
				at[i] += strides[i][axis]
			}
			if index[axis] < dims[axis] {
				break
			}
			for i := range of {
				at[i] -= int(index[axis]) * strides[i][axis]
			}
			index[axis] = 0
		}
	}
	return out, nil
}

func shapes(of []*Tensor) [][]int64 {
	var list [][]int64
	for _, t := range of {
		list = append(list, t.Dims)
	}
	return list
}

func stridesOf(dims []int64) []int {
	strides, n := make([]int, len(dims)), 1
	for i := len(dims) - 1; i >= 0; i-- {
		strides[i] = n
		n *= int(dims[i])
	}
	return strides
}

// axisPart is from, to and step of an axis, or one element of it.
type axisPart struct {
	v     [3]*int64
	index bool
}

// sliced is a part of an expression.
type sliced struct {
	of   node
	axes []axisPart
}

func (s sliced) walk(f func(node)) {
	f(s)
	s.of.walk(f)
}

func (s sliced) eval(e *environment) (*Tensor, error) {
	x, err := s.of.eval(e)
	if err != nil {
		return nil, err
	}
	if len(s.axes) > len(x.Dims) {
		return nil, fmt.Errorf("[ ] names %d axes of shape %v", len(s.axes), x.Dims)
	}
	var lists [][]int
	dims := []int64{}
	for i, size := range x.Dims {
		a := axisPart{}
		if i < len(s.axes) {
			a = s.axes[i]
		}
		from, to, step := int64(0), size, int64(1)
		if a.v[0] != nil {
			from = *a.v[0]
		}
		if from < 0 {
			from += size
		}
		if a.v[1] != nil {
			if to = *a.v[1]; to < 0 {
				to += size
			}
		}
		if a.v[2] != nil {
			step = *a.v[2]
		}
		if a.index {
			to = from + 1
		}
		if from < 0 || to > size || from > to {
			return nil, fmt.Errorf("[ ] asks for more than axis %d of shape %v has", i, x.Dims)
		}
		list := []int{}
		for k := from; k < to; k += step {
			list = append(list, int(k))
		}
		lists = append(lists, list)
		if !a.index {
			dims = append(dims, int64(len(list)))
		}
	}
	out, err := newTensor(dims)
	if err != nil {
		return nil, err
	}
	strides, n := stridesOf(x.Dims), 0
	var pick func(axis, at int)
	pick = func(axis, at int) {
		if axis == len(lists) {
			out.Data[n] = x.Data[at]
			n++
			return
		}
		for _, k := range lists[axis] {
			pick(axis+1, at+k*strides[axis])
		}
	}
	pick(0, 0)
	return out, nil
}
