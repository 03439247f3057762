package verify

import (
	"encoding/json"
	"maps"
	"math"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

func TestHeadHolds(t *testing.T) {
	r := goodHead().verify(t, fullMeta, headOptions())
	if !r.Holds || !r.Near || r.Exact != ExactProven || !r.Coverage.Covered || r.FailureCount != 0 {
		t.Fatalf("%s", textOf(r))
	}
	if len(r.Batches) != 3 || r.Batches[2].Batch != 7 || r.Batches[2].Rows != DefaultHeadSamples || r.Batches[0].Front == 0 || r.Batches[0].Rear == 0 || r.Batches[0].Both != 0 {
		t.Errorf("%+v", r.Batches)
	}
	j := r.Coverage.Judges[0]
	if j.Below > 1e-4 || j.Above > 1e-4 || j.NegativeBelow > 1e-4 || j.NegativeAbove > 1e-4 || j.Near < 8 || j.Min > -120 || j.Max < 120 {
		t.Errorf("the search came no nearer than %+v", j)
	}
	if b := r.Batches[0]; b.Ambiguous < 4 || b.Ambiguous > 8 {
		t.Errorf("%d rows are ambiguous", b.Ambiguous)
	}
}

// TestHeadFaultsAreSeen breaks the fused model in one place each.
func TestHeadFaultsAreSeen(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(h *fakeHead)
		meta    map[string]string // changed entries
		options func(o *HeadOptions)
		near    bool   // whether the rows are near all the same
		says    string // in the text of the report
	}{
		{name: "another limit", change: func(h *fakeHead) {
			h.fuse = func(f, r [3]float32) [3]float32 {
				if float32Abs(r[0]) <= 70 {
					return f
				}
				return r
			}
		}, says: "exact: failed"},
		{name: "a limit that is off by less than the tolerance", change: func(h *fakeHead) {
			h.fuse = func(f, r [3]float32) [3]float32 {
				if float32Abs(r[0]) <= 75.0002 {
					return f
				}
				return r
			}
		}, near: true, says: "own judge chooses"},
		{name: "no abs", change: func(h *fakeHead) {
			h.fuse = func(f, r [3]float32) [3]float32 {
				if r[0] <= 75 {
					return f
				}
				return r
			}
		}},
		{name: "the other way round", change: func(h *fakeHead) {
			h.fuse = func(f, r [3]float32) [3]float32 {
				if float32Abs(r[0]) <= 75 {
					return r
				}
				return f
			}
		}},
		{name: "judged by the front", change: func(h *fakeHead) {
			h.fuse = func(f, r [3]float32) [3]float32 {
				if float32Abs(f[0]) <= 75 {
					return f
				}
				return r
			}
		}},
		{name: "roll and pitch swapped", change: func(h *fakeHead) {
			good := h.fuse
			h.fuse = func(f, r [3]float32) [3]float32 { p := good(f, r); return [3]float32{p[0], p[2], p[1]} }
		}},
		{name: "roll and pitch of the rear swapped", change: func(h *fakeHead) {
			good := h.fuse
			h.fuse = func(f, r [3]float32) [3]float32 { return good(f, [3]float32{r[0], r[2], r[1]}) }
		}},
		{name: "masks by products, and a front that gives NaN for some rear heads", change: func(h *fakeHead) {
			front := h.front
			h.front = func(x []float32) (y, r, p float32) {
				y, r, p = front(x)
				if x[0] > 100 {
					p = float32(math.NaN())
				}
				return y, r, p
			}
			h.fuse = func(f, r [3]float32) (out [3]float32) {
				var m float32
				if float32Abs(r[0]) <= 75 {
					m = 1
				}
				for i := range out {
					out[i] = f[i]*m + r[i]*(1-m)
				}
				return out
			}
		}, says: "NaN"},
		{name: "another normalisation", change: func(h *fakeHead) {
			h.norm = func(x []float32) []float32 { return []float32{x[0], x[1] - 0.485, x[2]} }
		}, says: "inner front pose"},
		{name: "a normalisation left out", change: func(h *fakeHead) {}, options: func(o *HeadOptions) {
			o.FrontNorm = &Norm{Mean: []float64{0.485, 0.456, 0.406}, Std: []float64{0.229, 0.224, 0.225}}
		}},
		{name: "a little off", change: func(h *fakeHead) {
			good := h.fuse
			h.fuse = func(f, r [3]float32) [3]float32 {
				p := good(f, r)
				p[2] = math.Nextafter32(p[2], 1000)
				return p
			}
		}, near: true, says: "own judge chooses"},
		{name: "a whole turn off", change: func(h *fakeHead) {
			good := h.fuse
			h.fuse = func(f, r [3]float32) [3]float32 {
				p := good(f, r)
				if p[0] < -90 {
					p[0] += 360
				}
				return p
			}
		}},
		{name: "rows mixed", change: func(h *fakeHead) { h.mixes = true }},
		{name: "an output that changes when the inner poses are given out", change: func(h *fakeHead) { h.shy = true }, near: true, says: "changed when the inner poses"},
		{name: "metadata that names other tensors", change: func(h *fakeHead) {}, meta: map[string]string{metaFront: "inner_rear"}, near: true, says: "not those of the originals"},
		{name: "another order", change: func(h *fakeHead) {}, options: func(o *HeadOptions) { o.Order = "yaw,pitch,roll" }, says: "metadata says order yaw,roll,pitch"},
		{name: "held to another limit", change: func(h *fakeHead) {}, options: func(o *HeadOptions) { limit := 60.0; o.Limit = &limit }, says: "metadata says limit 75"},
		{name: "held to another gate", change: func(h *fakeHead) {}, options: func(o *HeadOptions) { o.Gate = GateSum }, says: "metadata says gate select"},
		{name: "the models exchanged in the metadata", change: func(h *fakeHead) {}, meta: map[string]string{metaFront: "inner_rear", metaRear: "inner_front"}, near: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := goodHead()
			c.change(&h)
			meta := maps.Clone(fullMeta)
			maps.Copy(meta, c.meta)
			o := headOptions()
			if c.options != nil {
				c.options(&o)
			}
			r := h.verify(t, meta, o)
			if r.Holds || r.Near != c.near || r.Exact != ExactFailed || r.FailureCount == 0 {
				t.Errorf("near %v, exact %s, holds %v:\n%s", r.Near, r.Exact, r.Holds, textOf(r))
			}
			if !strings.Contains(textOf(r), c.says) {
				t.Errorf("it does not say %q:\n%s", c.says, textOf(r))
			}
		})
	}
}

