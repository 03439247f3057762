package verify

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"os"

	"onnxtool/onnxpb"
)

// maxPixels bounds a picture, and what one is resized to: a file of some bytes may say that it has ten thousand million pixels. Both sides of PNG and JPEG are below
// 2^31, so that their product does not overflow.
const maxPixels = 1 << 25

// ImageSpec says what a picture is made into.
type ImageSpec struct {
	// Type is the element type: a float, or an integer.
	Type onnxpb.TensorProto_DataType
	// Dims is the declared shape: [N,C,H,W], [N,H,W,C], [C,H,W], [H,W,C] or [H,W]. C is 3 (red, green, blue) or 1 (grey); which axis it is the numbers tell, and where it is
	// free, it is 3 and stands first. H and W are what the picture is resized to; where one is free, it is the picture's own. The batch N is 1.
	Dims []onnxpb.Dim
	// Range is what 0..255 is scaled to; nil is 0..1 for floats and 0..255 for integers.
	Range *Range
}

// ReadImage decodes a picture, PNG or JPEG, as an input. Transparent pixels lie on black. The picture is resized bilinearly: column x of W takes what stands at (x+0.5)·w/W - 0.5 of
// the picture's w columns (half-pixel centres, the edge repeated), mixed of the two nearest columns in proportion, and rows likewise; nothing is averaged when a
// picture shrinks, as Resize of ONNX does it in mode linear, without antialias. Grey is (299·red + 587·green + 114·blue)/1000. Elements are Lo + (Hi-Lo)·v/255,
// where v is not rounded; then rounded to the type, halves to even. A JPEG in which a camera has noted an orientation (Exif) is turned by it first, so that it is as viewers show it.
//
// Errors are of kind Unfit: the picture cannot be read, has more than 2^25 pixels (told before they are decoded) or is to be resized to more; the shape is not one of a
// picture; the type is not one for pictures or does not hold the range.
func ReadImage(r io.ReadSeeker, s ImageSpec) (*onnxpb.Array, error) {
	if err := s.checkType(); err != nil {
		return nil, err
	}
	l, err := layoutOf(s.Dims)
	if err != nil {
		return nil, err
	}
	img, orientation, err := decodeImage(r)
	if err != nil {
		return nil, err
	}
	at, width, height := oriented(pixels(img), img.Bounds().Dx(), img.Bounds().Dy(), orientation)
	if !l.heightKnown {
		l.height = int64(height)
	}
	if !l.widthKnown {
		l.width = int64(width)
	}
	if l.height < 1 || l.width < 1 || l.height > maxPixels || l.width > maxPixels || l.height*l.width > maxPixels {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "a picture cannot be resized to %d by %d pixels: it must have between 1 and %d", l.width, l.height, maxPixels)
	}
	rg := imageRange(s.Type)
	if s.Range != nil {
		rg = *s.Range
	}
	v := l.elements(at, width, height, func(v float64) float64 { return rg.Lo + (rg.Hi-rg.Lo)*v/255 })
	a, err := onnxpb.ArrayFromFloat64s(s.Type, l.dims(), v)
	if err != nil {
		return nil, &onnxpb.Error{Msg: fmt.Sprintf("the picture, scaled to %s, does not fit %s", rg, onnxpb.TypeName(s.Type)), Err: err, Hint: "set another range: --range LO..HI"}
	}
	return a, nil
}

func (s ImageSpec) checkType() error {
	t := s.Type
	switch {
	case t == onnxpb.TensorProto_UNDEFINED:
		return onnxpb.Errorf(onnxpb.Unfit, "the input does not declare its element type: a picture cannot be made into it")
	case t == onnxpb.TensorProto_BOOL, t == onnxpb.TensorProto_STRING, isComplex(t):
		return onnxpb.Errorf(onnxpb.Unfit, "the input takes %s: a picture is made into floats or integers", onnxpb.TypeName(t))
	case s.Range == nil && exactType(t) && typeLimits(t).Hi < 255:
		return &onnxpb.Error{Msg: fmt.Sprintf("the input takes %s, which does not hold 0..255", onnxpb.TypeName(t)), Hint: fmt.Sprintf("say what to scale pixels to: --range 0..%v", typeLimits(t).Hi)}
	}
	return nil
}

// imageLayout is where height, width and channels stand in a shape.
type imageLayout struct {
	rank                    int
	channels                int64
	first, last             bool // whether there is an axis of channels before or after height and width
	height, width           int64
	heightKnown, widthKnown bool
}

// layoutOf reads a declared shape as that of a picture.
func layoutOf(dims []onnxpb.Dim) (imageLayout, error) {
	l := imageLayout{rank: len(dims), channels: 1}
	refused := func() (imageLayout, error) {
		return l, &onnxpb.Error{Msg: fmt.Sprintf("the input's shape %s is not one of a picture", onnxpb.FormatShape(dims)),
			Hint: "pictures are for [N,C,H,W], [N,H,W,C], [C,H,W], [H,W,C] and [H,W] with 3 channels (red, green, blue) or 1 (grey)"}
	}
	if l.rank < 2 || l.rank > 4 {
		return refused()
	}
	tail := dims
	if l.rank == 4 {
		tail = dims[1:]
	}
	at := 0 // of the height in tail
	if len(tail) == 3 {
		colours := func(d onnxpb.Dim) bool { return d.Known && (d.Value == 1 || d.Value == 3) }
		c := tail[0]
		switch {
		case colours(tail[0]):
			l.first, at = true, 1
		case colours(tail[2]):
			l.last, c = true, tail[2]
		case !tail[0].Known:
			l.first, at = true, 1
			if l.rank == 3 { // [N,H,W]: grey ones
				c = onnxpb.Number(1)
			}
		case !tail[2].Known:
			l.last, c = true, tail[2]
		default:
			return refused()
		}
		if l.channels = 3; c.Known {
			l.channels = c.Value
		}
	}
	h, w := tail[at], tail[at+1]
	l.height, l.heightKnown = h.Value, h.Known
	l.width, l.widthKnown = w.Value, w.Known
	return l, nil
}

