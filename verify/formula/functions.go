package formula

import (
	"fmt"
	"math"
	"slices"
)

// function is a function of expressions.
type function struct {
	form        string // as it is written
	least, most int    // arguments; most -1 is any number
	fn          func([]*Tensor) (*Tensor, error)
}

// call is a function, or an operator with one side, with its arguments.
type call struct {
	name string
	args []node
}

func (c call) walk(f func(node)) {
	f(c)
	for _, a := range c.args {
		a.walk(f)
	}
}

func (c call) eval(e *environment) (*Tensor, error) {
	args := make([]*Tensor, len(c.args))
	for i, a := range c.args {
		t, err := a.eval(e)
		if err != nil {
			return nil, err
		}
		args[i] = t
	}
	switch c.name {
	case "-":
		return broadcast(func(v []float64) float64 { return -v[0] }, args...)
	case "not":
		return broadcast(func(v []float64) float64 { return truth(v[0] == 0) }, args...)
	}
	t, err := functions[c.name].fn(args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return t, nil
}

// functions are the functions that there are. It is filled when the package starts, as they call each other.
var functions map[string]*function

func init() {
	functions = map[string]*function{}
	each := func(name string, f func(float64) float64) {
		functions[name] = &function{name + "(x)", 1, 1, func(t []*Tensor) (*Tensor, error) {
			return broadcast(func(v []float64) float64 { return f(v[0]) }, t...)
		}}
	}
	for name, f := range map[string]func(float64) float64{"abs": math.Abs, "exp": math.Exp, "log": math.Log, "sqrt": math.Sqrt, "sin": math.Sin, "cos": math.Cos, "tan": math.Tan, "asin": math.Asin, "acos": math.Acos,
		"atan": math.Atan, "tanh": math.Tanh, "floor": math.Floor, "ceil": math.Ceil, "round": math.RoundToEven, "sign": func(x float64) float64 { return truth(x > 0) - truth(x < 0) },
		"sigmoid": func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, "relu": func(x float64) float64 { return math.Max(x, 0) },
		"degrees": func(x float64) float64 { return x * 180 / math.Pi }, "radians": func(x float64) float64 { return x * math.Pi / 180 },
		"isnan": func(x float64) float64 { return truth(math.IsNaN(x)) }, "float32": func(x float64) float64 { return float64(float32(x)) }} {
		each(name, f)
	}
	functions["atan2"] = &function{"atan2(y, x)", 2, 2, func(t []*Tensor) (*Tensor, error) {
		return broadcast(func(v []float64) float64 { return math.Atan2(v[0], v[1]) }, t...)
	}}
	functions["where"] = &function{"where(condition, x, y)", 3, 3, func(t []*Tensor) (*Tensor, error) {
		return broadcast(func(v []float64) float64 {
			if v[0] != 0 {
				return v[1]
			}
			return v[2]
		}, t...)
	}}
	functions["clip"] = &function{"clip(x, low, high)", 3, 3, func(t []*Tensor) (*Tensor, error) {
		return broadcast(func(v []float64) float64 { return math.Min(math.Max(v[0], v[1]), v[2]) }, t...)
	}}
	for name, f := range map[string]func(a, b float64) float64{"min": math.Min, "max": math.Max} {
		functions[name] = &function{name + "(x, y, ...)", 2, -1, func(t []*Tensor) (*Tensor, error) {
			return broadcast(func(v []float64) float64 {
				m := v[0]
				for _, x := range v[1:] {
					m = f(m, x)
				}
				return m
			}, t...)
		}}
	}
	reduce := func(name string, f func([]float64) float64) {
		functions[name] = &function{name + "(x, axis, keep)", 2, 3, func(t []*Tensor) (*Tensor, error) { return reduced(f, t) }}
	}
	reduce("sum", func(v []float64) float64 {
		s := 0.0
		for _, x := range v {
			s += x
		}
		return s
	})
	reduce("mean", func(v []float64) float64 {
		s := 0.0
		for _, x := range v {
			s += x
		}
		return s / float64(len(v))
	})
	reduce("largest", func(v []float64) float64 { return slices.Max(v) })
	reduce("smallest", func(v []float64) float64 { return slices.Min(v) })
	reduce("argmax", func(v []float64) float64 {
		best := 0
		for i := range v {
			if v[i] > v[best] {
				best = i
			}
		}
		return float64(best)
	})
	functions["softmax"] = &function{"softmax(x, axis)", 2, 2, softmax}
	functions["concat"] = &function{"concat(axis, x, y, ...)", 2, -1, concat}
	functions["reshape"] = &function{"reshape(x, dim, ...)", 1, -1, reshape}
	functions["transpose"] = &function{"transpose(x, axis, ...)", 1, -1, transpose}
	functions["range"] = &function{"range(from, to)", 2, 2, func(t []*Tensor) (*Tensor, error) {
		from, err := t[0].whole()
		if err != nil {
			return nil, err
		}
		to, err := t[1].whole()
		if err != nil {
			return nil, err
		}
		out, err := newTensor([]int64{max(0, to-from)})
		if err != nil {
			return nil, err
		}
		for i := range out.Data {
			out.Data[i] = float64(from) + float64(i)
		}
		return out, nil
	}}
	functions["matmul"] = &function{"matmul(a, b)", 2, 2, matmul}
}

// whole reads a tensor that is one whole number.
func (t *Tensor) whole() (int64, error) {
	if len(t.Data) != 1 || t.Data[0] != math.Trunc(t.Data[0]) || math.Abs(t.Data[0]) > 1<<53 {
		return 0, fmt.Errorf("an argument that is a whole number is something else")
	}
	return int64(t.Data[0]), nil
}

func (t *Tensor) axis(of *Tensor) (int, error) {
	a, err := t.whole()
	if err != nil {
		return 0, err
	}
	if a < 0 {
		a += int64(len(of.Dims))
	}
	if a < 0 || a >= int64(len(of.Dims)) {
		return 0, fmt.Errorf("shape %v has no such axis", of.Dims)
	}
	return int(a), nil
}

// along calls f with the elements along an axis, and where they lie.
func (t *Tensor) along(axis int, f func(at []int)) {
	size, inner := int(t.Dims[axis]), stridesOf(t.Dims)[axis]
	if len(t.Data) == 0 {
		return
	}
	at := make([]int, size)
	for outer := 0; outer < len(t.Data); outer += size * inner {
		for i := range inner {
			for k := range at {
				at[k] = outer + k*inner + i
			}
			f(at)
		}
	}
}

func reduced(f func([]float64) float64, t []*Tensor) (*Tensor, error) {
	x := t[0]
	axis, err := t[1].axis(x)
	if err != nil {
		return nil, err
	}
	keep := int64(0)
	if len(t) > 2 {
		if keep, err = t[2].whole(); err != nil {
			return nil, err
		}
	}
	if x.Dims[axis] == 0 {
		return nil, fmt.Errorf("axis %d of shape %v is empty", axis, x.Dims)
	}
	dims := slices.Clone(x.Dims)
	if dims[axis] = 1; keep == 0 {
		dims = slices.Delete(dims, axis, axis+1)
	}
	out, err := newTensor(dims)
	if err != nil {
		return nil, err
	}
	v, n := make([]float64, x.Dims[axis]), 0
	x.along(axis, func(at []int) {
		for k, i := range at {
			v[k] = x.Data[i]
		}
		out.Data[n] = f(v)
		n++
	})
	return out, nil
}

func softmax(t []*Tensor) (*Tensor, error) {
	x := t[0]
	axis, err := t[1].axis(x)
	if err != nil {
		return nil, err
	}
	out, err := newTensor(x.Dims)
	if err != nil {
		return nil, err
	}
	x.along(axis, func(at []int) {
		most, sum := math.Inf(-1), 0.0
		for _, i := range at {
			most = math.Max(most, x.Data[i])
		}
		for _, i := range at {
			out.Data[i] = math.Exp(x.Data[i] - most)
			sum += out.Data[i]
		}
		for _, i := range at {
			out.Data[i] /= sum
		}
	})
	return out, nil
}

func concat(t []*Tensor) (*Tensor, error) {
	axis, err := t[0].axis(t[1])
	if err != nil {
		return nil, err
	}
	parts := t[1:]
	dims := slices.Clone(parts[0].Dims)
	dims[axis] = 0
	for _, p := range parts {
		fits := len(p.Dims) == len(dims)
		for i := range dims {
			fits = fits && (i == axis || p.Dims[i] == dims[i])
		}
		if !fits {
			return nil, fmt.Errorf("shapes %v do not fit each other", shapes(parts))
		}
		dims[axis] += p.Dims[axis]
	}
	out, err := newTensor(dims)
	if err != nil {
		return nil, err
	}
	outer := 1
	for _, d := range dims[:axis] {
		outer *= int(d)
	}
	n := 0
	for o := range outer {
		for _, p := range parts {
			each := len(p.Data) / max(outer, 1)
			n += copy(out.Data[n:], p.Data[o*each:(o+1)*each])
		}
	}
	return out, nil
}

func reshape(t []*Tensor) (*Tensor, error) {
	dims, open, known := []int64{}, -1, int64(1)
	for i, a := range t[1:] {
		d, err := a.whole()
		if err != nil {
			return nil, err
		}
		switch {
		case d == -1 && open < 0:
			open = i
		case d < 0:
			return nil, fmt.Errorf("one dimension may be -1")
		default:
			known *= d
		}
		dims = append(dims, d)
	}
	if open >= 0 && known > 0 {
		dims[open] = int64(len(t[0].Data)) / known
		known *= dims[open]
	}
	if known != int64(len(t[0].Data)) || open >= 0 && dims[open] < 0 {
		return nil, fmt.Errorf("shape %v cannot be made %v", t[0].Dims, dims)
	}
	return &Tensor{dims, t[0].Data}, nil
}

func transpose(t []*Tensor) (*Tensor, error) {
	x := t[0]
	perm := make([]int, len(x.Dims))
	for i := range perm {
		perm[i] = len(perm) - 1 - i
	}
	if len(t) > 1 {
		if len(t)-1 != len(x.Dims) {
			return nil, fmt.Errorf("%d axes are named of shape %v", len(t)-1, x.Dims)
		}
		seen := map[int]bool{}
		for i, a := range t[1:] {
			axis, err := a.axis(x)
			if err != nil {
				return nil, err
			}
			if seen[axis] {
				return nil, fmt.Errorf("axis %d is named twice", axis)
			}
			seen[axis], perm[i] = true, axis
		}
	}
	dims := make([]int64, len(perm))
	for i, p := range perm {
		dims[i] = x.Dims[p]
	}
	out, err := newTensor(dims)
	if err != nil {
		return nil, err
	}
	from, to := stridesOf(x.Dims), stridesOf(dims)
	for n := range out.Data {
		at := 0
		for i, p := range perm {
			at += n / to[i] % int(dims[i]) * from[p]
		}
		out.Data[n] = x.Data[at]
	}
	return out, nil
}

// matmul multiplies the matrices in the last two axes; the axes before are broadcast.
func matmul(t []*Tensor) (*Tensor, error) {
	a, b := t[0], t[1]
	if len(a.Dims) < 2 || len(b.Dims) < 2 || a.Dims[len(a.Dims)-1] != b.Dims[len(b.Dims)-2] {
		return nil, fmt.Errorf("matrices of shapes %v cannot be multiplied", shapes(t))
	}
	m, k, n := a.Dims[len(a.Dims)-2], a.Dims[len(a.Dims)-1], b.Dims[len(b.Dims)-1]
	// Sums over k of columns of a times rows of b, each broadcast.
	var sum *Tensor
	for i := range k {
		column := make([]float64, 0, len(a.Data)/int(max(k, 1)))
		for at := int(i); at < len(a.Data); at += int(k) {
			column = append(column, a.Data[at])
		}
		row := make([]float64, 0, len(b.Data)/int(max(k, 1)))
		for at := 0; at < len(b.Data); at += int(k * n) {
			row = append(row, b.Data[at+int(i*n):at+int((i+1)*n)]...)
		}
		p, err := broadcast(func(v []float64) float64 { return v[0] * v[1] },
			&Tensor{append(slices.Clone(a.Dims[:len(a.Dims)-2]), m, 1), column}, &Tensor{append(slices.Clone(b.Dims[:len(b.Dims)-2]), 1, n), row})
		if err != nil {
			return nil, err
		}
		if sum == nil {
			sum = p
			continue
		}
		for at := range sum.Data {
			sum.Data[at] += p.Data[at]
		}
	}
	if sum == nil {
		return nil, fmt.Errorf("matrices of shapes %v have nothing to sum over", shapes(t))
	}
	return sum, nil
}
