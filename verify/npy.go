package verify

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/sbinet/npyio/npy"

	"onnxtool/onnxpb"
)

// ReadNPY decodes an array in NumPy's .npy format (versions 1 to 3): numbers of every type that NumPy and ONNX share, float16, bool, byte strings and
// Unicode strings (to STRING, without the zeros that pad them), little or big endian, in C or in Fortran order. want, where it is not UNDEFINED, is
// the element type to be: it tells what opaque elements are (bfloat16, the 8-bit and 4-bit types, which NumPy stores as void, and
// ml_dtypes' names), and nothing is converted. Python objects and records are refused. Errors are of kind Unfit.
func ReadNPY(data []byte, want onnxpb.TensorProto_DataType) (*onnxpb.Array, error) {
	h, body, err := npyHeader(data)
	if err != nil {
		return nil, err
	}
	dims := make([]int64, len(h.Descr.Shape))
	for i, d := range h.Descr.Shape {
		dims[i] = int64(d)
	}
	n, err := onnxpb.Count(dims)
	if err != nil {
		return nil, err
	}
	a, err := npyElements(h.Descr.Type, dims, n, body, want)
	if err != nil {
		return nil, err
	}
	if h.Descr.Fortran && len(dims) > 1 {
		return fromFortran(a), nil
	}
	return a, nil
}

// npyHeader reads the header with npyio, which takes what it reads on trust: everything that could make it run astray is checked before.
func npyHeader(data []byte) (h npy.Header, body []byte, err error) {
	if len(data) < 12 || !bytes.Equal(data[:6], npy.Magic[:]) {
		return h, nil, onnxpb.Errorf(onnxpb.Unfit, "not an array of NumPy (.npy)")
	}
	start, size := 10, uint64(binary.LittleEndian.Uint16(data[8:]))
	switch data[6] {
	case 1:
	case 2, 3: // 3 differs in that the header is UTF-8
		start, size = 12, uint64(binary.LittleEndian.Uint32(data[8:]))
	default:
		return h, nil, onnxpb.Errorf(onnxpb.Unfit, "version %d of the .npy format is not known", data[6])
	}
	if size > uint64(len(data)-start) {
		return h, nil, onnxpb.Errorf(onnxpb.Unfit, "the .npy file is truncated")
	}
	end := start + int(size)
	text := data[start:end]
	if !npyDict.Match(text) {
		return h, nil, onnxpb.Errorf(onnxpb.Unfit, "the header of the .npy file cannot be read (records and objects are not supported): %.100q", bytes.TrimSpace(text))
	}
	head := slices.Clone(data[:end])
	head[6] = min(head[6], 2)
	head[end-1] = '\n'
	r, err := npy.NewReader(bytes.NewReader(head))
	if err != nil {
		return h, nil, &onnxpb.Error{Msg: "the header of the .npy file cannot be read", Err: err}
	}
	return r.Header, data[end:], nil
}

// npyDict is the header that NumPy writes: the keys in alphabetical order.
var npyDict = regexp.MustCompile(`^\{'descr': '[^',]+', 'fortran_order': (True|False), 'shape': \([0-9, ]*\), \}\s+$`)

// npyTypes are the types that NumPy names without the byte order.
var npyTypes = map[string]onnxpb.TensorProto_DataType{
	"b1": onnxpb.TensorProto_BOOL, "?": onnxpb.TensorProto_BOOL,
	"i1": onnxpb.TensorProto_INT8, "i2": onnxpb.TensorProto_INT16, "i4": onnxpb.TensorProto_INT32, "i8": onnxpb.TensorProto_INT64,
	"u1": onnxpb.TensorProto_UINT8, "u2": onnxpb.TensorProto_UINT16, "u4": onnxpb.TensorProto_UINT32, "u8": onnxpb.TensorProto_UINT64,
	"f2": onnxpb.TensorProto_FLOAT16, "f4": onnxpb.TensorProto_FLOAT, "f8": onnxpb.TensorProto_DOUBLE,
	"c8": onnxpb.TensorProto_COMPLEX64, "c16": onnxpb.TensorProto_COMPLEX128,
}

