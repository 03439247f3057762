package surgery

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

type edit = func(*onnxpb.ModelProto) (*Report, error)

// law is one exported edit, with what it takes to hold it to the laws of surgery. To hold another edit to them, add a line to laws.
type law struct {
	name  string
	model func() *onnxpb.ModelProto // what the edit is tried on, marked (see mark); nil is richModel
	edit  edit                      // an edit that changes the model
	same  edit                      // an edit that changes nothing; nil where there is no such
	fails []edit                    // edits that fail, best late
	// What same and fails are tried on; nil is model.
	sameOn, failsOn func() *onnxpb.ModelProto
	invalid         string // the code of the faults that the model may have before the edit
	// What the edit may change: a pattern for the paths of fields that may have another value, such as model.graph.input[0].name, one for those of messages that may be gone, and
	// one for those of the tensors whose values it may change.
	changes, loses, values string
	// chain is a model of n nodes, and large the edit tried on it to see how the cost grows; nil are chainModel and edit.
	chain func(n int) *onnxpb.ModelProto
	large edit
}

func laws() []law {
	rename := func(rules ...RenameRule) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) { return Rename(m, rules) }
	}
	extract := func(from, to string) edit {
		return func(m *onnxpb.ModelProto) (*Report, error) {
			return Extract(m, strings.FieldsFunc(from, comma), strings.FieldsFunc(to, comma))
		}
	}
	return []law{
		{
			name: "Rename all",
			edit: rename(RenameRule{Kind: KindTensor, From: "*", To: "t/$1"}, RenameRule{Kind: KindNode, From: "*", To: "n/$1"}, RenameRule{Kind: KindDim, From: "N", To: "batch"}),
			same: rename(RenameRule{Kind: KindTensor, From: "*", To: "$1"}, RenameRule{Kind: KindNode, From: "matmul", To: "matmul"}),
			fails: []edit{
				rename(RenameRule{Kind: KindTensor, From: "*", To: "one"}),
				rename(RenameRule{Kind: KindTensor, From: "x", To: "y"}, RenameRule{Kind: KindNode, From: "matmul", To: "call"}),
				rename(RenameRule{Kind: KindTensor, From: "x", To: "y"}, RenameRule{Kind: KindDim, From: "N", To: "3"}),
				rename(RenameRule{Kind: KindTensor, From: "x", To: "y"}, RenameRule{Kind: KindOutput, From: "nosuch", To: "z"}),
			},
			// Names change wherever they stand, and nothing else does: also the value of a binding, a parameter of a quantisation annotation, an attribute of Gradient.
			changes: `\.(name|input|output|tensor_name|dim_param|s|strings)$|binding\[\d\]\.(key|value)$|names\[\d\]\.value$|^model\.metadata_props\[1\]\.value$`,
			large:   rename(RenameRule{Kind: KindTensor, From: "v*", To: "u$1"}, RenameRule{Kind: KindNode, From: "*", To: "m$1"}),
		},
		{
			name:    "Rename an input",
			edit:    rename(RenameRule{Kind: KindInput, From: "x", To: "image"}),
			changes: `^model\.graph\.input\[0\]\.name$|\.node\[\d\]\.input$|\.strings$`,
			large:   rename(RenameRule{Kind: KindInput, From: "x", To: "image"}),
		},
		{
			name:    "Rename a domain",
			edit:    rename(RenameRule{Kind: KindDomain, From: "local", To: "com.example"}),
			same:    rename(RenameRule{Kind: KindDomain, From: "local", To: "local"}),
			fails:   []edit{rename(RenameRule{Kind: KindDomain, From: "locl", To: "x"})},
			changes: `\.domain$`,
			large:   rename(RenameRule{Kind: KindDomain, From: "ai.onnx", To: "com.example"}),
		},
		{
			name:    "Rename a part of names",
			edit:    rename(RenameRule{Kind: KindTensor, From: "h", To: "$*", Part: true}, RenameRule{Kind: KindNode, From: "a", To: "", Part: true}),
			same:    rename(RenameRule{Kind: KindTensor, From: "h", To: "h", Part: true}),
			fails:   []edit{rename(RenameRule{Kind: KindTensor, From: "h", To: "k", Part: true}, RenameRule{Kind: KindNode, From: "nosuch", To: "x", Part: true})},
			changes: `\.(name|input|output|tensor_name|s|strings)$|binding\[\d\]\.(key|value)$|names\[\d\]\.value$|^model\.metadata_props\[1\]\.value$`,
			large:   rename(RenameRule{Kind: KindTensor, From: "v", To: "vv", Part: true}, RenameRule{Kind: KindNode, From: "nv", To: "m", Part: true}),
		},
		{
			name: "Rename a function and a node without a name",
			model: func() *onnxpb.ModelProto {
				m := richModel()
				m.Graph.Node[0].Name = nil
				return m
			},
			edit: func(m *onnxpb.ModelProto) (*Report, error) {
				return Rename(m, []RenameRule{{Kind: KindFunction, From: "local.*", To: "Other$1"}, {Kind: KindNode, From: m.Graph.Node[0].Label(), To: "named"}})
			},
			same: rename(RenameRule{Kind: KindFunction, From: "local.Scale", To: "Scale"}),
			fails: []edit{
				rename(RenameRule{Kind: KindFunction, From: "local.Scale", To: "Other"}, RenameRule{Kind: KindFunction, From: "local.nosuch", To: "x"}),
				rename(RenameRule{Kind: KindNode, From: "MatMul -> h", To: "loop"}),
			},
			changes: `\.node\[\d\]\.(op_type|name)$|^model\.functions\[0\]\.name$`,
			chain: func(n int) *onnxpb.ModelProto {
				m := chainModel(n)
				for _, x := range m.Graph.Node {
					x.Name = nil
				}
				return m
			},
			large: func(m *onnxpb.ModelProto) (*Report, error) {
				var rules []RenameRule
				for _, x := range m.Graph.Node {
					rules = append(rules, RenameRule{Kind: KindNode, From: x.Label(), To: "n" + x.Output[0]})
				}
				return Rename(m, rules)
			},
		},
		{
			name:    "Sort",
			model:   shuffledModel,
			edit:    Sort,
			same:    Sort,
			sameOn:  richModel,
			fails:   []edit{Sort},
			failsOn: cyclicModel,
			invalid: opset.FaultOrder,
			changes: `^$`,
			chain: func(n int) *onnxpb.ModelProto {
				m := chainModel(n)
				nodes := m.Graph.Node
				nodes[0], nodes[n-1] = nodes[n-1], nodes[0]
				return m
			},
		},
		{
			name:    "Tidy",
			model:   untidyModel,
			edit:    Tidy,
			same:    Tidy,
			sameOn:  richModel,
			fails:   []edit{Tidy},
			failsOn: func() *onnxpb.ModelProto { return &onnxpb.ModelProto{ProducerName: proto.String("no graph")} },
			changes: `^$`,
			chain: func(n int) *onnxpb.ModelProto {
				m := chainModel(n)
				m.Graph.Output[0].Name = proto.String(fmt.Sprintf("v%d", n/2))
				return m
			},
		},
		{
			name: "Chain",
			edit: func(m *onnxpb.ModelProto) (*Report, error) {
				return Chain(m, rename(RenameRule{Kind: KindInput, From: "x", To: "image"}), Sort, rename(RenameRule{Kind: KindDim, From: "N", To: "batch"}))
			},
			same: func(m *onnxpb.ModelProto) (*Report, error) { return Chain(m, Sort, Sort) },
			fails: []edit{
				func(m *onnxpb.ModelProto) (*Report, error) {
					return Chain(m, rename(RenameRule{Kind: KindInput, From: "x", To: "image"}), rename(RenameRule{Kind: KindInput, From: "x", To: "other"}))
				},
			},
			changes: `^model\.graph\.input\[0\]\.name$|\.node\[\d\]\.input$|\.strings$|\.dim_param$`,
		},
		{
			name:    "Extract an inner part",
			edit:    extract("h,cond,x", "g,l"),
			fails:   []edit{extract("h", "out"), extract("h,cond,x,bias", "g"), extract("", "nosuch"), extract("local", "out"), extract("h,h", "hs"), extract("", "out,out")},
			changes: `^$`,
			// What is not in that part: the matrix product and what it reads, what comes behind the loop, and the training, which needs both. Messages are lost with those that hold them.
			loses: `^model\.training_info|graph\.initializer\[[01]\]|graph\.input\[2\]|graph\.output|graph\.node\[[0567]\]`,
			large: extract("v3", ""),
		},
		{
			name: "ExtractAround a node",
			edit: func(m *onnxpb.ModelProto) (*Report, error) { return ExtractAround(m, "choose", 1) },
			same: func(m *onnxpb.ModelProto) (*Report, error) { return ExtractAround(m, "choose", 100) },
			fails: []edit{
				func(m *onnxpb.ModelProto) (*Report, error) { return ExtractAround(m, "chose", 1) },
				func(m *onnxpb.ModelProto) (*Report, error) { return ExtractAround(m, "then_add", 1) },
				func(m *onnxpb.ModelProto) (*Report, error) { return ExtractAround(m, "choose", -1) },
			},
			changes: `^$`,
			loses:   `^model\.training_info|graph\.initializer\[1\]|graph\.input\[2\]|graph\.output|graph\.node\[[1567]\]|sparse`,
			large:   func(m *onnxpb.ModelProto) (*Report, error) { return ExtractAround(m, "nv5", 2) },
		},
		{
			name:    "Extract one output",
			edit:    extract("", "seq"),
			changes: `^$`,
			loses:   `graph\.output\[[02]\]\.(metadata|doc)|graph\.output\[2\]|graph\.node\[7\]`,
			large:   extract("", "v7"),
		},
	}
}

