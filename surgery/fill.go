package surgery

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// FillWith says what Fill puts in the place of weights.
type FillWith string

// What weights are filled with.
const (
	FillNormal  FillWith = "normal"  // normally distributed, with the deviation FillOptions.Scale
	FillUniform FillWith = "uniform" // uniform from -Scale to Scale
	FillZeros   FillWith = "zeros"
	FillOnes    FillWith = "ones"
)

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
	// Nodes puts a ConstantOfShape, which holds one number, in the place of each initializer, so that the file has no weights at all. It goes with FillZeros and FillOnes.
	Nodes bool
}

// Fill replaces weights, so that a model can be shared without them: the elements of initializers and Constants of at least Min bytes, at any depth, whose type is one of floats or an integer of at
// most 8 bits, as quantised weights have. Tensors of larger integers, of strings and of booleans stay: they are shapes, indices and masks. Types and shapes stay, and so does what is said
// about a tensor. The old values, external data too, are not read. The same seed and name give the same elements, whatever else is in the model.
//
// Variances of BatchNormalization are filled with positive numbers. Integers are filled over half of their range. Where a name is given whose tensor is none that can be filled the error
// is of kind Refused.
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
		constant := o.With == FillZeros || o.With == FillOnes
		switch {
		case !constant && o.With != FillNormal && o.With != FillUniform:
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("weights cannot be filled with %q", string(o.With)), Hint: "there are normal, uniform, zeros and ones"}
		case o.Nodes && !constant:
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "a ConstantOfShape holds one number", Hint: "fill with zeros or ones"}
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
		f := &filler{m: m, o: o, r: &Report{Edit: "fill"}, positive: variances(m), bound: boundTensors(m), same: map[string][]byte{}, names: map[*onnxpb.FunctionProto]*Names{}}
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
	same     map[string][]byte // zeros and ones, of which one is enough for all tensors of a type
	names    map[*onnxpb.FunctionProto]*Names
	moved    []Constant // that become nodes
}

