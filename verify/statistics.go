package verify

import (
	"math"
	"math/cmplx"
	"reflect"
	"strconv"

	"onnxtool/onnxpb"
)

// Stats sum up a tensor. Numbers of every type count as the float64 that they are (64-bit integers beyond 2^53 as the nearest), complex numbers as their absolute
// values, booleans as 0 and 1. Of strings there are the counts and the first elements alone; Zeros are then the empty ones.
type Stats struct {
	Elements int64 `json:"elements"`
	Zeros    int64 `json:"zeros"`
	NaN      int64 `json:"nan"`
	PosInf   int64 `json:"inf"` // of complex numbers: those of which a part is infinite
	NegInf   int64 `json:"neg_inf"`
	// Moments are about the finite elements; missing where there is none.
	*Moments `json:",omitempty"`
	// First are the first elements in row-major order, at most eight, written out.
	First []string `json:"first,omitempty"`
	// FirstNaN and FirstInf are the first elements that are a NaN and an infinity.
	FirstNaN *Element `json:"first_nan,omitempty"`
	FirstInf *Element `json:"first_inf,omitempty"`
}

// Moments are about the finite elements of a tensor. All but Min and Max are accumulated in float64.
type Moments struct {
	Min  Number `json:"min"`
	Max  Number `json:"max"`
	Mean Number `json:"mean"`
	Std  Number `json:"std"` // of the elements themselves, divided by their number, as NumPy's std
	L2   Number `json:"l2"`  // the root of the sum of the squares
}

// Element is one element of a tensor.
type Element struct {
	Index []int64 `json:"index"` // by axis; empty of a scalar
	Value string  `json:"value"`
}

// Finite tells whether there is neither a NaN nor an infinity.
func (s *Stats) Finite() bool { return s.NaN == 0 && !s.Infinite() }

// Infinite tells whether there is an infinity.
func (s *Stats) Infinite() bool { return s.PosInf+s.NegInf > 0 }

// firstElements is how many elements Stats writes out.
const firstElements = 8

// blockSize is how many elements are converted at once, so that memory does not follow the tensor.
const blockSize = 8192

// Statistics sums up a tensor of any type in one pass. Mean and deviation are kept by Welford's method, in units of a power of two that no element passes: so no
// square and no difference leaves the range of float64. It is an error of kind Unfit if the array does not hold what its type and dimensions say.
func Statistics(a *onnxpb.Array) (*Stats, error) {
	if err := sound(a); err != nil {
		return nil, err
	}
	g := &gatherer{stats: &Stats{}, dims: a.Dims}
	if err := blocks(a, g.block); err != nil {
		return nil, err
	}
	return g.result(), nil
}

// TensorStatistics is Statistics of a tensor of a model, whose elements are decoded piece by piece: external data, relative to dir, is never in memory as a whole.
func TensorStatistics(t *onnxpb.TensorProto, dir string) (*Stats, error) {
	g := &gatherer{stats: &Stats{}, dims: t.GetDims()}
	if err := onnxpb.DecodePieces(t, dir, func(from int64, b *onnxpb.Array) error { return g.block(int(from), b) }); err != nil {
		return nil, err
	}
	return g.result(), nil
}

// sound tells whether an array holds what it says.
func sound(a *onnxpb.Array) error {
	if a == nil {
		return onnxpb.Errorf(onnxpb.Unfit, "there is no array")
	}
	if onnxpb.ElemBits(a.Type) == 0 && a.Type != onnxpb.TensorProto_STRING {
		return onnxpb.Errorf(onnxpb.Unfit, "element type %s is not one that tensors have", onnxpb.TypeName(a.Type))
	}
	if reflect.TypeOf(a.Data) != reflect.TypeOf(onnxpb.NewArray(a.Type, []int64{0}).Data) {
		return onnxpb.Errorf(onnxpb.Unfit, "an array of %s holds %T", onnxpb.TypeName(a.Type), a.Data)
	}
	n, err := onnxpb.Count(a.Dims)
	if err != nil {
		return err
	}
	if n != int64(a.Len()) {
		return onnxpb.Errorf(onnxpb.Unfit, "a tensor of shape %s holds %d elements", shapeText(a.Dims), a.Len())
	}
	return nil
}

// blocks yields the elements of an array in pieces of one dimension, with the place where each begins.
func blocks(a *onnxpb.Array, yield func(from int, b *onnxpb.Array) error) error {
	data := reflect.ValueOf(a.Data)
	for from := 0; from < data.Len(); from += blockSize {
		to := min(from+blockSize, data.Len())
		b := &onnxpb.Array{Type: a.Type, Dims: []int64{int64(to - from)}, Data: data.Slice(from, to).Interface()}
		if err := yield(from, b); err != nil {
			return err
		}
	}
	return nil
}

// gatherer gathers the statistics of one array. mean, m2 and squares are in units of unit.
type gatherer struct {
	stats    *Stats
	dims     []int64
	piece    *onnxpb.Array // the elements that are being taken, from place from on
	from     int
	n        int64 // finite elements
	min, max float64
	unit     float64
	mean, m2 float64
	squares  float64
}