func comma(r rune) bool { return r == ',' }

func TestLaws(t *testing.T) {
	for _, l := range laws() {
		if l.model == nil {
			l.model = richModel
		}
		t.Run(l.name, l.hold)
	}
}

// TestEveryEditIsHeld finds the exported edits in the source, and wants each to be among those that are held to the laws.
func TestEveryEditIsHeld(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var edits []string
	held := ""
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(name, "laws") {
			held += string(text)
		} else if !strings.HasSuffix(name, "_test.go") {
			for _, m := range regexp.MustCompile(`(?m)^func ([A-Z]\w*)\((?:\w+, )*\w+ \*onnxpb\.ModelProto.*\) \(\*Report, error\) \{$`).FindAllStringSubmatch(string(text), -1) {
				edits = append(edits, m[1])
			}
		}
	}
	if len(edits) < 25 {
		t.Errorf("only %q were found to be edits", edits)
	}
	for _, name := range edits {
		if !regexp.MustCompile(`name: +"` + name + `\b|\b` + name + `\(m`).MatchString(held) {
			t.Errorf("%s is not held to the laws of surgery: add a line to laws", name)
		}
	}
}

func (l law) hold(t *testing.T) {
	if l.sameOn == nil {
		l.sameOn = l.model
	}
	if l.failsOn == nil {
		l.failsOn = l.model
	}
	for _, f := range opset.Check(l.model(), opset.CheckOptions{}) {
		if f.Code != l.invalid {
			t.Errorf("before the edit: %s", f)
		}
	}
	l.holdAtomic(t)
	m := l.model()
	before := marshal(t, m)
	original := onnxpb.Clone(m)
	held := payloads(m)

	r, err := l.edit(m)
	if err != nil {
		t.Fatalf("the edit failed: %v", err)
	}
	after := marshal(t, m)
	valid(t, m, "after the edit")
	// Told.
	if len(r.Changes) == 0 || bytes.Equal(before, after) {
		t.Errorf("the edit was to change the model: %d changes told, bytes equal: %v", len(r.Changes), bytes.Equal(before, after))
	}
	if r.Edit == "" {
		t.Error("the report does not name the edit")
	}
	for _, c := range r.Changes {
		if c.Action == "" || c.What == "" || c.From == c.To && c.From != "" {
			t.Errorf("a change that tells nothing: %+v", c)
		}
	}
	if l.same != nil {
		m := l.sameOn()
		before := marshal(t, m)
		r, err := l.same(m)
		if err != nil {
			t.Fatalf("the edit that changes nothing failed: %v", err)
		}
		if len(r.Changes) != 0 || !bytes.Equal(before, marshal(t, m)) {
			t.Errorf("the edit that changes nothing tells of %v, bytes equal: %v", r.Changes, bytes.Equal(before, marshal(t, m)))
		}
	}
	// Deterministic: a second run, and one on a model that came from a file, give the same bytes and tell the same.
	again := l.model()
	r2, err := l.edit(again)
	if err != nil {
		t.Fatal(err)
	}
	read, err := onnxpb.Parse(before)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.edit(read); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(after, marshal(t, again)) || !bytes.Equal(after, marshal(t, read)) {
		t.Error("the same edit of the same model gave other bytes")
	}
	told := func(r *Report) string {
		s := fmt.Sprint(r.Edit, r.Changes, r.Notes, r.Carry, r.Axes, r.Explain)
		for _, step := range r.Steps {
			s += fmt.Sprint(*step)
		}
		return s
	}
	if a, b := told(r), told(r2); a != b {
		t.Errorf("the same edit of the same model told another report:\n%s\n%s", a, b)
	}
	l.holdNothingLost(t, original, m)
	l.holdPayloads(t, held, m)
	l.holdLinear(t)
}

