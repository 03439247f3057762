package onnxpb

import (
	"errors"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// maxDepth is how many messages may stand within each other in a file: the limit of protobuf's readers in C++ and Python, which ONNX Runtime and
// Python's onnx have too.
const maxDepth = 100

// largePayload is the size from which the elements of tensors and the strings of attributes are left where they are. Tests lower it.
var largePayload = 1 << 10

var errTooDeep = errors.New("messages stand more than 100 deep within each other")

// decodeCopied decodes a model and keeps nothing of data.
func decodeCopied(data []byte) (*ModelProto, error) {
	m := &ModelProto{}
	return m, readable(proto.UnmarshalOptions{RecursionLimit: maxDepth}.Unmarshal(data, m))
}

// decodeInPlace decodes a model as proto.Unmarshal does, but for the large payloads of tensors: these point into data, which is to stay as it is for as long as
// the model is used.
//
// The bytes of a message are decoded by the official code in spans: to decode two spans one after the other into the same message is, by the rules of
// the wire format, to decode both at once. Between the spans stand the fields that are large and lead to a tensor, and these are taken apart in the
// same way. So nothing is written anew, and whatever the official code does (fields that come twice are merged, the last raw_data counts) is done here.
func decodeInPlace(data []byte) (*ModelProto, error) {
	m := &ModelProto{}
	return m, readable(new(decoder).model(data, m, 0))
}

// decoder decodes the messages that lead to tensors.
type decoder struct{ touched int }

// pass counts a payload that stays where it is. To read what stands around it took pages of the file into this process's memory: they are given back.
func (d *decoder) pass(payload []byte) {
	if d.touched += min(max(len(payload), aroundTouch), mostTouched); d.touched >= letGoAt {
		letGoOfPages()
		d.touched = 0
	}
}

// readable takes the prefix off protobuf's errors, which holds a space of random width.
func readable(err error) error {
	if err == nil || err == errTooDeep {
		return err
	}
	s := err.Error()
	if strings.Contains(s, "recursion depth") {
		return errTooDeep
	}
	if i := strings.Index(s, "cannot parse"); i >= 0 {
		return errors.New(s[i:])
	}
	return err
}

// inPlace decodes a large field: its value, and the whole of it with tag and length.
type inPlace func(value, field []byte) error

// decodeSpans decodes the bytes of a message that stands so deep into m. What large returns for a field's number decodes the value of that field where it is
// large; nil leaves it to the official code.
func decodeSpans(b []byte, m proto.Message, depth int, large func(protowire.Number) inPlace) error {
	if depth >= maxDepth {
		return errTooDeep
	}
	o := proto.UnmarshalOptions{Merge: true, AllowPartial: true, RecursionLimit: maxDepth - depth}
	from := 0 // where the span begins that is not decoded yet
	for at := 0; at < len(b); {
		num, typ, n := protowire.ConsumeTag(b[at:])
		if n < 0 {
			break // the official code refuses the rest
		}
		value := at + n
		if typ != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, typ, b[value:]); n < 0 {
				break
			}
			at = value + n
			continue
		}
		v, n := protowire.ConsumeBytes(b[value:])
		if n < 0 {
			break
		}
		if len(v) >= largePayload {
			if decode := large(num); decode != nil {
				if from < at {
					if err := o.Unmarshal(b[from:at], m); err != nil {
						return err
					}
				}
				if err := decode(v[:len(v):len(v)], b[at:value+n:value+n]); err != nil {
					return err
				}
				from = value + n
			}
		}
		at = value + n
	}
	if from == len(b) {
		return nil
	}
	return o.Unmarshal(b[from:], m)
}

// decodeOne makes the decoder of a message that may stand once: one that comes again is merged into the first.
func decodeOne[T any](p **T, depth int, decode func([]byte, *T, int) error) inPlace {
	return func(b, _ []byte) error {
		if *p == nil {
			*p = new(T)
		}
		return decode(b, *p, depth+1)
	}
}

// decodeNext makes the decoder of the next message of a list.
func decodeNext[T any](list *[]*T, depth int, decode func([]byte, *T, int) error) inPlace {
	return func(b, _ []byte) error {
		x := new(T)
		*list = append(*list, x)
		return decode(b, x, depth+1)
	}
}

func (d *decoder) model(b []byte, m *ModelProto, depth int) error {
	return decodeSpans(b, m, depth, func(n protowire.Number) inPlace {
		switch n {
		case 7:
			return decodeOne(&m.Graph, depth, d.graph)
		case 20:
			return decodeNext(&m.TrainingInfo, depth, d.training)
		case 25:
			return decodeNext(&m.Functions, depth, d.function)
		}
		return nil
	})
}

