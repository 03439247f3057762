package verify

import (
	"math"
	"os"
	"strings"
	"testing"

	"onnxtool/onnxpb"
)

const (
	runEvent  = `{"cat":"Session","tid":1,"ts":0,"dur":100,"ph":"X","name":"model_run","args":{}}`
	nodeEvent = `{"cat":"Node","tid":1,"ts":10,"dur":40,"ph":"X","name":"n_kernel_time","args":{"op_name":"Conv","provider":"CPUExecutionProvider"}}`
)

func readText(t *testing.T, text string, o ProfileOptions) *Profile {
	t.Helper()
	p, err := ReadProfile(strings.NewReader(text), o)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return p
}

// TestProfileTolerant reads what ONNX Runtime does not write today.
func TestProfileTolerant(t *testing.T) {
	odd := `{"cat":"Node","tid":"a","ts":[],"dur":{},"name":7},{"cat":"Kernel","name":"n_kernel_time","dur":5,"ts":1},` +
		`{"cat":"Node","name":"n_fence_before","dur":5,"ts":1,"tid":1},{"cat":"Node","tid":1,"ts":11,"dur":7,"name":"n_kernel_time"},{"new":[{"a":null}]}`
	for name, text := range map[string]string{
		"a list":       "[" + nodeEvent + "," + runEvent + "]",
		"an object":    `{"version":{"a":[1]},"traceEvents":[` + nodeEvent + "," + runEvent + `],"more":1}`,
		"cut":          "[" + nodeEvent + "," + runEvent + "," + nodeEvent + `,{"cat":"Node","na`,
		"without end":  "[" + nodeEvent + "," + runEvent,
		"other events": "[" + `{"cat":"Session","name":"session_initialization","dur":1000}` + "," + nodeEvent + "," + runEvent + "]",
	} {
		p := readText(t, text, ProfileOptions{})
		if p.Runs != 1 || p.MS != 0.1 || len(p.Operators) != 1 || p.Operators[0] != (OperatorTime{"Conv", "CPU", 1, 0.04, 1}) || math.Abs(p.Other-0.06) > 1e-12 {
			t.Errorf("%s: %+v", name, p)
		}
		if p.Cut != (name == "cut" || name == "without end") {
			t.Errorf("%s: cut %v", name, p.Cut)
		}
	}
	if p := readText(t, "["+odd+","+runEvent+"]", ProfileOptions{}); len(p.Nodes) != 1 || p.Nodes[0].MS != 0.007 || p.Nodes[0].Type != "" {
		t.Errorf("odd events: %+v", p.Nodes)
	}
	for name, text := range map[string]string{"empty": "", "no JSON": "hello", "a number": "7", "an object without events": `{"a":1}`, "no run": "[" + nodeEvent + "]",
		"broken": "[" + nodeEvent + ",]]" + runEvent, "nothing": "[]"} {
		_, err := ReadProfile(strings.NewReader(text), ProfileOptions{})
		t.Run(name, func(t *testing.T) { mustFail(t, err, onnxpb.Unfit, "profile") })
	}
	_, err := ReadProfile(strings.NewReader("["+runEvent+","+runEvent+"]"), ProfileOptions{Skip: 2})
	mustFail(t, err, onnxpb.Unfit, "beyond the 2")
	_, err = ReadProfileFile("none.json", ProfileOptions{})
	mustFail(t, err, onnxpb.Unfit, "none.json")
}

// TestProfileThreads has nodes of two threads at the same time, which are not within each other, and runs that are parts of one.
func TestProfileThreads(t *testing.T) {
	event := func(thread, name, ts, dur string) string {
		return `{"cat":"Node","tid":` + thread + `,"ts":` + ts + `,"dur":` + dur + `,"name":"` + name + `_kernel_time","args":{"op_name":"` + strings.ToUpper(name) + `"}},`
	}
	run := event("1", "a", "12", "60") + event("2", "b", "10", "80") + event("1", "c", "73", "20")
	p := readText(t, "["+run+runEvent+","+run+runEvent+"]", ProfileOptions{Join: 2, Top: 2})
	if p.Runs != 1 || p.MS != 0.2 || p.Other != 0 {
		t.Errorf("%+v", p)
	}
	if len(p.Nodes) != 2 || p.Nodes[0].Name != "b" || p.Nodes[0].MS != 0.16 || p.Nodes[0].Calls != 2 || p.Nodes[1].Name != "a" || p.Nodes[1].Share != 0.375 || len(p.Operators) != 3 {
		t.Errorf("%+v", p)
	}
	var b strings.Builder
	p.Model, p.Batch, p.Threads = "A", 4, 2
	if err := p.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"profile of A at batch 4, 2 threads: a run takes 0.2000 ms, in the mean of 1\n", "\n  B                          2      0.1600  50.0%\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

// FuzzProfile reads anything without a panic.
func FuzzProfile(f *testing.F) {
	f.Add("[" + nodeEvent + "," + runEvent + "]")
	f.Add(`{"traceEvents":[` + runEvent)
	if data, err := os.ReadFile("testdata/bench_profile.json"); err == nil {
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ReadProfile(strings.NewReader(text), ProfileOptions{})
		if err == nil && p.Runs < 1 {
			t.Errorf("%+v without an error", p)
		}
	})
}
