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

// Generate makes a tensor of seeded noise. The generator is PCG of math/rand/v2, seeded with seed and the 64-bit FNV-1a hash of name, and the
// elements are drawn from it in row-major order: so a row of a batch is the same whatever the batch, and an input the same whatever
// other inputs the model has. Floats are Lo + (Hi-Lo)·Float64() rounded to the type, complex numbers two of these, integers Lo + Int64N(Hi-Lo+1),
// booleans the lowest bit of Uint64(), strings one of ten words by IntN(10). A nil range is the default of DefaultRange.
func Generate(name string, t onnxpb.TensorProto_DataType, dims []int64, r *Range, seed uint64) (*onnxpb.Array, error) {
	count, err := onnxpb.Count(dims)
	if err != nil {
		return nil, err
	}
	if count > 1<<31 {
		return nil, &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("shape %s has %d elements, too many to generate", shapeText(dims), count)}
	}
	rg := DefaultRange(t, len(dims))
	if r != nil {
		rg = *r
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	rng := rand.New(rand.NewPCG(seed, h.Sum64()))
	n := int(count)
	float := func() float64 { return rg.Lo + (rg.Hi-rg.Lo)*rng.Float64() }
	switch t {
	case onnxpb.TensorProto_UNDEFINED:
		return nil, &onnxpb.Error{Tensor: name, Msg: "the element type is not declared", Hint: "give the input from a file: --inputs " + name + "=FILE.npy"}
	case onnxpb.TensorProto_STRING:
		v := make([]string, n)
		for i := range v {
			v[i] = words[rng.IntN(len(words))]
		}
		return onnxpb.ArrayOf(dims, v), nil
	case onnxpb.TensorProto_BOOL:
		v := make([]bool, n)
		for i := range v {
			v[i] = rng.Uint64()&1 == 1
		}
		return onnxpb.ArrayOf(dims, v), nil
	case onnxpb.TensorProto_COMPLEX64:
		v := make([]complex64, n)
		for i := range v {
			re := float()
			v[i] = complex(float32(re), float32(float()))
		}
		return onnxpb.ArrayOf(dims, v), nil
	case onnxpb.TensorProto_COMPLEX128:
		v := make([]complex128, n)
		for i := range v {
			re := float()
			v[i] = complex(re, float())
		}
		return onnxpb.ArrayOf(dims, v), nil
	}
	if exactType(t) {
		return generateInts(name, t, dims, rg, rng, n)
	}
	if t == onnxpb.TensorProto_FLOAT {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(float())
		}
		return onnxpb.ArrayOf(dims, v), nil
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = float()
	}
	return fromFloats(name, t, dims, v)
}

func generateInts(name string, t onnxpb.TensorProto_DataType, dims []int64, rg Range, rng *rand.Rand, n int) (*onnxpb.Array, error) {
	lo, hi := math.Ceil(rg.Lo), math.Floor(rg.Hi)
	// Every integer up to 2^53 is a float64 of its own; beyond it a range could not say what it means.
	if !(lo <= hi) || math.Abs(lo) > 1<<53 || math.Abs(hi) > 1<<53 {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: name, Msg: fmt.Sprintf("range %s holds no integers that can be drawn", rg)}
	}
	v := make([]float64, n)
	for i := range v {
		v[i] = lo + float64(rng.Int64N(int64(hi)-int64(lo)+1))
	}
	return fromFloats(name, t, dims, v)
}

func fromFloats(name string, t onnxpb.TensorProto_DataType, dims []int64, v []float64) (*onnxpb.Array, error) {
	a, err := onnxpb.ArrayFromFloat64s(t, dims, v)
	if err != nil {
		return nil, &onnxpb.Error{Tensor: name, Msg: "the generated numbers do not fit the element type " + onnxpb.TypeName(t), Err: err, Hint: "set a range: --range " + name + "=LO..HI"}
	}
	return a, nil
}

// GenerateValue makes a value of a declared type: a tensor of the given dimensions, a sequence of two such tensors (drawn under the names NAME[0] and
// NAME[1]), or what an optional may hold. Maps and sparse tensors must come from a file (kind Unfit).
func GenerateValue(name string, t *onnxpb.TypeProto, dims []int64, r *Range, seed uint64) (*onnxpb.Value, error) {
	switch v := t.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		a, err := Generate(name, onnxpb.TensorProto_DataType(v.TensorType.GetElemType()), dims, r, seed)
		if err != nil {
			return nil, err
		}
		return onnxpb.TensorVal(a), nil
	case *onnxpb.TypeProto_OptionalType:
		return GenerateValue(name, v.OptionalType.GetElemType(), dims, r, seed)
	case *onnxpb.TypeProto_SequenceType:
		seq := &onnxpb.Value{Kind: onnxpb.KindSequence}
		for i := 0; i < 2; i++ {
			e, err := GenerateValue(fmt.Sprintf("%s[%d]", name, i), v.SequenceType.GetElemType(), dims, r, seed)
			if err != nil {
				return nil, err
			}
			seq.Elems = append(seq.Elems, e)
		}
		return seq, nil
	}
	return nil, &onnxpb.Error{Tensor: name, Msg: "inputs of this type cannot be generated", Hint: "give it from a file: --inputs " + name + "=FILE.pb"}
}

// howGenerated tells how GenerateValue fills an input, for reports.
func howGenerated(t onnxpb.TensorProto_DataType, rank int, r *Range) string {
	switch t {
	case onnxpb.TensorProto_STRING:
		return "one of ten words"
	case onnxpb.TensorProto_BOOL:
		return "false or true"
	}
	rg := DefaultRange(t, rank)
	if r != nil {
		rg = *r
	}
	if exactType(t) {
		return "integers " + rg.String()
	}
	return "uniform " + rg.String()
}
