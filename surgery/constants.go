package surgery

import (
	"fmt"
	"slices"
	"strings"

	"onnxtool/onnxpb"
)

// Constant is a tensor that stands in a model under a name: an initializer, or what a Constant makes.
type Constant struct {
	Name   string
	Graph  string                    // where it stands, as onnxtool check tells it: main, choose/then_branch, function local.Scale
	Node   *onnxpb.NodeProto         // the Constant; nil for an initializer
	Tensor *onnxpb.TensorProto       // of a Constant whose value is a number, a string or a list: made of it. Nil where the value is sparse, or an attribute of the function around it
	Sparse *onnxpb.SparseTensorProto // where the value is sparse
	body   *nodeBody
}

// Constants lists the constants of a model, in the order of the model: in each graph its initializers, sparse ones, then Constants.
func Constants(m *onnxpb.ModelProto) []Constant {
	var list []Constant
	eachBody(m, func(b *nodeBody) {
		for _, t := range b.graph.GetInitializer() {
			list = append(list, Constant{Name: t.GetName(), Graph: b.name(), Tensor: t, body: b})
		}
		for _, s := range b.graph.GetSparseInitializer() {
			list = append(list, Constant{Name: sparseName(s), Graph: b.name(), Sparse: s, body: b})
		}
		for _, n := range b.nodes() {
			if isConstantNode(n) {
				list = append(list, Constant{Name: n.GetOutput()[0], Graph: b.name(), Node: n, Tensor: constantTensor(n), Sparse: n.Attr("sparse_value").GetSparseTensor(), body: b})
			}
		}
	})
	return list
}

// isConstantNode tells whether a node is ONNX's own Constant.
func isConstantNode(n *onnxpb.NodeProto) bool {
	return n.GetOpType() == "Constant" && onnxpb.NormalDomain(n.GetDomain()) == "" && len(n.GetOutput()) == 1 && n.GetOutput()[0] != ""
}

// constantTensor returns the tensor that a Constant makes: the one that it holds, or a new one. Nil where its value is sparse, or an attribute of a function.
func constantTensor(n *onnxpb.NodeProto) *onnxpb.TensorProto {
	for _, a := range n.GetAttribute() {
		if a.GetRefAttrName() != "" {
			continue
		}
		switch a.GetName() {
		case "value":
			return a.GetT()
		case "value_int":
			return onnxpb.TensorOf("", []int64{}, []int64{a.GetI()})
		case "value_ints":
			return onnxpb.TensorOf("", []int64{int64(len(a.GetInts()))}, a.GetInts())
		case "value_float":
			return onnxpb.TensorOf("", []int64{}, []float32{a.GetF()})
		case "value_floats":
			return onnxpb.TensorOf("", []int64{int64(len(a.GetFloats()))}, a.GetFloats())
		case "value_string":
			return onnxpb.TensorOf("", []int64{}, []string{string(a.GetS())})
		case "value_strings":
			words := make([]string, len(a.GetStrings()))
			for i, s := range a.GetStrings() {
				words[i] = string(s)
			}
			return onnxpb.TensorOf("", []int64{int64(len(words))}, words)
		}
	}
	return nil
}

// what names the kind of a constant for a report.
func (c Constant) what() string {
	if c.Node != nil {
		return "constant"
	}
	return "initializer"
}

// hasDefaultInput tells whether a constant is an initializer that an input of its graph may override.
func (c Constant) hasDefaultInput() bool {
	return c.Node == nil && hasValue(c.body.graph.GetInput(), c.Name)
}

func (c Constant) isOutput() bool {
	if c.body.graph == nil {
		for _, o := range c.body.fn.GetOutput() {
			if o == c.Name {
				return true
			}
		}
		return false
	}
	return hasValue(c.body.graph.GetOutput(), c.Name)
}

func hasValue(list []*onnxpb.ValueInfoProto, name string) bool {
	for _, v := range list {
		if v.GetName() == name {
			return true
		}
	}
	return false
}

// findConstant finds the constant of a name: that of the initializer, of the value that a Constant makes, or of the Constant itself. graphs, where there are any, say where it stands.
func findConstant(m *onnxpb.ModelProto, name string, graphs []string) (Constant, error) {
	all := Constants(m)
	names := make([]string, 0, len(all))
	var places []string
	for _, c := range all {
		names = append(names, c.Name)
		places = append(places, c.Graph)
	}
	if name == "" {
		return Constant{}, onnxpb.Errorf(onnxpb.Usage, "the name of a constant is empty")
	}
	var where *matcher
	if len(graphs) > 0 {
		eachBody(m, func(b *nodeBody) { places = append(places, b.name()) })
		var err error
		if where, err = newMatcher("graph", graphs, places); err != nil {
			return Constant{}, err
		}
	}
	find := func(is func(Constant) bool) []Constant {
		var hits []Constant
		for _, c := range all {
			if is(c) && (where == nil || where.match(c.Graph)) {
				hits = append(hits, c)
			}
		}
		return hits
	}
	hits := find(func(c Constant) bool { return c.Name == name })
	if len(hits) == 0 {
		hits = find(func(c Constant) bool { return c.Node.GetName() == name })
	}
	switch {
	case len(hits) > 1:
		return Constant{}, severalConstants(name, hits, "say in which graph")
	case len(hits) == 1:
		return hits[0], nil
	}
	e := &onnxpb.Error{Msg: fmt.Sprintf("there is no constant %q", name), Hint: suggest("constant", name, unique(names))}
	switch {
	case len(graphs) > 0:
		e.Msg += " in " + strings.Join(graphs, ", ")
	case NewNames(m).HasValue(name):
		e.Hint = "there is a tensor of that name, which is computed; onnxtool info --names tells by which node"
	}
	return Constant{}, e
}

