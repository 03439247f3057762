package opset

import (
	"strings"

	"onnxtool/onnxpb"
)

// funcKey is what a function is called by.
type funcKey struct{ domain, name, overload string }

func keyOf(f *onnxpb.FunctionProto) funcKey {
	return funcKey{onnxpb.NormalDomain(f.GetDomain()), f.GetName(), f.GetOverload()}
}

func (k funcKey) String() string { return FunctionText(k.domain, k.name, k.overload) }

// FunctionText writes the name of a function for people: domain.name:overload, without what is empty.
func FunctionText(domain, name, overload string) string {
	if domain != "" {
		name = domain + "." + name
	}
	if overload != "" {
		name += ":" + overload
	}
	return name
}

// functionKeys collects the functions of the model, which must be there once each.
func (c *checker) functionKeys(top *place) {
	c.funcs = make(map[funcKey]*onnxpb.FunctionProto, len(c.m.GetFunctions()))
	for _, f := range c.m.GetFunctions() {
		k := keyOf(f)
		if c.funcs[k] != nil {
			c.fail(top, FaultFunction, "", "the function %s is there twice", k)
			continue
		}
		c.funcs[k] = f
	}
	if len(c.m.GetFunctions()) > 0 && c.ir > 0 && c.ir < 8 {
		c.warn(top, WarnOlderIR, "", "functions came with IR version 8, the model says %d", c.ir)
	}
}

// call checks a node that calls a function of the model. Inputs and outputs at the end may be left out.
func (c *checker) call(at *place, n *onnxpb.NodeProto, f *onnxpb.FunctionProto) {
	if k := len(n.GetInput()); k > len(f.GetInput()) {
		c.fail(at, FaultInputCount, "", "the function %s takes %s, the node has %d", keyOf(f), plural(len(f.GetInput()), len(f.GetInput()), "input"), k)
	}
	if k := len(n.GetOutput()); k > len(f.GetOutput()) {
		c.fail(at, FaultOutputCount, "", "the function %s gives %s, the node has %d", keyOf(f), plural(len(f.GetOutput()), len(f.GetOutput()), "output"), k)
	}
}

// functions checks the functions of the model.
func (c *checker) functions(imports map[string]int64) {
	if len(c.m.GetFunctions()) == 0 {
		return
	}
	// Operators in the bodies of functions are to mean what they mean in the model, where both import the domain.
	all := make(map[string]int64, len(imports))
	for d, v := range imports {
		all[d] = v
	}
	for _, f := range c.m.GetFunctions() {
		for _, o := range f.GetOpsetImport() {
			if d := onnxpb.NormalDomain(o.GetDomain()); all[d] == 0 {
				all[d] = o.GetVersion()
			}
		}
	}
	for _, f := range c.m.GetFunctions() {
		c.function(f, all)
	}
	c.recursion()
}

// function checks the body of a function.
func (c *checker) function(f *onnxpb.FunctionProto, all map[string]int64) {
	at := &place{index: -1, root: "function " + keyOf(f).String()}
	if f.GetName() == "" {
		c.fail(at, FaultName, "", "the function has no name")
	}
	if f.Domain == nil && c.ir >= 8 {
		c.fail(at, FaultFunction, "", "the function has no domain")
	}
	c.name(at, "the function", f.GetName())
	c.name(at, "the domain", f.GetDomain())

	b := newBody(c.imports(at, f.GetOpsetImport()), f)
	b.params = map[string]bool{}
	param := func(name string) {
		switch {
		case name == "":
			c.fail(at, FaultFunction, "", "an attribute of the function has no name")
		case b.params[name]:
			c.fail(at, FaultFunction, "", "the function has the attribute %q twice", name)
		}
		b.params[name] = true
	}
	for _, name := range f.GetAttribute() {
		param(name)
	}
	s := &scope{body: b, nodes: f.GetNode()}
	for _, a := range f.GetAttributeProto() {
		param(a.GetName())
		c.attribute(s, at, a)
	}
	for _, name := range f.GetInput() {
		if name == "" {
			c.fail(at, FaultFunction, "", "an input of the function has no name")
			continue
		}
		c.define(s, at, name, "an input")
	}
	c.nodeList(s, at, f.GetNode())
	seen := map[string]bool{}
	for _, name := range f.GetOutput() {
		if name == "" {
			c.fail(at, FaultFunction, "", "an output of the function has no name")
			continue
		}
		if seen[name] {
			c.fail(at, FaultGraphOutput, name, "is an output of the function twice")
			continue
		}
		seen[name] = true
		if _, ok := b.visible[name]; !ok {
			c.fail(at, FaultGraphOutput, name, "is an output of the function, but no node or input makes it")
			c.text(at, "", "the value", name)
		}
	}
	c.functionText(s, at, f)
	c.sameOperators(at, f.GetNode(), b.imports, all)
}

