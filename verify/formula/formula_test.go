package formula

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

func eval(t *testing.T, text string, values map[string]*onnxpb.Array) (*Tensor, error) {
	t.Helper()
	f, err := Parse("model a \"a.onnx\"\nmodel b \"b.onnx\" x=image, y=image\n" + text)
	if err != nil {
		return nil, err
	}
	out, err := f.Eval(func(model, name string) (*onnxpb.Array, error) {
		if v := values[model+"."+name]; v != nil {
			return v, nil
		}
		return nil, fmt.Errorf("model %s has no output %s", model, name)
	})
	return out["y"], err
}

func TestEval(t *testing.T) {
	m := onnxpb.ArrayOf([]int64{2, 3}, []float32{1, 2, 3, 4, 5, 6})
	v := onnxpb.ArrayOf([]int64{3}, []float64{10, 20, 30})
	values := map[string]*onnxpb.Array{"a.m": m, "a.v": v, "b.deep/name:0": v, "input.image": m, "a.flags": onnxpb.ArrayOf([]int64{2, 1}, []bool{true, false})}
	for text, want := range map[string]string{
		"1 + 2 * 3":                                 "[] [7]",
		"-2 ** 2":                                   "[] [-4]",
		"2 ** 3 ** 2":                               "[] [512]",
		"(1 + 2) * 3 - 4 / 8":                       "[] [8.5]",
		"1 < 2 and not 3 <= 2 or 0":                 "[] [1]",
		"a.m + a.v":                                 "[2 3] [11 22 33 14 25 36]",
		"b[\"deep/name:0\"][1:]":                    "[2] [20 30]",
		"a.m[:, -1]":                                "[2] [3 6]",
		"a.m[1]":                                    "[3] [4 5 6]",
		"a.m[:, 0:3:2]":                             "[2 2] [1 3 4 6]",
		"sum(a.m, 0)":                               "[3] [5 7 9]",
		"sum(a.m, -1, 1)":                           "[2 1] [6 15]",
		"mean(a.m, 1)":                              "[2] [2 5]",
		"largest(a.m, 0) - smallest(a.m, 0)":        "[3] [3 3 3]",
		"argmax(a.m * -1, 1)":                       "[2] [0 0]",
		"where(a.flags, a.m, a.v)":                  "[2 3] [1 2 3 10 20 30]",
		"where(a.m > 3, 0, a.m)":                    "[2 3] [1 2 3 0 0 0]",
		"concat(0, a.m, a.m[0:1])":                  "[3 3] [1 2 3 4 5 6 1 2 3]",
		"concat(1, a.m[:,0:1], a.m)":                "[2 4] [1 1 2 3 4 4 5 6]",
		"reshape(a.m, 3, -1)":                       "[3 2] [1 2 3 4 5 6]",
		"transpose(a.m)":                            "[3 2] [1 4 2 5 3 6]",
		"transpose(reshape(a.m, 1, 2, 3), 2, 0, 1)": "[3 1 2] [1 4 2 5 3 6]",
		"matmul(a.m, reshape(a.v, 3, 1))":           "[2 1] [140 320]",
		"matmul(reshape(a.m, 2, 1, 3), transpose(a.m))": "[2 1 2] [14 32 32 77]",
		"range(-1, 3)":                        "[4] [-1 0 1 2]",
		"clip(a.m, 2, 4)":                     "[2 3] [2 2 3 4 4 4]",
		"max(a.m, 3, a.v / 10)":               "[2 3] [3 3 3 4 5 6]",
		"round(2.5) + floor(-0.5) + sign(-3)": "[] [0]",
		"input.image[0]":                      "[3] [1 2 3]",
		"float32(0.1)":                        "[] [0.10000000149011612]",
		"1e3 + .5 # a comment":                "[] [1000.5]",
		"isnan(0/0)":                          "[] [1]",
	} {
		got, err := eval(t, "output y = "+text, values)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if s := fmt.Sprint(got.Dims, " ", got.Data); s != want {
			t.Errorf("%s is %s, want %s", text, s, want)
		}
	}
	got, err := eval(t, "s = softmax(a.m, 1)\noutput y = sum(s * range(0, 3), 1)", values)
	if err != nil {
		t.Fatal(err)
	}
	e := math.E
	want := (e + 2*e*e) / (1 + e + e*e)
	if len(got.Data) != 2 || math.Abs(got.Data[0]-want) > 1e-15 || math.Abs(got.Data[1]-want) > 1e-15 {
		t.Errorf("%v, want %v", got.Data, want)
	}
}

