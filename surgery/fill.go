package surgery

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// FillWith says what Fill puts in the place of weights.
type FillWith string

// What weights are filled with.
const (
	FillNormal  FillWith = "normal"  // normally distributed, with the deviation FillOptions.Scale
	FillUniform FillWith = "uniform" // uniform from -Scale to Scale
	FillZeros   FillWith = "zeros"
	FillOnes    FillWith = "ones"
	// Any number, such as "0.5", is one too.
)

// number reads what weights are filled with where that is one number.
func (w FillWith) number() (v float64, ok bool) {
	switch w {
	case FillZeros:
		return 0, true
	case FillOnes:
		return 1, true
	}
	v, err := strconv.ParseFloat(string(w), 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0)
}

// DefaultFillMin is the size in bytes from which Fill takes a tensor for a weight.
const DefaultFillMin = 128

// FillOptions say what Fill fills, and with what.
type FillOptions struct {
	With FillWith // "" is FillNormal
	Seed uint64
	// Scale is the deviation of normal, and half the width of uniform; 0 is 0.05.
	Scale float64
	// Min is the size in bytes from which tensors are filled; 0 is DefaultFillMin, and 1 all.
	Min int64
	// Names are the constants that are filled: names, globs or re: and a regular expression. Without any, all weights.
	Names []string
	// Nodes puts a ConstantOfShape, which holds one number, in the place of each initializer and Constant that is filled and for which it can stand. It goes with one number.
	Nodes bool
	// Scratch makes room for so many bytes, which write fills from the first to the last, and returns them: in a file that is mapped, say, so that they take no memory. They are only read, and have to
	// stay as long as the model. Nil makes them in memory; small tensors are made there in any case. See onnxpb.Scratch.
	Scratch func(size int64, write func(io.Writer) error) ([]byte, error)
}

// scratchFrom is the size in bytes from which new elements go to FillOptions.Scratch.
const scratchFrom = 1 << 20

// Fill replaces weights, so that a model can be shared without them: the elements of initializers and Constants of at least Min bytes, at any depth, whose type is one of floats or an integer of at
// most 8 bits, as quantised weights have. Tensors of larger integers, of strings and of booleans stay: they are shapes, indices and masks. Types and shapes stay, and so does what is said
// about a tensor. The old values, external data too, are not read. The same seed and name give the same elements, whatever else is in the model.
//
// Variances of BatchNormalization are filled with positive numbers, but where all are one number. Integers are filled over half of their range. Where a name is given whose tensor is none that can be
// filled, or where a type of weights has no such number as is given, the error is of kind Refused.
//
// With Nodes, before IR version 4, where initializers have to be inputs, the inputs go with the initializers. What no node can stand for is filled, and noted with the reason: initializers that are inputs and
// may be overridden, those that the training information binds, sparse ones, and types that ConstantOfShape does not make in the version of the model.
func Fill(m *onnxpb.ModelProto, o FillOptions) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		if o.With == "" {
			o.With = FillNormal
		}
		if o.Scale == 0 {
			o.Scale = 0.05
		}
		if o.Min == 0 {
			o.Min = DefaultFillMin
		}
		value, constant := o.With.number()
		switch {
		case !constant && o.With != FillNormal && o.With != FillUniform:
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("weights cannot be filled with %q", string(o.With)), Hint: "there are normal, uniform, zeros, ones, and any number"}
		case o.Nodes && !constant:
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "a ConstantOfShape holds one number", Hint: "fill with zeros, ones or a number"}
		case !(o.Scale > 0) || math.IsInf(o.Scale, 0):
			return nil, onnxpb.Errorf(onnxpb.Usage, "a scale of %v: it is a number above 0", o.Scale)
		}
		all := Constants(m)
		names := make([]string, len(all))
		for i, c := range all {
			names[i] = c.Name
		}
		which, err := newMatcher("constant", o.Names, names)
		if err != nil {
			return nil, err
		}
		if err := oneEach(o.Names, which, all, "mean them all by a pattern, such as a name with a * behind it"); err != nil {
			return nil, err
		}
		f := &filler{m: m, o: o, value: value, constant: constant, r: &Report{Edit: "fill"}, positive: variances(m), bound: boundTensors(m), same: map[string][]byte{}, largest: map[string]int64{},
			units: map[string][]byte{}, names: map[*onnxpb.FunctionProto]*Names{}, left: map[string]int{}, nodes: map[*onnxpb.TensorProto]bool{},
			inputs: map[*onnxpb.GraphProto]map[string]*onnxpb.ValueInfoProto{}}
		var chosen []Constant
		for _, c := range all {
			if !which.match(c.Name) {
				continue
			}
			if why := f.obstacle(c, len(o.Names) > 0); why != "" {
				if which.exact[c.Name] {
					return nil, &onnxpb.Error{Kind: onnxpb.Refused, Tensor: c.Name, Msg: "the constant is not filled: " + why, Hint: "see onnxtool setconst"}
				}
				continue
			}
			if err := f.plan(c); err != nil {
				return nil, err
			}
			chosen = append(chosen, c)
		}
		for _, c := range chosen {
			if err := f.fill(c); err != nil {
				return nil, err
			}
		}
		f.finish()
		return f.r, nil
	})
}