// dims returns the numbers of the shape.
func (l imageLayout) dims() []int64 {
	dims := []int64{l.height, l.width}
	switch {
	case l.first:
		dims = append([]int64{l.channels}, dims...)
	case l.last:
		dims = append(dims, l.channels)
	}
	if l.rank == 4 {
		dims = append([]int64{1}, dims...)
	}
	return dims
}

// elements resizes a picture and returns it in row-major order, each level of 0..255 scaled.
func (l imageLayout) elements(at func(x, y int) pixel, width, height int, scale func(float64) float64) []float64 {
	rows, columns := taps(int(l.height), height), taps(int(l.width), width)
	plane := int(l.height * l.width)
	v := make([]float64, plane*int(l.channels))
	for y, r := range rows {
		for x, c := range columns {
			p := mix(mix(at(c.a, r.a), at(c.b, r.a), c.share), mix(at(c.a, r.b), at(c.b, r.b), c.share), r.share)
			i := y*int(l.width) + x
			switch {
			case l.channels == 1:
				v[i] = scale((299*p[0] + 587*p[1] + 114*p[2]) / 1000)
			case l.last:
				v[3*i], v[3*i+1], v[3*i+2] = scale(p[0]), scale(p[1]), scale(p[2])
			default:
				v[i], v[plane+i], v[2*plane+i] = scale(p[0]), scale(p[1]), scale(p[2])
			}
		}
	}
	return v
}

// tap is where an element of a resized line comes from: from a, and by share from its neighbour b.
type tap struct {
	a, b  int
	share float64
}

// taps tells where the elements of a line of n come from in one of size, half-pixel centres.
func taps(n, size int) []tap {
	list := make([]tap, n)
	for i := range list {
		s := (float64(i)+0.5)*float64(size)/float64(n) - 0.5
		s = min(max(s, 0), float64(size-1))
		a := int(math.Floor(s))
		list[i] = tap{a, min(a+1, size-1), s - float64(a)}
	}
	return list
}

type pixel [3]float64 // red, green, blue, 0..255

func mix(a, b pixel, share float64) pixel {
	if share == 0 {
		return a
	}
	for c := range a {
		a[c] += (b[c] - a[c]) * share
	}
	return a
}

// pixels returns what reads a picture, from 0, 0 on. Colours are premultiplied, which is to say that they lie on black.
func pixels(img image.Image) func(x, y int) pixel {
	o := img.Bounds().Min
	if m, ok := img.(*image.YCbCr); ok { // whose 16 bits are not what every other reader of JPEG makes of it
		return func(x, y int) pixel {
			c := m.YCbCrAt(o.X+x, o.Y+y)
			r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
			return pixel{float64(r), float64(g), float64(b)}
		}
	}
	return func(x, y int) pixel {
		r, g, b, _ := img.At(o.X+x, o.Y+y).RGBA()
		return pixel{float64(r) / 257, float64(g) / 257, float64(b) / 257}
	}
}

// decodeImage decodes a picture by what it begins with, once its header has told that it is not too large. It tells the orientation that is noted in it too.
func decodeImage(r io.ReadSeeker) (img image.Image, orientation int, err error) {
	head := make([]byte, 8)
	n, err := io.ReadFull(r, head)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, 0, &onnxpb.Error{Msg: "the picture cannot be read", Err: err}
	}
	config, decode := png.DecodeConfig, png.Decode
	switch {
	case bytes.Equal(head[:n], []byte("\x89PNG\r\n\x1a\n")):
	case n >= 2 && head[0] == 0xff && head[1] == 0xd8:
		config, decode = jpeg.DecodeConfig, jpeg.Decode
	default:
		return nil, 0, onnxpb.Errorf(onnxpb.Unfit, "is neither a PNG nor a JPEG picture")
	}
	damaged := func(err error) error {
		return &onnxpb.Error{Msg: "the picture cannot be read: it is damaged, or truncated", Err: err}
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, 0, damaged(err)
	}
	c, err := config(r)
	if err != nil {
		return nil, 0, damaged(err)
	}
	if c.Width < 1 || c.Height < 1 || int64(c.Width)*int64(c.Height) > maxPixels {
		return nil, 0, &onnxpb.Error{Msg: fmt.Sprintf("the picture has %d by %d pixels: between 1 and %d are read", c.Width, c.Height, maxPixels), Hint: "make it smaller first"}
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, 0, damaged(err)
	}
	if img, err = decode(r); err != nil {
		return nil, 0, damaged(err)
	}
	if orientation = 1; head[0] == 0xff {
		if _, err := r.Seek(0, io.SeekStart); err != nil {
			return nil, 0, damaged(err)
		}
		orientation = orientationOf(r)
	}
	return img, orientation, nil
}

// readImageFile is ReadImage for a file.
func readImageFile(path string, s ImageSpec) (*onnxpb.Array, error) {
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer f.Close()
	return ReadImage(f, s)
}
