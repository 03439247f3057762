package surgery

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/shape"
)

// unite brings what the block and the model share besides the graph together: IR version, operator sets, functions, symbols of dimensions, external data.
func (x *insertion) unite() error {
	for _, step := range []func() error{x.uniteOpsets, x.uniteFunctions, x.uniteDims, x.uniteData} {
		if err := step(); err != nil {
			return err
		}
	}
	x.raiseVersion()
	have := map[string]bool{}
	for _, c := range x.m.Configuration {
		have[c.GetName()] = true
	}
	for _, c := range x.block.Configuration {
		if !have[c.GetName()] {
			x.m.Configuration = append(x.m.Configuration, c)
		}
	}
	if len(x.block.TrainingInfo) > 0 {
		x.r.Note("the training information of the block stays behind")
		x.block.TrainingInfo = nil
	}
	x.block.MetadataProps = nil
	return nil
}

// raiseVersion gives the model the block's IR version where that is a newer one.
func (x *insertion) raiseVersion() {
	if v := x.block.GetIrVersion(); v > x.m.GetIrVersion() && x.m.GetIrVersion() >= 4 {
		x.r.Add("changed", "model", "ir_version", fmt.Sprint(x.m.GetIrVersion()), fmt.Sprint(v))
		x.m.IrVersion = proto.Int64(v)
	}
}

// everyNode calls fn with nodes and those of their subgraphs.
func everyNode(nodes []*onnxpb.NodeProto, fn func(*onnxpb.NodeProto)) {
	for _, n := range nodes {
		fn(n)
		for sub := range n.Subgraphs() {
			everyNode(sub.GetNode(), fn)
		}
	}
}

// uniteOpsets imports what the block's nodes need. Where the model imports another version of a domain, its operators have to be the same in both.
func (x *insertion) uniteOpsets() error {
	functions := map[functionID]bool{}
	for _, f := range x.block.Functions {
		functions[functionOf(f)] = true
	}
	var domains []string // that the block uses, in the order of its nodes
	operators := map[string][]string{}
	use := func(domain, operator string) {
		domain = onnxpb.NormalDomain(domain)
		if operators[domain] == nil {
			domains = append(domains, domain)
		}
		if !slices.Contains(operators[domain], operator) {
			operators[domain] = append(operators[domain], operator)
		}
	}
	everyNode(x.block.Graph.Node, func(n *onnxpb.NodeProto) {
		if functions[callOf(n)] {
			use(n.GetDomain(), "")
		} else {
			use(n.GetDomain(), n.GetOpType())
		}
	})
	for _, f := range x.block.Functions {
		use(f.GetDomain(), "")
	}
	for _, d := range domains {
		have, want := x.m.OpsetVersion(d), x.block.OpsetVersion(d)
		show := d
		if d == "" {
			show = "ai.onnx"
		}
		switch {
		case have == want || want == 0:
		case have == 0:
			x.m.OpsetImport = append(x.m.OpsetImport, onnxpb.Opset(d, want))
			x.r.Add("added", "opset", show, "", fmt.Sprint(want))
		default:
			for _, op := range operators[d] {
				a, okA := opset.Lookup(d, op, have)
				b, okB := opset.Lookup(d, op, want)
				if op != "" && !(okA && okB && a.SinceVersion == b.SinceVersion && !a.Deprecated) {
					return &onnxpb.Error{Msg: fmt.Sprintf("the model imports %s %d and the block %d, between which the operator %s differs", show, have, want, op),
						Hint: "export the block for the model's version, or convert one of the two"}
				}
			}
			x.r.Note("operator set %s is imported at version %d; the block imports %d, in which its operators are the same", show, have, want)
		}
	}
	return nil
}

