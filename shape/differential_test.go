package shape_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"onnxtool/examples/dmhead/standin"
	"onnxtool/fuse"
	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// python is where Debian's python3-onnx is for, and the newest operator sets that its release, 1.12, knows.
const (
	python      = "/usr/bin/python3"
	pythonOpset = 17
	pythonMLSet = 3
	inferScript = "testdata/infer.py"
	differFile  = "testdata/differs-from-python.txt"
)

// told is what Python tells of a value.
type told struct {
	Kind string
	Elem onnxpb.TensorProto_DataType
	Dims *[]any // a number, a symbol, or nil; nil where the rank is not known
	Of   *told
	Key  onnxpb.TensorProto_DataType
}

// subject is a model that both infer.
type subject struct{ id, path string }

// answer is what Python says of a model.
type answer struct {
	Values map[string]*told
	Error  string
}

// askPython has Python infer all models in one run. The test is skipped where there is no onnx.shape_inference.
func askPython(t *testing.T, list []subject) []answer {
	t.Helper()
	version, err := exec.Command(python, "-c", "import onnx.shape_inference; print(onnx.__version__)").Output()
	if err != nil {
		t.Skipf("onnx.shape_inference is not on this machine (Debian's python3-onnx): %v", err)
	}
	t.Logf("onnx %s", bytes.TrimSpace(version))
	var paths strings.Builder
	for _, s := range list {
		fmt.Fprintln(&paths, s.path)
	}
	cmd := exec.Command(python, inferScript)
	cmd.Stdin = strings.NewReader(paths.String())
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("%v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var answers []answer
	s := bufio.NewScanner(bytes.NewReader(out))
	for s.Buffer(nil, 64<<20); s.Scan(); {
		if !strings.HasPrefix(s.Text(), "{") {
			continue // a warning of experimental operators, from C++
		}
		var a answer
		if err := json.Unmarshal(s.Bytes(), &a); err != nil {
			t.Fatalf("%v: %.200s", err, s.Text())
		}
		answers = append(answers, a)
	}
	if s.Err() != nil || len(answers) != len(list) {
		t.Fatalf("%d answers for %d models: %v", len(answers), len(list), s.Err())
	}
	return answers
}

// subjects lists the models that Python's operator sets suffice for: those of ONNX's own tests, published networks, and what this project writes.
func subjects(t *testing.T) []subject {
	var list []subject
	add := func(id, path string, m *onnxpb.ModelProto) {
		for _, o := range m.GetOpsetImport() {
			switch v := o.GetVersion(); onnxpb.NormalDomain(o.GetDomain()) {
			case "":
				if v > pythonOpset {
					return
				}
			case "ai.onnx.ml":
				if v > pythonMLSet {
					return
				}
			}
		}
		list = append(list, subject{id, path})
	}
	for _, c := range corpus.Cases(t) {
		if m, err := c.Open(); err == nil {
			add(c.ID(), c.Model, m)
		}
	}
	published, _ := filepath.Glob(filepath.Join("..", "..", "shared", "models", "*.onnx"))
	if len(published) == 0 {
		t.Log("without published networks: ../shared/models is absent")
	}
	for _, p := range published {
		f, err := onnxpb.Open(p)
		if err != nil {
			t.Fatal(err)
		}
		add("shared/"+strings.TrimSuffix(filepath.Base(p), ".onnx"), p, f.Model)
		f.Close()
	}
	dir := t.TempDir()
	for name, m := range ownModels(t) {
		p := filepath.Join(dir, name+".onnx")
		data, err := onnxpb.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o666); err != nil {
			t.Fatal(err)
		}
		add("own/"+name, p, m)
	}
	return list
}

// ownModels are what this project writes: stand-ins of the head pose networks, the parts of fuse, and networks joined.
func ownModels(t *testing.T) map[string]*onnxpb.ModelProto {
	six, whenet := standin.SixDRepNet(standin.SmallRepVGG, 1), standin.WHENet(standin.SmallEfficientNet, 2)
	models := map[string]*onnxpb.ModelProto{"sixdrepnet": six, "whenet": whenet}
	add := func(name string, m *onnxpb.ModelProto, err error) {
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		models[name] = m
	}
	for _, version := range []int64{fuse.MinPartOpset, pythonOpset} {
		o := fuse.PartOptions{Opset: version}
		named := func(name string) string { return fmt.Sprintf("%s_%d", name, version) }
		m, err := fuse.Normalize(fuse.ImageNet(1), onnxpb.Numbers(3, 224, 224), 1, o)
		add(named("normalize"), m, err)
		m, err = fuse.Bins(fuse.BinOptions{Count: 66}, o)
		add(named("bins"), m, err)
		m, err = fuse.Bins(fuse.BinOptions{Count: 120, Circular: true}, o)
		add(named("bins_circular"), m, err)
		m, err = fuse.Euler("", o)
		add(named("euler"), m, err)
		m, err = fuse.Rotation6D(o)
		add(named("rotation6d"), m, err)
		m, err = fuse.Reorder([]string{"yaw", "pitch", "roll"}, []string{"roll", "-yaw"}, o)
		add(named("reorder"), m, err)
		m, err = fuse.FrontMask(75, false, o)
		add(named("front"), m, err)
		m, err = fuse.RearMask(75, true, o)
		add(named("rear"), m, err)
		for _, rule := range fuse.Rules() {
			m, err = fuse.Gate(fuse.GateOptions{Rule: rule, Source: rule != fuse.Published}, o)
			add(named("gate_"+rule), m, err)
		}
	}
	for _, rule := range fuse.Rules() {
		m, _, err := fuse.DMHead(fuse.Input{Name: "front", Model: six}, fuse.Input{Name: "rear", Model: whenet}, fuse.DMHeadOptions{Gate: rule})
		add("dmhead_"+rule, m, err)
	}
	return models
}

