// Package mutate damages models for the fuzz tests: it takes small valid ones that have a bit of everything, and changes, drops, doubles, swaps and moves
// their fields as a string of bytes says, so that a fuzzer that knows nothing of protobuf can steer it.
package mutate

import (
	"math"
	"math/rand/v2"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"onnxtool/onnxpb"
)

// source reads a script of bytes; behind its end it gives zeros.
type source struct{ b []byte }

func (s *source) more() bool { return len(s.b) > 0 }

// below reads a number from 0 to n-1.
func (s *source) below(n int) int {
	v := 0
	for range 2 {
		v <<= 8
		if len(s.b) > 0 {
			v |= int(s.b[0])
			s.b = s.b[1:]
		}
		if n <= 256 {
			break
		}
	}
	return v % n
}

// slot is one field that a message of the model has.
type slot struct {
	parent protoreflect.Message
	field  protoreflect.FieldDescriptor
}

// maxSteps bounds the changes that one script makes.
const maxSteps = 24

// Apply returns a copy of a model, changed as a script says. The same script makes the same changes; the empty one makes none.
func Apply(m *onnxpb.ModelProto, script []byte) *onnxpb.ModelProto {
	m = proto.Clone(m).(*onnxpb.ModelProto)
	s := &source{script}
	for range maxSteps {
		if !s.more() {
			break
		}
		step(m, s)
	}
	return m
}

func step(m *onnxpb.ModelProto, s *source) {
	var messages []protoreflect.Message
	var slots []slot
	collect(m.ProtoReflect(), &messages, &slots)
	if len(slots) == 0 {
		return // nothing is left of it
	}
	op := s.below(8)
	at := slots[s.below(len(slots))]
	switch {
	case op == 0:
		at.parent.Clear(at.field)
	case op == 1:
		setUnset(messages[s.below(len(messages))], slots, s)
	case at.field.IsList():
		changeList(at, slots, op, s)
	case at.field.Message() != nil:
		transplant(at, messages, s)
	default:
		at.parent.Set(at.field, scalar(at.field, slots, s))
	}
}

func collect(x protoreflect.Message, messages *[]protoreflect.Message, slots *[]slot) {
	*messages = append(*messages, x)
	fields := x.Descriptor().Fields()
	for i := range fields.Len() {
		f := fields.Get(i)
		if !x.Has(f) {
			continue
		}
		*slots = append(*slots, slot{x, f})
		if f.Message() == nil {
			continue
		}
		if !f.IsList() {
			collect(x.Get(f).Message(), messages, slots)
			continue
		}
		for k, l := 0, x.Get(f).List(); k < l.Len(); k++ {
			collect(l.Get(k).Message(), messages, slots)
		}
	}
}

// setUnset gives a message a field that it may not have had.
func setUnset(x protoreflect.Message, slots []slot, s *source) {
	fields := x.Descriptor().Fields()
	f := fields.Get(s.below(fields.Len()))
	switch {
	case f.IsList() && f.Message() != nil:
		x.Mutable(f).List().AppendMutable()
	case f.IsList():
		x.Mutable(f).List().Append(scalar(f, slots, s))
	case f.Message() != nil:
		x.Mutable(f) // an empty message
	default:
		x.Set(f, scalar(f, slots, s))
	}
}

func changeList(at slot, slots []slot, op int, s *source) {
	l := at.parent.Mutable(at.field).List()
	n := l.Len()
	if n == 0 {
		return
	}
	i, k := s.below(n), s.below(n)
	copyOf := func(v protoreflect.Value) protoreflect.Value {
		if at.field.Message() != nil {
			return protoreflect.ValueOfMessage(proto.Clone(v.Message().Interface()).ProtoReflect())
		}
		return v
	}
	switch op {
	case 2: // drop one
		for j := i; j+1 < n; j++ {
			l.Set(j, l.Get(j+1))
		}
		l.Truncate(n - 1)
	case 3: // double one
		l.Append(copyOf(l.Get(i)))
	case 4: // swap two
		a, b := l.Get(i), l.Get(k)
		l.Set(i, b)
		l.Set(k, a)
	case 5:
		l.Truncate(i)
	default:
		if at.field.Message() == nil {
			l.Set(i, scalar(at.field, slots, s))
		} else {
			l.Set(i, copyOf(l.Get(k)))
		}
	}
}

// transplant replaces a message by an empty one, or by a copy of another one of its kind, which may be one that holds it.
func transplant(at slot, messages []protoreflect.Message, s *source) {
	var same []protoreflect.Message
	for _, x := range messages {
		if x.Descriptor() == at.field.Message() {
			same = append(same, x)
		}
	}
	i := s.below(len(same) + 1)
	if i == len(same) {
		at.parent.Set(at.field, at.parent.NewField(at.field))
		return
	}
	c := proto.Clone(same[i].Interface())
	if proto.Size(c) < 1<<14 { // or scripts would grow models without bound
		at.parent.Set(at.field, protoreflect.ValueOfMessage(c.ProtoReflect()))
	}
}

var (
	numbers = []int64{0, 1, -1, 2, 3, 4, 7, 8, 17, 255, 1 << 20, math.MaxInt32, math.MinInt32, 1 << 40, 1 << 62, math.MaxInt64, math.MinInt64}
	texts   = []string{"", "x", "N", "*", "a b", "a\nb", "\xff\xfe", "\x00", "re:x", "=", "a:b", "1", "-1", "\u00fc\u202e", "Identity", "Loop", "ai.onnx", "../x"}
)

// scalar makes a value of a field's kind: an odd one, or one that stands elsewhere in the model.
func scalar(f protoreflect.FieldDescriptor, slots []slot, s *source) protoreflect.Value {
	n := numbers[s.below(len(numbers))]
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(text(slots, s))
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte(text(slots, s)))
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(s.below(40)))
	case protoreflect.Int32Kind:
		if s.below(2) == 0 {
			n = int64(s.below(30)) // the numbers of element types
		}
		return protoreflect.ValueOfInt32(int32(n))
	case protoreflect.Int64Kind:
		return protoreflect.ValueOfInt64(n)
	case protoreflect.Uint64Kind:
		return protoreflect.ValueOfUint64(uint64(n))
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(n))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(float64(n))
	}
	return f.Default()
}

func text(slots []slot, s *source) string {
	if s.below(4) == 0 {
		return texts[s.below(len(texts))]
	}
	var all []string
	for _, x := range slots {
		if x.field.Kind() != protoreflect.StringKind {
			continue
		}
		if v := x.parent.Get(x.field); x.field.IsList() {
			for i := range v.List().Len() {
				all = append(all, v.List().Get(i).String())
			}
		} else {
			all = append(all, v.String())
		}
	}
	if len(all) == 0 {
		return ""
	}
	return all[s.below(len(all))]
}

// Scripts calls fn with n random scripts, the same ones for the same seed.
func Scripts(seed uint64, n int, fn func(r *rand.Rand, script []byte)) {
	for i := range n {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		script := make([]byte, 4+r.IntN(40))
		for k := range script {
			script[k] = byte(r.Uint32())
		}
		fn(r, script)
	}
}