// variances are the values that BatchNormalizations take for variances.
func variances(m *onnxpb.ModelProto) map[string]bool {
	list := map[string]bool{}
	eachBody(m, func(b *nodeBody) {
		for _, n := range b.nodes() {
			if n.GetOpType() == "BatchNormalization" && len(n.GetInput()) > 4 {
				list[n.GetInput()[4]] = true
			}
		}
	})
	return list
}

type filler struct {
	m        *onnxpb.ModelProto
	o        FillOptions
	r        *Report
	positive map[string]bool
	bound    map[string]bool   // by the training information
	value    float64           // that all elements get
	constant bool              // whether they all get one
	same     map[string][]byte // the bytes of one number over and over, which are enough for all tensors of a type
	largest  map[string]int64  // how many of them the largest tensor of a type takes
	units    map[string][]byte // one number, as often as fills whole bytes
	names    map[*onnxpb.FunctionProto]*Names
	moved    []Constant // that become nodes
	nodes    map[*onnxpb.TensorProto]bool
	inputs   map[*onnxpb.GraphProto]map[string]*onnxpb.ValueInfoProto
	left     map[string]int // why so many stay what they are
	whys     []string
}

// filled returns the tensor whose elements are filled.
func (c Constant) filled() *onnxpb.TensorProto {
	if c.Sparse != nil {
		return c.Sparse.GetValues()
	}
	return c.Tensor
}

// obstacle says why a constant is not filled. Where names were given, small ones are filled too.
func (f *filler) obstacle(c Constant, named bool) string {
	t := c.filled()
	if t == nil {
		return "its value comes from the caller of a function"
	}
	switch e := onnxpb.TensorProto_DataType(t.GetDataType()); e {
	case onnxpb.TensorProto_FLOAT, onnxpb.TensorProto_DOUBLE, onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16, onnxpb.TensorProto_COMPLEX64, onnxpb.TensorProto_COMPLEX128,
		onnxpb.TensorProto_FLOAT8E4M3FN, onnxpb.TensorProto_FLOAT8E4M3FNUZ, onnxpb.TensorProto_FLOAT8E5M2, onnxpb.TensorProto_FLOAT8E5M2FNUZ, onnxpb.TensorProto_FLOAT8E8M0, onnxpb.TensorProto_FLOAT4E2M1,
		onnxpb.TensorProto_INT8, onnxpb.TensorProto_UINT8, onnxpb.TensorProto_INT4, onnxpb.TensorProto_UINT4, onnxpb.TensorProto_INT2, onnxpb.TensorProto_UINT2:
	default:
		return onnxpb.TypeName(e) + " is no type of weights, but of shapes, indices and masks"
	}
	if !named && constantSize(c) < f.o.Min {
		return "it is small"
	}
	return ""
}

