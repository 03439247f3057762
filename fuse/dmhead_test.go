package fuse_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// The small head-pose models of these tests read the pose off the mean colour (u, g, v) of an image [1,3,4,4], with the batch of 1 in their Reshapes as
// tracing exporters leave it. All use the same names inside.
const (
	rotationKind = "rotation"
	sixKind      = "six"
	binsKind     = "bins"
	anglesKind   = "angles"
)

// headModel makes a model of a kind; seed gives it weights of its own.
func headModel(kind string, seed uint64, at int64) *onnxpb.ModelProto {
	rng := rand.New(rand.NewPCG(seed, 9))
	g := &onnxpb.GraphProto{Name: proto.String(kind)}
	node := func(op string, in []string, out string, attrs ...*onnxpb.AttributeProto) {
		g.Node = append(g.Node, onnxpb.Node(op, "node_"+out, in, []string{out}, attrs...))
	}
	ints := func(name string, v ...int64) string {
		g.Initializer = append(g.Initializer, onnxpb.TensorOf(name, []int64{int64(len(v))}, v))
		return name
	}
	g.Input = []*onnxpb.ValueInfoProto{onnxpb.TensorValue("image", onnxpb.TensorProto_FLOAT, onnxpb.Numbers(1, 3, 4, 4))}
	node("GlobalAveragePool", []string{"image"}, "pooled")
	node("Reshape", []string{"pooled", ints("flat_shape", 1, 3)}, "colour")
	// layer adds out = colour*w + b, with w and b by row and column.
	layer := func(out string, columns int, weight func(row, column int) float64) {
		w, b := make([]float32, 3*columns), make([]float32, columns)
		for c := range columns {
			for r := range 3 {
				w[r*columns+c] = float32(weight(r, c) + 0.05*rng.NormFloat64())
			}
			b[c] = float32(0.05 * rng.NormFloat64())
		}
		g.Initializer = append(g.Initializer, onnxpb.TensorOf("weight_"+out, []int64{3, int64(columns)}, w), onnxpb.TensorOf("bias_"+out, []int64{int64(columns)}, b))
		node("Gemm", []string{"colour", "weight_" + out, "bias_" + out}, out)
	}
	output := func(name string, dims ...int64) {
		g.Output = append(g.Output, onnxpb.TensorValue(name, onnxpb.TensorProto_FLOAT, onnxpb.Numbers(append([]int64{1}, dims...)...)))
	}
	table := func(columns int, v ...float64) func(int, int) float64 {
		return func(r, c int) float64 { return v[r*columns+c] }
	}
	switch kind {
	case rotationKind:
		layer("nine", 9, table(9, 1, 0.1, 0, 0, 0.8, 0.3, 0, 0.2, 0.9 /* g */, 0.2, 0.3, 0, 0.4, 0, 0.1, 0, 0.3, 0.2 /* v */, 0, 0, 0.9, 0.1, 0, 0.3, -1, 0, 0.2))
		node("Reshape", []string{"nine", ints("matrix_shape", 1, 3, 3)}, "rotation")
		output("rotation", 3, 3)
	case sixKind:
		layer("six", 6, table(6, 1, 0, 0, 0, 0.4, 0 /* g */, 0, 0.5, 0, 0, 1, 0.3 /* v */, 0, 0, -1, 0.2, 0, 0.5))
		output("six", 6)
	case anglesKind:
		layer("angles", 3, table(3, 20, 5, 30 /* g */, 2, 40, 5 /* v */, 150, 10, 7))
		output("angles", 3)
	case binsKind:
		for _, h := range []struct {
			name  string
			count int
			u, v  float64
		}{{"yaw", 120, 40, 40}, {"pitch", 66, 20, 5}, {"roll", 66, 15, 8}} {
			layer(h.name, h.count, func(r, c int) float64 {
				s, co := math.Sincos((3*float64(c) - 1.5*float64(h.count)) * math.Pi / 180)
				return [3]float64{h.u * co, 3 * s, h.v * s}[r]
			})
			output(h.name, int64(h.count))
		}
	}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(7), ProducerName: proto.String("test"), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", at)}, Graph: g}
}

// images makes n images whose mean colours go round the circle.
func images(n int) *onnxpb.Array {
	data := make([]float32, n*48)
	for i := range n {
		s, c := math.Sincos(2 * math.Pi * (float64(i) + 0.37) / float64(n))
		for k, mean := range []float64{c, 0.3 * math.Sin(float64(i)), s} {
			for p := range 16 {
				data[(3*i+k)*16+p] = float32(mean + 0.1*float64(p-8) + 0.05)
			}
		}
	}
	return onnxpb.ArrayOf([]int64{int64(n), 3, 4, 4}, data)
}

