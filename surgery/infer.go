package surgery

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// InferOptions say how Infer takes a model.
type InferOptions struct {
	// Declare says of what type values are, before anything is inferred: those that inference cannot tell, behind operators that are not known. What follows from them is
	// inferred then. They are values of the main graph or of subgraphs that nodes make, or inputs of subgraphs.
	Declare []TypeDeclaration
	// Assume gives numbers to symbols of the model: they are declared in their place.
	Assume map[string]int64
	// Strict makes an error of what is only noted otherwise: a declared number where a symbol follows, an operator that is not known, and a value whose
	// element type or rank cannot be told.
	Strict bool
}

// Infer declares in a model's value_info what follows for every value of the main graph and of its subgraphs (its type and shape, see package shape), and declares the
// outputs as sharply as they follow. What is declared stays where it is sharper. Of dimensions that are expressions the name tells what they are: 2*N.
//
// Where a declaration contradicts what follows, or the inputs of a node do not fit its operator, the error is of kind Refused and names both. So it is where one of Declare says another
// thing than what is declared by now, or than what follows, be it a number where a symbol follows. Unfit are names in Declare that no value has (with the nearest), or several, and those of inputs
// of the model and of constants.
func Infer(m *onnxpb.ModelProto, o InferOptions) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) { return infer(m, o) })
}

func infer(m *onnxpb.ModelProto, o InferOptions) (*Report, error) {
	r := &Report{Edit: "infer"}
	before := m
	if len(o.Declare) > 0 {
		before = onnxpb.Clone(m)
	}
	declared, err := declareTypes(m, o.Declare, r)
	if err != nil {
		return nil, err
	}
	if err := assume(m, o.Assume, r); err != nil {
		return nil, err
	}
	found := shape.Infer(m, shape.Options{Assume: o.Assume})
	faults := found.Faults
	if o.Strict {
		faults = append(faults, found.Notes...)
		for _, op := range found.UnknownOperators {
			faults = append(faults, shape.Fault{Msg: "the operator " + op + " is not known"})
		}
	}
	if len(found.Faults) == 0 {
		if err := holdDeclared(declared, o.Assume, found); err != nil {
			return nil, err
		}
	}
	for _, n := range found.Notes {
		r.Note("%s", n)
	}
	if len(found.UnknownOperators) > 0 {
		r.Note("operators that are not known, whose outputs could not be told (what they give can be declared, see onnxtool infer --declare): %s", strings.Join(found.UnknownOperators, ", "))
	}
	d := &inferDeclaration{found: found, report: r, strict: o.Strict}
	d.graph(m.GetGraph())
	faults = append(faults, d.faults...)
	if len(faults) > 0 {
		list := make([]string, 0, 4)
		for i, f := range faults {
			if i == 3 {
				list = append(list, fmt.Sprintf("and %d more", len(faults)-i))
				break
			}
			list = append(list, f.String())
		}
		return nil, &onnxpb.Error{Kind: onnxpb.Refused, Msg: "the shapes do not go together: " + strings.Join(list, "; "),
			Hint: "mend the node, or the declaration that is wrong"}
	}
	if len(declared) > 0 {
		if err := fitsReaders(before, m); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// assume declares numbers in the place of symbols, wherever they stand.
func assume(m *onnxpb.ModelProto, numbers map[string]int64, r *Report) error {
	if len(numbers) == 0 {
		return nil
	}
	seen := map[string]bool{}
	var symbols []string
	for v := range declaredValues(m) {
		for d := range v.GetType().AllDims() {
			symbols = append(symbols, d.GetDimParam())
			if n, ok := numbers[d.GetDimParam()]; ok && d.GetDimParam() != "" {
				seen[d.GetDimParam()] = true
				onnxpb.Number(n).Set(d)
			}
		}
	}
	names := make([]string, 0, len(numbers))
	for s := range numbers {
		names = append(names, s)
	}
	sort.Strings(names)
	for _, s := range names {
		if numbers[s] < 1 {
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("symbol %s is assumed to be %d", s, numbers[s]), Hint: "a symbol stands for a number from 1 up"}
		}
		if !seen[s] {
			return &onnxpb.Error{Msg: fmt.Sprintf("the model has no dimension with the symbol %s", s), Hint: suggest(KindDim.String(), s, unique(symbols))}
		}
		r.Add("changed", "dimension", s, s, fmt.Sprint(numbers[s]))
	}
	return nil
}

// declaredValues yields every declaration of a value: of the main graph, its subgraphs at any depth, the functions' own excluded.
func declaredValues(m *onnxpb.ModelProto) func(yield func(*onnxpb.ValueInfoProto) bool) {
	return func(yield func(*onnxpb.ValueInfoProto) bool) {
		var graph func(*onnxpb.GraphProto) bool
		graph = func(g *onnxpb.GraphProto) bool {
			for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
				for _, v := range list {
					if !yield(v) {
						return false
					}
				}
			}
			for _, n := range g.GetNode() {
				for sub := range n.Subgraphs() {
					if !graph(sub) {
						return false
					}
				}
			}
			return true
		}
		graph(m.GetGraph())
	}
}

