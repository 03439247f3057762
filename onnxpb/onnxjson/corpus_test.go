package onnxjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
)

func write(tb testing.TB, m *onnxpb.ModelProto, o Options) ([]byte, []Lost) {
	tb.Helper()
	var b bytes.Buffer
	lost, err := Format(&b, m, o)
	if err != nil {
		tb.Fatal(err)
	}
	return b.Bytes(), lost
}

func parse(tb testing.TB, text []byte) *onnxpb.ModelProto {
	tb.Helper()
	m, err := Parse(text)
	if err != nil {
		tb.Fatalf("%v\n%.2000s", err, text)
	}
	return m
}

// values decodes JSON, numbers as they are written.
func values(tb testing.TB, text []byte) any {
	tb.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		tb.Fatal(err)
	}
	return v
}

// decoded returns a copy of a model with the data of all tensors in raw_data (strings in string_data).
func decoded(tb testing.TB, m *onnxpb.ModelProto) *onnxpb.ModelProto {
	tb.Helper()
	m = proto.Clone(m).(*onnxpb.ModelProto)
	m.AllTensors(func(t *onnxpb.TensorProto) {
		if t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
			return
		}
		a, err := onnxpb.Decode(t, "")
		if err != nil {
			tb.Fatal(err)
		}
		t.FloatData, t.DoubleData, t.Int32Data, t.Int64Data, t.Uint64Data, t.StringData, t.RawData = nil, nil, nil, nil, nil, nil, nil
		proto.Merge(t, &onnxpb.TensorProto{RawData: a.Proto("").RawData, StringData: a.Proto("").StringData})
	})
	return m
}

// TestCorpus holds what is written to what protobuf's own encoder writes, and what is read back to the model, for every model of ONNX's own tests; and with
// the numbers of tensors in plain view, to the same model element by element.
func TestCorpus(t *testing.T) {
	for _, c := range corpus.Cases(t) {
		t.Run(c.ID(), func(t *testing.T) {
			m, err := c.Open()
			if err != nil {
				t.Fatal(err)
			}
			text, lost := write(t, m, Options{})
			if len(lost) > 0 {
				t.Errorf("lost: %v", lost)
			}
			reference, err := protojson.Marshal(m)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(values(t, reference), values(t, text)); d != "" {
				t.Errorf("protobuf's encoder writes something else:\n%s", d)
			}
			if again := parse(t, text); !proto.Equal(m, again) {
				t.Errorf("the JSON reads back as another model:\n%s", cmp.Diff(m, again, protocmp.Transform()))
			}
			compact, _ := write(t, m, Options{Compact: true})
			var squeezed bytes.Buffer
			if err := json.Compact(&squeezed, text); err != nil {
				t.Fatal(err)
			}
			if squeezed.String() != strings.TrimSuffix(string(compact), "\n") {
				t.Error("--compact differs in more than white space")
			}
			plain, _ := write(t, m, Options{Decode: true})
			if want, got := decoded(t, m), decoded(t, parse(t, plain)); !proto.Equal(want, got) {
				t.Errorf("with the numbers in view the JSON reads back as another model:\n%s", cmp.Diff(want, got, protocmp.Transform()))
			}
		})
	}
}
