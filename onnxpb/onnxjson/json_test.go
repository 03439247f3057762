package onnxjson

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

func small() *onnxpb.ModelProto {
	return &onnxpb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)},
		Graph: &onnxpb.GraphProto{
			Name:   proto.String("g"),
			Node:   []*onnxpb.NodeProto{onnxpb.Node("LeakyRelu", "n \"1\"\n", []string{"x"}, []string{"ÿ"}, onnxpb.Float("alpha", 0.1))},
			Input:  []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N")})},
			Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("ÿ", onnxpb.TensorProto_FLOAT, []onnxpb.Dim{})},
			Initializer: []*onnxpb.TensorProto{
				onnxpb.TensorOf("w", []int64{3}, []float32{1.5, float32(math.Inf(-1)), 1e-7}),
				onnxpb.TensorOf("i", []int64{2}, []int64{-1, 1 << 62}),
			},
		},
	}
}

// TestForm states what the JSON looks like.
func TestForm(t *testing.T) {
	text, _ := write(t, small(), Options{Decode: true})
	const want = `{
  "irVersion": "8",
  "graph": {
    "node": [
      {
        "input": ["x"],
        "output": ["ÿ"],
        "name": "n \"1\"\n",
        "opType": "LeakyRelu",
        "attribute": [
          {
            "name": "alpha",
            "f": 0.1,
            "type": "FLOAT"
          }
        ]
      }
    ],
    "name": "g",
    "initializer": [
      {
        "dims": ["3"],
        "dataType": 1,
        "floatData": [1.5, "-Infinity", 1e-7],
        "name": "w"
      },
      {
        "dims": ["2"],
        "dataType": 7,
        "int64Data": ["-1", "4611686018427387904"],
        "name": "i"
      }
    ],
    "input": [
      {
        "name": "x",
        "type": {
          "tensorType": {
            "elemType": 1,
            "shape": {
              "dim": [
                {
                  "dimParam": "N"
                }
              ]
            }
          }
        }
      }
    ],
    "output": [
      {
        "name": "ÿ",
        "type": {
          "tensorType": {
            "elemType": 1,
            "shape": {}
          }
        }
      }
    ]
  },
  "opsetImport": [
    {
      "domain": "",
      "version": "17"
    }
  ]
}
`
	if string(text) != want {
		t.Errorf("got:\n%s", text)
	}
}

// TestDecodeEveryType writes tensors of every element type with their numbers in view and reads them back.
func TestDecodeEveryType(t *testing.T) {
	for n := range onnxpb.TensorProto_DataType_name {
		et := onnxpb.TensorProto_DataType(n)
		if et == onnxpb.TensorProto_UNDEFINED || et == onnxpb.TensorProto_STRING {
			continue
		}
		bits := onnxpb.ElemBits(et)
		raw := make([]byte, (3*bits+7)/8)
		for i := range raw {
			raw[i] = byte(37*i + 1)
		}
		switch et {
		case onnxpb.TensorProto_BOOL:
			raw = []byte{1, 0, 1}
		case onnxpb.TensorProto_INT4, onnxpb.TensorProto_UINT4, onnxpb.TensorProto_FLOAT4E2M1:
			raw = []byte{0x9f, 0x07}
		case onnxpb.TensorProto_INT2, onnxpb.TensorProto_UINT2:
			raw = []byte{0x1b}
		}
		m := small()
		m.Graph.Initializer = []*onnxpb.TensorProto{{Name: proto.String("w"), Dims: []int64{3}, DataType: proto.Int32(n), RawData: raw}}
		text, _ := write(t, m, Options{Decode: true})
		if strings.Contains(string(text), "rawData") {
			t.Errorf("%v: still in base64:\n%s", et, text)
		}
		a, err := onnxpb.Decode(parse(t, text).Graph.Initializer[0], "")
		if err != nil {
			t.Fatalf("%v: %v", et, err)
		}
		if got, err := a.Raw(); err != nil || string(got) != string(raw) {
			t.Errorf("%v: % x reads back as % x (%v)", et, raw, got, err)
		}
	}
}

