package verify

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math"
	"os"
	"reflect"
	"runtime"
	"slices"
	"testing"

	"onnxtool/onnxpb"
)

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// grey makes a picture of grey levels, row by row.
func grey(width int, levels ...uint8) image.Image {
	img := image.NewGray(image.Rect(0, 0, width, len(levels)/width))
	copy(img.Pix, levels)
	return img
}

// shaped reads a shape.
func shaped(t testing.TB, s string) []onnxpb.Dim {
	t.Helper()
	dims, err := onnxpb.ParseShape(s)
	if err != nil {
		t.Fatal(err)
	}
	return dims
}

func readImage(t *testing.T, data []byte, elem onnxpb.TensorProto_DataType, shape string, r *Range) *onnxpb.Array {
	t.Helper()
	a, err := ReadImage(bytes.NewReader(data), ImageSpec{Type: elem, Dims: shaped(t, shape), Range: r})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// TestReadImageResizes: worked out by hand. Of two columns made four, the centres lie at -1/4 (the edge), 1/4, 3/4 and 5/4 (the edge); of four made two at 1/2 and
// 5/2; of three made two at 1/4 and 7/4; of two made three at -1/6 (the edge), 1/2 and 7/6 (the edge).
func TestReadImageResizes(t *testing.T) {
	for _, c := range []struct {
		img   image.Image
		shape string
		want  []float32
	}{
		{grey(2, 0, 100), "[1,4]", []float32{0, 25, 75, 100}},
		{grey(1, 0, 100), "[4,1]", []float32{0, 25, 75, 100}},
		{grey(4, 0, 10, 20, 80), "[1,2]", []float32{5, 50}},
		{grey(3, 0, 40, 80), "[1,2]", []float32{10, 70}},
		{grey(2, 10, 20), "[1,3]", []float32{10, 15, 20}},
		{grey(2, 0, 100, 200, 100), "[2,2]", []float32{0, 100, 200, 100}},
		{grey(2, 0, 100, 200, 100), "[1,1]", []float32{100}},
		{grey(2, 0, 100, 200, 100), "[1,4]", []float32{100, 100, 100, 100}},
		{grey(2, 0, 80, 160, 240), "[4,4]", []float32{
			0, 20, 60, 80,
			40, 60, 100, 120,
			120, 140, 180, 200,
			160, 180, 220, 240}},
		{grey(1, 7), "[2,3]", []float32{7, 7, 7, 7, 7, 7}},
		{grey(2, 3, 4), "[H,W]", []float32{3, 4}},
		{grey(2, 0, 100), "[H,4]", []float32{0, 25, 75, 100}},
		{grey(2, 0, 100), "[2,W]", []float32{0, 100, 0, 100}},
	} {
		a := readImage(t, pngOf(t, c.img), onnxpb.TensorProto_FLOAT, c.shape, &Range{0, 255})
		if !reflect.DeepEqual(a.Data, c.want) {
			t.Errorf("%v to %s: %v, want %v", c.img.Bounds(), c.shape, a.Data, c.want)
		}
	}
}

// fourColours is a picture of 2 by 2: red and green over blue and a mixture.
func fourColours() *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, 2, 2))
	img.SetNRGBA(0, 0, color.NRGBA{255, 0, 0, 255})
	img.SetNRGBA(1, 0, color.NRGBA{0, 255, 0, 255})
	img.SetNRGBA(0, 1, color.NRGBA{0, 0, 255, 255})
	img.SetNRGBA(1, 1, color.NRGBA{10, 20, 30, 255})
	return img
}