// block takes the elements of a piece.
func (g *gatherer) block(from int, b *onnxpb.Array) error {
	s := g.stats
	g.piece, g.from = b, from
	for i := 0; len(s.First) < firstElements && i < b.Len(); i++ {
		s.First = append(s.First, elementText(b, i))
	}
	s.Elements += int64(b.Len())
	switch d := b.Data.(type) {
	case []string:
		for _, v := range d {
			if v == "" {
				s.Zeros++
			}
		}
	case []complex64:
		for i, v := range d {
			g.complex(from+i, complex128(v))
		}
	case []complex128:
		for i, v := range d {
			g.complex(from+i, v)
		}
	default:
		f, err := b.Float64s()
		if err != nil {
			return err
		}
		for i, v := range f {
			g.add(from+i, v)
		}
	}
	return nil
}

// result returns what was gathered.
func (g *gatherer) result() *Stats {
	g.stats.Moments = g.moments()
	return g.stats
}

func (g *gatherer) complex(i int, v complex128) {
	switch {
	case cmplx.IsNaN(v):
		g.add(i, math.NaN())
	case cmplx.IsInf(v):
		g.add(i, math.Inf(1))
	default:
		g.add(i, cmplx.Abs(v))
	}
}

// add takes element i.
func (g *gatherer) add(i int, v float64) {
	switch {
	case math.IsNaN(v):
		if g.stats.NaN++; g.stats.NaN == 1 {
			g.stats.FirstNaN = g.elementAt(i)
		}
		return
	case math.IsInf(v, 0):
		if !g.stats.Infinite() {
			g.stats.FirstInf = g.elementAt(i)
		}
		if v > 0 {
			g.stats.PosInf++
		} else {
			g.stats.NegInf++
		}
		return
	case v == 0:
		g.stats.Zeros++
	}
	if g.n++; g.n == 1 {
		g.min, g.max = v, v
	}
	g.min, g.max = min(g.min, v), max(g.max, v)
	x, shrink := toUnit(v, &g.unit)
	if shrink != 1 {
		g.mean *= shrink
		g.m2 *= shrink * shrink
		g.squares *= shrink * shrink
	}
	d := x - g.mean
	g.mean += d / float64(g.n)
	g.m2 += d * (x - g.mean)
	g.squares += x * x
}

// moments returns what was gathered; nil where no element is finite.
func (g *gatherer) moments() *Moments {
	if g.n == 0 {
		return nil
	}
	return &Moments{
		Min: Number(g.min), Max: Number(g.max), Mean: Number(g.mean * g.unit),
		Std: Number(math.Sqrt(g.m2/float64(g.n)) * g.unit), L2: Number(math.Sqrt(g.squares) * g.unit),
	}
}

// elementAt returns an element of the piece by its place in row-major order.
func (g *gatherer) elementAt(i int) *Element {
	index := make([]int64, len(g.dims))
	left := int64(i)
	for axis := len(g.dims) - 1; axis >= 0; axis-- {
		index[axis], left = left%g.dims[axis], left/g.dims[axis]
	}
	return &Element{Index: index, Value: elementText(g.piece, i-g.from)}
}

// elementText writes one element: a float in the fewest digits that tell it from its neighbours of the same type, a string in quotes.
func elementText(a *onnxpb.Array, i int) string {
	e := element(a, i)
	switch d := e.Data.(type) {
	case []string:
		return onnxpb.Quoted(d[0])
	case []uint64:
		return strconv.FormatUint(d[0], 10)
	case []complex64:
		return strconv.FormatComplex(complex128(d[0]), 'g', -1, 64)
	case []complex128:
		return strconv.FormatComplex(d[0], 'g', -1, 128)
	case []bool:
		return strconv.FormatBool(d[0])
	}
	if n, err := e.Int64s(); err == nil {
		return strconv.FormatInt(n[0], 10)
	}
	f, err := e.Float64s()
	if err != nil {
		return "?"
	}
	switch {
	case math.IsNaN(f[0]):
		return "NaN"
	case math.IsInf(f[0], 1):
		return "Inf"
	}
	return shortestFloat(f[0], a.Type, 'g')
}

// element returns one element as an array of its own.
func element(a *onnxpb.Array, i int) *onnxpb.Array {
	return &onnxpb.Array{Type: a.Type, Dims: []int64{1}, Data: reflect.ValueOf(a.Data).Slice(i, i+1).Interface()}
}

// shortestFloat writes a finite number of a type in the fewest digits that give it back, in one of strconv's formats.
func shortestFloat(v float64, t onnxpb.TensorProto_DataType, format byte) string {
	switch t {
	case onnxpb.TensorProto_FLOAT:
		return strconv.FormatFloat(v, format, -1, 32)
	case onnxpb.TensorProto_DOUBLE:
		return strconv.FormatFloat(v, format, -1, 64)
	}
	if math.IsInf(v, 0) || math.IsNaN(v) {
		return strconv.FormatFloat(v, format, -1, 64)
	}
	for digits := 0; digits < 9; digits++ { // what narrow types hold takes no more
		s := strconv.FormatFloat(v, 'e', digits, 64)
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			break
		}
		if back, err := onnxpb.ArrayFromFloat64s(t, []int64{1}, []float64{x}); err == nil {
			if f, err := back.Float64s(); err == nil && f[0] == v {
				return strconv.FormatFloat(x, format, -1, 64)
			}
		}
	}
	return strconv.FormatFloat(v, format, -1, 64)
}
