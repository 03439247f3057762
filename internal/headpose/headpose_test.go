package headpose_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/headpose"
	"onnxtool/onnxpb"
)

// outputs makes a model of its inputs and outputs alone, written as "name shape", or "name shape type"; a shape of ? is not known.
func outputs(specs ...string) *onnxpb.ModelProto {
	g := &onnxpb.GraphProto{Name: proto.String("g"), Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("image", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1, 3, 8, 8))}}
	for _, s := range specs {
		f := strings.Fields(s)
		elem := onnxpb.TensorProto_FLOAT
		if len(f) > 2 {
			elem, _ = onnxpb.ParseType(f[2])
		}
		var dims []onnxpb.Dim
		if f[1] != "?" {
			var err error
			if dims, err = onnxpb.ParseShape(f[1]); err != nil {
				panic(err)
			}
		}
		g.Output = append(g.Output, onnxpb.TensorValue(f[0], elem, dims))
	}
	return &onnxpb.ModelProto{Graph: g}
}

func TestDetect(t *testing.T) {
	for _, c := range []struct {
		outputs []string
		o       headpose.Options
		kind    headpose.Kind
		want    string // the outputs; for Angles also the order
		counts  [3]int64
	}{
		{[]string{"R [1,3,3]"}, headpose.Options{}, headpose.Rotation, "R", [3]int64{}},
		{[]string{"R [N,3,3]", "features [N,2048,7,7]"}, headpose.Options{}, headpose.Rotation, "R", [3]int64{}},
		{[]string{"six [?,6]"}, headpose.Options{}, headpose.SixD, "six", [3]int64{}},
		{[]string{"yaw [1,120]", "pitch [1,66]", "roll [1,66]"}, headpose.Options{}, headpose.Bins, "yaw roll pitch", [3]int64{120, 66, 66}},
		{[]string{"Pitch_New [1,66]", "model/ROLL:0 [1,66]", "fc_yaw_out [1,120]"}, headpose.Options{}, headpose.Bins, "fc_yaw_out model/ROLL:0 Pitch_New", [3]int64{120, 66, 66}},
		{[]string{"a [N,66]", "b [N,66]", "c [N,120]"}, headpose.Options{Order: "pitch,roll,yaw"}, headpose.Bins, "c b a", [3]int64{120, 66, 66}},
		{[]string{"yaw [1,62]", "pitch [1,61]", "roll [1,60]"}, headpose.Options{Order: "yaw,pitch,roll"}, headpose.Bins, "yaw roll pitch", [3]int64{62, 60, 61}},
		{[]string{"yaw [1,66]", "pitch [1,66]", "roll [1,66]", "embedding [1,512]"}, headpose.Options{}, headpose.Bins, "yaw roll pitch", [3]int64{66, 66, 66}},
		{[]string{"output [1,3]"}, headpose.Options{Order: "yaw, pitch, roll"}, headpose.Angles, "output yaw,pitch,roll", [3]int64{}},
		{[]string{"pitch_yaw_roll [1,3]"}, headpose.Options{}, headpose.Angles, "pitch_yaw_roll pitch,yaw,roll", [3]int64{}},
		{[]string{"a [1,3]", "b [1,3]"}, headpose.Options{Order: "yaw,pitch,roll", Outputs: []string{"b"}}, headpose.Angles, "b yaw,pitch,roll", [3]int64{}},
		{[]string{"six [1,6]", "R [1,3,3]"}, headpose.Options{Outputs: []string{"R"}}, headpose.Rotation, "R", [3]int64{}},
		{[]string{"R [1,3,3]", "score [1,1]", "label [1] int64"}, headpose.Options{}, headpose.Rotation, "R", [3]int64{}},
	} {
		h, err := headpose.Detect(outputs(c.outputs...), c.o)
		if err != nil {
			t.Errorf("%v: %v", c.outputs, err)
			continue
		}
		got := strings.Join(h.Outputs, " ")
		if h.Kind == headpose.Angles {
			got += " " + strings.Join(h.Order[:], ",")
		}
		if h.Kind != c.kind || got != c.want || h.Counts != c.counts || h.Input != "image" {
			t.Errorf("%v: %+v, want %v, %s, %v", c.outputs, h, c.kind, c.want, c.counts)
		}
	}
}