func (d *decoder) graph(b []byte, g *GraphProto, depth int) error {
	return decodeSpans(b, g, depth, func(n protowire.Number) inPlace {
		switch n {
		case 1:
			return decodeNext(&g.Node, depth, d.node)
		case 5:
			return decodeNext(&g.Initializer, depth, d.tensor)
		case 15:
			return decodeNext(&g.SparseInitializer, depth, d.sparse)
		}
		return nil
	})
}

func (d *decoder) training(b []byte, t *TrainingInfoProto, depth int) error {
	return decodeSpans(b, t, depth, func(n protowire.Number) inPlace {
		switch n {
		case 1:
			return decodeOne(&t.Initialization, depth, d.graph)
		case 2:
			return decodeOne(&t.Algorithm, depth, d.graph)
		}
		return nil
	})
}

func (d *decoder) function(b []byte, f *FunctionProto, depth int) error {
	return decodeSpans(b, f, depth, func(n protowire.Number) inPlace {
		switch n {
		case 7:
			return decodeNext(&f.Node, depth, d.node)
		case 11:
			return decodeNext(&f.AttributeProto, depth, d.attribute)
		}
		return nil
	})
}

func (d *decoder) node(b []byte, x *NodeProto, depth int) error {
	return decodeSpans(b, x, depth, func(n protowire.Number) inPlace {
		if n == 5 {
			return decodeNext(&x.Attribute, depth, d.attribute)
		}
		return nil
	})
}

func (d *decoder) attribute(b []byte, a *AttributeProto, depth int) error {
	err := decodeSpans(b, a, depth, func(n protowire.Number) inPlace {
		switch n {
		case 4:
			return func(v, _ []byte) error { a.S = v; d.pass(v); return nil }
		case 9:
			return func(v, _ []byte) error { a.Strings = append(a.Strings, v); d.pass(v); return nil }
		case 5:
			return decodeOne(&a.T, depth, d.tensor)
		case 6:
			return decodeOne(&a.G, depth, d.graph)
		case 10:
			return decodeNext(&a.Tensors, depth, d.tensor)
		case 11:
			return decodeNext(&a.Graphs, depth, d.graph)
		case 22:
			return decodeOne(&a.SparseTensor, depth, d.sparse)
		case 23:
			return decodeNext(&a.SparseTensors, depth, d.sparse)
		}
		return nil
	})
	merged(a.T, a.SparseTensor.GetValues(), a.SparseTensor.GetIndices())
	return err
}

func (d *decoder) sparse(b []byte, s *SparseTensorProto, depth int) error {
	err := decodeSpans(b, s, depth, func(n protowire.Number) inPlace {
		switch n {
		case 1:
			return decodeOne(&s.Values, depth, d.tensor)
		case 2:
			return decodeOne(&s.Indices, depth, d.tensor)
		}
		return nil
	})
	merged(s.Values, s.Indices)
	return err
}

// tensor leaves where they are the elements of a tensor, whichever field they stand in.
func (d *decoder) tensor(b []byte, t *TensorProto, depth int) error {
	err := decodeSpans(b, t, depth, func(n protowire.Number) inPlace {
		switch n {
		case 4:
			return func(v, field []byte) error {
				if t.FloatData == nil {
					if t.FloatData = floatsInPlace[float32](v, 4); t.FloatData != nil {
						d.pass(v)
						return nil
					}
				}
				return official(t, field)
			}
		case 10:
			return func(v, field []byte) error {
				if t.DoubleData == nil {
					if t.DoubleData = floatsInPlace[float64](v, 8); t.DoubleData != nil {
						d.pass(v)
						return nil
					}
				}
				return official(t, field)
			}
		case 5, 7, 11:
			return func(v, field []byte) error {
				if d.leave(t, n, v, field) {
					return nil
				}
				return official(t, field)
			}
		case 6:
			return func(v, _ []byte) error { t.StringData = append(t.StringData, v); d.pass(v); return nil }
		case 9:
			return func(v, _ []byte) error { t.RawData = v; d.pass(v); return nil }
		}
		return nil
	})
	merged(t)
	return err
}

// official decodes one field of a message by the official code.
func official(m proto.Message, field []byte) error {
	return proto.UnmarshalOptions{Merge: true, AllowPartial: true}.Unmarshal(field, m)
}

// merged puts the lists together that came in several pieces, of which the first was left in the file: within one tensor, or where a tensor that may stand once came
// twice. No writer does that, but protobuf allows it.
func merged(tensors ...*TensorProto) {
	for _, t := range tensors {
		if hasLeft(t) && len(t.Int32Data)+len(t.Int64Data)+len(t.Uint64Data) > 0 {
			t.unpack()
		}
	}
}
