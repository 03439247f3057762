package verify

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// Range is where generated elements lie: Lo <= x < Hi for floats (before they are rounded to their type), Lo <= x <= Hi for integers.
type Range struct {
	Lo float64 `json:"lo"`
	Hi float64 `json:"hi"`
}

// String writes a range as ParseRange reads it.
func (r Range) String() string {
	return strconv.FormatFloat(r.Lo, 'g', -1, 64) + ".." + strconv.FormatFloat(r.Hi, 'g', -1, 64)
}

// ParseRange reads LO..HI, for example 0..255 or -1..1. Errors are of kind Usage.
func ParseRange(s string) (Range, error) {
	lo, hi, ok := strings.Cut(s, "..")
	if ok {
		l, errL := strconv.ParseFloat(strings.TrimSpace(lo), 64)
		h, errH := strconv.ParseFloat(strings.TrimSpace(hi), 64)
		if errL == nil && errH == nil && finite(l) && finite(h) {
			if l > h {
				return Range{}, onnxpb.Errorf(onnxpb.Usage, "range %s ends before it starts", s)
			}
			return Range{l, h}, nil
		}
	}
	return Range{}, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no range", s), Hint: "write it as 0..255 or -1..1"}
}

// DefaultRange returns the range of generated elements of a tensor where none is set, by its type and rank: images in floats (rank 4) 0..1, other
// floats -1..1, images in uint8 (rank 3 and 4) 0..255, other integers 0..9 (0..7, 0..3 and 0..1 where the type ends there). For bool and string it has
// no meaning.
func DefaultRange(t onnxpb.TensorProto_DataType, rank int) Range {
	switch t {
	case onnxpb.TensorProto_UINT8:
		if rank == 3 || rank == 4 {
			return Range{0, 255}
		}
		return Range{0, 9}
	case onnxpb.TensorProto_INT4:
		return Range{0, 7}
	case onnxpb.TensorProto_UINT2:
		return Range{0, 3}
	case onnxpb.TensorProto_INT2:
		return Range{0, 1}
	case onnxpb.TensorProto_FLOAT8E8M0: // positive powers of two
		return Range{0.25, 4}
	}
	if exactType(t) {
		return Range{0, 9}
	}
	if rank == 4 {
		return Range{0, 1}
	}
	return Range{-1, 1}
}

// words are the strings that Generate gives.
var words = []string{"", "a", "b", "cat", "dog", "The quick brown fox", "ÄÖÜ", "日本", "0", "3.5"}

// maxElements bounds what is generated for one input.
const maxElements = 1 << 31

// Generate makes a tensor of seeded noise, uniform over a range: GenerateWith of that range. A nil range is the default of DefaultRange.
func Generate(name string, t onnxpb.TensorProto_DataType, dims []int64, r *Range, seed uint64) (*onnxpb.Array, error) {
	return GenerateWith(name, t, dims, GenSpec{Range: r}, seed)
}

