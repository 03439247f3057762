package surgery

import "onnxtool/onnxpb"

// NameMap tells how MapNames renames: each function gets a name and returns what it is to be. A nil function leaves the names of that kind alone. The
// functions are never called with "".
type NameMap struct {
	Value          func(string) string // values: what flows along edges, initializers included
	Node           func(string) string // nodes
	Dim            func(string) string // symbols of dimensions (dim_param)
	FunctionDomain func(string) string // domains of the model's own functions; the default domain comes as "ai.onnx"
}

// MapNames renames everything in a model, in place and unchecked: whether the new names collide is the caller's concern.
//
// Values are renamed wherever a name can stand: inputs and outputs of nodes, the main graph's and every subgraph's inputs, outputs, value_info,
// initializers, sparse initializers and quantisation annotations (both the tensor they are about and the tensors they name), training information and its
// bindings, sharding specifications, the attributes of Gradient that name tensors, and the entries of metadata_props that do (onnxtool.dmhead.front_pose
// and onnxtool.dmhead.rear_pose). Symbols of dimensions are renamed in every type, also within sequences, optionals and maps.
//
// The bodies of functions keep their names, which nothing outside can see. Where FunctionDomain moves a function to another domain, the nodes that
// call it (also those in functions) follow, and the opset imports: the new domain is imported at the version of the old one, whose import goes when no
// node needs it any more. Nodes of the same domain that call no function of the model keep theirs.
func MapNames(m *onnxpb.ModelProto, f NameMap) {
	v := nameVisitor{value: mapper(f.Value), node: mapper(f.Node), dim: mapper(f.Dim)}
	if v.value != nil || v.node != nil || v.dim != nil {
		v.model(m)
	}
	if f.FunctionDomain != nil && len(m.GetFunctions()) > 0 {
		moveFunctions(m, f.FunctionDomain)
	}
}

// mapper makes a visitor's function of a renaming one; it leaves alone what does not change.
func mapper(f func(string) string) func(*string) {
	if f == nil {
		return nil
	}
	return func(p *string) {
		if n := f(*p); n != *p {
			*p = n
		}
	}
}

// functionID is what tells a function: a node calls the function whose three parts are its own.
type functionID struct{ domain, name, overload string }

func functionOf(f *onnxpb.FunctionProto) functionID {
	return functionID{onnxpb.NormalDomain(f.GetDomain()), f.GetName(), f.GetOverload()}
}

func callOf(n *onnxpb.NodeProto) functionID {
	return functionID{onnxpb.NormalDomain(n.GetDomain()), n.GetOpType(), n.GetOverload()}
}

// moveFunctions renames the domains of a model's functions.
func moveFunctions(m *onnxpb.ModelProto, f func(string) string) {
	moved := map[functionID]string{}
	for _, fn := range m.GetFunctions() {
		d := onnxpb.NormalDomain(fn.GetDomain())
		if d == "" {
			d = "ai.onnx"
		}
		if to := f(d); onnxpb.NormalDomain(to) != onnxpb.NormalDomain(d) {
			moved[functionOf(fn)] = to
		}
	}
	if len(moved) == 0 {
		return
	}
	main := domainMove{moved: moved}
	main.nodes(m.GetGraph().GetNode())
	for _, t := range m.GetTrainingInfo() {
		main.nodes(t.GetInitialization().GetNode())
		main.nodes(t.GetAlgorithm().GetNode())
	}
	// The imports of the model are also those of the functions that it holds.
	for _, fn := range m.GetFunctions() {
		if to, ok := moved[functionOf(fn)]; ok {
			main.note(fn.GetDomain(), to)
		} else {
			main.keep(fn.GetDomain())
		}
	}
	m.OpsetImport = main.imports(m.OpsetImport)
	for _, fn := range m.GetFunctions() {
		body := domainMove{moved: moved}
		body.nodes(fn.GetNode())
		fn.OpsetImport = body.imports(fn.OpsetImport)
	}
	for _, fn := range m.GetFunctions() {
		if to, ok := moved[functionOf(fn)]; ok {
			fn.Domain = &to
		}
	}
}

// domainMove rewrites the calls of moved functions in one list of nodes and its subgraphs, and remembers what that means for the imports.
type domainMove struct {
	moved map[functionID]string
	stays map[string]bool     // domains that some node still uses
	to    map[string][]string // where the calls of a domain went, in order
}

func (d *domainMove) keep(domain string) {
	if d.stays == nil {
		d.stays = map[string]bool{}
	}
	d.stays[onnxpb.NormalDomain(domain)] = true
}

func (d *domainMove) note(from, to string) {
	from = onnxpb.NormalDomain(from)
	if d.to == nil {
		d.to = map[string][]string{}
	}
	for _, t := range d.to[from] {
		if t == to {
			return
		}
	}
	d.to[from] = append(d.to[from], to)
}

func (d *domainMove) nodes(nodes []*onnxpb.NodeProto) {
	for _, n := range nodes {
		if to, ok := d.moved[callOf(n)]; ok {
			d.note(n.GetDomain(), to)
			n.Domain = &to
		} else {
			d.keep(n.GetDomain())
		}
		for g := range n.Subgraphs() {
			d.nodes(g.GetNode())
		}
	}
}

// imports moves the imports along: an import whose domain nothing uses any more becomes that of the first new domain, the others are added behind.
func (d *domainMove) imports(list []*onnxpb.OperatorSetIdProto) []*onnxpb.OperatorSetIdProto {
	have := map[string]bool{}
	for _, o := range list {
		have[onnxpb.NormalDomain(o.GetDomain())] = true
	}
	var out []*onnxpb.OperatorSetIdProto
	for _, o := range list {
		from := onnxpb.NormalDomain(o.GetDomain())
		targets := d.to[from]
		if len(targets) == 0 || d.stays[from] {
			out = append(out, o)
		}
		reuse := !d.stays[from]
		for _, to := range targets {
			if have[onnxpb.NormalDomain(to)] {
				continue
			}
			have[onnxpb.NormalDomain(to)] = true
			if reuse {
				o.Domain = &to
				out = append(out, o)
				reuse = false
				continue
			}
			out = append(out, onnxpb.Opset(to, o.GetVersion()))
		}
	}
	return out
}
