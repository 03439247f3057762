package verify

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

var updateGolden = flag.Bool("update-golden", false, "rewrite the reports in testdata/golden")

// The forms of a report are an API: they stay what they are. What is in them is checked by other tests.
func TestGoldenReports(t *testing.T) {
	r := fakeReport(t)
	r.Command = []string{"onnxtool", "verify", "a.onnx", "b.onnx"}
	r.Outputs[1].Corner = "nan"
	layers, rows := layersGolden(), rowsGolden()
	for name, write := range map[string]func(io.Writer) error{
		"report.json": inJSON(r),
		"report.md":   r.WriteMarkdown, "report.txt": r.WriteText,
		"report.xml": func(w io.Writer) error {
			j := &JUnit{}
			j.Add(r)
			return j.Write(w)
		},
		"reports.json": inJSON(Together(r)),
		"layers.json":  inJSON(layers), "layers.md": layers.WriteMarkdown, "layers.html": layers.WriteHTML, "layers.txt": func(w io.Writer) error { return layers.WriteText(w, true) },
		"layers.xml": func(w io.Writer) error {
			j := &JUnit{}
			j.AddLayers(layers)
			return j.Write(w)
		},
		"rows.json": inJSON(rows), "rows.md": rows.WriteMarkdown, "rows.html": rows.WriteHTML, "rows.txt": rows.WriteText,
		"rows.xml": func(w io.Writer) error {
			j := &JUnit{}
			j.AddRows(rows)
			return j.Write(w)
		},
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", "golden", name)
		if *updateGolden {
			os.MkdirAll(filepath.Dir(path), 0o777)
			if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, b.Bytes()) {
			t.Errorf("%s has changed; if that is meant, go test ./verify -run Golden -update-golden, and a line in CHANGELOG.md:\n%s", name, &b)
		}
	}
}

func inJSON(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
}

// layersGolden is a report of two models that part, with names that want to do something to a terminal, a table and a mark.
func layersGolden() *LayerReport {
	metrics := func(maxAbs Number, beyond int64) *Metrics {
		return &Metrics{Elements: 6, Beyond: beyond, MaxAbs: maxAbs, MeanAbs: maxAbs / 2, MaxRel: maxAbs, Cosine: 1, SNR: 20, Worst: 4, Want: "1", Got: "1.5"}
	}
	off := Number(0.5)
	r := &LayerReport{Schema: LayerSchema, Method: "layers", Reference: ModelInfo{Path: "a.onnx", SHA256: "aa"}, Model: ModelInfo{Path: "b|c.onnx", SHA256: "bb"}, Engine: EngineInfo{"ONNX Runtime", "1.27.0"},
		Optimization: OptimizeNone, Batch: 2, Tolerance: DefaultTolerance, Command: []string{"onnxtool", "verify", "a.onnx", "b|c.onnx", "--layers"}, Shared: 4, Sessions: 1, Memory: DefaultMemory,
		Tensors: []*LayerRow{
			{Reference: "a", Model: "a", Matched: MatchedName, Node: "mul", Op: "Mul", ModelNode: "mul", ModelOp: "Mul", Type: "float32", Shape: "[2,3]", Metrics: metrics(0, 0), Inputs: []LayerInput{{Name: "x", Kind: "input", Equal: true}},
				Range: &ValueRange{Min: -1, Max: 1}, Equal: true},
			{Reference: "b\x1b[31m", Model: "b_2", Matched: MatchedStructure, Node: "leaky\t<1>", Op: "LeakyRelu", ModelNode: "leaky", ModelOp: "LeakyRelu", Type: "float32", Shape: "[2,3]", Metrics: metrics(off, 3), Index: []int64{1, 1},
				Inputs: []LayerInput{{Name: "a", Kind: "tensor", Equal: true, MaxAbs: new(Number)}}, Range: &ValueRange{Min: -1, Max: 2}, Source: true},
			{Reference: "c", Model: "c", Matched: MatchedName, Node: "turn", Op: "Transpose", ModelNode: "turn", ModelOp: "Transpose", Type: "float32", Shape: "[3,2]", Why: "the shape is [2,3], the reference's [3,2]",
				Inputs: []LayerInput{{Name: "b", Kind: "tensor", MaxAbs: &off}}},
		},
		Differ: 2, Sources: 1, Unmatched: LayerUnmatched{Model: 1, ModelNames: []string{"extra\n"}}, Notes: []string{"a note about x_1"}}
	r.First = r.Tensors[1]
	r.Blame = &LayerBlame{Node: r.First.Node, Op: r.First.Op, ModelNode: "leaky", ModelOp: "LeakyRelu", Tensor: r.First, Inputs: r.First.Inputs, Differences: []string{"attribute alpha is 0.25, in the reference 0.5"}}
	return r
}