// holdAtomic: an edit that fails leaves the model as it was, and says what is wrong as an Error.
func (l law) holdAtomic(t *testing.T) {
	for i, fail := range l.fails {
		m := l.failsOn()
		before := marshal(t, m)
		_, err := fail(m)
		var e *onnxpb.Error
		switch {
		case err == nil:
			t.Errorf("failing edit %d did not fail", i)
		case !errors.As(err, &e):
			t.Errorf("failing edit %d: the error is a %T: %v", i, err, err)
		case e.Hint == "":
			t.Errorf("failing edit %d: the error does not say what to do: %v", i, err)
		case !bytes.Equal(before, marshal(t, m)):
			t.Errorf("failing edit %d changed the model", i)
		}
	}
}

// holdNothingLost: every message of the original is there still, with every scalar field that it had, and its unknown field, but for those that the edit is about.
func (l law) holdNothingLost(t *testing.T, before, after *onnxpb.ModelProto) {
	loses, changes := newAllowance(l.loses), newAllowance(l.changes)
	now := map[string]protoreflect.Message{}
	walkMessages(after.ProtoReflect(), "", func(path string, x protoreflect.Message) {
		if s := markOf(x); s != "" {
			if now[s] != nil {
				t.Errorf("%s is there twice", s)
			}
			now[s] = x
		}
	})
	walkMessages(before.ProtoReflect(), "", func(_ string, x protoreflect.Message) {
		path := markOf(x)
		y := now[path]
		if path == "" {
			return
		}
		if y == nil {
			if !loses.match(path) {
				t.Errorf("%s is lost", path)
			}
			return
		}
		fields := x.Descriptor().Fields()
		for i := 0; i < fields.Len(); i++ {
			f := fields.Get(i)
			if f.Message() != nil || x.Has(f) == y.Has(f) && x.Get(f).Equal(y.Get(f)) {
				continue
			}
			if p := path + "." + string(f.Name()); !changes.match(p) {
				t.Errorf("%s was %v and is %v", p, x.Get(f), y.Get(f))
			}
		}
	})
	for _, a := range append(loses.unused(), changes.unused()...) {
		t.Errorf("the test allows for %s, and nothing of it changed or is lost", a)
	}
}

