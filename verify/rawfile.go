package verify

import (
	"fmt"
	"math/bits"
	"os"

	"onnxtool/onnxpb"
)

// ReadRaw decodes a file that holds nothing but the elements of a tensor, in row-major order, as raw_data has them: little endian, types of 4 and 2 bits packed with the
// first element lowest, a byte of bool that is not 0 is true. The declared shape tells the dimensions; one of them may be free, and follows from the
// number of bytes (with packed types it is the largest that fits). Errors are of kind Unfit: the bytes do not fit the shape, more than one dimension is free, the
// type is string or not declared.
func ReadRaw(data []byte, t onnxpb.TensorProto_DataType, dims []onnxpb.Dim) (*onnxpb.Array, error) {
	shape, err := rawShape(int64(len(data)), t, dims)
	if err != nil {
		return nil, err
	}
	return onnxpb.ArrayFromRaw(t, shape, data)
}

// readRawFile is ReadRaw for a file, which is not read where its size does not fit.
func readRawFile(path string, t onnxpb.TensorProto_DataType, dims []onnxpb.Dim) (*onnxpb.Array, error) {
	if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
		if _, err := rawShape(st.Size(), t, dims); err != nil {
			return nil, err
		}
	}
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return ReadRaw(data, t, dims)
}

// rawShape returns the dimensions of a tensor whose elements take so many bytes.
func rawShape(size int64, t onnxpb.TensorProto_DataType, dims []onnxpb.Dim) ([]int64, error) {
	width := onnxpb.ElemBits(t)
	if width == 0 {
		why := "holds strings"
		if t != onnxpb.TensorProto_STRING {
			why = "does not declare its element type"
		}
		return nil, &onnxpb.Error{Msg: "the input " + why + ": a raw file cannot give it", Hint: "give it as .npy or .pb"}
	}
	shape := make([]int64, len(dims))
	free := -1
	for i, d := range dims {
		switch {
		case d.Known:
			shape[i] = d.Value
			continue
		case free >= 0:
			return nil, &onnxpb.Error{Msg: fmt.Sprintf("%s%s has more than one free dimension, and the size of a raw file tells only one", onnxpb.TypeName(t), onnxpb.FormatShape(dims)),
				Hint: "give the others: --dims NAME=NUMBER"}
		}
		free, shape[i] = i, 1
	}
	step, err := onnxpb.Count(shape)
	if err != nil {
		return nil, err
	}
	text := onnxpb.TypeName(t) + onnxpb.FormatShape(dims)
	if free < 0 {
		if need, ok := packedSize(step, width); !ok || need != size {
			return nil, sizeError(size, fmt.Sprintf("%s takes %s", text, bytesText(need, ok)))
		}
		return shape, nil
	}
	if step == 0 {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "the free dimension of %s cannot be told: another is 0", text)
	}
	if size == 0 {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "the file is empty")
	}
	// Of so many bits, as many whole steps as there are.
	hi, lo := bits.Mul64(uint64(size), 8)
	elements, _ := bits.Div64(hi, lo, uint64(width))
	shape[free] = int64(elements / uint64(step))
	if need, ok := packedSize(shape[free]*step, width); !ok || need != size {
		one, ok := packedSize(step, width)
		return nil, sizeError(size, fmt.Sprintf("%s takes %s for each step of its free dimension", text, bytesText(one, ok)))
	}
	return shape, nil
}

func sizeError(size int64, takes string) error {
	return &onnxpb.Error{Msg: fmt.Sprintf("the file has %d bytes, which do not fit: %s", size, takes), Hint: "a raw file holds the elements alone, in the declared type, little endian"}
}

// packedSize returns the bytes that n elements of so many bits take; false where they pass any file.
func packedSize(n int64, width int) (int64, bool) {
	hi, lo := bits.Mul64(uint64(n), uint64(width))
	size := lo/8 + (lo%8+7)/8
	return int64(size), hi == 0 && size <= 1<<62
}

func bytesText(n int64, ok bool) string {
	if !ok {
		return "more bytes than any file has"
	}
	return fmt.Sprintf("%d", n)
}
