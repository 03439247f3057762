package opset

import (
	"strings"

	"onnxtool/onnxpb"
)

// experimental are operators of ONNX's first years that were never part of an operator set and were removed; models that hold them are read.
var experimental = map[string]bool{
	"ATen": true, "Affine": true, "ConstantFill": true, "Crop": true, "DynamicSlice": true, "GRUUnit": true, "GivenTensorFill": true,
	"ImageScaler": true, "ParametricSoftplus": true, "Scale": true, "ScaledTanh": true,
}

// node checks a node: its operator, the number of its inputs and outputs, its attributes and the subgraphs in them.
func (c *checker) node(s *scope, at *place, n *onnxpb.NodeProto) {
	op, domain := n.GetOpType(), onnxpb.NormalDomain(n.GetDomain())
	c.name(at, "the node's name", n.GetName())
	c.name(at, "the operator", op)
	c.name(at, "the domain", domain)
	c.nodeText(at, n)
	if name := n.GetName(); c.o.Warnings && name != "" {
		if s.body.nodes[name] {
			c.warn(at, WarnDuplicate, "", "another node has the same name")
		}
		s.body.nodes[name] = true
	}
	c.attributes(s, at, n)
	if op == "" {
		c.fail(at, FaultEmptyNode, "", "the node has no operator")
		return
	}
	if len(n.GetInput()) == 0 && len(n.GetOutput()) == 0 {
		c.fail(at, FaultEmptyNode, "", "the node has neither inputs nor outputs")
	}
	version, imported := s.body.imports[domain]
	if !imported {
		c.fail(at, FaultDomain, "", "%s is an operator of the domain %s, whose operator set is not imported", op, domainName(domain))
		return
	}
	if f := c.funcs[funcKey{domain, op, n.GetOverload()}]; f != nil {
		c.call(at, n, f)
		return
	}
	if n.GetOverload() != "" {
		c.fail(at, FaultOperator, "", "%s is called with the overload %q, and the model has no such function", op, n.GetOverload())
		return
	}
	if !Known(domain) {
		return
	}
	if domain == "" && experimental[op] {
		c.warn(at, WarnExperiment, "", "%s was an experiment and is no operator of ONNX any more", op)
		return
	}
	o, ok := s.body.lookup(domain, op)
	if !ok {
		c.fail(at, FaultOperator, "", "%s is no operator of %s version %d%s", op, domainName(domain), version, unknownHint(domain, op, version))
		return
	}
	if o.Deprecated {
		c.fail(at, FaultDeprecated, "", "%s is deprecated since version %d of %s, and the model imports version %d", op, o.SinceVersion, domainName(domain), version)
		return
	}
	c.arity(at, n, o)
	c.attributesOf(at, n, o)
	if domain == "" && op == "Constant" && version > 10 { // where its value may be any of several attributes
		values := 0
		for _, a := range n.GetAttribute() {
			if _, known := o.Attribute(a.GetName()); known {
				values++
			}
		}
		if values != 1 {
			c.fail(at, FaultAttribute, "", "a Constant has one value, this one has %d", values)
		}
	}
	c.subgraphs(at, n, version)
}

// unknownHint says why an operator may not be known.
func unknownHint(domain, op string, version int64) string {
	if v := Versions(domain, op); len(v) > 0 {
		return ": it came with version " + itoa(v[0].SinceVersion)
	}
	if version > Newest(domain) {
		return ": this program knows the versions up to " + itoa(Newest(domain))
	}
	for _, d := range Domains() {
		if len(Versions(d, op)) > 0 {
			return ": " + domainName(d) + " has one of that name"
		}
	}
	return ""
}

// outputCounts are the numbers of outputs that an operator may have where not every number between its minimum and its maximum is one: an
// early BatchNormalization has one output, or all of them in training.
func outputCounts(o *Operator) []int {
	if o.Domain != "" || o.Name != "BatchNormalization" {
		return nil
	}
	if o.SinceVersion < 14 {
		return []int{1, 5}
	}
	return []int{1, 3}
}

