package opset

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"onnxtool/onnxpb"
)

// shared returns the path of a file in the shared folder beside the project, and skips the test where it is absent.
func shared(tb testing.TB, elem ...string) string {
	tb.Helper()
	p := filepath.Join(append([]string{"..", "..", "shared"}, elem...)...)
	if _, err := os.Stat(p); err != nil {
		tb.Skipf("%s is not on this machine", p)
	}
	return p
}

// The committed table says what operators.json says, operator by operator and field by field.
func TestTableIsTheChangeLog(t *testing.T) {
	data, err := os.ReadFile(shared(t, "spec", "operators.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list []struct {
		Domain     string
		Name       string
		Since      int64 `json:"since_version"`
		Deprecated bool
		Attributes []struct {
			Name, Type string
			Required   bool
			Default    string
		}
		Inputs, Outputs []Formal
		MinInputs       int                 `json:"min_inputs"`
		MaxInputs       *int                `json:"max_inputs"`
		MinOutputs      int                 `json:"min_outputs"`
		MaxOutputs      *int                `json:"max_outputs"`
		TypeConstraints map[string][]string `json:"type_constraints"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) < 600 {
		t.Fatalf("only %d operator versions in operators.json", len(list))
	}
	type key struct {
		domain, name string
	}
	versions := map[key]int{}
	newest := map[string]int64{}
	maximum := func(p *int) int {
		if p == nil {
			return -1
		}
		return *p
	}
	for _, j := range list {
		want := &Operator{
			Domain: onnxpb.NormalDomain(j.Domain), Name: j.Name, SinceVersion: j.Since, Deprecated: j.Deprecated,
			MinInputs: j.MinInputs, MaxInputs: maximum(j.MaxInputs), MinOutputs: j.MinOutputs, MaxOutputs: maximum(j.MaxOutputs),
			Types: j.TypeConstraints,
		}
		for _, a := range j.Attributes {
			want.Attributes = append(want.Attributes, Attribute{a.Name, a.Type, a.Required, a.Default})
		}
		want.Inputs = append(want.Inputs, j.Inputs...)
		want.Outputs = append(want.Outputs, j.Outputs...)
		got, ok := Lookup(j.Domain, j.Name, j.Since)
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s %d:\n got %+v\nwant %+v", j.Domain, j.Name, j.Since, got, want)
		}
		versions[key{j.Domain, j.Name}]++
		newest[j.Domain] = max(newest[j.Domain], j.Since)
	}
	for k, n := range versions {
		if got := len(Versions(k.domain, k.name)); got != n {
			t.Errorf("%s %s: %d versions in the table, %d in operators.json", k.domain, k.name, got, n)
		}
	}
	for d, v := range newest {
		if !Known(d) || Newest(d) != v {
			t.Errorf("Newest(%q) = %d, want %d", d, Newest(d), v)
		}
	}
	if len(Domains()) != len(newest) {
		t.Errorf("domains %q, operators.json has %d", Domains(), len(newest))
	}
}

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		domain, name string
		version      int64
		since        int64 // 0: not found
		deprecated   bool
	}{
		{"", "Add", 13, 13, false},
		{"ai.onnx", "Add", 13, 13, false},
		{"", "Add", 12, 7, false},
		{"", "Add", 6, 6, false},
		{"", "Add", 1000, 14, false},
		{"", "Add", 0, 0, false},
		{"", "LayerNormalization", 16, 0, false},
		{"", "LayerNormalization", 17, 17, false},
		{"", "Upsample", 9, 9, false},
		{"", "Upsample", 10, 10, true},
		{"", "add", 13, 0, false},
		{"ai.onnx.ml", "Scaler", 3, 1, false},
		{"ai.onnx.ml", "Add", 3, 0, false},
		{"com.example", "Add", 13, 0, false},
	} {
		op, ok := Lookup(c.domain, c.name, c.version)
		if ok != (c.since != 0) {
			t.Errorf("Lookup(%q, %q, %d) found: %v", c.domain, c.name, c.version, ok)
			continue
		}
		if ok && (op.SinceVersion != c.since || op.Deprecated != c.deprecated) {
			t.Errorf("Lookup(%q, %q, %d) = version %d deprecated %v", c.domain, c.name, c.version, op.SinceVersion, op.Deprecated)
		}
	}
	conv, _ := Lookup("", "Conv", 11)
	want := []Formal{{"X", "single", "T"}, {"W", "single", "T"}, {"B", "optional", "T"}}
	if !reflect.DeepEqual(conv.Inputs, want) || conv.MinInputs != 2 || conv.MaxInputs != 3 {
		t.Errorf("Conv takes %v (%d to %d)", conv.Inputs, conv.MinInputs, conv.MaxInputs)
	}
	if a, ok := conv.Attribute("group"); !ok || a != (Attribute{"group", "int", false, "1"}) || a.ProtoType() != onnxpb.AttributeProto_INT {
		t.Errorf("Conv's group is %+v", a)
	}
	concat, _ := Lookup("", "Concat", 13)
	if concat.MaxInputs != -1 || concat.Inputs[0].Option != "variadic" {
		t.Errorf("Concat takes at most %d", concat.MaxInputs)
	}
	if a, _ := concat.Attribute("axis"); !a.Required {
		t.Error("Concat's axis is not required")
	}
}

func TestEveryAttributeTypeIsKnown(t *testing.T) {
	for _, d := range Domains() {
		for _, name := range Names(d, Newest(d)) {
			for _, op := range Versions(d, name) {
				for _, a := range op.Attributes {
					if a.ProtoType() == onnxpb.AttributeProto_UNDEFINED {
						t.Errorf("%s %d: attribute %s has the unknown type %q", name, op.SinceVersion, a.Name, a.Type)
					}
				}
				for i, f := range op.Inputs {
					if f.Option == "variadic" && i != len(op.Inputs)-1 {
						t.Errorf("%s %d: variadic input %s is not the last", name, op.SinceVersion, f.Name)
					}
				}
			}
		}
	}
}

func TestNames(t *testing.T) {
	has := func(list []string, s string) bool {
		for _, x := range list {
			if x == s {
				return true
			}
		}
		return false
	}
	if !has(Names("", 9), "Upsample") || has(Names("", 13), "Upsample") || has(Names("", 13), "LayerNormalization") || !has(Names("", 17), "LayerNormalization") {
		t.Error("Names does not follow the version")
	}
	if Names("com.example", 1) != nil {
		t.Error("an unknown domain has operators")
	}
}

func TestMinIR(t *testing.T) {
	for _, c := range []struct {
		domain  string
		version int64
		want    int64
	}{
		{"", 1, 3}, {"", 8, 3}, {"ai.onnx", 9, 4}, {"", 13, 7}, {"", 14, 7}, {"", 15, 8}, {"", 18, 8}, {"", 19, 9}, {"", 20, 9}, {"", 21, 10}, {"", 22, 10},
		{"", 23, 11}, {"", 24, 12}, {"", 25, 13}, {"", 27, 13}, {"ai.onnx.ml", 2, 6}, {"ai.onnx.ml", 5, 10}, {"com.example", 1, 1},
	} {
		if got := MinIR(c.domain, c.version); got != c.want {
			t.Errorf("MinIR(%q, %d) = %d, want %d", c.domain, c.version, got, c.want)
		}
	}
}

// The table costs a program that does not ask nothing, and one that does little: its index is made in well under 10 ms.
func TestLoadingIsFast(t *testing.T) {
	best := time.Hour
	for range 5 {
		start := time.Now()
		if n := len(loadTableOnce().domains); n == 0 {
			t.Fatal("empty table")
		}
		best = min(best, time.Since(start))
	}
	if best > 10*time.Millisecond {
		t.Errorf("the table took %v to load", best)
	}
}
