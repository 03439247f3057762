package verify

import (
	"reflect"
	"testing"

	"onnxtool/onnxpb"
)

func TestDimChoices(t *testing.T) {
	type choices = []map[string]int64
	file := map[string]*onnxpb.Value{"x": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{1, 5}, make([]float32, 5)))}
	for _, c := range []struct {
		what     string
		ref, got []string
		dims     map[string]int64
		given    map[string]*onnxpb.Value
		want     choices
	}{
		{"nothing is free", []string{"x:float32:[1,3]"}, []string{"x:float32:[1,3]"}, nil, nil, choices{{}}},
		{"the batch is free", []string{"x:float32:[N,3]"}, []string{"x:float32:[N,3]"}, nil, nil, choices{{}}},
		{"one", []string{"x:float32:[N,L]"}, []string{"x:float32:[N,L]"}, nil, nil, choices{{"L": 1}, {"L": 2}, {"L": 7}}},
		{"two are not mistaken for each other", []string{"x:float32:[N,3,H,W]"}, []string{"x:float32:[N,3,H,W]"}, nil, nil,
			choices{{"H": 1, "W": 1}, {"H": 2, "W": 2}, {"H": 7, "W": 11}}},
		{"what is given stays", []string{"x:float32:[N,3,H,W]"}, []string{"x:float32:[N,3,H,W]"}, map[string]int64{"H": 8}, nil,
			choices{{"H": 8, "W": 1}, {"H": 8, "W": 2}, {"H": 8, "W": 7}}},
		{"without a name", []string{"x:float32:[N,?]"}, []string{"x:float32:[N,?]"}, nil, nil, choices{{"x[1]": 1}, {"x[1]": 2}, {"x[1]": 7}}},
		{"the other model tells", []string{"x:float32:[N,L]"}, []string{"x:float32:[N,4]"}, nil, nil, choices{{}}},
		{"a file tells", []string{"x:float32:[N,L]", "y:float32:[N,L]"}, []string{"x:float32:[N,L]", "y:float32:[N,L]"}, nil, file, choices{{}}},
		{"a symbol in two places", []string{"x:float32:[N,L]", "y:float32:[N,2,L]"}, []string{"x:float32:[N,L]", "y:float32:[N,2,L]"}, nil, nil,
			choices{{"L": 1}, {"L": 2}, {"L": 7}}},
		{"the other model holds two for the same", []string{"x:float32:[N,A,B]"}, []string{"x:float32:[N,M,M]"}, nil, nil, choices{{"A": 1}, {"A": 2}, {"A": 7}}},
		{"the batch stands elsewhere too", []string{"x:float32:[N,3]", "y:float32:[3,N]"}, []string{"x:float32:[N,3]", "y:float32:[3,N]"}, nil, nil, choices{{}}},
	} {
		pairs := portsOf(t, c.ref, c.got)
		got, err := dimChoices(pairs, c.dims, c.given)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
		// Each of them can be planned, for every batch; without them it is an error, where there is more than one.
		for _, dims := range got {
			p, err := newPlan(pairs, dims, c.given)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := p.shapes(1); err != nil {
				t.Errorf("%s: %v: %v", c.what, dims, err)
			}
		}
		if p, err := newPlan(pairs, c.dims, c.given); err != nil {
			t.Error(err)
		} else if _, err := p.shapes(1); (err != nil) != (len(got) > 1) {
			t.Errorf("%s: without a choice the error is %v", c.what, err)
		}
	}
	_, err := dimChoices(portsOf(t, []string{"x:float32:"}, []string{"x:float32:"}), nil, nil)
	mustFail(t, err, onnxpb.Unfit, "neither model declares the shape")
	_, err = dimChoices(portsOf(t, []string{"x:float32:[N,L]"}, []string{"x:float32:[N,L]"}), map[string]int64{"Q": 1}, nil)
	mustFail(t, err, onnxpb.Unfit, "no such free dimension")
}

func TestDimChoicesOfModels(t *testing.T) {
	a := declare(t, "a", []string{"x:float32:[N,L]"}, []string{"y:float32:[N,L]"})
	b := declare(t, "a", []string{"z:float32:[N,K]"}, []string{"y:float32:[N,K]"})
	got, err := DimChoices(a.Model, b.Model, Options{Map: []Pair{{"x", "z"}}})
	if err != nil || !reflect.DeepEqual(got, []map[string]int64{{"L": 1}, {"L": 2}, {"L": 7}}) {
		t.Errorf("%v, %v", got, err)
	}
	// Each choice is one for Options.
	var shapes []string
	e := fakeEngine{"a": func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		for _, v := range in {
			shapes = append(shapes, shapeText(v.Dims))
			return map[string]*onnxpb.Array{"y": v}
		}
		return nil
	}}
	for _, dims := range got {
		compareAll(t, e, a, b, Options{Map: []Pair{{"x", "z"}}, Dims: dims, Batches: []int64{3}})
	}
	if want := []string{"[3,1]", "[3,1]", "[3,2]", "[3,2]", "[3,7]", "[3,7]"}; !reflect.DeepEqual(shapes, want) {
		t.Errorf("run at %v, want %v", shapes, want)
	}
	// Axes that stand in another order are held to their counterparts.
	nchw, nhwc := declare(t, "a", []string{"x:float32:[N,3,H,W]"}, []string{"y:float32:[N]"}), declare(t, "a", []string{"x:float32:[N,8,W,3]"}, []string{"y:float32:[N]"})
	got, err = DimChoices(nchw.Model, nhwc.Model, Options{Layouts: []Layout{{Name: "x", Perm: []int{0, 2, 3, 1}}}})
	if err != nil || len(got) != 3 || !reflect.DeepEqual(got[2], map[string]int64{"W": 7}) {
		t.Errorf("%v, %v", got, err)
	}
	_, err = DimChoices(a.Model, declare(t, "a", []string{"z:float32:[2]", "w:float32:[2]"}, []string{"y:float32:[2]"}).Model, Options{})
	mustFail(t, err, onnxpb.Unfit, "no counterpart")
}

func TestPrimesFrom7(t *testing.T) {
	for i, want := range []int64{7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53} {
		if got := primeFrom7(i); got != want {
			t.Errorf("prime %d is %d, want %d", i, got, want)
		}
	}
	if got := primeFrom7(14); got != 61 {
		t.Errorf("prime 14 is %d, want 61 (49 = 7·7 is none)", got)
	}
}