// inferDeclaration writes what was inferred into a model.
type inferDeclaration struct {
	found  *shape.Result
	report *Report
	strict bool
	faults []shape.Fault
}

func (d *inferDeclaration) graph(g *onnxpb.GraphProto) {
	infos := map[string]*onnxpb.ValueInfoProto{}
	for _, v := range g.GetValueInfo() {
		infos[v.GetName()] = v
	}
	for _, v := range g.GetOutput() {
		infos[v.GetName()] = v
	}
	for _, n := range g.GetNode() {
		for _, name := range n.GetOutput() {
			if name != "" {
				d.value(g, infos, n, name)
			}
		}
		for sub := range n.Subgraphs() {
			d.graph(sub)
		}
	}
}

func (d *inferDeclaration) value(g *onnxpb.GraphProto, infos map[string]*onnxpb.ValueInfoProto, n *onnxpb.NodeProto, name string) {
	v := d.found.Of(g, name)
	t := v.Proto()
	if d.strict && (t == nil || v.Kind == shape.Tensor && !v.Ranked) {
		d.faults = append(d.faults, shape.Fault{Node: n.Label(), Tensor: name, Msg: "its type and rank cannot be told: " + v.String()})
	}
	if t == nil {
		return
	}
	info := infos[name]
	if info == nil {
		info = &onnxpb.ValueInfoProto{Name: &name, Type: t}
		infos[name] = info
		g.ValueInfo = append(g.ValueInfo, info)
		d.report.Add("added", "value_info", name, "", onnxpb.FormatTypeProto(t))
		return
	}
	before := onnxpb.FormatTypeProto(info.GetType())
	sharpen(info, t)
	if after := onnxpb.FormatTypeProto(info.GetType()); after != before {
		what := "value_info"
		if slices.Contains(g.Output, info) {
			what = "output"
		}
		d.report.Add("changed", what, name, before, after)
	}
}

// sharpen writes a type into a declaration, whose denotations and unknown fields stay where the two are of the same kind and rank.
func sharpen(info *onnxpb.ValueInfoProto, t *onnxpb.TypeProto) {
	have, want := info.GetType().GetTensorType(), t.GetTensorType()
	if have == nil || want == nil {
		if onnxpb.FormatTypeProto(info.GetType()) != onnxpb.FormatTypeProto(t) {
			if info.Type != nil {
				t.Denotation = info.Type.Denotation
			}
			info.Type = t
		}
		return
	}
	have.ElemType = want.ElemType
	switch {
	case want.Shape == nil:
	case have.Shape == nil || len(have.Shape.Dim) != len(want.Shape.Dim):
		have.Shape = want.Shape
	default:
		for i, dim := range want.Shape.Dim {
			if w := onnxpb.DimOf(dim); w.Known || w.Param != "" {
				w.Set(have.Shape.Dim[i])
			}
		}
	}
}