// payloads maps the mark of every tensor to its bytes.
func payloads(m *onnxpb.ModelProto) map[string][]byte {
	out := map[string][]byte{}
	m.AllTensors(func(t *onnxpb.TensorProto) { out[markOf(t.ProtoReflect())] = t.RawData })
	return out
}

// holdPayloads: the bytes of a tensor are the very same ones, not a copy.
func (l law) holdPayloads(t *testing.T, held map[string][]byte, m *onnxpb.ModelProto) {
	values := regexp.MustCompile(`^$`)
	if l.values != "" {
		values = regexp.MustCompile(l.values)
	}
	seen := 0
	for path, b := range payloads(m) {
		old, ok := held[path]
		if !ok || path == "" || values.MatchString(path) {
			continue
		}
		if len(b) != len(old) || len(b) > 0 && &b[0] != &old[0] {
			t.Errorf("the payload of %s was copied", path)
		}
		if len(b) > 0 {
			seen++
		}
	}
	if seen == 0 {
		t.Error("no payload was compared")
	}
}

// holdLinear: four times the nodes, at most about four times the memory that is asked for, in pieces and in bytes.
func (l law) holdLinear(t *testing.T) {
	if l.chain == nil {
		l.chain = chainModel
	}
	if l.large == nil {
		l.large = l.edit
	}
	cost := func(n int) (allocs, size uint64) {
		m := l.chain(n)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := l.large(m)
		runtime.ReadMemStats(&after)
		if err != nil || len(r.Changes) == 0 {
			t.Fatalf("on a chain of %d nodes: %v, %v", n, r, err)
		}
		return after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc
	}
	a1, s1 := cost(500)
	a4, s4 := cost(2000)
	if a1 == 0 || float64(a4) > 4.6*float64(a1) || float64(s4) > 5.5*float64(s1) {
		t.Errorf("500 nodes take %d allocations and %d bytes, 2000 nodes %d and %d", a1, s1, a4, s4)
	}
}

// valid holds a model to the checker.
func valid(t *testing.T, m *onnxpb.ModelProto, when string) {
	t.Helper()
	for _, f := range opset.Check(m, opset.CheckOptions{}) {
		t.Errorf("%s: %s", when, f)
	}
}

