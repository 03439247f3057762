package onnxjson

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"

	"onnxtool/onnxpb"
)

// Options say how a model is written. The zero value writes what protobuf's own encoder does, indented.
type Options struct {
	// Compact writes no white space.
	Compact bool
	// Decode writes the elements of tensors as numbers, in the typed field that onnx.proto has for the element type (floatData, int32Data, ...), where
	// they stand in raw_data. Floats of 16 bits and less are numbers of their bits there, and types of less than 8 bits are packed into bytes: so the
	// field is defined. A tensor stays in base64 where it does not fit its shape, or holds values that are not a number and have a payload,
	// which JSON has no words for.
	Decode bool
	// Elide leaves out the data of tensors that have more than Elide elements, where it is greater than 0. A field "onnxtool.elided" tells their number in
	// place of it: no reader knows this field, so none takes the tensor for an empty one.
	Elide int64
}

// elidedField is no name that the mapping could give a field.
const elidedField = "onnxtool.elided"

// Lost is something that a model holds and its JSON does not.
type Lost struct {
	What  string // "unknown fields of NodeProto"
	Count int    // how many messages of the model have it
}

// String writes what is lost, and how often where that is more than once.
func (l Lost) String() string {
	if l.Count == 1 {
		return l.What
	}
	return fmt.Sprintf("%s (%d times)", l.What, l.Count)
}

// "NaN" is read back as a value that is not a number and has neither a sign nor a payload.
const (
	nan32   = 0x7fc00000
	nan64   = 0x7ff8000000000000
	lostNaN = "bits of a value that is not a number"
)

// Format writes a model as JSON, the same model to the same bytes, and tells what of it JSON does not hold: unknown fields, and the bits of values that are not
// a number, but for those of tensors in raw_data. It is written as the model is
// gone through, so that memory does not grow with the weights. External data is not read: its location stands in the JSON. A name or another
// string that is not UTF-8 is an error of kind Unfit; errors of w come as they are. What was written up to an error is no whole JSON.
func Format(w io.Writer, m *onnxpb.ModelProto, o Options) ([]Lost, error) {
	f := &formatter{w: bufio.NewWriterSize(onnxpb.LettingGo(w), 1<<16), o: o, fields: map[protoreflect.MessageDescriptor][]field{}}
	f.message(m.ProtoReflect())
	f.put("\n")
	if f.err != nil {
		return nil, f.err
	}
	if err := f.w.Flush(); err != nil {
		return nil, err
	}
	return f.lost, nil
}

// field is a field of a message with its name in quotes.
type field struct {
	fd  protoreflect.FieldDescriptor
	key string
}

// formatter writes a model. After the first error what it writes is of no use.
type formatter struct {
	w      *bufio.Writer // keeps the first error of writing itself
	o      Options
	err    error
	lost   []Lost
	indent int
	fields map[protoreflect.MessageDescriptor][]field
	num    []byte // scratch for numbers
}

func (f *formatter) put(s string) { f.w.WriteString(s) }

// line starts a line, unless the output is compact.
func (f *formatter) line() {
	if f.o.Compact {
		return
	}
	f.w.WriteByte('\n')
	for range f.indent {
		f.put("  ")
	}
}

// fieldsOf lists the fields of a kind of message by number.
func (f *formatter) fieldsOf(d protoreflect.MessageDescriptor) []field {
	if list, ok := f.fields[d]; ok {
		return list
	}
	var list []field
	for i := range d.Fields().Len() {
		fd := d.Fields().Get(i)
		list = append(list, field{fd, strconv.Quote(fd.JSONName())})
	}
	slices.SortFunc(list, func(a, b field) int { return cmp.Compare(a.fd.Number(), b.fd.Number()) })
	f.fields[d] = list
	return list
}

func (f *formatter) message(r protoreflect.Message) {
	if t, ok := r.Interface().(*onnxpb.TensorProto); ok {
		r = onnxpb.Unpacked(t).ProtoReflect()
	}
	if len(r.GetUnknown()) > 0 {
		f.lose("unknown fields of " + string(r.Descriptor().Name()))
	}
	var d *data
	if t, ok := r.Interface().(*onnxpb.TensorProto); ok {
		d = f.dataOf(t)
	}
	f.put("{")
	f.indent++
	sep := ""
	key := func(k string) {
		f.put(sep)
		sep = ","
		f.line()
		f.put(k)
		f.put(":")
		if !f.o.Compact {
			f.put(" ")
		}
	}
	for _, x := range f.fieldsOf(r.Descriptor()) {
		if f.err != nil {
			return
		}
		if d != nil && dataFields[x.fd.Name()] {
			if x.fd.Name() == d.field {
				key(x.key)
				d.write(f)
			}
			continue
		}
		if !r.Has(x.fd) {
			continue
		}
		key(x.key)
		if x.fd.IsList() {
			f.list(x.fd, r.Get(x.fd).List())
		} else {
			f.value(x.fd, r.Get(x.fd))
		}
	}
	if d != nil && d.elided > 0 {
		key(`"` + elidedField + `"`)
		f.put(strconv.FormatInt(d.elided, 10))
	}
	f.indent--
	if sep != "" {
		f.line()
	}
	f.put("}")
}