func rowsGolden() *BatchReport {
	return &BatchReport{Schema: RowsSchema, Model: &ModelInfo{Path: "m.onnx", SHA256: "cc"}, Batches: []int64{1, 2}, Seed: 3, Tolerance: DefaultTolerance, Engine: EngineInfo{"ONNX Runtime", "1.27.0"},
		Command: []string{"onnxtool", "verify", "m.onnx", "--rows"}, Outputs: []BatchRow{
			{Output: "y_1", Batch: 1, Shape: "[1,3]", Equal: true},
			{Output: "y_1", Batch: 2, Shape: "[2,3]", MaxAbs: 0.25, MaxRel: 0.5, Differ: []int64{1}},
			{Output: "z", Batch: 2, Why: "axis 0 has not one element for each of the 2 rows"},
		}, Notes: []string{"a note"}}
}

// Names that want to do something to a terminal do nothing in any report for people.
func TestNoControlCharacters(t *testing.T) {
	const name = "y\x1b[31m\x07\t\n|\u009b\u202e<b>\xff"
	e := fakeEngine{"m": linear(2, 1)}
	s := declare(t, "m", []string{"x:float32:[N,3]"}, []string{"y:float32:[N,3]"})
	s.Model.Graph.Output[0].Name = proto.String(name)
	e["m"] = func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		return map[string]*onnxpb.Array{name: linear(2, 1)(in)["y"]}
	}
	pair, err := Models(e, s, s, Options{Batches: []int64{2}})
	if err != nil {
		t.Fatal(err)
	}
	pair.Notes = append(pair.Notes, name)
	rows, err := Rows(e, s, []int64{1, 2}, 0, BatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	run, err := Run(e, s, RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	layers := layersGolden()
	layers.Tensors[0].Reference, layers.Tensors[1].Why, layers.Notes, layers.Blame.Differences = name, name, []string{name}, []string{name}
	suite := &SuiteReport{Cases: []CaseResult{{Name: name, Status: CaseFailed, Why: name}}, Unfinished: []string{name}}
	for form, write := range map[string]func(io.Writer) error{"pair": pair.WriteText, "pair, Markdown": pair.WriteMarkdown, "pair, HTML": pair.WriteHTML, "rows": rows.WriteText, "rows, Markdown": rows.WriteMarkdown,
		"rows, HTML": rows.WriteHTML, "layers": func(w io.Writer) error { return layers.WriteText(w, true) }, "layers, Markdown": layers.WriteMarkdown, "layers, HTML": layers.WriteHTML, "run": run.WriteText,
		"run, values": run.WriteValues, "suite": suite.WriteText} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), `x1b`) {
			t.Errorf("%s does not show the name: %s", form, &b)
		}
		for i, r := range b.String() {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%s holds %q: %q", form, r, b.String()[max(0, i-30):min(b.Len(), i+30)])
				break
			}
		}
	}
}

// What a report tells of its inputs follows from them: the same seed gives the same hashes, another one others, in every kind of report.
func TestHashesOfInputs(t *testing.T) {
	e := fakeEngine{"m": linear(2, 1)}
	s := declare(t, "m", []string{"x:float32:[N,3]"}, []string{"y:float32:[N,3]"})
	for kind, hash := range map[string]func(seed uint64) (string, error){
		"models": func(seed uint64) (string, error) {
			r, err := Models(e, s, s, Options{Seed: seed, Batches: []int64{2}})
			return r.Inputs[0].SHA256, err
		},
		"run": func(seed uint64) (string, error) {
			r, err := Run(e, s, RunOptions{Seed: seed, Batch: 2})
			return r.Inputs[0].SHA256, err
		},
		"find-nan": func(seed uint64) (string, error) {
			r, err := FindNaN(e, s, RunOptions{Seed: seed, Batch: 2})
			return r.Inputs[0].SHA256, err
		},
		"bench": func(seed uint64) (string, error) {
			r, err := Bench(e, []Source{s}, BenchOptions{Seed: seed, Batches: []int64{2}, Runs: 1, Threads: []int{1, 2}})
			return r.Inputs[0].SHA256, err
		},
	} {
		a, err := hash(1)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := hash(1)
		c, _ := hash(2)
		x, err := GenerateValueWith("x", value(t, "x:float32:[N,3]").GetType(), []int64{2, 3}, GenSpec{}, 1)
		if err != nil {
			t.Fatal(err)
		}
		var fed fedHashes
		fed.add("x", x)
		if a != fed.of("x") || a != b || a == c {
			t.Errorf("%s: %s, %s, %s; of what is fed: %s", kind, a, b, c, fed.of("x"))
		}
	}
}