// plan finds out before anything is made whether a constant can hold the number, whether it becomes a node, and how many bytes of one number are needed.
func (f *filler) plan(c Constant) error {
	if !f.constant {
		return nil
	}
	e := onnxpb.TensorProto_DataType(c.filled().GetDataType())
	key := onnxpb.TypeName(e)
	if f.units[key] == nil {
		if err := f.fits(c, e); err != nil {
			return err
		}
		unit, err := numberBytes(e, f.value)
		if err != nil {
			return err
		}
		f.units[key] = unit
	}
	if f.o.Nodes {
		why := f.noNode(c)
		if why == "" {
			f.moved = append(f.moved, c)
			f.nodes[c.Tensor] = true
			return nil
		}
		if f.left[why] == 0 {
			f.whys = append(f.whys, why)
		}
		f.left[why]++
	}
	_, size, err := measured(c, c.filled()) // before room is made for it
	f.largest[key] = max(f.largest[key], size)
	return err
}

func (f *filler) fill(c Constant) error {
	t := c.filled()
	what := string(f.o.With)
	was := onnxpb.TypeName(onnxpb.TensorProto_DataType(t.GetDataType())) + onnxpb.FormatShape(onnxpb.Numbers(t.GetDims()...))
	f.r.Add("changed", c.what(), c.Name, was, what)
	if f.nodes[t] {
		return nil // finish makes it
	}
	next, err := f.elements(c, t)
	if err != nil {
		return err
	}
	if c.Node != nil && c.Sparse == nil && c.Node.Attr("value").GetT() == nil {
		setConstantNode(c.Node, next)
		return nil
	}
	t.SetRaw(next.GetRawData())
	return nil
}

// plausible tells whether a tensor can hold so many elements: one that only says so would have any memory filled.
func plausible(t *onnxpb.TensorProto, n, size int64) bool {
	if t.GetDataLocation() != onnxpb.TensorProto_EXTERNAL {
		return int64(proto.Size(t)) >= n/4 // the smallest elements have two bits
	}
	for _, e := range t.GetExternalData() {
		if e.GetKey() == "length" {
			length, err := strconv.ParseInt(e.GetValue(), 10, 64)
			return err == nil && length >= size
		}
	}
	return size <= math.MaxInt32
}

// measured returns how many elements a tensor has, and their bytes, or refuses to make so many up.
func measured(c Constant, t *onnxpb.TensorProto) (n, size int64, err error) {
	if n, err = onnxpb.Count(t.GetDims()); err != nil {
		return 0, 0, err
	}
	size = (n*int64(onnxpb.ElemBits(onnxpb.TensorProto_DataType(t.GetDataType()))) + 7) / 8
	if size > 1<<40 {
		return 0, 0, &onnxpb.Error{Kind: onnxpb.Refused, Tensor: c.Name, Msg: fmt.Sprintf("%d bytes would be made up for it", size), Hint: "fill with zeros in nodes"}
	}
	if !plausible(t, n, size) {
		return 0, 0, &onnxpb.Error{Tensor: c.Name, Msg: fmt.Sprintf("its shape asks for %d bytes, which it does not hold", size), Hint: "the model is not valid: see onnxtool check"}
	}
	return n, size, nil
}

