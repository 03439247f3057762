package surgery

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// DimChange gives a dimension another size.
type DimChange struct {
	Symbol string     // the symbol that stands for it wherever it is declared; or
	Input  string     // the input that has it
	Axis   int        // in this axis, from the end where it is negative
	To     onnxpb.Dim // a number or a symbol
}

// ParseDimChange reads H=256, H=height, image[2]=256 and image[-1]=W.
func ParseDimChange(s string) (DimChange, error) {
	bad := &onnxpb.Error{Kind: onnxpb.Usage, Msg: s + " is not DIMENSION=SIZE", Hint: "for example H=256 for a symbol, or image[2]=256 for an axis of an input"}
	at := strings.LastIndexByte(s, '=')
	if at <= 0 {
		return DimChange{}, bad
	}
	to, err := onnxpb.ParseDim(s[at+1:])
	if err != nil || to == (onnxpb.Dim{}) {
		return DimChange{}, bad
	}
	name := s[:at]
	if open := strings.LastIndexByte(name, '['); open > 0 && strings.HasSuffix(name, "]") {
		axis, err := strconv.Atoi(name[open+1 : len(name)-1])
		if err != nil {
			return DimChange{}, bad
		}
		return DimChange{Input: name[:open], Axis: axis, To: to}, nil
	}
	return DimChange{Symbol: name, To: to}, nil
}

// SetDim gives dimensions of the inputs other sizes: numbers or symbols. It is not for the batch, of which SetBatch proves that rows stay apart: the network that results is the same operators on
// tensors of other sizes, as PyTorch would export it for these.
//
// A dimension that is a symbol is replaced wherever it is declared. One that is a number has to be found in the constants that were made for it: it is followed through the
// graph as a symbol, and targets of Reshape, Expand and Resize and ends of Slice that stand for it are mended where arithmetic leaves one answer. Outputs and value_info
// are declared anew. Where something was made for the old size and cannot follow (weights over a flattened image, learned positions, a crop), the edit fails with an
// Error of kind Refused that names the node and what it needs.
func SetDim(m *onnxpb.ModelProto, changes ...DimChange) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) { return setDim(m, changes) })
}

func setDim(m *onnxpb.ModelProto, changes []DimChange) (*Report, error) {
	r := &Report{Edit: "setdim"}
	before := map[*onnxpb.ValueInfoProto]string{}
	for v := range declaredValues(m) {
		before[v] = onnxpb.FormatTypeProto(v.GetType())
	}
	original := onnxpb.Clone(m)
	bySymbol, byAxis, err := sortChanges(m, changes)
	if err != nil {
		return nil, err
	}
	subst := map[string]onnxpb.Dim{}
	for _, c := range bySymbol {
		subst[c.Symbol] = c.To
	}
	SubstituteDims(m, subst)
	if err := holdsDeclared(original, m, subst); err != nil {
		return nil, err
	}
	mends := 0
	if len(byAxis) > 0 {
		f := &dimFlow{m: m, report: r, changes: byAxis}
		if err := f.run(); err != nil {
			return nil, err
		}
		mends = f.mends
		for _, c := range byAxis {
			c.To.Set(graphInput(m, c.Input).ShapeProto().GetDim()[c.Axis])
		}
	}
	if err := redeclare(m, original, len(byAxis) > 0); err != nil {
		return nil, err
	}
	for v := range declaredValues(m) {
		if after := onnxpb.FormatTypeProto(v.GetType()); before[v] != after && before[v] != "" {
			what := "value_info"
			switch {
			case slices.Contains(m.Graph.Input, v):
				what = "input"
			case slices.Contains(m.Graph.Output, v):
				what = "output"
			}
			r.Add("changed", what, v.GetName(), before[v], after)
		}
	}
	if len(byAxis) == 0 && len(subst) > 0 {
		numbers := false
		for _, d := range subst {
			numbers = numbers || d.Known
		}
		if numbers {
			foldShapes(m, r)
		}
	}
	for _, c := range byAxis {
		if c.Axis == 0 {
			r.Note("axis 0 of %q may be the batch: setbatch changes that, and proves that rows stay apart", c.Input)
		}
	}
	if len(byAxis) > 0 && mends == 0 {
		r.Note("no constant was found that stands for the old size: only declarations were changed")
	}
	return r, nil
}