func npyElements(descr string, dims []int64, n int64, body []byte, want onnxpb.TensorProto_DataType) (*onnxpb.Array, error) {
	order, name := byte('|'), descr
	if strings.ContainsRune("<>|=", rune(descr[0])) {
		order, name = descr[0], descr[1:]
	}
	if name == "" {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "elements of type %q are not supported", descr)
	}
	if name[0] == 'S' || name[0] == 'U' || name[0] == 'a' {
		return npyStrings(name, order, dims, n, body)
	}
	t, known := npyTypes[name]
	if !known && name[0] == 'V' {
		t, known = opaqueType(name[1:], want), true
	}
	if !known || t == onnxpb.TensorProto_UNDEFINED {
		return nil, &onnxpb.Error{Msg: fmt.Sprintf("elements of type %q are not supported", descr), Hint: "give the input as a .pb file (a TensorProto)"}
	}
	width := int64(max(onnxpb.ElemBits(t), 8) / 8) // NumPy stores one element of a 4-bit type in a byte
	if n > int64(len(body))/width || int64(len(body)) != n*width {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "the .npy file holds %d bytes of elements, %s%s takes %d: it is truncated or damaged", len(body), onnxpb.TypeName(t), shapeText(dims), n*width)
	}
	if order == '>' {
		body = swapBytes(body, int(width), t)
	}
	if onnxpb.ElemBits(t) < 8 {
		return npyNarrow(t, dims, body), nil
	}
	return onnxpb.ArrayFromRaw(t, dims, body)
}

// opaqueType tells what elements are that NumPy stores as void of so many bytes: what is wanted, where that is such a type.
func opaqueType(bytes string, want onnxpb.TensorProto_DataType) onnxpb.TensorProto_DataType {
	switch want {
	case onnxpb.TensorProto_BFLOAT16:
		if bytes == "2" {
			return want
		}
	case onnxpb.TensorProto_FLOAT8E4M3FN, onnxpb.TensorProto_FLOAT8E4M3FNUZ, onnxpb.TensorProto_FLOAT8E5M2, onnxpb.TensorProto_FLOAT8E5M2FNUZ, onnxpb.TensorProto_FLOAT8E8M0,
		onnxpb.TensorProto_FLOAT4E2M1, onnxpb.TensorProto_INT4, onnxpb.TensorProto_UINT4, onnxpb.TensorProto_INT2, onnxpb.TensorProto_UINT2:
		if bytes == "1" {
			return want
		}
	}
	return onnxpb.TensorProto_UNDEFINED
}

// npyNarrow takes elements of a type narrower than a byte, of which ml_dtypes stores each in the low bits of a byte of its own.
func npyNarrow(t onnxpb.TensorProto_DataType, dims []int64, body []byte) *onnxpb.Array {
	bits := onnxpb.ElemBits(t)
	a := onnxpb.NewArray(t, dims)
	switch d := a.Data.(type) {
	case []uint8:
		for i, b := range body {
			d[i] = b & (1<<bits - 1)
		}
	case []int8:
		for i, b := range body {
			d[i] = int8(b<<(8-bits)) >> (8 - bits)
		}
	}
	return a
}

// swapBytes turns big endian into little endian; the two parts of a complex number each on its own.
func swapBytes(body []byte, width int, t onnxpb.TensorProto_DataType) []byte {
	if t == onnxpb.TensorProto_COMPLEX64 || t == onnxpb.TensorProto_COMPLEX128 {
		width /= 2
	}
	out := slices.Clone(body)
	for i := 0; i < len(out); i += width {
		slices.Reverse(out[i : i+width])
	}
	return out
}

