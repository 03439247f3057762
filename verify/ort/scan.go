package ort

import (
	"errors"
	"io"

	"google.golang.org/protobuf/encoding/protowire"
)

// span is where bytes lie in a file.
type span struct{ start, end int64 }

// The fields on the way to an initializer's elements.
const (
	modelGraph       = 7 // ModelProto.graph
	graphInitializer = 5 // GraphProto.initializer
	tensorName       = 8 // TensorProto.name
	tensorRawData    = 9 // TensorProto.raw_data
)

var errUnusual = errors.New("the model's file is written in an unusual way")

// findWeights returns where the raw_data of each initializer lies in a model's file. It reads the tags and lengths on the way and skips all else. A
// file in which a message is written in several parts, or two initializers have one name, is an error.
func findWeights(f io.ReaderAt) (map[string]span, error) {
	s := &scanner{f: f}
	size, err := s.size()
	if err != nil {
		return nil, err
	}
	spans := map[string]span{}
	graphs := 0
	err = s.fields(span{0, size}, func(field protowire.Number, graph span) error {
		if field != modelGraph {
			return nil
		}
		if graphs++; graphs > 1 {
			return errUnusual
		}
		return s.fields(graph, func(field protowire.Number, tensor span) error {
			if field != graphInitializer {
				return nil
			}
			return s.initializer(tensor, spans)
		})
	})
	if err != nil {
		return nil, err
	}
	return spans, nil
}

func (s *scanner) initializer(tensor span, spans map[string]span) error {
	var name string
	var raw *span
	err := s.fields(tensor, func(field protowire.Number, at span) error {
		switch field {
		case tensorName:
			b, err := s.bytes(at.start, at.end-at.start)
			if err != nil {
				return err
			}
			name = string(b)
		case tensorRawData:
			if raw != nil {
				return errUnusual
			}
			raw = &at
		}
		return nil
	})
	if err != nil || raw == nil {
		return err
	}
	if _, twice := spans[name]; twice {
		return errUnusual
	}
	spans[name] = *raw
	return nil
}

// scanner reads tags and lengths of a file in protobuf's wire format through a window.
type scanner struct {
	f      io.ReaderAt
	window []byte
	at     int64 // where the window begins
}

func (s *scanner) size() (int64, error) {
	if f, ok := s.f.(io.Seeker); ok {
		return f.Seek(0, io.SeekEnd)
	}
	return 0, errUnusual
}

// bytes returns n bytes, or as many as there are up to the end of the file.
func (s *scanner) bytes(at, n int64) ([]byte, error) {
	if n > 1<<20 {
		return nil, errUnusual
	}
	if at < s.at || at+n > s.at+int64(len(s.window)) {
		buf := make([]byte, max(n, 4<<10))
		got, err := s.f.ReadAt(buf, at)
		if err != nil && err != io.EOF {
			return nil, err
		}
		s.window, s.at = buf[:got], at
	}
	rest := s.window[at-s.at:]
	return rest[:min(n, int64(len(rest)))], nil
}

// varint reads a number and returns where it ends.
func (s *scanner) varint(at int64) (uint64, int64, error) {
	b, err := s.bytes(at, 10)
	if err != nil {
		return 0, 0, err
	}
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0, 0, errUnusual
	}
	return v, at + int64(n), nil
}

// fields calls fn with every field of a message that has a length, and the span of its contents.
func (s *scanner) fields(message span, fn func(protowire.Number, span) error) error {
	for at := message.start; at < message.end; {
		tag, next, err := s.varint(at)
		if err != nil {
			return err
		}
		field, kind := protowire.DecodeTag(tag)
		switch kind {
		case protowire.VarintType:
			if _, next, err = s.varint(next); err != nil {
				return err
			}
		case protowire.Fixed32Type:
			next += 4
		case protowire.Fixed64Type:
			next += 8
		case protowire.BytesType:
			n, start, err := s.varint(next)
			if err != nil {
				return err
			}
			if start > message.end || n > uint64(message.end-start) {
				return errUnusual
			}
			next = start + int64(n)
			if err := fn(field, span{start, next}); err != nil {
				return err
			}
		default:
			return errUnusual
		}
		at = next
	}
	return nil
}
