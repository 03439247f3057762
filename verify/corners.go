package verify

import (
	"fmt"
	"math"
	"strings"

	"onnxtool/onnxpb"
)

// Corner is an input at the edge of what it may be.
type Corner struct {
	Name  string // one of CornerNames
	Value *onnxpb.Value
}

// GenInput is an input that is generated: what it is called, what it is, and how it is made.
type GenInput struct {
	Name string
	Type *onnxpb.TypeProto
	Dims []int64 // numbers, the batch among them
	Spec GenSpec
	// Given is the input's value where it is not generated but given; no corner changes it.
	Given *onnxpb.Value
}

// cornerNames are the corners, in the order in which they are tried.
var cornerNames = []string{"zeros", "ones", "largest", "smallest", "alternating", "negative", "denormals", "nan", "inf", "-inf", "empty", "long", "non-ascii"}

// cornerWords are the strings of the corner non-ascii: two and three bytes a letter, four, a letter of two code points, right to left, an invisible one.
var cornerWords = []string{"ÄÖÜß", "日本語", "🙂", "e\u0301", "שלום", "a\u200bb"}

// longWord is the string of the corner long: 4096 bytes.
var longWord = strings.Repeat("0123456789abcdef", 256)

// CornerNames lists the corners that change at least one of the inputs, in the order in which they are tried. Which corner is for which type stands at CornerValue.
func CornerNames(inputs []GenInput) []string {
	var names []string
	for _, name := range cornerNames {
		for _, in := range inputs {
			if in.Given == nil && cornerApplies(name, elemOf(in.Type), in.Spec, len(in.Dims)) {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

// CornerInputs makes the inputs of one corner, by name: each that the corner is for at that corner, the others as GenerateValueWith makes them of the seed, and
// those given as they are. Errors are of kind Usage where there is no such corner, else those of GenerateValueWith.
func CornerInputs(corner string, inputs []GenInput, seed uint64) (map[string]*onnxpb.Value, error) {
	all := make(map[string]*onnxpb.Value, len(inputs))
	for _, in := range inputs {
		if in.Given != nil {
			all[in.Name] = in.Given
			continue
		}
		v, applies, err := CornerValue(corner, in, seed)
		if err == nil && !applies {
			v, err = GenerateValueWith(in.Name, in.Type, in.Dims, in.Spec, seed)
		}
		if err != nil {
			return nil, err
		}
		all[in.Name] = v
	}
	return all, nil
}

// Corners makes every corner of one input, in the order of CornerNames. Each is a tensor of the whole shape: CornerInputs makes one at a time.
func Corners(name string, t *onnxpb.TypeProto, dims []int64, spec GenSpec, seed uint64) ([]Corner, error) {
	in := GenInput{Name: name, Type: t, Dims: dims, Spec: spec}
	var list []Corner
	for _, corner := range CornerNames([]GenInput{in}) {
		v, _, err := CornerValue(corner, in, seed)
		if err != nil {
			return nil, err
		}
		list = append(list, Corner{corner, v})
	}
	return list, nil
}

// CornerValue makes an input at a corner; false where the corner is not for its type. "The range" is the one that the caller set (Range, or that of the
// distribution), for integers else DefaultRange. No corner but nan, inf and -inf leaves a range that is set.
//
//	zeros, ones   all 0 or 1: numbers, where the range has it and the type (float8e8m0 has no 0); bool all false or all true
//	largest       all at the largest number of the range, of floats without one of the type (float32: 3.4e38); complex numbers in both parts
//	smallest      all at the smallest
//	alternating   smallest and largest in turn
//	negative      floats, and integers whose range has negative numbers: as generated, but uniform from the smallest number of the range (-1 without one) to 0
//	denormals     floats with subnormal numbers: the least and the largest of these in turn, where the range has them
//	nan           floats with NaN: as generated, but one NaN in the middle of the first row
//	inf, -inf     the same with an infinity, for floats that have these
//	empty, long, non-ascii   strings: empty, of 4096 bytes, of six words of other alphabets in turn
//
// A sequence is made of two such tensors. All but the elements of nan, inf and -inf that are as generated, and negative, are the same whatever the seed; rows are the same
// whatever the batch.
func CornerValue(corner string, in GenInput, seed uint64) (v *onnxpb.Value, applies bool, err error) {
	if !contains(cornerNames, corner) {
		return nil, false, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there is no corner %q", corner), Hint: "there are: " + strings.Join(cornerNames, ", ")}
	}
	if !cornerApplies(corner, elemOf(in.Type), in.Spec, len(in.Dims)) {
		return nil, false, nil
	}
	v, err = valueOf(in.Name, in.Type, func(name string, elem onnxpb.TensorProto_DataType) (*onnxpb.Array, error) {
		return cornerArray(corner, name, elem, in.Dims, in.Spec, seed)
	})
	return v, err == nil, err
}

// elemOf returns the element type of the tensors that a value is made of.
func elemOf(t *onnxpb.TypeProto) onnxpb.TensorProto_DataType {
	return portOf(&onnxpb.ValueInfoProto{Type: t}).elem
}

// cornerRange is the range whose ends are corners.
func cornerRange(t onnxpb.TensorProto_DataType, spec GenSpec, rank int) (r Range, given bool) {
	r, given = spec.bounds(t, rank)
	switch {
	case t == onnxpb.TensorProto_BOOL:
		return Range{0, 1}, false
	case exactType(t):
		return Range{math.Ceil(r.Lo), math.Floor(r.Hi)}, given
	case !given:
		return typeLimits(t), false
	}
	return r, given
}

func cornerApplies(corner string, t onnxpb.TensorProto_DataType, spec GenSpec, rank int) bool {
	if t == onnxpb.TensorProto_STRING || t == onnxpb.TensorProto_UNDEFINED {
		return t == onnxpb.TensorProto_STRING && (corner == "empty" || corner == "long" || corner == "non-ascii")
	}
	r, given := cornerRange(t, spec, rank)
	float, isFloat := floatTypes[partOf(t)]
	within := func(v float64) bool { return v >= r.Lo && v <= r.Hi }
	switch corner {
	case "zeros":
		return within(0)
	case "ones":
		return within(1)
	case "largest", "smallest", "alternating":
		return t != onnxpb.TensorProto_BOOL && r.Lo <= r.Hi
	case "negative":
		return r.Lo < 0 && (isFloat || given)
	case "denormals":
		return isFloat && within(float.leastSubnormal) && within(float.mostSubnormal)
	case "nan":
		return isFloat && float.nan || t == onnxpb.TensorProto_FLOAT8E8M0
	case "inf", "-inf":
		return isFloat && float.inf
	}
	return false
}

// cornerArray makes the tensor of a corner that is for its type.
func cornerArray(corner, name string, t onnxpb.TensorProto_DataType, dims []int64, spec GenSpec, seed uint64) (*onnxpb.Array, error) {
	r, given := cornerRange(t, spec, len(dims))
	switch corner {
	case "zeros":
		return inTurn(name, t, dims, 0)
	case "ones":
		return inTurn(name, t, dims, 1)
	case "largest":
		return inTurn(name, t, dims, r.Hi)
	case "smallest":
		return inTurn(name, t, dims, r.Lo)
	case "alternating":
		return inTurn(name, t, dims, r.Lo, r.Hi)
	case "negative":
		if !given {
			r.Lo = -1
		}
		return GenerateWith(name, t, dims, GenSpec{Range: &Range{r.Lo, min(r.Hi, 0)}}, seed)
	case "denormals":
		float := floatTypes[partOf(t)]
		return inTurn(name, t, dims, float.leastSubnormal, float.mostSubnormal)
	case "nan":
		return withOne(math.NaN(), name, t, dims, spec, seed)
	case "inf":
		return withOne(math.Inf(1), name, t, dims, spec, seed)
	case "-inf":
		return withOne(math.Inf(-1), name, t, dims, spec, seed)
	case "empty":
		return inTurnStrings(name, dims, "")
	case "long":
		return inTurnStrings(name, dims, longWord)
	}
	return inTurnStrings(name, dims, cornerWords...)
}

// inTurn makes a tensor of numbers that take turns; both parts of complex numbers are the same, but that of 0 and 1 has no imaginary part.
func inTurn(name string, t onnxpb.TensorProto_DataType, dims []int64, values ...float64) (*onnxpb.Array, error) {
	n, err := elementsOf(name, dims)
	if err != nil {
		return nil, err
	}
	i := -1
	next := func() float64 {
		i++
		return values[i%len(values)]
	}
	imaginary := func() float64 { return values[i%len(values)] }
	if len(values) == 1 && values[0] == 1 {
		imaginary = func() float64 { return 0 }
	}
	return collect(name, t, dims, n, next, imaginary)
}

func inTurnStrings(name string, dims []int64, values ...string) (*onnxpb.Array, error) {
	n, err := elementsOf(name, dims)
	if err != nil {
		return nil, err
	}
	v := make([]string, n)
	for i := range v {
		v[i] = values[i%len(values)]
	}
	return onnxpb.ArrayOf(dims, v), nil
}

// withOne makes a tensor as it is generated, with one element in the middle of the first row that is something else: so a model that mixes rows shows it in the
// others. Of a complex number it is the real part.
func withOne(v float64, name string, t onnxpb.TensorProto_DataType, dims []int64, spec GenSpec, seed uint64) (*onnxpb.Array, error) {
	a, err := GenerateWith(name, t, dims, spec, seed)
	if err != nil || a.Len() == 0 {
		return a, err
	}
	row := a.Len()
	if len(dims) > 0 {
		row /= int(dims[0])
	}
	one, err := inTurn(name, partOf(t), []int64{1}, v)
	if err != nil {
		return nil, err
	}
	switch d := a.Data.(type) {
	case []float32:
		d[row/2] = one.Data.([]float32)[0]
	case []float64:
		d[row/2] = v
	case []uint16:
		d[row/2] = one.Data.([]uint16)[0]
	case []uint8:
		d[row/2] = specialBits(t, v, one.Data.([]uint8)[0])
	case []complex64:
		d[row/2] = complex(float32(v), imag(d[row/2]))
	case []complex128:
		d[row/2] = complex(v, imag(d[row/2]))
	}
	return a, nil
}

// specialBits returns the bits of NaN or an infinity in a type of 8 bits. That of float8e5m2 is written here, as conversions to it saturate.
func specialBits(t onnxpb.TensorProto_DataType, v float64, converted uint8) uint8 {
	if t == onnxpb.TensorProto_FLOAT8E5M2 && math.IsInf(v, 0) {
		if v < 0 {
			return 0xfc
		}
		return 0x7c
	}
	return converted
}
