package verify

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"math"
	"testing"

	"onnxtool/onnxpb"
)

// levels is a picture as rows of blocks of one grey each.
type levels [][]uint8

func (l levels) flipped() levels { // left and right exchanged
	out := levels{}
	for _, row := range l {
		var turned []uint8
		for i := range row {
			turned = append(turned, row[len(row)-1-i])
		}
		out = append(out, turned)
	}
	return out
}

func (l levels) clockwise() levels { // turned by a quarter
	var out levels
	for x := range l[0] {
		var row []uint8
		for y := range l {
			row = append(row, l[len(l)-1-y][x])
		}
		out = append(out, row)
	}
	return out
}

// picture draws each level as a block of 8 by 8 pixels, which JPEG keeps.
func (l levels) picture() image.Image {
	img := image.NewGray(image.Rect(0, 0, 8*len(l[0]), 8*len(l)))
	for y := range 8 * len(l) {
		for x := range 8 * len(l[0]) {
			img.SetGray(x, y, color.Gray{Y: l[y/8][x/8]})
		}
	}
	return img
}

// withExif puts an Exif segment behind the first marker of a JPEG.
func withExif(data []byte, exif []byte) []byte {
	segment := append([]byte{0xff, 0xe1, 0, 0}, exif...)
	binary.BigEndian.PutUint16(segment[2:], uint16(len(segment)-2))
	return append(append(append([]byte{}, data[:2]...), segment...), data[2:]...)
}

// exifOf is a segment that notes an orientation between two other tags.
func exifOf(order binary.AppendByteOrder, orientation int) []byte {
	b := []byte("Exif\x00\x00II")
	if order.String() == "BigEndian" {
		b = []byte("Exif\x00\x00MM")
	}
	b = order.AppendUint32(order.AppendUint16(b, 42), 8)
	b = order.AppendUint16(b, 3)
	for _, e := range [][2]int{{0x010f, 9}, {0x0112, orientation}, {0x0128, 2}} {
		b = order.AppendUint32(order.AppendUint16(order.AppendUint16(b, uint16(e[0])), 3), 1)
		b = order.AppendUint16(order.AppendUint16(b, uint16(e[1])), 0)
	}
	return order.AppendUint32(b, 0)
}

// TestOrientation stores one picture in the eight ways in which a camera may, and reads the same of all of them.
func TestOrientation(t *testing.T) {
	upright := levels{{0, 60, 120}, {180, 230, 30}}
	quarter := func(l levels, n int) levels {
		for range n {
			l = l.clockwise()
		}
		return l
	}
	// What a viewer does with each is undone here: 2 flips, 3 half a turn, 4 half a turn and flip, 5 flip and three quarters, 6 a quarter, 7 flip and a quarter, 8 three quarters.
	stored := map[int]levels{1: upright, 2: upright.flipped(), 3: quarter(upright, 2), 4: quarter(upright.flipped(), 2), 5: quarter(upright, 1).flipped(), 6: quarter(upright, 3),
		7: quarter(upright, 3).flipped(), 8: quarter(upright, 1)}
	check := func(name string, data []byte, want levels) {
		t.Helper()
		for _, shape := range []string{"[1,H,W]", fmt.Sprintf("[1,%d,%d]", 8*len(want), 8*len(want[0]))} {
			a := readImage(t, data, onnxpb.TensorProto_FLOAT, shape, &Range{0, 255})
			if a.Dims[1] != int64(8*len(want)) || a.Dims[2] != int64(8*len(want[0])) {
				t.Fatalf("%s: %v", name, a.Dims)
			}
			for i, v := range a.Data.([]float32) {
				if w := want[i/int(a.Dims[2])/8][i%int(a.Dims[2])/8]; math.Abs(float64(v)-float64(w)) > 2 {
					t.Fatalf("%s, %s: pixel %d is %v, not %d", name, shape, i, v, w)
				}
			}
		}
	}
	for n, l := range stored {
		plain := jpegOf(t, l.picture())
		check(fmt.Sprint(n, " without Exif"), plain, l)
		for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
			data := withExif(plain, exifOf(order, n))
			check(fmt.Sprint(n, " ", order), data, upright)
			check(fmt.Sprint(n, " ", order, " behind another APP1"), withExif(data, []byte("http://ns.adobe.com/xap/1.0/\x00<x/>")), upright)
		}
	}
	// What is damaged is taken for what is not there, and never more than that.
	l := stored[6]
	plain := jpegOf(t, l.picture())
	good := exifOf(binary.LittleEndian, 6)
	for _, n := range []int{0, 9, 65535} {
		check(fmt.Sprint("orientation ", n), withExif(plain, exifOf(binary.LittleEndian, n)), l)
	}
	for i := range good {
		short := withExif(plain, good[:i])
		if i < 40 { // up to the entry
			check(fmt.Sprint("cut at ", i), short, l)
		}
		for _, b := range []byte{0, 0x7f, 0xff} {
			broken := append([]byte{}, good...)
			broken[i] = b
			if _, err := ReadImage(bytes.NewReader(withExif(plain, broken)), ImageSpec{Type: onnxpb.TensorProto_FLOAT, Dims: shaped(t, "[1,H,W]")}); err != nil {
				t.Errorf("byte %d is %d: %v", i, b, err)
			}
		}
	}
	for i := range 40 {
		orientationOf(bytes.NewReader(withExif(plain, good)[:i]))
	}
}