// rowOf is image i alone.
func rowOf(a *onnxpb.Array, i int) *onnxpb.Array {
	each := a.Len() / int(a.Dims[0])
	return onnxpb.ArrayOf(append([]int64{1}, a.Dims[1:]...), a.Data.([]float32)[i*each:(i+1)*each])
}

// oraclePose is the pose (yaw, roll, pitch) in float64 of what a model gave for one image.
func oraclePose(t *testing.T, kind string, order []string, circular bool, out map[string]*onnxpb.Array) map[string]float64 {
	t.Helper()
	raw := func(name string) []float64 {
		v, err := out[name].Float64s()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	switch kind {
	case rotationKind:
		yaw, pitch, roll := oracleEuler([9]float64(raw("rotation")))
		return map[string]float64{"yaw": yaw, "roll": roll, "pitch": pitch}
	case sixKind:
		yaw, pitch, roll := oracleEuler(oracleSix([6]float64(raw("six"))))
		return map[string]float64{"yaw": yaw, "roll": roll, "pitch": pitch}
	case anglesKind:
		pose := map[string]float64{}
		for i, a := range order {
			pose[a] = raw("angles")[i]
		}
		return pose
	}
	pose := map[string]float64{}
	for a, offset := range map[string]float64{"yaw": -180, "roll": -99, "pitch": -99} {
		pose[a] = oracleBins(floatsOf(t, out[a]), 3, offset, circular && a == "yaw")
	}
	return pose
}

// TestDMHeadOfEveryKind builds every pair of kinds with every gate, runs the originals image by image, and holds the fused model to what plain
// Go makes of them: the inner poses near, and the choice between them exact, at the batches 1, 2 and 7 and all images at once.
func TestDMHeadOfEveryKind(t *testing.T) {
	kinds := []string{rotationKind, sixKind, binsKind, anglesKind}
	const n = 60
	all := images(n)
	for k, front := range kinds {
		for l, rear := range kinds {
			for _, rule := range fuse.Rules() {
				if rule != fuse.Select && (k+l)%2 == 0 {
					continue
				}
				name := front + "," + rear + "," + rule
				t.Run(name, func(t *testing.T) {
					order := []string{"yaw,roll,pitch", "pitch,yaw,roll", "roll,pitch,yaw"}[(k+l)%3]
					tryDMHead(t, front, rear, all, fuse.DMHeadOptions{Gate: rule, Order: order, Circular: k%2 == 1})
				})
			}
		}
	}
}

func tryDMHead(t *testing.T, front, rear string, all *onnxpb.Array, o fuse.DMHeadOptions) {
	columns := strings.Split(o.Order, ",")
	frontOrder, rearOrder := []string{"yaw", "pitch", "roll"}, []string{"yaw", "roll", "pitch"}
	if front == anglesKind {
		o.FrontOrder = strings.Join(frontOrder, ",")
	}
	if rear == anglesKind {
		o.RearOrder = strings.Join(rearOrder, ",")
	}
	o.Expose = []string{fuse.ExposeRear, fuse.ExposeFront}
	if o.Gate != fuse.Published {
		o.Expose = append(o.Expose, fuse.ExposeSource)
	}
	f, r := headModel(front, 1, 13), headModel(rear, 2, 13)
	fBytes, _ := onnxpb.Marshal(f)
	rBytes, _ := onnxpb.Marshal(r)
	m, _, err := fuse.DMHead(fuse.Input{Name: "front", Model: f}, fuse.Input{Name: "rear", Model: r}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, fault := range opset.Check(m, opset.CheckOptions{}) {
		t.Fatal(fault)
	}
	fAfter, _ := onnxpb.Marshal(f)
	rAfter, _ := onnxpb.Marshal(r)
	if !bytes.Equal(fBytes, fAfter) || !bytes.Equal(rBytes, rAfter) {
		t.Error("the models given were changed")
	}
	want := "yaw_roll_pitch"
	if o.Order != "" {
		want = strings.ReplaceAll(o.Order, ",", "_")
	}
	var names []string
	for _, v := range m.Graph.Output {
		names = append(names, v.GetName())
	}
	wantNames := []string{want, "rear_pose", "front_pose", "source"}[:len(names)]
	if !slices.Equal(names, wantNames) || len(names) != 1+len(o.Expose) || len(m.Graph.Input) != 1 || m.Graph.Input[0].GetName() != "input" {
		t.Fatalf("input %v, outputs %v, want %v", m.Graph.Input, names, wantNames)
	}
	limit := 75.0
	if o.Gate == fuse.Published {
		limit = 90
	}
	n := int(all.Dims[0])
	whole := runPart(t, m, map[string]*onnxpb.Array{"input": all})
	pose, frontPose, rearPose := floatsOf(t, whole[want]), floatsOf(t, whole["front_pose"]), floatsOf(t, whole["rear_pose"])
	yaw := slices.Index(columns, "yaw")
	answered := map[int64]int{}
	for i := range n {
		image := map[string]*onnxpb.Array{"image": rowOf(all, i)}
		for _, side := range []struct {
			kind  string
			model *onnxpb.ModelProto
			order []string
			inner []float32
		}{{front, f, frontOrder, frontPose}, {rear, r, rearOrder, rearPose}} {
			out := runPartAt(t, side.model, "basic", image)
			angles := oraclePose(t, side.kind, side.order, o.Circular, out)
			for c, a := range columns {
				if d := circleDistance(float64(side.inner[3*i+c]), angles[a]); !(d < 2e-3) {
					t.Errorf("image %d: the %s's %s is %v, want %v", i, side.kind, a, side.inner[3*i+c], angles[a])
				}
			}
		}
		chosen, source := oracleGate(o.Gate, [3]float32(frontPose[3*i:]), [3]float32(rearPose[3*i:]), yaw, limit)
		for c := range 3 {
			if !same(pose[3*i+c], chosen[c]) {
				t.Errorf("image %d: pose %v, want %v", i, pose[3*i:3*i+3], chosen)
				break
			}
		}
		if o.Gate != fuse.Published {
			got := whole["source"].Data.([]int64)[i]
			answered[got]++
			if got != source {
				t.Errorf("image %d: source %d, want %d", i, got, source)
			}
		}
	}
	// A model that only knows -90..90 never sends a head to the rear past the limit by much, but all kinds reach both sides.
	if o.Gate == fuse.Select && (answered[0] == 0 || answered[1] == 0) {
		t.Errorf("only one side answers: %v", answered)
	}
	for _, batch := range []int64{1, 2, 7} {
		got := runPartAt(t, m, "all", map[string]*onnxpb.Array{"input": firstRows(all, batch)})[want]
		for i, x := range floatsOf(t, got) {
			if math.Abs(float64(x-pose[i])) > 1e-3 {
				t.Errorf("batch %d: element %d is %v, want %v", batch, i, x, pose[i])
			}
		}
	}
}

// TestDMHeadMetadata: what verify reads is there, and names tensors that the model has, with their types; nothing but the pose is an output.
func TestDMHeadMetadata(t *testing.T) {
	m, report, err := fuse.DMHead(fuse.Input{Model: headModel(anglesKind, 1, 13)}, fuse.Input{Model: headModel(binsKind, 2, 13)},
		fuse.DMHeadOptions{FrontOrder: "yaw,roll,pitch", Batch: onnxpb.Number(4), Limit: 60, InputName: "image", OutputName: "pose"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range m.MetadataProps {
		got[e.GetKey()] = e.GetValue()
	}
	for k, want := range map[string]string{fuse.MetadataGate: "select", fuse.MetadataLimit: "60", fuse.MetadataOrder: "yaw,roll,pitch"} {
		if got[k] != want {
			t.Errorf("%s is %q, want %q", k, got[k], want)
		}
	}
	declared := map[string]string{}
	for _, v := range m.Graph.ValueInfo {
		dims, _ := v.Shape()
		declared[v.GetName()] = onnxpb.TypeName(v.ElemType()) + " " + onnxpb.FormatShape(dims)
	}
	for _, k := range []string{fuse.MetadataFrontPose, fuse.MetadataRearPose} {
		if declared[got[k]] != "float32 [4,3]" {
			t.Errorf("%s: %q is declared as %q", k, got[k], declared[got[k]])
		}
	}
	if len(m.Graph.Output) != 1 || m.Graph.Output[0].GetName() != "pose" || m.Graph.Input[0].GetName() != "image" {
		t.Errorf("input %v, outputs %v", m.Graph.Input, m.Graph.Output)
	}
	if dims, _ := m.Graph.Input[0].Shape(); onnxpb.FormatShape(dims) != "[4,3,4,4]" {
		t.Errorf("input %s", onnxpb.FormatShape(dims))
	}
	if len(report.Changes) == 0 || report.Edit != "dmhead" {
		t.Errorf("report %+v", report)
	}
	again, _, err := fuse.DMHead(fuse.Input{Model: headModel(anglesKind, 1, 13)}, fuse.Input{Model: headModel(binsKind, 2, 13)},
		fuse.DMHeadOptions{FrontOrder: "yaw,roll,pitch", Batch: onnxpb.Number(4), Limit: 60, InputName: "image", OutputName: "pose"})
	if err != nil {
		t.Fatal(err)
	}
	a, _ := onnxpb.Marshal(m)
	b, _ := onnxpb.Marshal(again)
	if !bytes.Equal(a, b) {
		t.Error("not the same bytes twice")
	}
}

// TestDMHeadNorm: the normalisation of a side comes before its model alone.
func TestDMHeadNorm(t *testing.T) {
	imagenet := fuse.ImageNet(1.0 / 255)
	other := fuse.Norm{Mean: []float64{127.5}, Std: []float64{128}}
	pixels := images(9)
	for i, v := range pixels.Data.([]float32) {
		pixels.Data.([]float32)[i] = float32(math.Round(float64(127 + 60*v)))
	}
	for name, o := range map[string]fuse.DMHeadOptions{
		"front": {FrontNorm: &imagenet}, "rear": {RearNorm: &other}, "both": {FrontNorm: &imagenet, RearNorm: &other}, "neither": {},
	} {
		o.Expose = []string{"front", "rear"}
		f, r := headModel(sixKind, 3, 13), headModel(rotationKind, 4, 13)
		m, _, err := fuse.DMHead(fuse.Input{Model: f}, fuse.Input{Model: r}, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range opset.Check(m, opset.CheckOptions{}) {
			t.Fatalf("%s: %s", name, fault)
		}
		out := runPart(t, m, map[string]*onnxpb.Array{"input": pixels})
		for i := range 9 {
			for _, side := range []struct {
				kind, pose string
				model      *onnxpb.ModelProto
				norm       *fuse.Norm
			}{{sixKind, "front_pose", f, o.FrontNorm}, {rotationKind, "rear_pose", r, o.RearNorm}} {
				image := rowOf(pixels, i)
				if side.norm != nil {
					image = normalized(image, *side.norm)
				}
				want := oraclePose(t, side.kind, nil, false, runPartAt(t, side.model, "basic", map[string]*onnxpb.Array{"image": image}))
				for c, a := range []string{"yaw", "roll", "pitch"} {
					if got := floatsOf(t, out[side.pose])[3*i+c]; circleDistance(float64(got), want[a]) > 2e-3 {
						t.Errorf("%s: image %d: %s %s is %v, want %v", name, i, side.pose, a, got, want[a])
					}
				}
			}
		}
	}
}

// normalized is (x*scale - mean)/std of an image [1,3,H,W].
func normalized(a *onnxpb.Array, n fuse.Norm) *onnxpb.Array {
	v := slices.Clone(a.Data.([]float32))
	scale := n.Scale
	if scale == 0 {
		scale = 1
	}
	for i := range v {
		c := i / (len(v) / 3)
		mean, std := n.Mean[c%len(n.Mean)], n.Std[c%len(n.Std)]
		v[i] = float32((float64(v[i])*scale - mean) / std)
	}
	return onnxpb.ArrayOf(a.Dims, v)
}

// TestDMHeadNames: models whose inner names are those that the result uses still join.
func TestDMHeadNames(t *testing.T) {
	clash := func(seed uint64) *onnxpb.ModelProto {
		m := headModel(rotationKind, seed, 13)
		names := map[string]string{"pooled": "front_pose", "colour": "yaw_roll_pitch", "nine": "gate/is_front", "flat_shape": "rear_pose", "rotation": "source", "image": "x", "bias_nine": "input"}
		for _, n := range m.Graph.Node {
			for _, list := range [][]string{n.Input, n.Output} {
				for i, s := range list {
					if to, ok := names[s]; ok {
						list[i] = to
					}
				}
			}
		}
		for _, x := range m.Graph.Initializer {
			if to, ok := names[x.GetName()]; ok {
				x.Name = &to
			}
		}
		for _, v := range append(m.Graph.Input, m.Graph.Output...) {
			to := names[v.GetName()]
			v.Name = &to
		}
		return m
	}
	m, _, err := fuse.DMHead(fuse.Input{Model: clash(1)}, fuse.Input{Model: clash(2)}, fuse.DMHeadOptions{Expose: []string{"front", "rear", "source"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range opset.Check(m, opset.CheckOptions{}) {
		t.Error(f)
	}
	out := runPart(t, m, map[string]*onnxpb.Array{"input": images(3)})
	for _, name := range []string{"yaw_roll_pitch", "front_pose", "rear_pose", "source"} {
		if out[name] == nil {
			t.Errorf("no output %s", name)
		}
	}
}

// TestDMHeadRefuses: what does not fit is told with the models and what to do.
func TestDMHeadRefuses(t *testing.T) {
	edit := func(m *onnxpb.ModelProto, fn func(*onnxpb.ModelProto)) *onnxpb.ModelProto { fn(m); return m }
	good := func() *onnxpb.ModelProto { return headModel(rotationKind, 1, 13) }
	for _, c := range []struct {
		name        string
		front, rear *onnxpb.ModelProto
		o           fuse.DMHeadOptions
		kind        onnxpb.Kind
		says        []string
	}{
		{"opsets", headModel(sixKind, 1, 11), good(), fuse.DMHeadOptions{}, onnxpb.Unfit, []string{"front", "opset 11", "opset 13"}},
		{"old opset", headModel(sixKind, 1, 8), headModel(sixKind, 1, 8), fuse.DMHeadOptions{}, onnxpb.Unfit, []string{"opset 8"}},
		{"no order", good(), headModel(anglesKind, 1, 13), fuse.DMHeadOptions{}, onnxpb.Unfit, []string{"rear", "--rear-order"}},
		{"no pose", edit(good(), func(m *onnxpb.ModelProto) { onnxpb.Number(4).Set(m.Graph.Output[0].ShapeProto().Dim[2]) }), good(), fuse.DMHeadOptions{}, onnxpb.Unfit, []string{"front", "no output is a head pose"}},
		{"types", edit(good(), func(m *onnxpb.ModelProto) {
			m.Graph.Input[0] = onnxpb.TensorValue("image", onnxpb.TensorProto_DOUBLE, onnxpb.Numbers(1, 3, 4, 4))
		}), good(), fuse.DMHeadOptions{}, onnxpb.Unfit, []string{"float64", "float32"}},
		{"shapes", edit(good(), func(m *onnxpb.ModelProto) { onnxpb.Number(8).Set(m.Graph.Input[0].ShapeProto().Dim[3]) }), good(), fuse.DMHeadOptions{}, onnxpb.Unfit, []string{"[N,3,4,8]", "[N,3,4,4]"}},
		{"gate", good(), good(), fuse.DMHeadOptions{Gate: "mean"}, onnxpb.Usage, []string{"select"}},
		{"limit", good(), good(), fuse.DMHeadOptions{Limit: -5}, onnxpb.Usage, []string{"-5"}},
		{"expose", good(), good(), fuse.DMHeadOptions{Expose: []string{"middle"}}, onnxpb.Usage, []string{"middle"}},
		{"expose twice", good(), good(), fuse.DMHeadOptions{Expose: []string{"front", "front"}}, onnxpb.Usage, []string{"front"}},
		{"order", good(), good(), fuse.DMHeadOptions{Order: "yaw"}, onnxpb.Usage, []string{"yaw"}},
		{"source of published", good(), good(), fuse.DMHeadOptions{Gate: "published", Expose: []string{"source"}}, onnxpb.Usage, []string{"published"}},
		{"norm", good(), good(), fuse.DMHeadOptions{FrontNorm: &fuse.Norm{Mean: []float64{1, 2}}}, onnxpb.Usage, []string{"mean", "2"}},
		{"no graph", &onnxpb.ModelProto{}, good(), fuse.DMHeadOptions{}, onnxpb.Unfit, []string{"front", "graph"}},
	} {
		m, r, err := fuse.DMHead(fuse.Input{Name: "front", Model: c.front}, fuse.Input{Name: "rear", Model: c.rear}, c.o)
		if err == nil || m != nil || r != nil {
			t.Errorf("%s: accepted", c.name)
			continue
		}
		if onnxpb.KindOf(err) != c.kind {
			t.Errorf("%s: kind %v, want %v: %v", c.name, onnxpb.KindOf(err), c.kind, err)
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %v; want %q", c.name, err, s)
			}
		}
	}
}

func ExampleDMHead() {
	front, rear := headModel(sixKind, 1, 13), headModel(binsKind, 2, 13)
	m, _, err := fuse.DMHead(fuse.Input{Name: "front", Model: front}, fuse.Input{Name: "rear", Model: rear}, fuse.DMHeadOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, v := range append(m.Graph.Input, m.Graph.Output...) {
		dims, _ := v.Shape()
		fmt.Println(v.GetName(), onnxpb.FormatShape(dims))
	}
	// Output:
	// input [N,3,4,4]
	// yaw_roll_pitch [N,3]
}