// GenerateWith makes a tensor of seeded noise. The generator is PCG of math/rand/v2, seeded with seed and the 64-bit FNV-1a hash of name, and the
// elements are drawn from it in row-major order: so a row of a batch is the same whatever the batch, and an input the same whatever
// other inputs the model has (onehot along axis 0 alone draws over the rows). By distribution:
//
//	uniform   floats Lo + (Hi-Lo)·Float64(), integers Lo + Int64N(Hi-Lo+1), booleans the lowest bit of Uint64(), strings one of ten words by IntN(10)
//	ints      Lo + Int64N(Hi-Lo+1)
//	normal    Mean + Std·NormFloat64(), what passes the range, where one is set, or the type set to its end
//	image     smooth pictures: see pictures
//	onehot    IntN(dims[axis]) for every place of the other axes, in row-major order
//	zeros, ones, constant   nothing is drawn
//
// All are rounded to the type, halves to even. Of complex numbers both parts are drawn, the real one first; that of zeros, ones and constant has no imaginary
// part. Errors are of kind Unfit where the distribution is not for the type, the numbers do not fit it, or the shape is too large; Usage where a range holds no
// integers.
func GenerateWith(name string, t onnxpb.TensorProto_DataType, dims []int64, spec GenSpec, seed uint64) (*onnxpb.Array, error) {
	n, err := elementsOf(name, dims)
	if err != nil {
		return nil, err
	}
	if t == onnxpb.TensorProto_UNDEFINED {
		return nil, &onnxpb.Error{Tensor: name, Msg: "the element type is not declared", Hint: "give the input from a file: --inputs " + name + "=FILE.npy"}
	}
	if err := spec.check(name, t, dims); err != nil {
		return nil, err
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	rng := rand.New(rand.NewPCG(seed, h.Sum64()))
	if t == onnxpb.TensorProto_STRING {
		v := make([]string, n)
		for i := range v {
			if spec.kind() == DistUniform {
				v[i] = words[rng.IntN(len(words))]
			}
		}
		return onnxpb.ArrayOf(dims, v), nil
	}
	next, err := spec.source(name, t, dims, rng)
	if err != nil {
		return nil, err
	}
	imaginary := next
	switch spec.kind() {
	case DistZeros, DistOnes, DistConstant:
		imaginary = func() float64 { return 0 }
	}
	return collect(name, t, dims, n, next, imaginary)
}

// elementsOf counts the elements of an input that is to be made.
func elementsOf(name string, dims []int64) (int, error) {
	n, err := onnxpb.Count(dims)
	if err == nil && n > maxElements {
		err = &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("shape %s has %d elements, too many to generate", shapeText(dims), n)}
	}
	return int(n), err
}

// source returns what gives the elements, one after the other in row-major order.
func (s GenSpec) source(name string, t onnxpb.TensorProto_DataType, dims []int64, rng *rand.Rand) (func() float64, error) {
	rg, given := s.bounds(t, len(dims))
	switch k := s.kind(); {
	case k == DistZeros, k == DistOnes, k == DistConstant:
		v := s.level()
		return func() float64 { return v }, nil
	case k == DistOneHot:
		axis, _ := s.oneHotAxis(len(dims))
		if t == onnxpb.TensorProto_BOOL {
			rg = Range{0, 1}
		}
		return each(oneHot(dims, axis, rg, rng)), nil
	case k == DistImage:
		return each(pictures(dims, rg, rng)), nil
	case k == DistNormal:
		mean, std := s.moments(t, len(dims))
		ends := typeLimits(t)
		if given {
			ends = Range{max(rg.Lo, ends.Lo), min(rg.Hi, ends.Hi)}
		}
		if exactType(t) {
			ends = Range{math.Ceil(ends.Lo), math.Floor(ends.Hi)}
		}
		if !(ends.Lo <= ends.Hi) {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: name, Msg: fmt.Sprintf("range %s holds no numbers of %s", rg, onnxpb.TypeName(t))}
		}
		return func() float64 { return min(max(mean+std*rng.NormFloat64(), ends.Lo), ends.Hi) }, nil
	case t == onnxpb.TensorProto_BOOL:
		return func() float64 { return float64(rng.Uint64() & 1) }, nil
	case k == DistInts, exactType(t):
		lo, hi, err := integersOf(name, rg)
		if err != nil {
			return nil, err
		}
		return func() float64 { return lo + float64(rng.Int64N(int64(hi)-int64(lo)+1)) }, nil
	}
	return func() float64 { return rg.Lo + (rg.Hi-rg.Lo)*rng.Float64() }, nil
}

// each gives the elements of a slice one after the other.
func each(v []float64) func() float64 {
	i := -1
	return func() float64 {
		i++
		return v[i]
	}
}

// integersOf returns the least and the largest integer of a range.
func integersOf(name string, rg Range) (lo, hi float64, err error) {
	lo, hi = math.Ceil(rg.Lo), math.Floor(rg.Hi)
	// Every integer up to 2^53 is a float64 of its own; beyond it a range could not say what it means.
	if !(lo <= hi) || math.Abs(lo) > 1<<53 || math.Abs(hi) > 1<<53 {
		return 0, 0, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: name, Msg: fmt.Sprintf("range %s holds no integers that can be drawn", rg)}
	}
	return lo, hi, nil
}

