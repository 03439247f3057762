package opset

import (
	_ "embed"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"

	"onnxtool/onnxpb"
)

// operatorsText is the table that internal/optable writes; its form is told there.
//
//go:embed operators.txt
var operatorsText string

// table is the index over operatorsText: which lines are about which operator. A line itself is parsed when someone first asks for it.
type table struct {
	typeSets [][]string
	domains  map[string]*domainTable
	order    []string // the domains as they stand in the text
}

type domainTable struct {
	name   string
	newest int64
	ops    map[string][]*entry // the versions of an operator, ascending
}

// entry is one version of an operator, parsed once.
type entry struct {
	since int64
	parse func() *Operator
}

var loadTable = sync.OnceValue(loadTableOnce)

func loadTableOnce() *table {
	t := &table{domains: map[string]*domainTable{}}
	var d *domainTable
	for line := range strings.Lines(operatorsText) {
		line = strings.TrimSuffix(line, "\n")
		first, rest, _ := strings.Cut(line, "\t")
		switch line[0] {
		case '#':
			t.typeSets = append(t.typeSets, strings.Split(rest, "|"))
		case '@':
			d = &domainTable{name: onnxpb.NormalDomain(first[1:]), newest: number(rest), ops: map[string][]*entry{}}
			t.domains[d.name] = d
			t.order = append(t.order, d.name)
		default:
			since, _, _ := strings.Cut(rest, "\t")
			domain := d.name
			d.ops[first] = append(d.ops[first], &entry{
				since: number(strings.TrimSuffix(since, "!")),
				parse: sync.OnceValue(func() *Operator { return t.parse(domain, line) }),
			})
		}
	}
	return t
}

// parse reads one line of the table. The table is part of the program, so that a line that makes no sense is a mistake in the program.
func (t *table) parse(domain, line string) *Operator {
	f := strings.Split(line, "\t")
	if len(f) != 8 {
		panic(fmt.Sprintf("opset: %d fields in the table's line %q", len(f), line))
	}
	op := &Operator{Domain: domain, Name: f[0], Deprecated: strings.HasSuffix(f[1], "!")}
	op.SinceVersion = number(strings.TrimSuffix(f[1], "!"))
	op.MinInputs, op.MaxInputs = span(f[2])
	op.MinOutputs, op.MaxOutputs = span(f[3])
	op.Inputs, op.Outputs = formals(f[4]), formals(f[5])
	op.Types = map[string][]string{}
	for _, v := range strings.Fields(f[6]) {
		name, set, _ := strings.Cut(v, "=")
		op.Types[name] = t.typeSets[number(set)]
	}
	if f[7] != "" {
		for _, s := range strings.Split(f[7], ";") {
			var a Attribute
			s, a.Default, _ = strings.Cut(s, "=")
			a.Name, a.Type, _ = strings.Cut(s, ":")
			a.Type, a.Required = strings.CutSuffix(a.Type, "!")
			op.Attributes = append(op.Attributes, a)
		}
	}
	return op
}

func formals(s string) []Formal {
	var out []Formal
	for _, w := range strings.Fields(s) {
		f := Formal{Option: "single"}
		switch w[0] {
		case '?':
			f.Option, w = "optional", w[1:]
		case '*':
			f.Option, w = "variadic", w[1:]
		}
		f.Name, f.Type, _ = strings.Cut(w, ":")
		out = append(out, f)
	}
	return out
}

func span(s string) (lo, hi int) {
	a, b, _ := strings.Cut(s, "-")
	if b == "*" {
		return int(number(a)), -1
	}
	return int(number(a)), int(number(b))
}

func number(s string) int64 {
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("opset: %q in the table is no number", s))
	}
	return v
}

// Lookup returns the version of an operator that is in force under an import of version of its domain's operator set: the newest that is no
// newer than version. The domain may be written "" or "ai.onnx". An operator that came later is not found; one that is deprecated is found,
// and says so. A version past Newest gives the newest signature that the table knows.
func Lookup(domain, name string, version int64) (*Operator, bool) {
	d := loadTable().domains[onnxpb.NormalDomain(domain)]
	if d == nil {
		return nil, false
	}
	list := d.ops[name]
	for i := len(list) - 1; i >= 0; i-- {
		if list[i].since <= version {
			return list[i].parse(), true
		}
	}
	return nil, false
}

// Versions returns every version of an operator that the table holds, ascending; none where it does not know the operator.
func Versions(domain, name string) []*Operator {
	d := loadTable().domains[onnxpb.NormalDomain(domain)]
	if d == nil {
		return nil
	}
	var out []*Operator
	for _, e := range d.ops[name] {
		out = append(out, e.parse())
	}
	return out
}

// Names returns the names of the operators that a domain has under an import of version of its operator set, sorted, without those that are
// deprecated there.
func Names(domain string, version int64) []string {
	d := loadTable().domains[onnxpb.NormalDomain(domain)]
	if d == nil {
		return nil
	}
	var out []string
	for name := range d.ops {
		if op, ok := Lookup(domain, name, version); ok && !op.Deprecated {
			out = append(out, name)
		}
	}
	sort.Strings(out)
	return out
}

// Domains returns the domains that the table holds, "" first.
func Domains() []string { return slices.Clone(loadTable().order) }

// Known tells whether the table holds a domain.
func Known(domain string) bool { return loadTable().domains[onnxpb.NormalDomain(domain)] != nil }

// Newest returns the newest version of a domain's operator set that the table holds; 0 where it does not know the domain.
func Newest(domain string) int64 {
	if d := loadTable().domains[onnxpb.NormalDomain(domain)]; d != nil {
		return d.newest
	}
	return 0
}