// elements makes a tensor of the type and shape of another.
func (f *filler) elements(c Constant, t *onnxpb.TensorProto) (*onnxpb.TensorProto, error) {
	e := onnxpb.TensorProto_DataType(t.GetDataType())
	n, size, err := measured(c, t)
	if err != nil {
		return nil, err
	}
	next := &onnxpb.TensorProto{DataType: t.DataType, Dims: slices.Clone(t.GetDims())}
	if f.constant {
		raw, err := f.repeated(e, size)
		next.RawData = raw
		return next, err
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s", c.Graph, c.Name)
	rng := rand.New(rand.NewPCG(f.o.Seed, h.Sum64()))
	const block = 1 << 14 // elements at a time, a multiple of what a byte holds
	complexParts := int64(1)
	elem := e
	switch e {
	case onnxpb.TensorProto_COMPLEX64:
		complexParts, elem = 2, onnxpb.TensorProto_FLOAT
	case onnxpb.TensorProto_COMPLEX128:
		complexParts, elem = 2, onnxpb.TensorProto_DOUBLE
	}
	next.RawData, err = f.room(size, func(w io.Writer) error {
		for left := n * complexParts; left > 0; left -= block {
			v := make([]float64, min(left, block))
			for i := range v {
				v[i] = f.number(rng, elem)
				if f.positive[c.Name] {
					v[i] = math.Abs(v[i]) + 0.5
				}
			}
			a, err := onnxpb.ArrayFromFloat64s(elem, []int64{int64(len(v))}, v)
			if err != nil {
				return err
			}
			b, err := a.Raw()
			if err != nil {
				return err
			}
			if _, err := w.Write(b); err != nil {
				return err
			}
		}
		return nil
	})
	return next, err
}

// room makes so many bytes of what write gives, in memory or where the caller has room for them.
func (f *filler) room(size int64, write func(io.Writer) error) ([]byte, error) {
	if f.o.Scratch != nil && size >= scratchFrom {
		return f.o.Scratch(size, write)
	}
	b := bytes.NewBuffer(make([]byte, 0, size))
	err := write(b)
	return b.Bytes(), err
}

// number draws one element.
func (f *filler) number(rng *rand.Rand, e onnxpb.TensorProto_DataType) float64 {
	x := rng.NormFloat64()
	if f.o.With == FillUniform {
		x = 2*rng.Float64() - 1
	}
	lo, hi := 0.0, 0.0
	switch bits := onnxpb.ElemBits(e); e {
	case onnxpb.TensorProto_INT8, onnxpb.TensorProto_INT4, onnxpb.TensorProto_INT2:
		lo, hi = -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1)-1
	case onnxpb.TensorProto_UINT8, onnxpb.TensorProto_UINT4, onnxpb.TensorProto_UINT2:
		hi = math.Ldexp(1, bits) - 1
	default:
		return x * f.o.Scale
	}
	// An integer has its scale elsewhere: it is drawn over half of its range, or with a quarter of it as the deviation of normal.
	middle, width := (lo+hi)/2, (hi-lo)/4
	return min(max(math.RoundToEven(middle+x*width), lo), hi)
}

// repeated returns bytes that hold the number over and over. Tensors of a type share them.
func (f *filler) repeated(e onnxpb.TensorProto_DataType, size int64) ([]byte, error) {
	key := onnxpb.TypeName(e)
	have := f.same[key]
	if int64(len(have)) < size {
		unit := f.units[key]
		most := max(size, f.largest[key])
		var err error
		have, err = f.room(most, func(w io.Writer) error {
			block := bytes.Repeat(unit, (1<<16)/len(unit))
			for left := most; left > 0; left -= int64(len(block)) {
				if _, err := w.Write(block[:min(left, int64(len(block)))]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		f.same[key] = have
	}
	return slices.Clip(have[:size]), nil
}

// numberBytes encodes a number as often as fills whole bytes.
func numberBytes(e onnxpb.TensorProto_DataType, v float64) ([]byte, error) {
	switch e {
	case onnxpb.TensorProto_COMPLEX64:
		return onnxpb.ArrayOf([]int64{1}, []complex64{complex(float32(v), 0)}).Raw()
	case onnxpb.TensorProto_COMPLEX128:
		return onnxpb.ArrayOf([]int64{1}, []complex128{complex(v, 0)}).Raw()
	}
	n := max(8/onnxpb.ElemBits(e), 1)
	list := make([]float64, n)
	for i := range list {
		list[i] = v
	}
	a, err := onnxpb.ArrayFromFloat64s(e, []int64{int64(n)}, list)
	if err != nil {
		return nil, err
	}
	return a.Raw()
}