// TestHeadSum: the sum gate, with rows that both or neither answer.
func TestHeadSum(t *testing.T) {
	h := goodHead()
	h.fuse = func(f, r [3]float32) (out [3]float32) {
		for i := range out {
			var a, b float32
			if float32Abs(f[0]) <= 75 {
				a = f[i]
			}
			if !(float32Abs(r[0]) <= 75) {
				b = r[i]
			}
			out[i] = a + b
		}
		return out
	}
	meta := maps.Clone(fullMeta)
	meta[metaGate] = "sum"
	r := h.verify(t, meta, headOptions())
	if !r.Holds || !r.Coverage.Covered || len(r.Coverage.Judges) != 2 || r.Batches[0].Both == 0 {
		t.Errorf("%s", textOf(r))
	}
	if r := goodHead().verify(t, meta, headOptions()); r.Holds || r.Near {
		t.Error("a select gate was taken for a sum gate")
	}
}

// TestHeadPublished: the released arithmetic, written out once more.
func TestHeadPublished(t *testing.T) {
	h := goodHead()
	h.fuse = func(f, r [3]float32) (out [3]float32) {
		sf := max(-90, min(90, f[0]))
		var sr float32
		if r[0] > 90 || r[0] < -90 {
			sr = r[0]
		}
		out[0] = sf + sr
		for i := 1; i < 3; i++ {
			nf, nr := f[i]*sf, r[i]*sr
			df, dr := sf+1e-5, sr+1e-5
			qf, qr := nf/df, nr/dr
			out[i] = qr + qf
		}
		return out
	}
	meta := maps.Clone(fullMeta)
	meta[metaGate], meta[metaLimit] = "published", "90"
	r := h.verify(t, meta, headOptions())
	if !r.Holds || !r.Coverage.Covered || r.Limit != 90 {
		t.Errorf("%s", textOf(r))
	}
}

