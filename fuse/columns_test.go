package fuse_test

import (
	"testing"

	"onnxtool/fuse"
	"onnxtool/onnxpb"
)

// TestReorder picks, orders, repeats and turns columns, exactly.
func TestReorder(t *testing.T) {
	in := [][3]float32{{1, 2, 3}, {-4, 0.1, 1e30}, {nan, inf, 5}}
	for _, c := range []struct {
		to   []string
		at   []int
		sign []float32
	}{
		{[]string{"yaw", "roll", "pitch"}, []int{0, 2, 1}, []float32{1, 1, 1}},
		{[]string{"-pitch", "yaw", "roll"}, []int{1, 0, 2}, []float32{-1, 1, 1}},
		{[]string{"roll"}, []int{2}, []float32{1}},
		{[]string{"yaw", "-yaw", "yaw", "yaw"}, []int{0, 0, 0, 0}, []float32{1, -1, 1, 1}},
	} {
		for _, op := range partOpsets {
			m, err := fuse.Reorder([]string{"yaw", "pitch", "roll"}, c.to, fuse.PartOptions{Opset: op})
			if err != nil {
				t.Fatal(err)
			}
			v := floatsOf(t, runPart(t, m, map[string]*onnxpb.Array{"pose": rows(in)})["reordered"])
			for i, row := range in {
				for k, at := range c.at {
					if got, want := v[i*len(c.at)+k], row[at]*c.sign[k]; !same(got, want) {
						t.Errorf("%v, opset %d: row %d column %d is %v, want %v", c.to, op, i, k, got, want)
					}
				}
			}
		}
	}
}

// TestNormalize holds the normalisation to float32 arithmetic to the bit, for both layouts and any subset of its steps.
func TestNormalize(t *testing.T) {
	three, free := onnxpb.Number(3), onnxpb.Symbol("H")
	for _, c := range []struct {
		norm  fuse.Norm
		shape []onnxpb.Dim
		axis  int
		nodes int
	}{
		{fuse.ImageNet(1), nil, 0, 2},
		{fuse.ImageNet(1.0 / 255), nil, 1, 3},
		{fuse.ImageNet(1), []onnxpb.Dim{free, onnxpb.Symbol("W"), three}, 3, 2},
		{fuse.Norm{Mean: []float64{127.5}, Std: []float64{128}}, []onnxpb.Dim{three, free, free}, 0, 2},
		{fuse.Norm{Mean: []float64{1}}, nil, 0, 1},
		{fuse.Norm{Scale: 2}, []onnxpb.Dim{onnxpb.Symbol("C")}, 0, 1},
		{fuse.Norm{Std: []float64{1, 2, 3}}, nil, 0, 1},
		{fuse.Norm{}, nil, 0, 1},
	} {
		m, err := fuse.Normalize(c.norm, c.shape, c.axis, fuse.PartOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Graph.Node) != c.nodes {
			t.Errorf("%+v: %d nodes, want %d", c.norm, len(m.Graph.Node), c.nodes)
		}
		inputs := partInputs(m, 2)
		image := inputs["image"]
		got := floatsOf(t, runPart(t, m, inputs)["normalized"])
		axis := max(c.axis, 1)
		inner := 1
		for _, d := range image.Dims[axis+1:] {
			inner *= int(d)
		}
		pick := func(list []float64, none float64, channel int) float32 {
			switch len(list) {
			case 0:
				return float32(none)
			case 1:
				return float32(list[0])
			}
			return float32(list[channel])
		}
		for i, x := range floatsOf(t, image) {
			channel := i / inner % int(image.Dims[axis])
			if c.norm.Scale != 0 {
				x *= float32(c.norm.Scale)
			}
			x -= pick(c.norm.Mean, 0, channel)
			x /= pick(c.norm.Std, 1, channel)
			if got[i] != x {
				t.Fatalf("%+v, axis %d: element %d is %v, want %v", c.norm, axis, i, got[i], x)
			}
		}
	}
}

// TestParseNorm reads what the command line writes.
func TestParseNorm(t *testing.T) {
	for s, want := range map[string]fuse.Norm{
		"imagenet":             fuse.ImageNet(1),
		"imagenet255":          fuse.ImageNet(1.0 / 255),
		"mean=127.5;std=128":   {Mean: []float64{127.5}, Std: []float64{128}},
		"scale=1/255":          {Scale: 1.0 / 255},
		"mean=1,2,3;scale=0.5": {Mean: []float64{1, 2, 3}, Scale: 0.5},
	} {
		got, err := fuse.ParseNorm(s)
		if err != nil || len(got.Mean) != len(want.Mean) || len(got.Std) != len(want.Std) || got.Scale != want.Scale {
			t.Errorf("%s: %+v, %v", s, got, err)
			continue
		}
		for i := range want.Mean {
			if got.Mean[i] != want.Mean[i] {
				t.Errorf("%s: %+v", s, got)
			}
		}
	}
}