// collect makes a tensor of numbers or booleans of elements that come one after the other. The imaginary part of a complex number comes after the real one.
func collect(name string, t onnxpb.TensorProto_DataType, dims []int64, n int, next, imaginary func() float64) (*onnxpb.Array, error) {
	switch t {
	case onnxpb.TensorProto_COMPLEX64:
		v := make([]complex64, n)
		for i := range v {
			re := next()
			v[i] = complex(float32(re), float32(imaginary()))
		}
		return onnxpb.ArrayOf(dims, v), nil
	case onnxpb.TensorProto_COMPLEX128:
		v := make([]complex128, n)
		for i := range v {
			re := next()
			v[i] = complex(re, imaginary())
		}
		return onnxpb.ArrayOf(dims, v), nil
	case onnxpb.TensorProto_FLOAT:
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(next())
		}
		return onnxpb.ArrayOf(dims, v), nil
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = next()
	}
	return fromFloats(name, t, dims, v)
}

// oneHot fills in Hi once along an axis, at a place that is drawn for every place of the other axes, and Lo elsewhere.
func oneHot(dims []int64, axis int, rg Range, rng *rand.Rand) []float64 {
	outer, inner := 1, 1
	for i, d := range dims {
		switch {
		case i < axis:
			outer *= int(d)
		case i > axis:
			inner *= int(d)
		}
	}
	size := int(dims[axis])
	v := make([]float64, outer*size*inner)
	for i := range v {
		v[i] = rg.Lo
	}
	if size == 0 {
		return v
	}
	for o := range outer {
		for i := range inner {
			v[(o*size+rng.IntN(size))*inner+i] = rg.Hi
		}
	}
	return v
}

func fromFloats(name string, t onnxpb.TensorProto_DataType, dims []int64, v []float64) (*onnxpb.Array, error) {
	a, err := onnxpb.ArrayFromFloat64s(t, dims, v)
	if err != nil {
		return nil, &onnxpb.Error{Tensor: name, Msg: "the generated numbers do not fit the element type " + onnxpb.TypeName(t), Err: err, Hint: "set a range: --range " + name + "=LO..HI"}
	}
	return a, nil
}

// GenerateValue makes a value of a declared type, uniform over a range: GenerateValueWith of that range.
func GenerateValue(name string, t *onnxpb.TypeProto, dims []int64, r *Range, seed uint64) (*onnxpb.Value, error) {
	return GenerateValueWith(name, t, dims, GenSpec{Range: r}, seed)
}

// GenerateValueWith makes a value of a declared type by GenerateWith: a tensor of the given dimensions, a sequence of two such tensors (drawn under the names
// NAME[0] and NAME[1]), or what an optional may hold. Maps and sparse tensors must come from a file (kind Unfit).
func GenerateValueWith(name string, t *onnxpb.TypeProto, dims []int64, spec GenSpec, seed uint64) (*onnxpb.Value, error) {
	return valueOf(name, t, func(name string, elem onnxpb.TensorProto_DataType) (*onnxpb.Array, error) {
		return GenerateWith(name, elem, dims, spec, seed)
	})
}

// valueOf makes a value of a declared type of tensors that tensor makes.
func valueOf(name string, t *onnxpb.TypeProto, tensor func(name string, elem onnxpb.TensorProto_DataType) (*onnxpb.Array, error)) (*onnxpb.Value, error) {
	switch v := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		a, err := tensor(name, onnxpb.TensorProto_DataType(v.TensorType.GetElemType()))
		if err != nil {
			return nil, err
		}
		return onnxpb.TensorVal(a), nil
	case *onnxpb.TypeProto_OptionalType:
		return valueOf(name, v.OptionalType.GetElemType(), tensor)
	case *onnxpb.TypeProto_SequenceType:
		seq := &onnxpb.Value{Kind: onnxpb.KindSequence}
		for i := 0; i < 2; i++ {
			e, err := valueOf(fmt.Sprintf("%s[%d]", name, i), v.SequenceType.GetElemType(), tensor)
			if err != nil {
				return nil, err
			}
			seq.Elems = append(seq.Elems, e)
		}
		return seq, nil
	}
	return nil, &onnxpb.Error{Tensor: name, Msg: "inputs of this type cannot be generated", Hint: "give it from a file: --inputs " + name + "=FILE.pb"}
}
