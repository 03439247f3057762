package verify

import (
	"archive/zip"
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"onnxtool/onnxpb"
)

// WriteNPY writes an array in NumPy's .npy format, version 1.0 (2.0 where the header does not fit): little endian, in C order. Numbers of every type that NumPy has,
// float16, bool and complex become these; strings Unicode of the longest one's width (<U5).
//
// What NumPy does not have is written as void, as the package ml_dtypes does and ReadNPY reads: bfloat16 as <V2, the floats of 8 bits as |V1, and the types narrower than a byte as |V1 too, one
// element a byte (integers with their sign: view(int8) gives the numbers, uint4, uint2 and float4e2m1 in the low bits).
//
// Errors are of kind Unfit: the array does not hold what it says, or a string is no UTF-8 or ends in a zero, which NumPy would drop; else what w returns.
func WriteNPY(w io.Writer, a *onnxpb.Array) error {
	if err := sound(a); err != nil {
		return err
	}
	descr, err := npyDescr(a)
	if err != nil {
		return err
	}
	if _, err := w.Write(npyHead(descr, a.Dims)); err != nil {
		return err
	}
	if s, ok := a.Data.([]string); ok {
		return writeUnicode(w, s)
	}
	return blocks(a, func(from int, b *onnxpb.Array) error {
		raw, err := b.Raw() // which finds elements of a narrow type that are none, too
		if err != nil {
			return err
		}
		if onnxpb.ElemBits(b.Type) < 8 {
			raw = oneByteEach(b.Data)
		}
		_, err = w.Write(raw)
		return err
	})
}

// oneByteEach gives each element of a type narrower than a byte a byte of its own.
func oneByteEach(data any) []byte {
	switch d := data.(type) {
	case []uint8:
		return d
	case []int8:
		b := make([]byte, len(d))
		for i, v := range d {
			b[i] = byte(v)
		}
		return b
	}
	return nil
}

// npyNames are the names of the types by what NumPy calls them.
var npyNames = func() map[onnxpb.TensorProto_DataType]string {
	names := map[onnxpb.TensorProto_DataType]string{}
	for name, t := range npyTypes {
		if name != "?" {
			names[t] = name
		}
	}
	return names
}()

// npyDescr returns what NumPy calls the element type of an array, with the byte order.
func npyDescr(a *onnxpb.Array) (string, error) {
	if s, ok := a.Data.([]string); ok {
		width, err := longest(s)
		return fmt.Sprintf("<U%d", width), err
	}
	name, ok := npyNames[a.Type]
	switch {
	case ok && onnxpb.ElemBits(a.Type) == 8:
		return "|" + name, nil
	case ok:
		return "<" + name, nil
	case onnxpb.ElemBits(a.Type) <= 8:
		return "|V1", nil
	}
	return fmt.Sprintf("<V%d", onnxpb.ElemBits(a.Type)/8), nil
}

// longest returns the length in characters of the longest string, at least 1, as NumPy has no strings of length 0.
func longest(list []string) (int, error) {
	width := 1
	for i, s := range list {
		if !utf8.ValidString(s) {
			return 0, &onnxpb.Error{Msg: fmt.Sprintf("string %d is no UTF-8, which NumPy's Unicode strings cannot hold", i), Hint: "write a .pb file"}
		}
		if strings.HasSuffix(s, "\x00") {
			return 0, &onnxpb.Error{Msg: fmt.Sprintf("string %d ends in a zero, which NumPy would drop", i), Hint: "write a .pb file"}
		}
		width = max(width, utf8.RuneCountInString(s))
	}
	return width, nil
}

// npyHead returns what stands before the elements: the magic, the version, and the header with its length, filled up to a multiple of 64 bytes.
func npyHead(descr string, dims []int64) []byte {
	var shape strings.Builder
	for i, d := range dims {
		if i > 0 {
			shape.WriteString(", ")
		}
		fmt.Fprint(&shape, d)
	}
	if len(dims) == 1 {
		shape.WriteString(",") // a tuple of one
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape.String())
	start := 10
	if len(text)+1+63 > 0xffff {
		start = 12
	}
	size := (start+len(text)+1+63)/64*64 - start
	head := append([]byte("\x93NUMPY"), byte(1), 0)
	if start == 12 {
		head[6] = 2
		head = binary.LittleEndian.AppendUint32(head, uint32(size))
	} else {
		head = binary.LittleEndian.AppendUint16(head, uint16(size))
	}
	head = append(head, text...)
	for len(head) < start+size-1 {
		head = append(head, ' ')
	}
	return append(head, '\n')
}

// writeUnicode writes strings as characters of four bytes, filled up with zeros to the longest one's width.
func writeUnicode(w io.Writer, list []string) error {
	width, err := longest(list)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriter(w)
	for _, s := range list {
		n := 0
		for _, r := range s {
			if err := binary.Write(buffered, binary.LittleEndian, uint32(r)); err != nil {
				return err
			}
			n++
		}
		for ; n < width; n++ {
			if _, err := buffered.Write([]byte{0, 0, 0, 0}); err != nil {
				return err
			}
		}
	}
	return buffered.Flush()
}

// WriteNPZ writes arrays into a NumPy .npz archive, each as NAME.npy, in order, not compressed, as NumPy's savez. The file appears whole or not at all. Errors are those of WriteNPY,
// and of kind Unfit where there are not as many names as arrays, or two are the same; they tell the array.
func WriteNPZ(path string, names []string, arrays []*onnxpb.Array) error {
	if len(names) != len(arrays) {
		return onnxpb.Errorf(onnxpb.Unfit, "%d names for %d arrays", len(names), len(arrays))
	}
	taken := map[string]bool{}
	for _, name := range names {
		if taken[name] {
			return onnxpb.Errorf(onnxpb.Unfit, "two arrays are called %q", name)
		}
		taken[name] = true
	}
	return onnxpb.WriteTo(path, func(w io.Writer) error {
		z := zip.NewWriter(w)
		for i, name := range names {
			f, err := z.CreateHeader(&zip.FileHeader{Name: name + ".npy", Method: zip.Store})
			if err == nil {
				err = WriteNPY(f, arrays[i])
			}
			if err != nil {
				return &onnxpb.Error{Tensor: name, Msg: "cannot be written as an array of NumPy", Err: err}
			}
		}
		return z.Close()
	})
}