// arity checks the numbers of inputs and outputs, and that none is left empty that must be there.
func (c *checker) arity(at *place, n *onnxpb.NodeProto, o *Operator) {
	version := itoa(o.SinceVersion)
	if k := len(n.GetInput()); k < o.MinInputs || o.MaxInputs >= 0 && k > o.MaxInputs {
		c.fail(at, FaultInputCount, "", "%s (version %s) takes %s, the node has %d", o.Name, version, plural(o.MinInputs, o.MaxInputs, "input"), k)
	}
	k := len(n.GetOutput())
	if k < o.MinOutputs || o.MaxOutputs >= 0 && k > o.MaxOutputs {
		c.fail(at, FaultOutputCount, "", "%s (version %s) gives %s, the node has %d", o.Name, version, plural(o.MinOutputs, o.MaxOutputs, "output"), k)
	} else if counts := outputCounts(o); counts != nil {
		ok := false
		for _, v := range counts {
			ok = ok || v == k
		}
		if !ok {
			c.fail(at, FaultOutputCount, "", "%s (version %s) gives %d outputs, or %d in training, the node has %d", o.Name, version, counts[0], counts[1], k)
		}
	}
	for i, f := range o.Inputs {
		if f.Option == "single" && i < len(n.GetInput()) && n.GetInput()[i] == "" {
			c.fail(at, FaultMissingInput, "", "input %d (%s) of %s is left empty, but required", i, f.Name, o.Name)
		}
	}
	for i, f := range o.Outputs {
		if f.Option == "single" && i < len(n.GetOutput()) && n.GetOutput()[i] == "" {
			c.fail(at, FaultMissingOutput, "", "output %d (%s) of %s is left empty, but required", i, f.Name, o.Name)
		}
	}
}

// plural writes how many there may be: "2 inputs", "2 to 5 inputs", "at least 1 input".
func plural(lo, hi int, what string) string {
	text, last := "", hi
	switch {
	case hi < 0:
		text, last = "at least "+itoa(int64(lo)), lo
	case lo == hi:
		text = itoa(int64(lo))
	default:
		text = itoa(int64(lo)) + " to " + itoa(int64(hi))
	}
	text += " " + what
	if last != 1 {
		text += "s"
	}
	return text
}

// attributesOf checks a node's attributes against those that its operator takes.
func (c *checker) attributesOf(at *place, n *onnxpb.NodeProto, o *Operator) {
	// LayerNormalization is the one operator that ONNX's own table lets have attributes beyond those listed.
	open := o.Domain == "" && o.Name == "LayerNormalization"
	for _, a := range n.GetAttribute() {
		name := a.GetName()
		if name == "" {
			continue // another fault
		}
		want, ok := o.Attribute(name)
		if !ok {
			if !open && !strings.HasPrefix(name, "__") { // ONNX leaves such names to implementations
				c.fail(at, FaultAttributeName, "", "%s (version %d) takes no attribute %q", o.Name, o.SinceVersion, name)
			}
			continue
		}
		if got := attributeType(a); got != want.ProtoType() {
			c.fail(at, FaultAttributeType, "", "attribute %q of %s is of type %s, the node's is %s", name, o.Name, want.ProtoType(), got)
		}
	}
	for _, want := range o.Attributes {
		if want.Required && n.Attr(want.Name) == nil {
			c.fail(at, FaultAttributeGone, "", "%s (version %d) needs the attribute %q", o.Name, o.SinceVersion, want.Name)
		}
	}
}

// subgraphs checks that the subgraphs of the control-flow operators have inputs and outputs that go with the node's.
func (c *checker) subgraphs(at *place, n *onnxpb.NodeProto, version int64) {
	if n.GetDomain() != "" && n.GetDomain() != "ai.onnx" {
		return
	}
	in, out := len(n.GetInput()), len(n.GetOutput())
	branch := func(attr string, inputs, extra int) {
		g := n.Attr(attr).GetG()
		if g == nil {
			return
		}
		if inputs >= 0 && len(g.GetInput()) != inputs {
			c.fail(at, FaultSubgraph, "", "the subgraph %s of %s has %d inputs, and %d are handed to it", attr, n.GetOpType(), len(g.GetInput()), inputs)
		}
		if out+extra > len(g.GetOutput()) {
			c.fail(at, FaultSubgraph, "", "the subgraph %s of %s has %d outputs, and %d are asked of it", attr, n.GetOpType(), len(g.GetOutput()), out+extra)
		}
	}
	switch n.GetOpType() {
	case "If":
		branch("then_branch", 0, 0)
		branch("else_branch", 0, 0)
	case "Loop":
		branch("body", max(in, 2), 1) // the count and the condition are always handed over; the condition comes back
	case "Scan":
		if version >= 9 { // before, the first input held sequence lengths
			branch("body", in, 0)
		}
	}
}
