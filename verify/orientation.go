package verify

import (
	"bufio"
	"encoding/binary"
	"io"
)

// oriented reads a picture of so many columns and rows as it is to be seen, by the orientation that a camera has noted (1 to 8, as Exif numbers them; 1 is as it is). It returns the columns and
// rows that are seen.
func oriented(at func(x, y int) pixel, width, height, orientation int) (func(x, y int) pixel, int, int) {
	right, bottom := width-1, height-1
	switch orientation {
	case 2:
		return func(x, y int) pixel { return at(right-x, y) }, width, height
	case 3:
		return func(x, y int) pixel { return at(right-x, bottom-y) }, width, height
	case 4:
		return func(x, y int) pixel { return at(x, bottom-y) }, width, height
	case 5:
		return func(x, y int) pixel { return at(y, x) }, height, width
	case 6:
		return func(x, y int) pixel { return at(y, bottom-x) }, height, width
	case 7:
		return func(x, y int) pixel { return at(right-y, bottom-x) }, height, width
	case 8:
		return func(x, y int) pixel { return at(right-y, x) }, height, width
	}
	return at, width, height
}

// orientationOf reads the orientation that the Exif segment of a JPEG notes; 1 where there is none, or it cannot be read, as viewers have it.
func orientationOf(r io.Reader) int {
	b := bufio.NewReader(r)
	var start [2]byte
	if _, err := io.ReadFull(b, start[:]); err != nil || start != [2]byte{0xff, 0xd8} {
		return 1
	}
	for {
		marker, err := b.ReadByte()
		for filled := false; err == nil && (marker == 0xff || !filled); marker, err = b.ReadByte() {
			if marker != 0xff {
				return 1 // no marker where there is to be one
			}
			filled = true
		}
		if err != nil || marker == 0xda || marker == 0xd9 { // the picture itself, or its end
			return 1
		}
		var size uint16
		if err := binary.Read(b, binary.BigEndian, &size); err != nil || size < 2 {
			return 1
		}
		if marker != 0xe1 {
			if _, err := b.Discard(int(size) - 2); err != nil {
				return 1
			}
			continue
		}
		segment := make([]byte, size-2)
		if _, err := io.ReadFull(b, segment); err != nil {
			return 1
		}
		if tiff, ok := bytesAfter(segment, "Exif\x00\x00"); ok {
			return orientationIn(tiff)
		}
	}
}

func bytesAfter(b []byte, prefix string) ([]byte, bool) {
	if len(b) < len(prefix) || string(b[:len(prefix)]) != prefix {
		return nil, false
	}
	return b[len(prefix):], true
}

// orientationIn reads the tag from the first directory of a TIFF header, as Exif holds it.
func orientationIn(tiff []byte) int {
	if len(tiff) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch string(tiff[:2]) {
	case "II":
	case "MM":
		order = binary.BigEndian
	default:
		return 1
	}
	at := uint64(order.Uint32(tiff[4:]))
	if order.Uint16(tiff[2:]) != 42 || at+2 > uint64(len(tiff)) {
		return 1
	}
	const entry, tag, short = 12, 0x0112, 3
	for list := tiff[at+2:][:min(len(tiff)-int(at)-2, entry*int(order.Uint16(tiff[at:])))]; len(list) >= entry; list = list[entry:] {
		if order.Uint16(list) != tag {
			continue
		}
		if v := order.Uint16(list[8:]); order.Uint16(list[2:]) == short && order.Uint32(list[4:]) == 1 && v >= 1 && v <= 8 {
			return int(v)
		}
		return 1
	}
	return 1
}