// TestDecodeKeeps tells which data stays in base64: what numbers would not hold.
func TestDecodeKeeps(t *testing.T) {
	for name, x := range map[string]*onnxpb.TensorProto{
		"a payload of a NaN": {Dims: []int64{1}, DataType: proto.Int32(1), RawData: []byte{1, 0, 0xc0, 0x7f}},
		"too short":          {Dims: []int64{2}, DataType: proto.Int32(1), RawData: []byte{0, 0, 0, 0}},
		"no element type":    {Dims: []int64{2}, DataType: proto.Int32(99), RawData: []byte{0, 0, 0, 0}},
	} {
		m := small()
		m.Graph.Initializer = []*onnxpb.TensorProto{x}
		text, _ := write(t, m, Options{Decode: true})
		if !proto.Equal(parse(t, text), m) {
			t.Errorf("%s: not kept:\n%s", name, text)
		}
	}
}

// TestElide leaves out what is larger than told, in initializers and attributes, whatever field it stands in, and is not read back.
func TestElide(t *testing.T) {
	m := small()
	m.Graph.Node[0].Attribute = append(m.Graph.Node[0].Attribute,
		onnxpb.TensorAttr("t", &onnxpb.TensorProto{Dims: []int64{4}, DataType: proto.Int32(1), FloatData: []float32{1, 2, 3, 4}}))
	text, _ := write(t, m, Options{Elide: 2})
	for _, want := range []string{`"onnxtool.elided": 3`, `"onnxtool.elided": 4`, `"rawData"`} {
		if strings.Count(string(text), want) != 1 {
			t.Errorf("%s is not there once:\n%s", want, text)
		}
	}
	if strings.Contains(string(text), "floatData") {
		t.Errorf("the attribute's data is there:\n%s", text)
	}
	if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), "left out") || !strings.Contains(err.Error(), "--elide") {
		t.Errorf("reading it back: %v", err)
	}
	if text, _ := write(t, m, Options{Elide: 4}); strings.Contains(string(text), "elided") {
		t.Error("4 elements are not more than 4")
	}
}

func TestLost(t *testing.T) {
	m := small()
	unknown := protowire.AppendVarint(protowire.AppendTag(nil, 9999, protowire.VarintType), 7)
	for _, x := range []proto.Message{m, m.Graph.Node[0], m.Graph.Initializer[0], m.Graph.Initializer[1]} {
		x.ProtoReflect().SetUnknown(unknown)
	}
	_, lost := write(t, m, Options{})
	if len(lost) != 3 || lost[0].String() != "unknown fields of ModelProto" || lost[2].String() != "unknown fields of TensorProto (2 times)" {
		t.Errorf("%v", lost)
	}
}

func TestErrors(t *testing.T) {
	m := small()
	m.Graph.Node[0].Name = proto.String("a\xffb")
	if _, err := Format(io.Discard, m, Options{}); err == nil || !strings.Contains(err.Error(), `NodeProto.name is "a\xffb", which is not UTF-8`) {
		t.Errorf("a name that is not UTF-8: %v", err)
	}
	if _, err := Format(failing{}, small(), Options{}); !errors.Is(err, errFull) {
		t.Errorf("a full disk: %v", err)
	}
	for text, want := range map[string]string{
		"":                                    "the file is empty",
		" \n":                                 "the file is empty",
		"[1]":                                 "JSON of a model begins with {",
		"{}":                                  "no graph",
		`{"irVersion": "8"}`:                  "no graph",
		`{"graph": {}}`:                       "no irVersion",
		`{"irVersion": "8", "graph": {}`:      "unexpected",
		"{\n\"irVersion\": \"x\"}":            "line 2:14",
		`{"irVersion": "8", "grahp": {}}`:     `unknown field "grahp"`,
		`{"irVersion": "8", "ir_version": 8}`: "duplicate field",
		`{"graph": {"initializer": [{"rawData": "*"}]}}`: "invalid value",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if err != nil && onnxpb.KindOf(err) != onnxpb.Unfit {
			t.Errorf("%s: kind %v", text, onnxpb.KindOf(err))
		}
	}
	if _, err := Parse([]byte("\ufeff" + `{"irVersion": 8, "graph": {}}`)); err != nil {
		t.Errorf("after a byte order mark: %v", err)
	}
}