func TestReadImageLayouts(t *testing.T) {
	first := []uint8{255, 0, 0, 10, 0, 255, 0, 20, 0, 0, 255, 30}
	last := []uint8{255, 0, 0, 0, 255, 0, 0, 0, 255, 10, 20, 30}
	// 76.245, 149.685, 29.07, 2.99 + 11.74 + 3.42
	one := []uint8{76, 150, 29, 18}
	for _, c := range []struct {
		shape string
		dims  []int64
		want  []uint8
	}{
		{"[1,3,2,2]", []int64{1, 3, 2, 2}, first},
		{"[N,3,H,W]", []int64{1, 3, 2, 2}, first},
		{"[N,C,H,W]", []int64{1, 3, 2, 2}, first},
		{"[?,?,?,?]", []int64{1, 3, 2, 2}, first},
		{"[1,2,2,3]", []int64{1, 2, 2, 3}, last},
		{"[N,H,W,3]", []int64{1, 2, 2, 3}, last},
		{"[N,2,2,C]", []int64{1, 2, 2, 3}, last},
		{"[3,2,2]", []int64{3, 2, 2}, first},
		{"[2,2,3]", []int64{2, 2, 3}, last},
		{"[H,W,3]", []int64{2, 2, 3}, last},
		{"[1,1,2,2]", []int64{1, 1, 2, 2}, one},
		{"[1,2,2,1]", []int64{1, 2, 2, 1}, one},
		{"[1,2,2]", []int64{1, 2, 2}, one},
		{"[N,2,2]", []int64{1, 2, 2}, one},
		{"[2,2,1]", []int64{2, 2, 1}, one},
		{"[2,2]", []int64{2, 2}, one},
	} {
		a := readImage(t, pngOf(t, fourColours()), onnxpb.TensorProto_UINT8, c.shape, nil)
		if !equalDims(a.Dims, c.dims) || !reflect.DeepEqual(a.Data, c.want) {
			t.Errorf("%s: %v %v, want %v %v", c.shape, a.Dims, a.Data, c.dims, c.want)
		}
	}
	// A grey picture has three equal channels.
	if a := readImage(t, pngOf(t, grey(1, 9)), onnxpb.TensorProto_UINT8, "[1,3,1,1]", nil); !reflect.DeepEqual(a.Data, []uint8{9, 9, 9}) {
		t.Errorf("grey: %v", a.Data)
	}
}

func TestReadImageTypesAndRanges(t *testing.T) {
	data := pngOf(t, grey(3, 0, 51, 255))
	for _, c := range []struct {
		elem onnxpb.TensorProto_DataType
		r    *Range
		want any
	}{
		{onnxpb.TensorProto_UINT8, nil, []uint8{0, 51, 255}},
		{onnxpb.TensorProto_UINT8, &Range{0, 5}, []uint8{0, 1, 5}},
		{onnxpb.TensorProto_INT32, nil, []int32{0, 51, 255}},
		{onnxpb.TensorProto_INT8, &Range{-128, 127}, []int8{-128, -77, 127}},
		{onnxpb.TensorProto_FLOAT, nil, []float32{0, 0.2, 1}},
		{onnxpb.TensorProto_FLOAT, &Range{-1, 1}, []float32{-1, -0.6, 1}},
		{onnxpb.TensorProto_DOUBLE, nil, []float64{0, 0.2, 1}},
		{onnxpb.TensorProto_FLOAT16, nil, []uint16{0, 0x3266, 0x3c00}},
		{onnxpb.TensorProto_BFLOAT16, nil, []uint16{0, 0x3e4d, 0x3f80}},
		{onnxpb.TensorProto_FLOAT8E4M3FN, nil, []uint8{0, 0x25, 0x38}}, // 0.203125
	} {
		if a := readImage(t, data, c.elem, "[1,3]", c.r); !reflect.DeepEqual(a.Data, c.want) {
			t.Errorf("%s %v: %v, want %v", c.elem, c.r, a.Data, c.want)
		}
	}
}

func TestReadImageFormats(t *testing.T) {
	// Transparent pixels lie on black.
	half := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	half.SetNRGBA(0, 0, color.NRGBA{200, 100, 50, 51})
	half.SetNRGBA(1, 0, color.NRGBA{200, 100, 50, 0})
	if a := readImage(t, pngOf(t, half), onnxpb.TensorProto_UINT8, "[3,1,2]", nil); !reflect.DeepEqual(a.Data, []uint8{40, 0, 20, 0, 10, 0}) {
		t.Errorf("transparent: %v", a.Data)
	}
	// 16 bits a channel keep what 8 have not.
	deep := image.NewGray16(image.Rect(0, 0, 1, 1))
	deep.SetGray16(0, 0, color.Gray16{Y: 1000})
	if a := readImage(t, pngOf(t, deep), onnxpb.TensorProto_DOUBLE, "[1,1]", nil); math.Abs(a.Data.([]float64)[0]-1000.0/65535) > 1e-15 {
		t.Errorf("16 bits: %v", a.Data)
	}
	pal := image.NewPaletted(image.Rect(0, 0, 2, 1), color.Palette{color.RGBA{1, 2, 3, 255}, color.RGBA{4, 5, 6, 255}})
	pal.SetColorIndex(1, 0, 1)
	if a := readImage(t, pngOf(t, pal), onnxpb.TensorProto_UINT8, "[H,2,3]", nil); !reflect.DeepEqual(a.Data, []uint8{1, 2, 3, 4, 5, 6}) {
		t.Errorf("palette: %v", a.Data)
	}
	// JPEG is not exact: one colour comes back within 2 of it, and grey within 1.
	flat := image.NewRGBA(image.Rect(0, 0, 16, 16))
	for i := range 256 {
		flat.Set(i%16, i/16, color.RGBA{200, 100, 50, 255})
	}
	want := []float64{200, 100, 50}
	for i, x := range readImage(t, jpegOf(t, flat), onnxpb.TensorProto_UINT8, "[3,4,4]", nil).Data.([]uint8) {
		if math.Abs(float64(x)-want[i/16]) > 2 {
			t.Errorf("JPEG: element %d is %v, want %v", i, x, want[i/16])
		}
	}
	for _, x := range readImage(t, jpegOf(t, grey(4, slices.Repeat([]uint8{77}, 16)...)), onnxpb.TensorProto_UINT8, "[1,4,4]", nil).Data.([]uint8) {
		if math.Abs(float64(x)-77) > 1 {
			t.Errorf("grey JPEG: %v", x)
		}
	}
}