// obstacle says why a constant is not filled. Where names were given, small ones are filled too.
func (f *filler) obstacle(c Constant, named bool) string {
	t := c.Tensor
	if c.Sparse != nil {
		t = c.Sparse.GetValues()
	}
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

func (f *filler) fill(c Constant) error {
	t := c.Tensor
	if c.Sparse != nil {
		t = c.Sparse.GetValues()
	}
	what := string(f.o.With)
	was := onnxpb.TypeName(onnxpb.TensorProto_DataType(t.GetDataType())) + onnxpb.FormatShape(onnxpb.Numbers(t.GetDims()...))
	f.r.Add("changed", c.what(), c.Name, was, what)
	if f.o.Nodes && f.canBeNode(c) {
		f.moved = append(f.moved, c)
		return nil
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

// elements makes a tensor of the type and shape of another.
func (f *filler) elements(c Constant, t *onnxpb.TensorProto) (*onnxpb.TensorProto, error) {
	e := onnxpb.TensorProto_DataType(t.GetDataType())
	n, err := onnxpb.Count(t.GetDims())
	if err != nil {
		return nil, err
	}
	size := (n*int64(onnxpb.ElemBits(e)) + 7) / 8
	if size > 1<<40 {
		return nil, &onnxpb.Error{Kind: onnxpb.Refused, Tensor: c.Name, Msg: fmt.Sprintf("%d bytes would be made up for it", size), Hint: "fill with zeros in nodes"}
	}
	if !plausible(t, n, size) {
		return nil, &onnxpb.Error{Tensor: c.Name, Msg: fmt.Sprintf("its shape asks for %d bytes, which it does not hold", size), Hint: "the model is not valid: see onnxtool check"}
	}
	next := &onnxpb.TensorProto{DataType: t.DataType, Dims: slices.Clone(t.GetDims())}
	if f.o.With == FillZeros || f.o.With == FillOnes {
		one := 0.0
		if f.o.With == FillOnes {
			one = 1
		}
		raw, err := f.repeated(e, one, size)
		next.RawData = raw
		return next, err
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s", c.Graph, c.Name)
	rng := rand.New(rand.NewPCG(f.o.Seed, h.Sum64()))
	const block = 1 << 14 // elements at a time, a multiple of what a byte holds
	raw := make([]byte, 0, size)
	complexParts := int64(1)
	elem := e
	switch e {
	case onnxpb.TensorProto_COMPLEX64:
		complexParts, elem = 2, onnxpb.TensorProto_FLOAT
	case onnxpb.TensorProto_COMPLEX128:
		complexParts, elem = 2, onnxpb.TensorProto_DOUBLE
	}
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
			return nil, err
		}
		b, err := a.Raw()
		if err != nil {
			return nil, err
		}
		raw = append(raw, b...)
	}
	next.RawData = raw
	return next, nil
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

// repeated returns bytes that hold a number over and over. Tensors of a type share them.
func (f *filler) repeated(e onnxpb.TensorProto_DataType, v float64, size int64) ([]byte, error) {
	key := onnxpb.TypeName(e)
	have := f.same[key]
	if int64(len(have)) < size {
		unit, err := numberBytes(e, v)
		if err != nil {
			return nil, err
		}
		have = make([]byte, 0, size+int64(len(unit)))
		for int64(len(have)) < size {
			have = append(have, unit...)
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

// canBeNode tells whether a ConstantOfShape can stand for an initializer.
func (f *filler) canBeNode(c Constant) bool {
	if c.Node != nil || c.Sparse != nil || c.hasDefaultInput() || f.bound[c.Name] {
		return false
	}
	op, ok := opset.Lookup("", "ConstantOfShape", c.body.version(""))
	return ok && slices.Contains(op.TypeStrings(op.Outputs[0]), typeOf(onnxpb.TensorProto_DataType(c.Tensor.GetDataType())))
}

// finish puts nodes in the place of the initializers that become such.
func (f *filler) finish() {
	gone := map[any]bool{}
	nodes := map[*onnxpb.GraphProto][]*onnxpb.NodeProto{}
	shapes := map[*onnxpb.GraphProto][]*onnxpb.TensorProto{}
	var order []*onnxpb.GraphProto
	value := 0.0
	if f.o.With == FillOnes {
		value = 1
	}
	for _, c := range f.moved {
		g := c.body.graph
		names := f.names[c.body.fn]
		if names == nil {
			names = namesIn(f.m, c.body)
			f.names[c.body.fn] = names
		}
		if nodes[g] == nil {
			order = append(order, g)
		}
		gone[c.Tensor] = true
		e := onnxpb.TensorProto_DataType(c.Tensor.GetDataType())
		one, err := onnxpb.ArrayFromFloat64s(e, []int64{1}, []float64{value})
		if err != nil {
			continue // not reached: the operator takes no such type
		}
		shape := names.Value(c.Name + "_shape")
		n := onnxpb.Node("ConstantOfShape", names.Node("Fill_"+c.Name), []string{shape}, []string{c.Name}, onnxpb.TensorAttr("value", one.Proto("")))
		n.DocString, n.MetadataProps = c.Tensor.DocString, c.Tensor.MetadataProps
		nodes[g] = append(nodes[g], n)
		dims := c.Tensor.GetDims()
		if c.body.graph != nil && f.m.GetIrVersion() < 4 { // where initializers have to be inputs
			n.Input[0] = shape
			nodes[g] = slices.Insert(nodes[g], len(nodes[g])-1, onnxpb.Node("Constant", names.Node(shape), nil, []string{shape}, onnxpb.TensorAttr("value", onnxpb.TensorOf("", []int64{int64(len(dims))}, dims))))
			continue
		}
		shapes[g] = append(shapes[g], onnxpb.TensorOf(shape, []int64{int64(len(dims))}, slices.Clone(dims)))
	}
	for _, g := range order {
		dropped(&g.Initializer, gone)
		g.Initializer = append(g.Initializer, shapes[g]...)
		g.Node = append(nodes[g], g.Node...)
	}
	if len(f.moved) > 0 {
		f.r.Note("%s made of a ConstantOfShape: the file holds no weights for them", plural(len(f.moved), "tensor"))
	}
}