func TestHeadWithoutNames(t *testing.T) {
	h := goodHead()
	r := h.verify(t, nil, headOptions())
	if r.Holds || !r.Near || r.Exact != ExactNotProven || !strings.Contains(r.ExactWhy, "--front-pose") || r.Gate != GateSelect || r.Limit != 75 {
		t.Errorf("%s", textOf(r))
	}
	o := headOptions()
	o.Near = true
	if r = h.verify(t, nil, o); !r.Holds || r.Exact != ExactNotProven {
		t.Errorf("%s", textOf(r))
	}
	o.FrontPose, o.RearPose = "inner_front", "inner_rear"
	if r = h.verify(t, nil, o); !r.Holds || r.Exact != ExactProven {
		t.Errorf("%s", textOf(r))
	}
	// Near excuses what cannot be proven, not what was found to be wrong.
	good := h.fuse
	h.fuse = func(f, r [3]float32) [3]float32 { p := good(f, r); p[1] = math.Nextafter32(p[1], 99); return p }
	if r = h.verify(t, nil, o); r.Holds || !r.Near || r.Exact != ExactFailed {
		t.Errorf("%s", textOf(r))
	}
	e, s := h.engine(t, nil)
	o.FrontPose = "inner_frond"
	_, err := VerifyHead(e, s[0], s[1], s[2], o)
	mustFail(t, err, onnxpb.Unfit, `no tensor "inner_frond"`, "did you mean inner_front")
}

// TestHeadGateThatCannotBeCut: where the gate does not compute its answer of the two tensors alone that are said to be what it reads, images are all that is left,
// and they do not see a limit that is off by less than they come near it. So nothing is proven.
func TestHeadGateThatCannotBeCut(t *testing.T) {
	h := goodHead()
	h.whole = true
	r := h.verify(t, fullMeta, headOptions())
	if r.Holds || !r.Near || r.Exact != ExactNotProven || !strings.Contains(r.ExactWhy, "could not be cut out") {
		t.Errorf("%s", textOf(r))
	}
	o := headOptions()
	o.Near = true
	if r = h.verify(t, fullMeta, o); !r.Holds || r.Exact != ExactNotProven {
		t.Errorf("%s", textOf(r))
	}
}

// TestHeadCoverage: a rear model that never passes the limit, or passes it on one side only, leaves the gate uncovered.
func TestHeadCoverage(t *testing.T) {
	h := goodHead()
	h.rear = func(x []float32) (y, r, p float32) { return x[0] / 3, x[1], x[2] }
	r := h.verify(t, fullMeta, headOptions())
	if r.Coverage.Covered || !r.Holds || r.Coverage.Rear != 0 || !strings.Contains(textOf(r), "NOT COVERED") || !strings.Contains(textOf(r), "no image is answered by the rear model") {
		t.Errorf("%s", textOf(r))
	}
	o := headOptions()
	o.RequireCoverage = true
	if r = h.verify(t, fullMeta, o); r.Holds || !r.Near || r.Exact != ExactProven {
		t.Errorf("%s", textOf(r))
	}
	h.rear = func(x []float32) (y, r, p float32) { return x[0]/3 + 40, x[1], x[2] }
	r = h.verify(t, fullMeta, headOptions())
	if j := r.Coverage.Judges[0]; r.Coverage.Covered || j.Below > 1e-3 || j.Above > 1e-3 || !math.IsInf(float64(j.NegativeAbove), 1) || r.Coverage.Rear == 0 {
		t.Errorf("%s", textOf(r))
	}
	// A judge that jumps over the limit never comes near it.
	h.rear = func(x []float32) (y, r, p float32) {
		if x[0] > 20 {
			return 140, x[1], x[2]
		}
		return -20, x[1], x[2]
	}
	r = h.verify(t, fullMeta, headOptions())
	if j := r.Coverage.Judges[0]; r.Coverage.Covered || j.Near != 0 || r.Coverage.Rear == 0 || r.Coverage.Front == 0 || !r.Holds {
		t.Errorf("%s", textOf(r))
	}
	// NaN and infinities lead the search nowhere, and are the rear's.
	h.rear = func(x []float32) (y, r, p float32) {
		if x[1] > 0 {
			return float32(math.NaN()), x[1], x[2]
		}
		return x[0], x[1], x[2]
	}
	r = h.verify(t, fullMeta, headOptions())
	if !r.Holds || r.Coverage.Rear == 0 || !r.Coverage.Covered {
		t.Errorf("%s", textOf(r))
	}
}