// holdsDeclared refuses a number for a symbol where an output that declares the symbol turns out to be another number: something in the graph was made for that.
func holdsDeclared(original, m *onnxpb.ModelProto, subst map[string]onnxpb.Dim) error {
	if len(subst) == 0 {
		return nil
	}
	now := shape.Infer(bare(m), shape.Options{})
	for _, v := range original.GetGraph().GetOutput() {
		x := now.Value(v.GetName())
		dims, ok := v.Shape()
		if !ok || x == nil || len(x.Dims) != len(dims) {
			continue
		}
		for i, d := range dims {
			to, given := subst[d.Param]
			n, number := x.Dims[i].Const()
			if given && d.Param != "" && to.Known && number && n != to.Value {
				return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: v.GetName(), Msg: fmt.Sprintf("the dimension cannot be changed: axis %d of this output is declared %s, and is %d when that is %d: something in the graph was made for another size", i, d.Param, n, to.Value), Hint: dimHint}
			}
		}
	}
	return nil
}

// sortChanges finds the dimensions that are to change, and parts those that are symbols from those that are numbers. Axes are counted from 0 then.
func sortChanges(m *onnxpb.ModelProto, changes []DimChange) (bySymbol, byAxis []DimChange, err error) {
	declared := map[string]bool{}
	for v := range declaredValues(m) {
		for d := range v.GetType().AllDims() {
			if p := d.GetDimParam(); p != "" {
				declared[p] = true
			}
		}
	}
	taken := map[string]bool{}
	for _, c := range changes {
		if c.To == (onnxpb.Dim{}) || c.To.Known && c.To.Value < 1 {
			return nil, nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the new size is %s", c.To), Hint: "a number from 1 up, or a symbol"}
		}
		if c.Input != "" {
			v := graphInput(m, c.Input)
			if v == nil {
				var names []string
				for _, v := range m.GetGraph().GetInput() {
					names = append(names, v.GetName())
				}
				return nil, nil, &onnxpb.Error{Tensor: c.Input, Msg: "the model has no such input", Hint: suggest("input", c.Input, names)}
			}
			dims, ranked := v.Shape()
			axis, ok := normAxis(int64(c.Axis), len(dims))
			if !ranked || !ok {
				return nil, nil, &onnxpb.Error{Tensor: c.Input, Msg: fmt.Sprintf("has no axis %d: its shape is %s", c.Axis, onnxpb.FormatTypeProto(v.GetType())), Hint: "axes count from 0, or from -1 backwards"}
			}
			c.Axis = axis
			key := fmt.Sprintf("%s[%d]", c.Input, axis)
			if taken[key] {
				return nil, nil, &onnxpb.Error{Kind: onnxpb.Usage, Tensor: c.Input, Msg: fmt.Sprintf("axis %d is given two sizes", axis), Hint: "name each dimension once"}
			}
			taken[key] = true
			switch d := dims[axis]; {
			case d == c.To:
				continue
			case d.Known:
				byAxis = append(byAxis, c)
				continue
			case d.Param == "":
				return nil, nil, &onnxpb.Error{Tensor: c.Input, Msg: fmt.Sprintf("axis %d is open: nothing is known that could change", axis), Hint: "declare it with onnxtool setinput --shape"}
			default:
				c.Symbol = d.Param
			}
		}
		switch {
		case !declared[c.Symbol]:
			names := make([]string, 0, len(declared))
			for s := range declared {
				names = append(names, s)
			}
			sort.Strings(names)
			e := &onnxpb.Error{Msg: fmt.Sprintf("the model has no dimension with the symbol %s", c.Symbol), Hint: "an axis of an input is written INPUT[AXIS]"}
			if graphInput(m, c.Symbol) != nil {
				e.Hint = fmt.Sprintf("it is an input: give the axis, %s[AXIS]=%s", c.Symbol, c.To)
			} else if len(names) > 0 {
				e.Hint = "its symbols are " + strings.Join(names, ", ") + "; an axis of an input is written INPUT[AXIS]"
			}
			return nil, nil, e
		case taken[c.Symbol]:
			return nil, nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("symbol %s is given two sizes", c.Symbol), Hint: "name each dimension once"}
		case c.To.Param == c.Symbol:
			continue
		case c.To.Param != "" && declared[c.To.Param]:
			return nil, nil, &onnxpb.Error{Msg: fmt.Sprintf("symbol %s stands for another dimension already", c.To.Param), Hint: "choose another symbol"}
		}
		taken[c.Symbol] = true
		bySymbol = append(bySymbol, c)
	}
	sizes := map[onnxpb.Dim]onnxpb.Dim{}
	for _, c := range byAxis {
		dims, _ := graphInput(m, c.Input).Shape()
		if other, ok := sizes[c.To]; ok && c.To.Param != "" && other != dims[c.Axis] {
			return nil, nil, &onnxpb.Error{Tensor: c.Input, Msg: fmt.Sprintf("symbol %s would stand for %s and for %s", c.To.Param, other, dims[c.Axis]), Hint: "give the two dimensions different symbols"}
		}
		sizes[c.To] = dims[c.Axis]
		if c.To.Param != "" && declared[c.To.Param] {
			return nil, nil, &onnxpb.Error{Msg: fmt.Sprintf("symbol %s stands for another dimension already", c.To.Param), Hint: "choose another symbol, or rename that one: onnxtool rename --dim"}
		}
	}
	return bySymbol, byAxis, nil
}