func npyStrings(name string, order byte, dims []int64, n int64, body []byte) (*onnxpb.Array, error) {
	length, err := strconv.ParseInt(name[1:], 10, 32)
	if err != nil {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "elements of type %q are not supported", name)
	}
	width := length
	if name[0] == 'U' {
		width *= 4
	}
	if width == 0 && len(body) == 0 && n < 1<<31 {
		return onnxpb.ArrayOf(dims, make([]string, n)), nil
	}
	if width == 0 || n > int64(len(body))/width || int64(len(body)) != n*width {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "the .npy file holds %d bytes of strings, not %d times %d: it is truncated or damaged", len(body), n, width)
	}
	byteOrder := binary.ByteOrder(binary.LittleEndian)
	if order == '>' {
		byteOrder = binary.BigEndian
	}
	v := make([]string, n)
	for i := range v {
		e := body[int64(i)*width : int64(i+1)*width]
		if name[0] == 'U' {
			var b []byte
			for ; len(e) > 0; e = e[4:] {
				b = utf8.AppendRune(b, rune(byteOrder.Uint32(e)))
			}
			e = b
		}
		v[i] = string(bytes.TrimRight(e, "\x00"))
	}
	return onnxpb.ArrayOf(dims, v), nil
}

// fromFortran puts elements that stand in column-major order into row-major order.
func fromFortran(a *onnxpb.Array) *onnxpb.Array {
	from := make([]int, a.Len())
	strides := make([]int, len(a.Dims))
	s := 1
	for i, d := range a.Dims {
		strides[i] = s
		s *= int(d)
	}
	at := make([]int64, len(a.Dims))
	for i := range from {
		for axis, x := range at {
			from[i] += int(x) * strides[axis]
		}
		for axis := len(at) - 1; axis >= 0; axis-- {
			if at[axis]++; at[axis] < a.Dims[axis] {
				break
			}
			at[axis] = 0
		}
	}
	return &onnxpb.Array{Type: a.Type, Dims: a.Dims, Data: pick(a.Data, from)}
}

// pick gathers elements of a slice of any type that an Array holds.
func pick(data any, from []int) any {
	switch d := data.(type) {
	case []float32:
		return pickOf(d, from)
	case []float64:
		return pickOf(d, from)
	case []int8:
		return pickOf(d, from)
	case []int16:
		return pickOf(d, from)
	case []int32:
		return pickOf(d, from)
	case []int64:
		return pickOf(d, from)
	case []uint8:
		return pickOf(d, from)
	case []uint16:
		return pickOf(d, from)
	case []uint32:
		return pickOf(d, from)
	case []uint64:
		return pickOf(d, from)
	case []bool:
		return pickOf(d, from)
	case []string:
		return pickOf(d, from)
	case []complex64:
		return pickOf(d, from)
	case []complex128:
		return pickOf(d, from)
	}
	return data
}

func pickOf[T any](src []T, from []int) []T {
	dst := make([]T, len(from))
	for i, j := range from {
		dst[i] = src[j]
	}
	return dst
}

// maxMember bounds what one member of a .npz archive may unpack to, so that a small file cannot ask for all memory.
const maxMember = 4 << 30

// ReadNPZ decodes the arrays of a NumPy .npz archive, by name (without .npy). want tells the element type that is expected under a name; see ReadNPY.
func ReadNPZ(data []byte, want func(name string) onnxpb.TensorProto_DataType) (map[string]*onnxpb.Array, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, &onnxpb.Error{Msg: "not an archive of NumPy (.npz)", Err: err}
	}
	arrays := map[string]*onnxpb.Array{}
	for _, f := range z.File {
		name, ok := strings.CutSuffix(f.Name, ".npy")
		if !ok || f.FileInfo().IsDir() {
			continue
		}
		if _, twice := arrays[name]; twice {
			return nil, onnxpb.Errorf(onnxpb.Unfit, "the archive holds %s twice", path.Base(f.Name))
		}
		body, err := readMember(f)
		if err == nil {
			arrays[name], err = ReadNPY(body, want(name))
		}
		if err != nil {
			return nil, &onnxpb.Error{Msg: "array " + name, Err: err}
		}
	}
	if len(arrays) == 0 {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "the archive holds no arrays")
	}
	return arrays, nil
}

func readMember(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxMember+1))
	if err == nil && len(data) > maxMember {
		err = errors.New("is too large")
	}
	return data, err
}