func TestHeadImagesFromFiles(t *testing.T) {
	dir := t.TempDir()
	path := writeTensor(t, dir, "faces.pb", onnxpb.ArrayOf([]int64{2, 3}, []float32{10, 1, 1, 100, 2, 2}))
	o := headOptions()
	o.Files, o.Samples = []InputFile{{Path: path}}, 1
	r := goodHead().verify(t, fullMeta, o)
	if r.Images != 2 || !r.Holds || r.Coverage.Front != 1 || r.Coverage.Rear != 1 || r.Coverage.Covered {
		t.Errorf("%s", textOf(r))
	}
	o.Samples = 12
	if r = goodHead().verify(t, fullMeta, o); r.Images != 12 || !r.Coverage.Covered {
		t.Errorf("%s", textOf(r))
	}
	e, s := goodHead().engine(t, fullMeta)
	o.Files = []InputFile{{Path: writeTensor(t, dir, "wide.pb", onnxpb.ArrayOf([]int64{1, 4}, []float32{1, 2, 3, 4}))}}
	_, err := VerifyHead(e, s[0], s[1], s[2], o)
	mustFail(t, err, onnxpb.Unfit, "wide.pb", "no images of shape [1,3]")
}

func TestHeadUnfit(t *testing.T) {
	h := goodHead()
	for _, c := range []struct {
		name    string
		change  func(s *[3]Source, o *HeadOptions)
		kind    onnxpb.Kind
		message string
	}{
		{"two inputs", func(s *[3]Source, o *HeadOptions) {
			s[0] = declare(t, "fused", []string{"a:float32:[N,3]", "b:float32:[N,3]"}, []string{"y:float32:[N,3]"})
		}, onnxpb.Unfit, "has 2 inputs (a, b)"},
		{"no pose", func(s *[3]Source, o *HeadOptions) {
			s[0] = declare(t, "fused", []string{"image:float32:[N,3]"}, []string{"y:float32:[N,4]"})
		}, onnxpb.Unfit, "no output of shape [N,3]"},
		{"no such output", func(s *[3]Source, o *HeadOptions) { o.Output = "yaw_roll_pitsch" }, onnxpb.Unfit, "did you mean yaw_roll_pitch"},
		{"other images", func(s *[3]Source, o *HeadOptions) {
			s[1] = declare(t, "front", []string{"x:float32:[1,4]"}, []string{"pose:float32:[1,3]"})
		}, onnxpb.Unfit, "the front model takes images of shape [1,4]"},
		{"another rank", func(s *[3]Source, o *HeadOptions) {
			s[2] = declare(t, "rear", []string{"x:float32:[1,3,2]"}, []string{"pose:float32:[1,3]"})
		}, onnxpb.Unfit, "the rear model takes images of shape [1,3,2]"},
		{"another type", func(s *[3]Source, o *HeadOptions) {
			s[2] = declare(t, "rear", []string{"x:uint8:[1,3]"}, []string{"pose:float32:[1,3]"})
		}, onnxpb.Unfit, "the rear model uint8"},
		{"no head", func(s *[3]Source, o *HeadOptions) {
			s[2] = declare(t, "rear", []string{"x:float32:[1,3]"}, []string{"boxes:float32:[1,5]"})
		}, onnxpb.Unfit, "no output is a head pose"},
		{"free dimensions", func(s *[3]Source, o *HeadOptions) {
			for i, n := range []string{"fused", "front", "rear"} {
				in, out := "x:float32:[1,K]", "pose:float32:[1,3]"
				if i == 0 {
					in, out = "image:float32:[N,K]", "yaw_roll_pitch:float32:[N,3]"
				}
				s[i] = declare(t, n, []string{in}, []string{out})
			}
		}, onnxpb.Unfit, "--dims K="},
		{"fixed batch", func(s *[3]Source, o *HeadOptions) {
			s[0] = declare(t, "fused", []string{"image:float32:[2,3]"}, []string{"yaw_roll_pitch:float32:[2,3]"})
			o.Batches = []int64{1}
		}, onnxpb.Unfit, "fixed to 2"},
		{"batch 0", func(s *[3]Source, o *HeadOptions) { o.Batches = []int64{0} }, onnxpb.Usage, "1 or more"},
		{"no such gate", func(s *[3]Source, o *HeadOptions) { o.Gate = "blend" }, onnxpb.Usage, `no gate "blend"`},
		{"order unknown", func(s *[3]Source, o *HeadOptions) { o.FrontOrder = "" }, onnxpb.Unfit, "--front-order"},
		{"bad order", func(s *[3]Source, o *HeadOptions) { o.Order = "yaw,yaw,roll" }, onnxpb.Usage, "not an order"},
		{"bad tolerance", func(s *[3]Source, o *HeadOptions) { o.Atol = -1 }, onnxpb.Usage, "makes no sense"},
		{"bad dims", func(s *[3]Source, o *HeadOptions) { o.Dims = map[string]int64{"Q": 3} }, onnxpb.Unfit, "--dims Q"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, s := h.engine(t, fullMeta)
			o := headOptions()
			c.change(&s, &o)
			_, err := VerifyHead(e, s[0], s[1], s[2], o)
			mustFail(t, err, c.kind, c.message)
		})
	}
}