// difference is a line of the list of differences: patterns of models and values as path.Match has them, and why they differ.
type difference struct {
	model, value, reason string
	used                 bool
}

func differences(t *testing.T) []difference {
	t.Helper()
	data, err := os.ReadFile(differFile)
	if err != nil {
		t.Fatal(err)
	}
	var list []difference
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		words := strings.SplitN(line, " ", 3)
		if len(words) != 3 {
			t.Fatalf("%q is not MODEL VALUE REASON", line)
		}
		for _, pattern := range words[:2] {
			if _, err := path.Match(pattern, ""); err != nil {
				t.Fatalf("%q: %v", pattern, err)
			}
		}
		list = append(list, difference{model: words[0], value: words[1], reason: words[2]})
	}
	return list
}

func matches(pattern, name string) bool {
	ok, _ := path.Match(pattern, name)
	return ok || pattern == name
}

// differs tells in what way less, or something else, was inferred than Python tells.
func differs(got *shape.Value, want *told) string {
	if want == nil {
		return ""
	}
	if got == nil || got.Kind == shape.Unknown {
		return "the kind is not told"
	}
	if got.Kind.String() != want.Kind {
		return "the kind is " + got.Kind.String()
	}
	switch got.Kind {
	case shape.Sequence, shape.Optional:
		return differs(got.Of, want.Of)
	case shape.Map:
		if want.Key != onnxpb.TensorProto_UNDEFINED && got.Key != want.Key {
			return "the keys are " + onnxpb.TypeName(got.Key)
		}
		return differs(got.Of, want.Of)
	}
	if want.Elem != onnxpb.TensorProto_UNDEFINED && got.Elem != want.Elem {
		if got.Elem == onnxpb.TensorProto_UNDEFINED {
			return "the element type is not told"
		}
		return "the element type is " + onnxpb.TypeName(got.Elem)
	}
	if want.Dims == nil {
		return ""
	}
	if !got.Ranked {
		return "the rank is not told"
	}
	if len(got.Dims) != len(*want.Dims) {
		return fmt.Sprintf("the rank is %d", len(got.Dims))
	}
	for i, w := range *want.Dims {
		// As it would be written: a dimension that nobody named has neither a number nor a name.
		d := shape.TensorOf(onnxpb.TensorProto_FLOAT, got.Dims[i:i+1]).Proto().GetTensorType().GetShape().GetDim()[0]
		switch w := w.(type) {
		case float64:
			switch {
			case d.GetValue() == nil:
				return fmt.Sprintf("dimension %d is not told to be %v", i, w)
			case d.GetDimParam() != "":
				return fmt.Sprintf("dimension %d is %s", i, d.GetDimParam())
			case d.GetDimValue() != int64(w):
				return fmt.Sprintf("dimension %d is %d", i, d.GetDimValue())
			}
		case string:
			switch {
			case strings.HasPrefix(w, "unk__"): // Python invents such names for what it does not know
			case d.GetValue() == nil:
				return fmt.Sprintf("dimension %d is not told to be %s", i, w)
			case d.GetDimParam() != "" && d.GetDimParam() != w:
				return fmt.Sprintf("dimension %d is %s", i, d.GetDimParam())
			}
		}
	}
	return ""
}

