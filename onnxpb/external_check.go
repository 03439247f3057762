package onnxpb

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// DataFault is one thing that is wrong, or odd, about the external data of a model.
type DataFault struct {
	Tensor   string `json:"tensor,omitempty"`
	Location string `json:"location,omitempty"`
	Message  string `json:"message"`
}

// String writes a fault as one line.
func (f DataFault) String() string {
	if f.Tensor != "" {
		return fmt.Sprintf("tensor %q: %s", f.Tensor, f.Message)
	}
	if f.Location != "" {
		return fmt.Sprintf("external data %s: %s", quoted(f.Location), f.Message)
	}
	return f.Message
}

// DataFileInfo tells of one file of external data.
type DataFileInfo struct {
	Location string `json:"location"`
	Tensors  int    `json:"tensors"`
	Size     int64  `json:"size"`           // bytes of the file
	Used     int64  `json:"used"`           // bytes that some tensor uses
	Unused   int64  `json:"unused"`         // bytes that none uses, padding for alignment among them
	Regions  int    `json:"unused_regions"` // the runs of bytes that they stand in
	// Align is the largest power of two, up to 64 KiB, that all tensors of at least so many bytes begin at multiples of.
	Align  int64  `json:"align"`
	Sha1   string `json:"sha1,omitempty"` // where checksums were asked for
	Shared int    `json:"shared"`         // tensors that use just the bytes of another
}

// DataReport tells of the external data of a model.
type DataReport struct {
	Tensors  int             `json:"tensors"` // with external data
	Bytes    int64           `json:"bytes"`   // that they take
	Files    []*DataFileInfo `json:"files"`
	Faults   []DataFault     `json:"faults"`   // readers will fail, or read what was not meant
	Warnings []DataFault     `json:"warnings"` // odd, but readable
}

// dataUse is the use of a file by a tensor.
type dataUse struct {
	from, to int64
	size     int64
	tensor   string
	elem     int64 // bytes of an element
	checksum string
}

// InspectData looks at the external data of every tensor of a model in a directory: that its file is there, inside the directory and a regular
// file, that it holds what the tensor wants, and that the lengths agree with types and dimensions. With checksums set it reads the files and holds
// them to the SHA-1 digests that the tensors tell.
func InspectData(m *ModelProto, dir string, checksums bool) *DataReport {
	r := &DataReport{Files: []*DataFileInfo{}, Faults: []DataFault{}, Warnings: []DataFault{}}
	uses := map[string][]dataUse{}
	var order []string
	m.AllTensors(func(t *TensorProto) {
		if t.GetDataLocation() != TensorProto_EXTERNAL {
			if len(t.ExternalData) > 0 {
				r.Warnings = append(r.Warnings, DataFault{Tensor: t.GetName(), Message: "has external_data entries, but its data_location is not EXTERNAL: they mean nothing"})
			}
			return
		}
		r.Tensors++
		x, size, err := externalSpan(t)
		if err == nil {
			err = checkLocation(x.location)
		}
		if err != nil {
			r.Faults = append(r.Faults, DataFault{t.GetName(), x.location, plainText(err, "")})
			return
		}
		r.Bytes += int64(size)
		u := dataUse{from: x.offset, to: x.offset + int64(size), size: int64(size), tensor: t.GetName(), elem: max(int64(ElemBits(TensorProto_DataType(t.GetDataType())))/8, 1)}
		if u.to < u.from {
			u.to = math.MaxInt64 // past the end of any file
		}
		u.checksum = r.keys(t, x.location)
		key := filepath.Clean(x.location)
		if uses[key] == nil {
			order = append(order, key)
		}
		uses[key] = append(uses[key], u)
	})
	for _, location := range order {
		r.file(dir, location, uses[location], checksums)
	}
	return r
}

// keys looks at the entries of a tensor that say nothing of where its elements are, and returns the checksum.
func (r *DataReport) keys(t *TensorProto, location string) (checksum string) {
	seen := map[string]bool{}
	for _, e := range t.ExternalData {
		switch k := e.GetKey(); k {
		case "location", "offset", "length":
		case "checksum":
			if seen[k] {
				r.Faults = append(r.Faults, DataFault{t.GetName(), location, "external data tells its checksum twice"})
			}
			checksum = e.GetValue()
			seen[k] = true
		default:
			if !seen[k] {
				r.Warnings = append(r.Warnings, DataFault{t.GetName(), location, "external data has the key " + quoted(k) + ", which ONNX does not know"})
			}
			seen[k] = true
		}
	}
	return checksum
}