// severalConstants asks which of the constants of a name is meant.
func severalConstants(name string, hits []Constant, hint string) error {
	list := make([]string, len(hits))
	for i, h := range hits {
		list[i] = h.Graph
	}
	if len(unique(list)) == 1 {
		hint = "a model in which a name stands twice is not valid: rename one first"
	}
	return &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("%d constants have this name, in %s", len(hits), strings.Join(list, ", ")), Hint: hint}
}

// oneEach wants each of the texts that is a name, not a pattern, to mean one constant.
func oneEach(texts []string, which *matcher, all []Constant, hint string) error {
	if len(which.exact) == 0 {
		return nil
	}
	values, nodes := map[string][]Constant{}, map[string][]Constant{}
	for _, c := range all {
		if which.exact[c.Name] {
			values[c.Name] = append(values[c.Name], c)
		}
		if n := c.Node.GetName(); n != "" && which.exact[n] {
			nodes[n] = append(nodes[n], c)
		}
	}
	for _, name := range texts {
		hits := values[name]
		if len(hits) == 0 {
			hits = nodes[name]
		}
		if len(hits) > 1 {
			return severalConstants(name, hits, hint)
		}
	}
	return nil
}

// valueReader is a node that reads a value, with where it stands and at which input.
type valueReader struct {
	node  *onnxpb.NodeProto
	body  *nodeBody
	index int
}

// readers finds the nodes that read a value which a body defines: in the body, in the subgraphs below it, and, where it is the main graph, in the algorithms of the training information. outputs tells
// the graphs below that give it back as an output, and whether the body itself does.
func readers(m *onnxpb.ModelProto, in *nodeBody, name string) (list []valueReader, outputs []string) {
	eachBody(m, func(b *nodeBody) {
		if !seesValue(m, b, in, name) {
			return
		}
		for _, n := range b.nodes() {
			for i, v := range n.GetInput() {
				if v == name {
					list = append(list, valueReader{n, b, i})
				}
			}
		}
		if b.graph == nil {
			for _, o := range b.fn.GetOutput() {
				if o == name {
					outputs = append(outputs, b.name())
				}
			}
		} else if hasValue(b.graph.GetOutput(), name) {
			outputs = append(outputs, b.name())
		}
	})
	return list, outputs
}

// seesValue tells whether a name means in body b the value that body in defines: b is in, or below it, and nothing between defines the name again.
func seesValue(m *onnxpb.ModelProto, b, in *nodeBody, name string) bool {
	for x := b; x != nil; x = x.parent {
		if x.graph == in.graph && x.fn == in.fn {
			return true
		}
		if x.graph != nil {
			for d := range definitions(x.graph) {
				if d == name {
					return false
				}
			}
		}
		if x.parent == nil && in.graph == m.GetGraph() && x.fn == nil {
			for _, t := range m.GetTrainingInfo() {
				if t.GetAlgorithm() == x.graph {
					return true
				}
			}
		}
	}
	return false
}

// namesIn returns the authority on the names that a body may give out: all of the model's, or all of the function's.
func namesIn(m *onnxpb.ModelProto, b *nodeBody) *Names {
	if b.fn == nil {
		return NewNames(m)
	}
	return functionNames(b.fn)
}

// functionNames collects the names within a function.
func functionNames(f *onnxpb.FunctionProto) *Names {
	n := &Names{map[string]bool{}, map[string]bool{}, map[string]int{}, map[string]int{}}
	v := nameVisitor{value: func(p *string) { n.values[*p] = true }, node: func(p *string) { n.nodes[*p] = true }}
	for _, name := range f.GetInput() {
		n.values[name] = true
	}
	for _, name := range f.GetOutput() {
		n.values[name] = true
	}
	v.graph(&onnxpb.GraphProto{Node: f.GetNode(), ValueInfo: f.GetValueInfo()})
	return n
}

// constantMatcher matches constants by their names, and by those of their nodes.
func constantMatcher(all []Constant, names []string) (*matcher, error) {
	list := make([]string, 0, len(all))
	for _, c := range all {
		list = append(list, c.Name)
		if n := c.Node.GetName(); n != "" {
			list = append(list, n)
		}
	}
	return newMatcher("constant", names, list)
}

// ChooseConstants finds constants by name: names, globs or re: and a regular expression, of initializers, of the values that Constants make, or of the Constants; all where there are none. graphs say where they
// stand; see NodeChoice. It is an error of kind Unfit if one matches nothing (with the nearest names), or if a name that is no pattern stands for several.
func ChooseConstants(m *onnxpb.ModelProto, names, graphs []string) ([]Constant, error) {
	all := Constants(m)
	which, err := constantMatcher(all, names)
	if err != nil {
		return nil, err
	}
	var places []string
	eachBody(m, func(b *nodeBody) { places = append(places, b.name()) })
	where, err := newMatcher("graph", graphs, places)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(c Constant) bool { return !where.match(c.Graph) })
	if len(graphs) > 0 {
		for _, name := range names {
			if which.exact[name] && !slices.ContainsFunc(all, func(c Constant) bool { return c.Name == name || c.Node.GetName() == name }) {
				_, err := findConstant(m, name, graphs)
				return nil, err
			}
		}
	}
	if err := oneEach(names, which, all, "say in which graph"); err != nil {
		return nil, err
	}
	var out []Constant
	for _, c := range all {
		if which.match(c.Name) || c.Node.GetName() != "" && which.match(c.Node.GetName()) {
			out = append(out, c)
		}
	}
	return out, nil
}
