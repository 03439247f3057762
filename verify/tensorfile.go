package verify

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/cmplx"
	"strings"

	"onnxtool/onnxpb"
)

// WriteTensorNPY is WriteNPY of a tensor of a model, whose elements are decoded piece by piece: external data, relative to dir, is never in memory as a whole.
func WriteTensorNPY(w io.Writer, t *onnxpb.TensorProto, dir string) error {
	e := onnxpb.TensorProto_DataType(t.GetDataType())
	if e == onnxpb.TensorProto_STRING { // their width is that of the longest
		a, err := onnxpb.Decode(t, dir)
		if err != nil {
			return err
		}
		return WriteNPY(w, a)
	}
	if _, err := onnxpb.Count(t.GetDims()); err != nil {
		return err
	}
	descr, err := npyDescr(&onnxpb.Array{Type: e})
	if err != nil {
		return err
	}
	if _, err := w.Write(npyHead(descr, t.GetDims())); err != nil {
		return err
	}
	return onnxpb.DecodePieces(t, dir, func(_ int64, b *onnxpb.Array) error {
		raw, err := b.Raw()
		if err != nil {
			return err
		}
		if onnxpb.ElemBits(e) < 8 {
			raw = oneByteEach(b.Data)
		}
		_, err = w.Write(raw)
		return err
	})
}

// WriteTensorRaw writes the elements of a tensor in the form that raw_data has, piece by piece. Strings have none.
func WriteTensorRaw(w io.Writer, t *onnxpb.TensorProto, dir string) error {
	return onnxpb.DecodePieces(t, dir, func(_ int64, b *onnxpb.Array) error {
		raw, err := b.Raw()
		if err == nil {
			_, err = w.Write(raw)
		}
		return err
	})
}

// WriteTensorText writes the elements of a tensor, one a line in row-major order, each in the fewest digits that give it back.
func WriteTensorText(w io.Writer, t *onnxpb.TensorProto, dir string) error {
	return onnxpb.DecodePieces(t, dir, func(_ int64, b *onnxpb.Array) error {
		var text bytes.Buffer
		for i := range b.Len() {
			text.WriteString(elementText(b, i))
			text.WriteByte('\n')
		}
		_, err := w.Write(text.Bytes())
		return err
	})
}

// Histogram counts the finite elements of a tensor between its minimum and its maximum, in parts of one width. A number on the border of two counts for the upper one, the maximum for the last.
type Histogram struct {
	Min    Number  `json:"min"`
	Max    Number  `json:"max"`
	Counts []int64 `json:"counts"`
}

// TensorHistogram counts the elements of a tensor of which Statistics has told what m says; nil where none is finite. Complex numbers count by their absolute values.
func TensorHistogram(t *onnxpb.TensorProto, dir string, m *Moments, bins int) (*Histogram, error) {
	if m == nil || bins < 1 {
		return nil, nil
	}
	h := &Histogram{Min: m.Min, Max: m.Max, Counts: make([]int64, bins)}
	lo, hi := float64(m.Min), float64(m.Max)
	add := func(v float64) {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return
		}
		at := 0
		if hi > lo {
			// Halves, as the width of the whole may pass what a float64 holds.
			at = int((v/2 - lo/2) / (hi/2 - lo/2) * float64(bins))
		}
		h.Counts[min(max(at, 0), bins-1)]++
	}
	err := onnxpb.DecodePieces(t, dir, func(_ int64, b *onnxpb.Array) error {
		switch d := b.Data.(type) {
		case []complex64:
			for _, v := range d {
				add(cmplx.Abs(complex128(v)))
			}
		case []complex128:
			for _, v := range d {
				add(cmplx.Abs(v))
			}
		default:
			f, err := b.Float64s()
			if err != nil {
				return err
			}
			for _, v := range f {
				add(v)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

// Write draws a histogram, one line a part: where it begins, how many there are, and a bar.
func (h *Histogram) Write(w io.Writer) {
	const width = 50
	most := int64(1)
	for _, n := range h.Counts {
		most = max(most, n)
	}
	lo, hi := float64(h.Min), float64(h.Max)
	for i, n := range h.Counts {
		x := float64(i) / float64(len(h.Counts))
		bar := int(math.Ceil(float64(n) / float64(most) * width))
		fmt.Fprintf(w, "%14.6g %10d %s\n", lo*(1-x)+hi*x, n, strings.Repeat("#", bar))
	}
}