func TestErrors(t *testing.T) {
	m := onnxpb.ArrayOf([]int64{2, 3}, []float32{1, 2, 3, 4, 5, 6})
	for text, why := range map[string]string{
		"":                                                "no output",
		"output y = ":                                     "ends where",
		"output y = 1 +":                                  "ends where",
		"output y = (1":                                   ") is missing",
		"output y = 1 2":                                  "where the expression has ended",
		"output y = nothing":                              "stands for nothing",
		"output y = abs(1, 2)":                            "is written abs(x)",
		"output y = sofmax(a.m, 1)":                       "did you mean softmax?",
		"output y = a":                                    "is a model",
		"output y = a.m[":                                 "is empty",
		"output y = a.m[1:2:0]":                           "steps are 1 or more",
		"output y = $":                                    "no meaning",
		"output y = \"x":                                  "not closed",
		"output y = 1\noutput y = 2":                      "given twice",
		"abs = 1\noutput y = 1":                           "a meaning already",
		"model a \"again.onnx\"\noutput y = 1":            "a meaning already",
		"model c\noutput y = 1":                           "is missing",
		"model c \"c.onnx\" x\noutput y=1":                "pairs",
		"output y = a.m + a.m[:, 0:2]":                    "do not fit",
		"output y = a.m[5]":                               "asks for more",
		"output y = a.m[0,0,0]":                           "names 3 axes",
		"output y = sum(a.m, 7)":                          "no such axis",
		"output y = reshape(a.m, 4, -1)":                  "cannot be made",
		"output y = range(0, 1e12)":                       "more than",
		"output y = concat(0, a.m, 1)":                    "do not fit",
		"output y = matmul(a.m, a.m)":                     "cannot be multiplied",
		"output y = sum(a.m[0:0], 0)":                     "is empty",
		"output y = a.missing":                            "no output missing",
		"output y = " + strings.Repeat("(", 100000) + "1": "too deep",
		"output y = " + strings.Repeat("-", 100000) + "1": "too deep",
	} {
		if _, err := eval(t, text, map[string]*onnxpb.Array{"a.m": m}); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%.60q: %v, want %q", text, err, why)
		}
	}
}

func TestModels(t *testing.T) {
	f, err := Parse("model a \"dir/a b.onnx\" x=image, \"y:0\"=other\nz = a.p + a[\"q r\"]\noutput out = z * a.p\noutput \"o:1\" = 1\n")
	if err != nil {
		t.Fatal(err)
	}
	if m := f.Models[0]; m.Path != "dir/a b.onnx" || m.Inputs["x"] != "image" || m.Inputs["y:0"] != "other" {
		t.Errorf("%+v", m)
	}
	if u := f.Uses("a"); len(u) != 2 || u[0] != "p" || u[1] != "q r" {
		t.Errorf("uses %v", u)
	}
	if len(f.Outputs) != 2 || f.Outputs[1].Name != "o:1" {
		t.Errorf("%+v", f.Outputs)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"model a \"a\"\noutput y = a.b[0:1] + softmax(a.b, -1)", "x = 1\noutput y = where(x<2, x**2, -x)", "output y = concat(0, range(0,3), range(1,2))", "output \"a\" = 1e5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse(text)
		if err != nil {
			return
		}
		file.Eval(func(string, string) (*onnxpb.Array, error) {
			return onnxpb.ArrayOf([]int64{2, 2}, []float32{1, 2, 3, 4}), nil
		})
	})
}