// bare returns a copy of a model in which only inputs declare shapes.
func bare(m *onnxpb.ModelProto) *onnxpb.ModelProto {
	c := onnxpb.Clone(m)
	var graph func(g *onnxpb.GraphProto, main bool)
	graph = func(g *onnxpb.GraphProto, main bool) {
		g.ValueInfo = nil
		for _, o := range g.GetOutput() {
			o.Type = nil
		}
		if !main { // what a subgraph declares of its inputs was made for the old sizes too
			for _, v := range g.GetInput() {
				v.Type = nil
			}
		}
		for _, n := range g.GetNode() {
			for sub := range n.Subgraphs() {
				graph(sub, false)
			}
		}
	}
	graph(c.GetGraph(), true)
	for _, f := range c.GetFunctions() {
		f.ValueInfo = nil
	}
	return c
}

// graphsOf lists the main graph and its subgraphs, in an order that only depends on the nodes that hold them.
func graphsOf(m *onnxpb.ModelProto) []*onnxpb.GraphProto {
	var list []*onnxpb.GraphProto
	var add func(g *onnxpb.GraphProto)
	add = func(g *onnxpb.GraphProto) {
		list = append(list, g)
		for _, n := range g.GetNode() {
			for sub := range n.Subgraphs() {
				add(sub)
			}
		}
	}
	add(m.GetGraph())
	return list
}

// redeclare writes what follows into the declarations of a model, but for its inputs, and refuses one whose shapes do not go together any more. What follows no longer is
// left open where open says so.
func redeclare(m, original *onnxpb.ModelProto, open bool) error {
	oldModel, newModel := bare(original), bare(m)
	was, now := shape.Infer(oldModel, shape.Options{}), shape.Infer(newModel, shape.Options{})
	old := map[shape.Fault]bool{}
	for _, f := range was.Faults {
		old[f] = true
	}
	for _, f := range now.Faults {
		if old[f] {
			continue
		}
		return &onnxpb.Error{Kind: onnxpb.Refused, Node: f.Node, Tensor: f.Tensor, Msg: "the dimension cannot be changed: the graph is made for the old size: " + f.Msg, Hint: dimHint}
	}
	oldGraphs, newGraphs := graphsOf(oldModel), graphsOf(newModel)
	for i, g := range graphsOf(m) {
		lists := [][]*onnxpb.ValueInfoProto{g.GetOutput(), g.GetValueInfo()}
		if i > 0 {
			lists = append(lists, g.GetInput())
		}
		for _, list := range lists {
			for _, v := range list {
				redeclareValue(v, was.Of(oldGraphs[i], v.GetName()), now.Of(newGraphs[i], v.GetName()), open)
			}
		}
	}
	return nil
}

// redeclareValue writes what follows of a value now into its declaration; before is what followed of it.
func redeclareValue(v *onnxpb.ValueInfoProto, before, now *shape.Value, open bool) {
	dims := v.ShapeProto().GetDim()
	if now != nil && now.Kind != shape.Tensor && before.String() != now.String() { // a sequence, or an optional
		// Only the dimensions are written, into the type as it stands: whatever else is in it stays.
		was, is := slices.Collect(v.GetType().AllDims()), slices.Collect(now.Proto().AllDims())
		if len(was) == len(is) {
			for k, p := range was {
				onnxpb.DimOf(is[k]).Set(p)
			}
		}
		return
	}
	if now == nil || !now.Ranked || len(now.Dims) != len(dims) {
		return
	}
	for i, p := range dims {
		d := dimOf(now.Dims[i])
		if d == (onnxpb.Dim{}) && before != nil && before.Ranked && len(before.Dims) == len(dims) && dimOf(before.Dims[i]) == (onnxpb.Dim{}) {
			continue // it could not be told before either
		}
		if open || d != (onnxpb.Dim{}) {
			d.Set(p)
		}
	}
}

// dimOf returns a dimension as it is declared: open where it cannot be written down.
func dimOf(d shape.Dim) onnxpb.Dim {
	if n, ok := d.Const(); ok {
		return onnxpb.Number(n)
	}
	if shape.Named(d) {
		return onnxpb.Symbol(shape.FormatDim(d))
	}
	return onnxpb.Dim{}
}

// dimHint is what is left to do where a size cannot be changed.
const dimHint = "export the model for the size that is wanted"
