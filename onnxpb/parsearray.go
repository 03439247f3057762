package onnxpb

import (
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ParseArray reads a tensor as the command line writes it: TYPE:SHAPE=ELEMENTS, such as float32:[2]=0.5,1 or int64:[]=3. The elements are as ParseElements takes them.
// Errors are of kind Usage.
func ParseArray(text string) (*Array, error) {
	head, elements, ok := strings.Cut(text, "=")
	typ, shape, both := strings.Cut(head, ":")
	if !ok || !both {
		return nil, &Error{Kind: Usage, Msg: fmt.Sprintf("%q is not a tensor", text), Hint: "write TYPE:SHAPE=VALUES, such as float32:[2]=0.5,1"}
	}
	t, err := ParseType(typ)
	if err != nil {
		return nil, err
	}
	dims, err := ParseDims(shape)
	if err != nil {
		return nil, err
	}
	return ParseElements(t, dims, elements)
}

// ParseDims reads a shape all of whose dimensions are numbers. Errors are of kind Usage.
func ParseDims(text string) ([]int64, error) {
	shape, err := ParseShape(text)
	if err != nil {
		return nil, err
	}
	dims := make([]int64, len(shape))
	for i, d := range shape {
		if !d.Known {
			return nil, Errorf(Usage, "a constant has a shape of numbers, %s has %s", FormatShape(shape), d)
		}
		dims[i] = d.Value
	}
	return dims, nil
}

// ParseElements reads the elements of a tensor in row-major order, parted by commas; brackets round them may stand, and then blanks may part them. Brackets within brackets, as JSON and NumPy write them, have to
// be as deep and as long as the shape says. A string that holds a comma stands in double quotes, as in CSV. Nothing
// is bent to fit: an integer type takes whole numbers in its range, a type of floats what does not pass its range (but is rounded to it), bool true, false, 1 and 0. Floats are
// inf, -inf and nan too, complex numbers 1+2i. Errors are of kind Usage.
func ParseElements(t TensorProto_DataType, dims []int64, text string) (*Array, error) {
	n, err := checkType(t, dims)
	if err != nil {
		return nil, err
	}
	words, err := []string(nil), error(nil)
	if bracketed(t, dims, text) {
		var nested []int64
		if words, nested, err = readNested(t, text); err == nil && len(nested) > 1 && !slices.Equal(nested, dims) {
			err = Errorf(Usage, "the brackets hold %s, the shape is %s", FormatShape(Numbers(nested...)), FormatShape(Numbers(dims...)))
		}
	} else {
		words, err = SplitElements(t, text)
	}
	if err != nil {
		return nil, err
	}
	if int64(len(words)) != n {
		return nil, Errorf(Usage, "the shape %s has %d elements, %d given", FormatShape(Numbers(dims...)), n, len(words))
	}
	a := NewArray(t, dims)
	for i, w := range words {
		if err := a.parseElement(i, w); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// SplitElements parts the elements of a tensor of a type, as ParseElements takes them.
func SplitElements(t TensorProto_DataType, text string) ([]string, error) {
	if t == TensorProto_STRING {
		if text == "" {
			return nil, nil
		}
		r := csv.NewReader(strings.NewReader(text))
		words, err := r.Read()
		if err != nil {
			return nil, &Error{Kind: Usage, Msg: fmt.Sprintf("%q is no list of strings", text), Err: err, Hint: `write a,b and "a, with a comma",b`}
		}
		if _, err := r.Read(); err == nil {
			return nil, &Error{Kind: Usage, Msg: fmt.Sprintf("%q is no list of strings: it has several lines", text), Hint: "put a string with a line end in double quotes"}
		}
		return words, nil
	}
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		text = strings.TrimSpace(text[1 : len(text)-1])
	}
	if text == "" {
		return nil, nil
	}
	words := strings.Split(text, ",")
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	return words, nil
}

// parseElement reads one element of an array.
func (a *Array) parseElement(i int, word string) error {
	width := ElemBits(a.Type)
	bad := func() error {
		return Errorf(Usage, "%q is no %s", word, TypeName(a.Type))
	}
	if f, ok := floatFormats[a.Type]; ok || a.Type == TensorProto_FLOAT8E8M0 {
		v, err := strconv.ParseFloat(word, 64)
		if err != nil {
			return bad()
		}
		bits, back := uint16(e8m0Bits(v)), e8m0Value(e8m0Bits(v))
		if ok {
			bits = f.bits(v)
			back = f.value(bits)
		}
		if !holds(v, back, func(x float64) float64 {
			if ok {
				return f.value(f.bits(x))
			}
			return e8m0Value(e8m0Bits(x))
		}) {
			return Errorf(Usage, "%s passes what %s holds", word, TypeName(a.Type))
		}
		switch d := a.Data.(type) {
		case []uint8:
			d[i] = uint8(bits)
		case []uint16:
			d[i] = bits
		}
		return nil
	}
	var err error
	signed := func() (v int64) { v, err = strconv.ParseInt(word, 0, width); return v }
	unsigned := func() (v uint64) { v, err = strconv.ParseUint(word, 0, width); return v }
	switch d := a.Data.(type) {
	case []float32:
		var v float64
		v, err = strconv.ParseFloat(word, 32)
		d[i] = float32(v)
	case []float64:
		d[i], err = strconv.ParseFloat(word, 64)
	case []int8:
		d[i] = int8(signed())
	case []int16:
		d[i] = int16(signed())
	case []int32:
		d[i] = int32(signed())
	case []int64:
		d[i] = signed()
	case []uint8:
		d[i] = uint8(unsigned())
	case []uint16:
		d[i] = uint16(unsigned())
	case []uint32:
		d[i] = uint32(unsigned())
	case []uint64:
		d[i] = unsigned()
	case []bool:
		switch word {
		case "true", "1":
			d[i] = true
		case "false", "0":
		default:
			return bad()
		}
	case []string:
		d[i] = word
	case []complex64:
		var v complex128
		v, err = strconv.ParseComplex(word, 64)
		d[i] = complex64(v)
	case []complex128:
		d[i], err = strconv.ParseComplex(word, 128)
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return Errorf(Usage, "%s passes what %s holds", word, TypeName(a.Type))
	case err != nil:
		return bad()
	}
	return nil
}

// holds tells whether a float format holds a number, but for rounding: back is what it makes of it.
func holds(v, back float64, through func(float64) float64) bool {
	switch {
	case math.IsNaN(v):
		return math.IsNaN(back)
	case math.IsInf(v, 0):
		return back == v
	case math.IsInf(back, 0) || math.IsNaN(back):
		return false
	case v <= 0 && back > 0: // float8e8m0 has neither zero nor sign
		return false
	}
	largest := through(math.MaxFloat64)
	return math.IsInf(largest, 0) || math.Abs(v) <= largest
}

// SetArray makes a the elements, the element type and the dimensions of a tensor: in raw_data, or in string_data. External data is referred to no more; the name and
// what is said about the tensor stay. It panics where a does not hold what it says, as Array.Proto does.
func (x *TensorProto) SetArray(a *Array) {
	p := a.Proto("")
	x.dropElements()
	x.ExternalData, x.DataLocation, x.Segment = nil, nil, nil
	x.RawData, x.StringData, x.Dims, x.DataType = p.RawData, p.StringData, p.Dims, p.DataType
}

// SetRaw makes raw, as it is and not a copy, the elements of a tensor, whose type and dimensions stay. External data is referred to no more.
func (x *TensorProto) SetRaw(raw []byte) {
	x.dropElements()
	x.ExternalData, x.DataLocation, x.Segment = nil, nil, nil
	x.RawData = raw
}