// pngHeader is the beginning of a PNG, as far as its size.
func pngHeader(width, height uint32) []byte {
	chunk := append([]byte("IHDR"), binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)...)
	chunk = append(chunk, 8, 2, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n"), 0, 0, 0, 13)
	b = append(b, chunk...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(chunk))
}

func TestReadImageRefuses(t *testing.T) {
	good := pngOf(t, fourColours())
	goodJPEG := jpegOf(t, fourColours())
	for name, c := range map[string]struct {
		data  []byte
		elem  onnxpb.TensorProto_DataType
		shape string
		msg   string
	}{
		"nothing":             {nil, onnxpb.TensorProto_FLOAT, "[1,3,2,2]", "neither a PNG nor a JPEG"},
		"one byte":            {good[:1], onnxpb.TensorProto_FLOAT, "[1,3,2,2]", "neither a PNG nor a JPEG"},
		"text":                {[]byte("this is no picture"), onnxpb.TensorProto_FLOAT, "[1,3,2,2]", "neither a PNG nor a JPEG"},
		"cut in the header":   {good[:20], onnxpb.TensorProto_FLOAT, "[1,3,2,2]", "damaged, or truncated"},
		"cut in the pixels":   {good[:len(good)-20], onnxpb.TensorProto_FLOAT, "[1,3,2,2]", "damaged, or truncated"},
		"JPEG cut":            {goodJPEG[:len(goodJPEG)/2], onnxpb.TensorProto_FLOAT, "[1,3,2,2]", "damaged, or truncated"},
		"JPEG of two bytes":   {goodJPEG[:2], onnxpb.TensorProto_FLOAT, "[1,3,2,2]", "damaged, or truncated"},
		"huge":                {pngHeader(100000, 100000), onnxpb.TensorProto_FLOAT, "[1,3,2,2]", "100000 by 100000 pixels: between 1 and 33554432"},
		"just too large":      {pngHeader(1, 1<<25+1), onnxpb.TensorProto_FLOAT, "[1,3,2,2]", "33554432 are read"},
		"flat":                {pngHeader(0, 5), onnxpb.TensorProto_FLOAT, "[1,3,2,2]", "damaged, or truncated"},
		"huge input":          {good, onnxpb.TensorProto_FLOAT, "[1,3,100000,100000]", "cannot be resized to 100000 by 100000"},
		"overflowing input":   {good, onnxpb.TensorProto_FLOAT, "[1,3,4294967296,4294967296]", "cannot be resized"},
		"no height":           {good, onnxpb.TensorProto_FLOAT, "[1,3,0,2]", "cannot be resized to 2 by 0"},
		"five channels":       {good, onnxpb.TensorProto_FLOAT, "[1,5,2,2]", "[1,5,2,2] is not one of a picture"},
		"four channels last":  {good, onnxpb.TensorProto_FLOAT, "[1,2,2,4]", "not one of a picture"},
		"rank 1":              {good, onnxpb.TensorProto_FLOAT, "[12]", "3 channels (red, green, blue) or 1 (grey)"},
		"rank 5":              {good, onnxpb.TensorProto_FLOAT, "[1,1,3,2,2]", "not one of a picture"},
		"strings":             {good, onnxpb.TensorProto_STRING, "[1,3,2,2]", "takes string"},
		"complex":             {good, onnxpb.TensorProto_COMPLEX64, "[1,3,2,2]", "takes complex64"},
		"bool":                {good, onnxpb.TensorProto_BOOL, "[1,3,2,2]", "takes bool"},
		"no type":             {good, onnxpb.TensorProto_UNDEFINED, "[1,3,2,2]", "does not declare its element type"},
		"a type that is less": {good, onnxpb.TensorProto_INT8, "[1,3,2,2]", "int8, which does not hold 0..255 (say what to scale pixels to: --range 0..127)"},
	} {
		a, err := ReadImage(bytes.NewReader(c.data), ImageSpec{Type: c.elem, Dims: shaped(t, c.shape)})
		if err == nil {
			t.Errorf("%s: read %v", name, a.Dims)
			continue
		}
		mustFail(t, err, onnxpb.Unfit, c.msg)
	}
	_, err := ReadImage(bytes.NewReader(good), ImageSpec{Type: onnxpb.TensorProto_UINT8, Dims: shaped(t, "[1,3,2,2]"), Range: &Range{0, 300}})
	mustFail(t, err, onnxpb.Unfit, "scaled to 0..300, does not fit uint8", "--range")
	_, err = readImageFile(t.TempDir(), ImageSpec{Type: onnxpb.TensorProto_UINT8, Dims: shaped(t, "[2,2]")})
	mustFail(t, err, onnxpb.Unfit, "not a regular file")
	_, err = readImageFile(t.TempDir()+"/no.png", ImageSpec{Type: onnxpb.TensorProto_UINT8, Dims: shaped(t, "[2,2]")})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}