// chainModel is a chain of n Adds from x to v<n>, each with the value before it and a weight, every tenth of them read by an If too; every value is declared.
func chainModel(n int) *onnxpb.ModelProto {
	g := &onnxpb.GraphProto{Name: proto.String("chain"), Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", tFloat, nx3())}}
	last := "x"
	g.Initializer = append(g.Initializer, onnxpb.TensorOf("yes", []int64{}, []bool{true}))
	for i := 1; i <= n; i++ {
		out, w := fmt.Sprintf("v%d", i), fmt.Sprintf("w%d", i)
		if i%10 == 0 {
			branch := func(op string) *onnxpb.GraphProto {
				return &onnxpb.GraphProto{Name: proto.String(op), Node: []*onnxpb.NodeProto{onnxpb.Node(op, op+out, []string{last}, []string{op + "_" + out})},
					Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue(op+"_"+out, tFloat, nx3())}}
			}
			g.Node = append(g.Node, onnxpb.Node("If", "n"+out, []string{"yes"}, []string{out},
				onnxpb.GraphAttr("then_branch", branch("Neg")), onnxpb.GraphAttr("else_branch", branch("Abs"))))
		} else {
			g.Initializer = append(g.Initializer, floats(w, []int64{3}, 1, 2, 3))
			g.Node = append(g.Node, onnxpb.Node("Add", "n"+out, []string{last, w}, []string{out}))
		}
		g.ValueInfo = append(g.ValueInfo, onnxpb.TensorValue(out, tFloat, nx3()))
		last = out
	}
	g.ValueInfo = g.ValueInfo[:n-1]
	g.Output = []*onnxpb.ValueInfoProto{onnxpb.TensorValue(last, tFloat, nx3())}
	return &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)}, Graph: g}
}

// shuffledModel is richModel with nodes out of order, in the graph and in a subgraph.
func shuffledModel() *onnxpb.ModelProto {
	m := richModel()
	n := m.Graph.Node
	n[0], n[3], n[5] = n[3], n[5], n[0]
	then := n[0].Attr("then_branch").G.Node
	then[0], then[1] = then[1], then[0]
	f := m.Functions[0].Node
	f[0], f[1] = f[1], f[0]
	return m
}

// cyclicModel is richModel with a matrix product that reads what comes behind the loop.
func cyclicModel() *onnxpb.ModelProto {
	m := richModel()
	m.Graph.Node[0].Input[0] = "out"
	return m
}

// untidyModel is richModel with something unused of every kind, which has no marks.
func untidyModel() *onnxpb.ModelProto {
	m := richModel()
	g := m.Graph
	g.Node = append(g.Node, onnxpb.Node("Neg", "dead_end", []string{"dead_mid"}, []string{"dead_out"}))
	g.Node = append(g.Node[:1], append([]*onnxpb.NodeProto{onnxpb.Node("Add", "dead_add", []string{"h", "dead_w"}, []string{"dead_mid"})}, g.Node[1:]...)...)
	g.Initializer = append(g.Initializer, floats("dead_w", []int64{3}, 1, 2, 3), floats("dead_scale", []int64{}, 1))
	g.SparseInitializer = append(g.SparseInitializer, &onnxpb.SparseTensorProto{Values: floats("dead_sparse", []int64{1}, 1), Indices: onnxpb.TensorOf("", []int64{1}, []int64{0}), Dims: []int64{2}})
	g.ValueInfo = append(g.ValueInfo, onnxpb.TensorValue("dead_mid", tFloat, nx3()))
	g.QuantizationAnnotation = append(g.QuantizationAnnotation, &onnxpb.TensorAnnotation{TensorName: proto.String("dead_mid"),
		QuantParameterTensorNames: []*onnxpb.StringStringEntryProto{entry("SCALE_TENSOR", "dead_scale")}})
	m.MetadataProps = append(m.MetadataProps, entry("onnxtool.dmhead.rear_pose", "dead_mid"))
	for _, n := range g.Node {
		if n.GetName() == "choose" {
			then := n.Attr("then_branch").G
			then.Node = append(then.Node, onnxpb.Node("Sub", "dead_sub", []string{"local", "dead_mid"}, []string{"dead_local"}))
			then.Initializer = append(then.Initializer, floats("dead_then_w", []int64{1}, 1))
		}
	}
	body := m.Functions[0]
	body.Node = append(body.Node, onnxpb.Node("Neg", "", []string{"in"}, []string{"dead_in_body"}))
	unused := proto.Clone(body).(*onnxpb.FunctionProto)
	unused.Name = proto.String("dead_function")
	m.Functions = append(m.Functions, unused)
	walkMessages(unused.ProtoReflect(), "", func(_ string, x protoreflect.Message) { x.SetUnknown(nil) })
	return m
}

// told lists what an edit tells, sorted.
func told(r *Report) []string {
	var out []string
	for _, c := range r.Changes {
		out = append(out, c.Action+" "+c.What+" "+c.Name)
	}
	sort.Strings(out)
	return out
}