func (f *formatter) list(fd protoreflect.FieldDescriptor, l protoreflect.List) {
	if fd.Message() == nil {
		f.scalars(l.Len(), func(i int) { f.value(fd, l.Get(i)) })
		return
	}
	f.put("[")
	f.indent++
	for i := range l.Len() {
		if i > 0 {
			f.put(",")
		}
		f.line()
		f.message(l.Get(i).Message())
	}
	f.indent--
	f.line()
	f.put("]")
}

// scalars writes a list of n numbers or strings, some to a line.
func (f *formatter) scalars(n int, write func(i int)) {
	const perLine = 16
	f.put("[")
	f.indent++
	for i := range n {
		if i > 0 {
			f.put(",")
		}
		switch {
		case n > perLine && i%perLine == 0:
			f.line()
		case i > 0 && !f.o.Compact:
			f.put(" ")
		}
		write(i)
	}
	f.indent--
	if n > perLine {
		f.line()
	}
	f.put("]")
}

func (f *formatter) value(fd protoreflect.FieldDescriptor, v protoreflect.Value) {
	switch fd.Kind() {
	case protoreflect.MessageKind, protoreflect.GroupKind:
		f.message(v.Message())
	case protoreflect.StringKind:
		if s := v.String(); utf8.ValidString(s) {
			f.str(s)
		} else if f.err == nil {
			e := &onnxpb.Error{Msg: fmt.Sprintf("%s.%s is %s, which is not UTF-8: JSON cannot hold it", fd.Parent().Name(), fd.Name(), onnxpb.Quoted(s))}
			if renames[string(fd.FullName().Parent().Name())+"."+string(fd.Name())] {
				e.Hint = "see onnxtool rename"
			}
			f.err = e
		}
	case protoreflect.BytesKind:
		f.bytes(v.Bytes())
	case protoreflect.BoolKind:
		f.put(strconv.FormatBool(v.Bool()))
	case protoreflect.EnumKind:
		if e := fd.Enum().Values().ByNumber(v.Enum()); e != nil {
			f.str(string(e.Name()))
		} else {
			f.int(int64(v.Enum()))
		}
	case protoreflect.FloatKind:
		if x := v.Float(); x != x && math.Float32bits(float32(x)) != nan32 {
			f.lose(lostNaN)
		}
		f.float(v.Float(), 32)
	case protoreflect.DoubleKind:
		if x := v.Float(); x != x && math.Float64bits(x) != nan64 {
			f.lose(lostNaN)
		}
		f.float(v.Float(), 64)
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		f.int(v.Int())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		f.uint(v.Uint())
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		f.quotedInt(v.Int())
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		f.quotedUint(v.Uint())
	}
}

// renames are the strings that onnxtool rename changes.
var renames = map[string]bool{"NodeProto.input": true, "NodeProto.output": true, "NodeProto.name": true, "ValueInfoProto.name": true, "TensorProto.name": true,
	"Dimension.dim_param": true, "TensorAnnotation.tensor_name": true}

func (f *formatter) int(v int64) {
	f.num = strconv.AppendInt(f.num[:0], v, 10)
	f.w.Write(f.num)
}

func (f *formatter) uint(v uint64) {
	f.num = strconv.AppendUint(f.num[:0], v, 10)
	f.w.Write(f.num)
}

func (f *formatter) quotedInt(v int64) {
	f.num = append(strconv.AppendInt(append(f.num[:0], '"'), v, 10), '"')
	f.w.Write(f.num)
}

func (f *formatter) quotedUint(v uint64) {
	f.num = append(strconv.AppendUint(append(f.num[:0], '"'), v, 10), '"')
	f.w.Write(f.num)
}

// float writes a number in the shortest form that reads back to the same, in the notation of JavaScript.
func (f *formatter) float(v float64, bits int) {
	switch {
	case math.IsNaN(v):
		f.put(`"NaN"`)
		return
	case math.IsInf(v, 1):
		f.put(`"Infinity"`)
		return
	case math.IsInf(v, -1):
		f.put(`"-Infinity"`)
		return
	}
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	f.num = strconv.AppendFloat(f.num[:0], v, format, -1, bits)
	if n := len(f.num); n >= 4 && f.num[n-4] == 'e' && f.num[n-3] == '-' && f.num[n-2] == '0' {
		f.num[n-2] = f.num[n-1] // e-09 is e-9 in JavaScript
		f.num = f.num[:n-1]
	}
	f.w.Write(f.num)
}

// bytes writes base64.
func (f *formatter) bytes(b []byte) {
	f.put(`"`)
	enc := base64.NewEncoder(base64.StdEncoding, f.w)
	enc.Write(b) // the writer keeps the error
	enc.Close()
	f.put(`"`)
}

// str writes a string that is UTF-8.
func (f *formatter) str(s string) {
	f.put(`"`)
	for s != "" {
		i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == 0x7f })
		if i < 0 {
			f.put(s)
			break
		}
		f.put(s[:i])
		switch c := s[i]; c {
		case '"', '\\':
			f.put("\\" + s[i:i+1])
		case '\n':
			f.put(`\n`)
		case '\t':
			f.put(`\t`)
		case '\r':
			f.put(`\r`)
		default:
			fmt.Fprintf(f.w, `\u%04x`, c)
		}
		s = s[i+1:]
	}
	f.put(`"`)
}

func (f *formatter) lose(what string) {
	for i := range f.lost {
		if f.lost[i].What == what {
			f.lost[i].Count++
			return
		}
	}
	f.lost = append(f.lost, Lost{what, 1})
}