// TestReadImageTakesNoMemoryForAHeader: what a header claims is refused before anything is made for it.
func TestReadImageTakesNoMemoryForAHeader(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 10 {
		if _, err := ReadImage(bytes.NewReader(pngHeader(100000, 100000)), ImageSpec{Type: onnxpb.TensorProto_FLOAT, Dims: onnxpb.Numbers(1, 3, 2, 2)}); err == nil {
			t.Fatal("no error")
		}
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 10<<20 {
		t.Errorf("it took %d bytes", took)
	}
}

func FuzzReadImage(f *testing.F) {
	f.Add(pngOf(f, fourColours()), uint8(0), uint8(3), uint8(5))
	f.Add(pngOf(f, grey(2, 1, 2, 3, 4)), uint8(1), uint8(1), uint8(0))
	f.Add(jpegOf(f, fourColours()), uint8(2), uint8(0), uint8(2))
	f.Add(jpegOf(f, grey(1, 7)), uint8(3), uint8(2), uint8(2))
	f.Add(pngHeader(100000, 100000), uint8(4), uint8(1), uint8(1))
	shapes := []string{"[1,3,H,W]", "[N,H,W,1]", "[3,H,W]", "[H,W]", "[H,W,C]"}
	f.Fuzz(func(t *testing.T, data []byte, shape, height, width uint8) {
		if len(data) > 24 && binary.BigEndian.Uint32(data[16:])|binary.BigEndian.Uint32(data[20:]) > 1<<12 && data[0] == 0x89 {
			data = data[:33%len(data)] // the header is enough of pictures that would take long
		}
		dims := shaped(t, shapes[int(shape)%len(shapes)])
		for i, d := range dims {
			if n := map[string]uint8{"H": height, "W": width}[d.Param]; n > 0 {
				dims[i] = onnxpb.Number(int64(n))
			}
		}
		a, err := ReadImage(bytes.NewReader(data), ImageSpec{Type: onnxpb.TensorProto_FLOAT, Dims: dims})
		if err != nil {
			return
		}
		n, err := onnxpb.Count(a.Dims)
		if err != nil || len(a.Dims) != len(dims) || n != int64(a.Len()) {
			t.Fatalf("%v for %s, %d elements", a.Dims, onnxpb.FormatShape(dims), a.Len())
		}
		for i, d := range dims {
			if d.Known && a.Dims[i] != d.Value {
				t.Fatalf("%v for %s", a.Dims, onnxpb.FormatShape(dims))
			}
		}
		for _, x := range a.Data.([]float32) {
			if !(x >= 0 && x <= 1) {
				t.Fatalf("a pixel of %v", x)
			}
		}
	})
}