// TestDetectRefuses: what is ambiguous or unknown is refused, and the message says what to give.
func TestDetectRefuses(t *testing.T) {
	flags := func(o headpose.Options) headpose.Options {
		o.OrderFlag, o.OutputsFlag = "--front-order", "--front-outputs"
		return o
	}
	for _, c := range []struct {
		outputs []string
		o       headpose.Options
		kind    onnxpb.Kind
		says    string
	}{
		{[]string{"output [1,3]"}, headpose.Options{}, onnxpb.Unfit, "--front-order"},
		{[]string{"yaw_pitch [1,3]"}, headpose.Options{}, onnxpb.Unfit, "--front-order"},
		{[]string{"output [1,3]"}, headpose.Options{Order: "yaw,pitch"}, onnxpb.Usage, "not an order"},
		{[]string{"output [1,3]"}, headpose.Options{Order: "yaw,pitch,pitch"}, onnxpb.Usage, "not an order"},
		{[]string{"yaw_roll_pitch [1,3]"}, headpose.Options{Order: "yaw,pitch,roll"}, onnxpb.Unfit, "by their names"},
		{[]string{"a [1,120]", "b [1,66]", "c [1,66]"}, headpose.Options{}, onnxpb.Unfit, "--front-order"},
		{[]string{"yaw [1,120]", "b [1,66]", "c [1,66]"}, headpose.Options{}, onnxpb.Unfit, "--front-order"},
		{[]string{"yaw1 [1,66]", "yaw2 [1,66]", "roll [1,66]"}, headpose.Options{}, onnxpb.Unfit, "--front-order"},
		{[]string{"yaw [1,120]", "roll [1,66]", "pitch [1,66]"}, headpose.Options{Order: "pitch,roll,yaw"}, onnxpb.Unfit, "by their names"},
		{[]string{"yaw [1,120]", "roll [1,66]", "pitch [1,66]"}, headpose.Options{Order: "all"}, onnxpb.Usage, "not an order"},
		{[]string{"six [1,6]", "R [1,3,3]"}, headpose.Options{}, onnxpb.Unfit, "--front-outputs"},
		{[]string{"a [1,3]", "b [1,3]"}, headpose.Options{Order: "yaw,pitch,roll"}, onnxpb.Unfit, "--front-outputs"},
		{[]string{"R [1,3,3]"}, headpose.Options{Outputs: []string{"Q"}}, onnxpb.Unfit, "no such output"},
		{[]string{"R [1,3,3]"}, headpose.Options{Order: "yaw,pitch,roll"}, onnxpb.Unfit, "has no order"},
		{[]string{"R ?"}, headpose.Options{}, onnxpb.Unfit, "R of unknown shape"},
		{[]string{"classes [1,1000]"}, headpose.Options{}, onnxpb.Unfit, "classes [1,1000]"},
		{[]string{"a [1,66]", "b [1,66]", "c [1,66]", "d [1,66]"}, headpose.Options{}, onnxpb.Unfit, "no output is a head pose"},
		{[]string{"quaternion [1,4]"}, headpose.Options{}, onnxpb.Unfit, "no output is a head pose"},
		{[]string{"R [1,3,3] float16"}, headpose.Options{}, onnxpb.Unfit, "float16"},
		{nil, headpose.Options{}, onnxpb.Unfit, "none"},
	} {
		_, err := headpose.Detect(outputs(c.outputs...), flags(c.o))
		if err == nil || onnxpb.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, %+v: %v; want kind %v and %q", c.outputs, c.o, err, c.kind, c.says)
		}
	}
}

// TestDetectInputs: one input that is not an initializer is needed.
func TestDetectInputs(t *testing.T) {
	m := outputs("R [1,3,3]")
	weight := onnxpb.TensorOf("w", []int64{1}, []float32{1})
	m.Graph.Initializer = append(m.Graph.Initializer, weight)
	m.Graph.Input = append([]*onnxpb.ValueInfoProto{onnxpb.TensorValue("w", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1))}, m.Graph.Input...)
	if h, err := headpose.Detect(m, headpose.Options{}); err != nil || h.Input != "image" {
		t.Errorf("an initializer among the inputs: %+v, %v", h, err)
	}
	m.Graph.Initializer = nil
	if _, err := headpose.Detect(m, headpose.Options{}); err == nil || !strings.Contains(err.Error(), "w, image") {
		t.Errorf("two inputs: %v", err)
	}
	m.Graph.Input = nil
	if _, err := headpose.Detect(m, headpose.Options{}); err == nil {
		t.Error("no input: accepted")
	}
	if _, err := headpose.Detect(&onnxpb.ModelProto{}, headpose.Options{}); err == nil {
		t.Error("no graph: accepted")
	}
}