// TestNotANumber: the bits of values that are not a number are kept or told of, wherever they stand.
func TestNotANumber(t *testing.T) {
	for bits, told := range map[uint32]bool{0x7fc00000: false, 0xffc00000: true, 0x7fc00001: true, 0x7f800001: true, 0x7f800000: false, 0x80000000: false} {
		v := math.Float32frombits(bits)
		wide := float64(v)
		if v != v {
			wide = math.Float64frombits(uint64(bits&0x80000000)<<32 | nan64 | uint64(bits&0x3fffff))
		}
		typed := &onnxpb.TensorProto{DataType: proto.Int32(int32(onnxpb.TensorProto_FLOAT)), FloatData: []float32{v}}
		double := &onnxpb.TensorProto{DataType: proto.Int32(int32(onnxpb.TensorProto_DOUBLE)), DoubleData: []float64{wide}}
		if bits == 0x7f800001 {
			double = nil // a signalling value of 64 bits is another one
		}
		for what, change := range map[string]func(m *onnxpb.ModelProto){
			"f": func(m *onnxpb.ModelProto) { m.Graph.Node[0].Attribute = []*onnxpb.AttributeProto{onnxpb.Float("a", v)} },
			"floats": func(m *onnxpb.ModelProto) {
				m.Graph.Node[0].Attribute = []*onnxpb.AttributeProto{onnxpb.Floats("a", 1, v)}
			},
			"float_data":  func(m *onnxpb.ModelProto) { m.Graph.Initializer = []*onnxpb.TensorProto{typed} },
			"double_data": func(m *onnxpb.ModelProto) { m.Graph.Initializer = []*onnxpb.TensorProto{double} },
			"raw_data": func(m *onnxpb.ModelProto) {
				m.Graph.Initializer = []*onnxpb.TensorProto{onnxpb.TensorOf("w", nil, []float32{v})}
			},
		} {
			if what == "double_data" && double == nil {
				continue
			}
			m := small()
			change(m)
			text, lost := write(t, m, Options{})
			if got := len(lost) > 0; got != (told && what != "raw_data") {
				t.Errorf("%#x as %s: told %v", bits, what, lost)
			}
			if got, _ := proto.Marshal(parse(t, text)); len(lost) == 0 {
				if want, _ := proto.Marshal(m); !bytes.Equal(got, want) {
					t.Errorf("%#x as %s: other bits, and nothing was told", bits, what)
				}
			}
		}
	}
}

// TestHalfCharacters: the escape of one half of a character is told as what it is, with its place.
func TestHalfCharacters(t *testing.T) {
	for text, want := range map[string]string{
		`{"irVersion": "8", "producerName": "\ud800"}`:                                    `(line 1:37): \ud800 is one half`,
		"{\n\"irVersion\": \"8\", \"producerName\": \"ä\\\\ \\udc00 and more and more\"}": `(line 2:40): \udc00 is one half`,
		`{"irVersion": "8", "producerName": "\ud83d\ude00\ud83d\u0041"}`:                  `(line 1:49): \ud83d is one half`,
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "EOF") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if m, err := Parse([]byte(`{"irVersion": "8", "graph": {"name": "\ud83d\ude00"}}`)); err != nil || m.Graph.GetName() != "😀" {
		t.Errorf("both halves: %v", err)
	}
	if _, err := Parse([]byte(`{"irVersion": "8", "graph": {"na`)); err == nil || !strings.Contains(err.Error(), "unexpected") {
		t.Errorf("a text without an end: %v", err)
	}
	// What is quoted of a text is no longer than people read.
	if _, err := Parse([]byte(`{"irVersion": ` + strings.Repeat("9", 1<<20) + `}`)); err == nil || len(err.Error()) > 2000 {
		t.Errorf("a long number: %d bytes", len(err.Error()))
	}
}