// uniteFunctions takes the block's functions over: those that the model has already once, others of the same name under another.
func (x *insertion) uniteFunctions() error {
	own := map[functionID]*onnxpb.FunctionProto{}
	taken := map[functionID]bool{}
	for _, f := range x.m.Functions {
		own[functionOf(f)], taken[functionOf(f)] = f, true
	}
	note := func(n *onnxpb.NodeProto) { taken[callOf(n)] = true }
	everyNode(x.m.Graph.Node, note)
	for _, f := range x.m.Functions {
		everyNode(f.Node, note)
	}
	blockOwn := map[functionID]bool{}
	for _, f := range x.block.Functions {
		blockOwn[functionOf(f)] = true
	}
	var foreign *onnxpb.NodeProto
	check := func(n *onnxpb.NodeProto) {
		if id := callOf(n); own[id] != nil && !blockOwn[id] && foreign == nil {
			foreign = n
		}
	}
	everyNode(x.block.Graph.Node, check)
	for _, f := range x.block.Functions {
		everyNode(f.Node, check)
	}
	// An operator without a function of the block is the model's function, where there is one and the block is a node that calls it.
	if foreign != nil && len(x.block.Functions) > 0 {
		return &onnxpb.Error{Node: foreign.GetName(), Msg: fmt.Sprintf("the block calls %s, which is a function of the model and none of the block", foreign.GetOpType()), Hint: "rename the function in one of the two"}
	}
	renamed := map[functionID]string{}
	for _, f := range x.block.Functions {
		id := functionOf(f)
		if !taken[id] || own[id] != nil && onnxpb.Same(own[id], f) {
			continue
		}
		to := id
		for i := 1; taken[to] || blockOwn[to]; i++ {
			to.name = fmt.Sprintf("%s_%d", id.name, i)
		}
		taken[to] = true
		renamed[id] = to.name
		x.r.Add("renamed", "function of the block", id.name, id.name, to.name)
	}
	call := func(n *onnxpb.NodeProto) {
		if to, ok := renamed[callOf(n)]; ok {
			n.OpType = &to
		}
	}
	if len(renamed) > 0 {
		everyNode(x.block.Graph.Node, call)
		for _, f := range x.block.Functions {
			if own[functionOf(f)] != nil && renamed[functionOf(f)] == "" {
				// Equal to one of the model's, but what it calls is not.
				for _, n := range f.Node {
					if renamed[callOf(n)] != "" {
						return &onnxpb.Error{Msg: fmt.Sprintf("function %s is the model's too, and calls %s, which is another there", f.GetName(), n.GetOpType()), Hint: "rename the functions of the block"}
					}
				}
			}
			everyNode(f.Node, call)
		}
	}
	for _, f := range x.block.Functions {
		id := functionOf(f)
		if to := renamed[id]; to != "" {
			f.Name = &to
		} else if own[id] != nil {
			continue
		}
		x.m.Functions = append(x.m.Functions, f)
		x.r.Add("added", "function", f.GetName(), "", f.GetDomain())
	}
	x.block.Functions = nil
	return nil
}