// String writes what Python tells as shape.Value does.
func (w *told) String() string {
	if w == nil {
		return "?"
	}
	name := func(t onnxpb.TensorProto_DataType) string {
		if t == onnxpb.TensorProto_UNDEFINED {
			return "?"
		}
		return onnxpb.TypeName(t)
	}
	switch w.Kind {
	case "tensor", "sparse_tensor":
		s := name(w.Elem) + "[...]"
		if w.Dims != nil {
			list := make([]string, len(*w.Dims))
			for i, d := range *w.Dims {
				list[i] = "?"
				if s, ok := d.(string); d != nil && !(ok && strings.HasPrefix(s, "unk__")) {
					list[i] = fmt.Sprint(d)
				}
			}
			s = name(w.Elem) + "[" + strings.Join(list, ",") + "]"
		}
		if w.Kind == "sparse_tensor" {
			s = "sparse_tensor(" + s + ")"
		}
		return s
	case "map":
		return "map(" + name(w.Key) + "," + w.Of.String() + ")"
	}
	return w.Kind + "(" + w.Of.String() + ")"
}

// tally counts, for one operator, the values that agree and what is wrong with others.
type tally struct {
	agree    int
	own      []string // where all inputs of the node agree
	inherits int      // where an input of the node differs as well
}

// TestPython infers models as Python's onnx.shape_inference does: what it tells of a value (its type, its rank, a number or a symbol) has to be told here too, and to be the
// same, but for what testdata/differs-from-python.txt lists.
func TestPython(t *testing.T) {
	list := subjects(t)
	answers := askPython(t, list)
	listed := differences(t)
	tallies := map[string]*tally{}
	unread, values, meant := 0, 0, 0
	suites := map[string]bool{}
	for i, s := range list {
		suites[strings.SplitN(s.id, "/", 2)[0]] = true
		if answers[i].Error != "" {
			t.Logf("%s: Python does not infer it: %.200s", s.id, answers[i].Error)
			unread++
			continue
		}
		f, err := onnxpb.Open(s.path)
		if err != nil {
			t.Fatal(err)
		}
		m := onnxpb.Clone(f.Model) // whose payloads stay where they are, in the file
		for _, o := range m.GetGraph().GetOutput() {
			o.Type = nil
		}
		m.GetGraph().ValueInfo = nil
		r := shape.Infer(m, shape.Options{})
		f.Close()
		excused := func(value string) bool {
			found := false
			for k := range listed {
				if matches(listed[k].model, s.id) && matches(listed[k].value, value) {
					listed[k].used, found = true, true
				}
			}
			return found
		}
		for _, x := range r.Faults {
			if !excused("fault") {
				t.Errorf("%s: fault: %v", s.id, x)
			}
		}
		wrong := map[string]bool{}
		for _, n := range m.GetGraph().GetNode() {
			op := strings.TrimPrefix(onnxpb.NormalDomain(n.GetDomain())+"."+n.GetOpType(), ".")
			x := tallies[op]
			if x == nil {
				x = &tally{}
				tallies[op] = x
			}
			for _, name := range n.GetOutput() {
				want := answers[i].Values[name]
				if want == nil {
					continue
				}
				values++
				got := r.Value(name)
				how := differs(got, want)
				switch {
				case how == "":
					x.agree++
				case excused(name):
					meant++
				default:
					wrong[name] = true
					if slices.ContainsFunc(n.GetInput(), func(in string) bool { return wrong[in] }) {
						x.inherits++
					} else {
						x.own = append(x.own, fmt.Sprintf("%s %s: %s: %v, Python has %v", s.id, name, how, got, want))
					}
				}
			}
		}
	}
	report(t, tallies)
	for _, d := range listed {
		if *onlyOperator != "" {
			break
		}
		if suite := strings.SplitN(d.model, "/", 2)[0]; !d.used && (suites[suite] || suite == "*") {
			t.Errorf("%s %s is listed in %s, and does not differ", d.model, d.value, differFile)
		}
	}
	t.Logf("%d models, %d of which Python does not infer; %d values that it tells something of, %d differ as listed", len(list), unread, values, meant)
}

// report tells of each operator with values that differ, those first that have most which do not come from values that differ already; with -op of that one alone, and
// of all its values.
func report(t *testing.T, tallies map[string]*tally) {
	var ops []string
	if x := tallies[*onlyOperator]; x != nil {
		t.Logf("%s: %d values agree", *onlyOperator, x.agree)
	}
	for op, x := range tallies {
		if len(x.own)+x.inherits > 0 && (*onlyOperator == "" || *onlyOperator == op) {
			ops = append(ops, op)
		}
	}
	sort.Slice(ops, func(i, j int) bool {
		a, b := tallies[ops[i]], tallies[ops[j]]
		if len(a.own) != len(b.own) {
			return len(a.own) > len(b.own)
		}
		return ops[i] < ops[j]
	})
	for _, op := range ops {
		x := tallies[op]
		text := fmt.Sprintf("%s: %d values agree, %d differ, %d more after a value that differs", op, x.agree, len(x.own), x.inherits)
		lines := x.own
		if *onlyOperator == "" {
			lines = lines[:min(len(lines), 6)]
		}
		for _, line := range lines {
			text += "\n\t" + line
		}
		t.Error(text)
	}
}