// TestHintOfRename: rename is advised for what it can change.
func TestHintOfRename(t *testing.T) {
	bad := proto.String("a\xffb")
	for _, c := range []struct {
		change func(m *onnxpb.ModelProto)
		hint   bool
	}{
		{func(m *onnxpb.ModelProto) { m.Graph.Node[0].Name = bad }, true},
		{func(m *onnxpb.ModelProto) { m.Graph.Node[0].Input[0] = *bad }, true},
		{func(m *onnxpb.ModelProto) { m.Graph.Input = []*onnxpb.ValueInfoProto{{Name: bad}} }, true},
		{func(m *onnxpb.ModelProto) {
			m.Graph.Input = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", 1, []onnxpb.Dim{onnxpb.Symbol(*bad)})}
		}, true},
		{func(m *onnxpb.ModelProto) { m.ProducerName = bad }, false},
		{func(m *onnxpb.ModelProto) { m.Graph.Node[0].DocString = bad }, false},
		{func(m *onnxpb.ModelProto) { m.Graph.Name = bad }, false},
		{func(m *onnxpb.ModelProto) { m.MetadataProps = []*onnxpb.StringStringEntryProto{{Key: bad}} }, false},
	} {
		m := small()
		c.change(m)
		if _, err := Format(io.Discard, m, Options{}); err == nil || strings.Contains(err.Error(), "onnxtool rename") != c.hint {
			t.Errorf("%v", err)
		}
	}
}

var errFull = errors.New("no space left")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

// FuzzParse: what is read can be written and reads back the same; nothing panics.
func FuzzParse(f *testing.F) {
	for _, o := range []Options{{}, {Compact: true}, {Decode: true}, {Elide: 1}} {
		text, _ := write(f, small(), o)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text)
		if err != nil {
			return
		}
		again, _ := write(t, m, Options{})
		if !proto.Equal(m, parse(t, again)) {
			t.Errorf("reads back as another model:\n%s", again)
		}
	})
}

// TestLargeTensor: a tensor that is decoded piece by piece reads back the same, as numbers and as bytes, in both forms.
func TestLargeTensor(t *testing.T) {
	v := make([]complex64, 600_000) // of two numbers each
	for i := range v {
		v[i] = complex(float32(i), -float32(i)/3)
	}
	m := small()
	m.Graph.Initializer = append(m.Graph.Initializer, onnxpb.TensorOf("large", []int64{600, 1000}, v))
	text, lost := write(t, m, Options{Decode: true})
	if len(lost) > 0 {
		t.Error(lost)
	}
	last := func(m *onnxpb.ModelProto) *onnxpb.TensorProto { return m.Graph.Initializer[len(m.Graph.Initializer)-1] }
	got := last(parse(t, text))
	a, err := onnxpb.Decode(got, "")
	if err != nil || len(got.FloatData) != 1_200_000 || !slices.Equal(a.Data.([]complex64), v) {
		t.Errorf("%d numbers, %v", len(got.FloatData), err)
	}
	// One value that cannot be a number of JSON, in the last piece, keeps all of it in bytes.
	nan := math.Float32frombits(0x7fc00001)
	v[len(v)-1] = complex(nan, nan)
	m.Graph.Initializer[len(m.Graph.Initializer)-1] = onnxpb.TensorOf("large", []int64{600, 1000}, v)
	text, lost = write(t, m, Options{Decode: true})
	if got := last(parse(t, text)); len(lost) > 0 || !bytes.Equal(got.RawData, last(m).RawData) {
		t.Errorf("with a payload: %d bytes, lost %v", len(got.RawData), lost)
	}
}