// file looks at one file and the tensors in it.
func (r *DataReport) file(dir, location string, uses []dataUse, checksums bool) {
	info := &DataFileInfo{Location: location, Tensors: len(uses), Align: 1}
	r.Files = append(r.Files, info)
	fault := func(tensor, format string, args ...any) {
		r.Faults = append(r.Faults, DataFault{tensor, location, fmt.Sprintf(format, args...)})
	}
	f, size, err := openExternal(dir, location)
	if err != nil {
		fault(uses[0].tensor, "%s", plainText(err, andOthers(len(uses)-1)))
		return
	}
	defer f.Close()
	info.Size = size
	for _, u := range uses {
		if u.to > size {
			fault(u.tensor, "external data at %s has %d bytes, but the tensor's stand at offset %d and are %d", quoted(location), size, u.from, u.size)
		}
		if u.from%u.elem != 0 {
			r.Warnings = append(r.Warnings, DataFault{u.tensor, location, fmt.Sprintf("begins at offset %d, which is no multiple of its elements' %d bytes", u.from, u.elem)})
		}
	}
	info.Align = alignment(uses)
	r.coverage(info, uses)
	if checksums {
		r.checksums(info, f, uses)
	}
}

func andOthers(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", which another tensor wants too"
	}
	return fmt.Sprintf(", which %d other tensors want too", n)
}

// alignment returns the largest power of two up to 64 KiB at multiples of which all tensors begin that are at least as large.
func alignment(uses []dataUse) int64 {
	for a := int64(64 << 10); a > 1; a >>= 1 {
		some, fits := false, true
		for _, u := range uses {
			if u.to-u.from >= a {
				some = true
				if u.from != 0 && int64(1)<<bits.TrailingZeros64(uint64(u.from)) < a {
					fits = false
					break
				}
			}
		}
		if some && fits {
			return a
		}
	}
	return 1
}

// coverage counts the bytes that are used, and tells of tensors that overlap in part.
func (r *DataReport) coverage(info *DataFileInfo, uses []dataUse) {
	sorted := slices.Clone(uses)
	slices.SortStableFunc(sorted, func(a, b dataUse) int {
		if a.from != b.from {
			return cmpInt(a.from, b.from)
		}
		return cmpInt(b.to, a.to)
	})
	at, last := int64(0), dataUse{}
	overlaps := 0
	for i, u := range sorted {
		if u.from == u.to {
			continue
		}
		u.to = min(u.to, info.Size)
		if u.from >= u.to {
			continue // past the end: a fault of its own
		}
		switch {
		case u.from > at:
			info.Unused += u.from - at
			info.Regions++
		case i > 0 && u.from < at && u.from == last.from && u.to == last.to:
			info.Shared++
		case i > 0 && u.from < at:
			if overlaps++; overlaps <= 10 {
				r.Warnings = append(r.Warnings, DataFault{u.tensor, info.Location,
					fmt.Sprintf("overlaps tensor %q in external data %s: bytes %d to %d", last.tensor, quoted(info.Location), u.from, min(u.to, at))})
			}
		}
		if u.to > at {
			info.Used += u.to - max(u.from, at)
			at, last = u.to, u
		}
	}
	if overlaps > 10 {
		r.Warnings = append(r.Warnings, DataFault{Location: info.Location, Message: fmt.Sprintf("%d more tensors overlap others", overlaps-10)})
	}
	if at < info.Size {
		info.Unused += info.Size - at
		info.Regions++
	}
}

func cmpInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// checksums holds a file to the digests that tensors tell of it: by ONNX's specification they are of the whole file.
func (r *DataReport) checksums(info *DataFileInfo, f *os.File, uses []dataUse) {
	h := sha1.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, 0, info.Size)); err != nil {
		r.Faults = append(r.Faults, DataFault{"", info.Location, "cannot be read: " + bare(err).Error()})
		return
	}
	info.Sha1 = hex.EncodeToString(h.Sum(nil))
	told := map[string]bool{}
	for _, u := range uses {
		if u.checksum != "" && !strings.EqualFold(u.checksum, info.Sha1) && !told[u.checksum] {
			told[u.checksum] = true
			r.Faults = append(r.Faults, DataFault{u.tensor, info.Location, fmt.Sprintf("the checksum of %s is told as %s, the file's SHA-1 is %s", quoted(info.Location), quoted(u.checksum), info.Sha1)})
		}
	}
}

// plainText is an error without the tensor that it is about, and with more of what is wrong before what is to be done.
func plainText(err error, more string) string {
	var e *Error
	if errors.As(err, &e) {
		c := *e
		c.Tensor, c.Hint = "", ""
		more = c.Error() + more
		if e.Hint != "" {
			more += " (" + e.Hint + ")"
		}
		return more
	}
	return err.Error() + more
}