// uniteDims gives the block's symbols what the values have that it reads, and others names that the model has not.
func (x *insertion) uniteDims() error {
	if x.o.own {
		return nil
	}
	subst := map[string]onnxpb.Dim{}
	for _, v := range x.block.Graph.GetInput() {
		w := x.bound[v.GetName()]
		if w == nil || v.GetType() == nil {
			continue
		}
		known := x.typeOf(w)
		fail := func(what string) error {
			return &onnxpb.Error{Tensor: w.name, Msg: fmt.Sprintf("it is %s, and input %q of the block is %s: %s", known, v.GetName(), onnxpb.FormatTypeProto(v.GetType()), what),
				Hint: "wire another tensor, or change the block: see onnxtool setbatch, setdim and setinput"}
		}
		t := v.GetType().GetTensorType()
		if known.Kind != shape.Unknown && (t != nil) != (known.Kind == shape.Tensor) {
			return fail("they are of different kinds")
		}
		if known.Kind != shape.Tensor {
			continue
		}
		if known.Elem != 0 && t.GetElemType() != 0 && int32(known.Elem) != t.GetElemType() {
			return fail("the element types differ")
		}
		if !known.Ranked || t.GetShape() == nil {
			continue
		}
		if len(known.Dims) != len(t.GetShape().GetDim()) {
			return fail("the ranks differ")
		}
		for i, d := range t.GetShape().GetDim() {
			want := onnxpb.DimOf(d)
			have := dimOf(known.Dims[i])
			switch {
			case want.Known && have.Known && want.Value != have.Value, want.Known && have.Param != "":
				return fail(fmt.Sprintf("axis %d is made for %s", i, want))
			case want.Param == "":
			default:
				if was, ok := subst[want.Param]; ok && was != have {
					return fail(fmt.Sprintf("%s of the block would be %s and %s", want.Param, was, have))
				}
				subst[want.Param] = have
			}
		}
	}
	// Where the block takes the place of an input, what the model was made for binds the symbols of its output.
	outputs := map[string]target{}
	for _, t := range x.targets {
		if x.replaced[t.old] != nil {
			outputs[t.output] = t
		}
	}
	for _, v := range x.block.Graph.GetOutput() {
		t, ok := outputs[v.GetName()]
		dims, ranked := v.Shape()
		if !ok || !ranked || len(dims) != len(t.what.Dims) {
			continue // of what disagrees finish tells
		}
		for i, d := range dims {
			if have := t.what.Dims[i]; d.Param != "" && shape.Named(have) {
				if _, ok := subst[d.Param]; !ok {
					subst[d.Param] = dimOf(have)
				}
			}
		}
	}
	taken := map[string]bool{}
	EachDim(x.m, func(d Dimension) { taken[d.Symbol()] = true })
	EachDim(x.block, func(d Dimension) {
		s := d.Symbol()
		if _, ok := subst[s]; s == "" || ok || !taken[s] {
			return
		}
		to := s
		for i := 1; taken[to]; i++ {
			to = fmt.Sprintf("%s_%d", s, i)
		}
		taken[to] = true
		subst[s] = onnxpb.Symbol(to)
		x.r.Add("renamed", "dimension of the block", s, s, to)
	})
	SubstituteDims(x.block, subst)
	return nil
}

// uniteData tells where the block's external data lies, under locations that the model's has not.
func (x *insertion) uniteData() error {
	if !onnxpb.HasExternal(x.block) {
		return nil
	}
	if x.o.Dir == "" {
		return &onnxpb.Error{Msg: "the block has external data, and where it lies is not known", Hint: "give a block that stands in a file, beside its data"}
	}
	taken := map[string]bool{}
	locations(x.m, func(e *onnxpb.StringStringEntryProto) { taken[strings.ToLower(path.Clean(e.GetValue()))] = true })
	given := map[string]string{}
	locations(x.block, func(e *onnxpb.StringStringEntryProto) {
		from := path.Clean(e.GetValue())
		to, ok := given[from]
		if !ok {
			to = from
			if x.o.Dir != x.o.ModelDir {
				ext := path.Ext(from)
				for i := 1; taken[strings.ToLower(to)]; i++ {
					to = fmt.Sprintf("%s_%d%s", strings.TrimSuffix(from, ext), i, ext)
				}
			}
			taken[strings.ToLower(to)] = true
			given[from] = to
			if x.o.Dir != x.o.ModelDir {
				x.r.Carry = append(x.r.Carry, onnxpb.CarryFile{Dir: x.o.Dir, From: from, To: to})
			}
		}
		e.Value = proto.String(to)
	})
	return nil
}

// locations calls fn with every location of external data.
func locations(m *onnxpb.ModelProto, fn func(*onnxpb.StringStringEntryProto)) {
	m.AllTensors(func(t *onnxpb.TensorProto) {
		if t.GetDataLocation() != onnxpb.TensorProto_EXTERNAL {
			return
		}
		for _, e := range t.ExternalData {
			if e.GetKey() == "location" {
				fn(e)
			}
		}
	})
}