// TestHeadFixedBatch: a fused model of a fixed batch, and originals of other ones.
func TestHeadFixedBatch(t *testing.T) {
	e, s := goodHead().engine(t, fullMeta)
	graph := s[0].Model.Graph
	graph.Input, graph.Output = []*onnxpb.ValueInfoProto{value(t, "image:float32:[5,3]")}, []*onnxpb.ValueInfoProto{value(t, "yaw_roll_pitch:float32:[5,3]")}
	s[1] = declare(t, "front", []string{"x:float32:[4,3]"}, []string{"pose:float32:[4,3]"})
	s[2] = declare(t, "rear", []string{"x:float32:[N,3]"}, []string{"pose:float32:[N,3]"})
	r, err := VerifyHead(e, s[0], s[1], s[2], headOptions())
	if err != nil {
		t.Fatal(err)
	}
	if !r.Holds || len(r.Batches) != 1 || r.Batches[0].Batch != 5 || r.Batches[0].Rows != DefaultHeadSamples {
		t.Errorf("%s", textOf(r))
	}
}

func TestHeadReportJSON(t *testing.T) {
	h := goodHead()
	h.rear = func(x []float32) (y, r, p float32) { return x[0] / 3, x[1], x[2] }
	data, err := json.Marshal(h.verify(t, fullMeta, headOptions()))
	if err != nil {
		t.Fatal(err)
	}
	var back struct {
		Schema  string
		Holds   *bool
		Fused   struct{ SHA256 string }
		Front   struct{ SHA256, Gives string }
		Gate    string
		Limit   float64
		Order   []string
		Exact   string
		Batches []struct {
			Rows     int
			MaxError struct{ Yaw *float64 } `json:"max_error"`
			Exact    struct{ Unequal *int }
		}
		Coverage struct {
			Covered *bool
			Missing []string
			Judges  []struct{ Above string }
		}
	}
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if back.Schema != "onnxtool.verify-head/1" || back.Holds == nil || !*back.Holds || len(back.Fused.SHA256) != 64 || len(back.Front.SHA256) != 64 || back.Front.Gives == "" ||
		back.Gate != "select" || back.Limit != 75 || len(back.Order) != 3 || back.Exact != "proven" || len(back.Batches) != 3 || back.Batches[0].MaxError.Yaw == nil ||
		back.Batches[0].Exact.Unequal == nil || *back.Coverage.Covered || len(back.Coverage.Missing) == 0 || back.Coverage.Judges[0].Above != "Inf" {
		t.Errorf("JSON: %s", data)
	}
}