// sameOperators checks that the operators in a function's body mean the same under its own imports and under those of the model.
func (c *checker) sameOperators(at *place, nodes []*onnxpb.NodeProto, own, all map[string]int64) {
	for _, n := range nodes {
		domain, op := onnxpb.NormalDomain(n.GetDomain()), n.GetOpType()
		a, b := own[domain], all[domain]
		if a == b || a == 0 || b == 0 {
			continue
		}
		oa, oka := Lookup(domain, op, a)
		ob, okb := Lookup(domain, op, b)
		if oka == okb && (!oka || oa.SinceVersion == ob.SinceVersion) {
			continue
		}
		c.fail(at.at(n), FaultOpsetImport, "", "%s is another operator under version %d of %s, which the function imports, than under version %d, which the model imports",
			op, a, domainName(domain), b)
	}
}

// recursion checks that no function calls itself, be it through others.
func (c *checker) recursion() {
	const (
		fresh = iota
		open
		done
	)
	state := map[funcKey]int{}
	type frame struct {
		key   funcKey
		calls []funcKey
	}
	for _, f := range c.m.GetFunctions() {
		if state[keyOf(f)] != fresh || c.funcs[keyOf(f)] != f {
			continue
		}
		// A chain of functions may be longer than a stack is deep: the path is kept by hand.
		path := []frame{{keyOf(f), c.calls(f)}}
		state[keyOf(f)] = open
		for len(path) > 0 {
			top := &path[len(path)-1]
			if len(top.calls) == 0 {
				state[top.key] = done
				path = path[:len(path)-1]
				continue
			}
			next := top.calls[0]
			top.calls = top.calls[1:]
			switch state[next] {
			case fresh:
				state[next] = open
				path = append(path, frame{next, c.calls(c.funcs[next])})
			case open:
				var names []string
				for i := len(path) - 1; i >= 0; i-- {
					names = append([]string{path[i].key.String()}, names...)
					if path[i].key == next {
						break
					}
				}
				names = append(names, next.String())
				c.fail(&place{index: -1, root: "function " + next.String()}, FaultRecursion, "", "the function calls itself: %s", strings.Join(names, " -> "))
			}
		}
	}
}

// calls returns the functions of the model that a function calls, at any depth of subgraphs, each once.
func (c *checker) calls(f *onnxpb.FunctionProto) []funcKey {
	var list []funcKey
	seen := map[funcKey]bool{}
	var walk func(nodes []*onnxpb.NodeProto, depth int)
	walk = func(nodes []*onnxpb.NodeProto, depth int) {
		for _, n := range nodes {
			k := funcKey{onnxpb.NormalDomain(n.GetDomain()), n.GetOpType(), n.GetOverload()}
			if c.funcs[k] != nil && !seen[k] {
				seen[k] = true
				list = append(list, k)
			}
			if depth < MaxDepth {
				for g := range n.Subgraphs() {
					walk(g.GetNode(), depth+1)
				}
			}
		}
	}
	walk(f.GetNode(), 0)
	return list
}
