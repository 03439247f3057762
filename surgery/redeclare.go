package surgery

import (
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/shape"
)

// redeclaration keeps what a model declares of its values in step with an edit that changes what they are: which types and shapes followed before it, and which do after it.
type redeclaration struct {
	m      *onnxpb.ModelProto
	before *shape.Result
}

// beforeEdit notes what follows of the values of a model before an edit.
func beforeEdit(m *onnxpb.ModelProto) *redeclaration {
	return &redeclaration{m: m, before: inferUndeclared(m)}
}

// holdTypes refuses an edit after which types or shapes contradict each other, what is declared, or what an operator of the model's opset takes, where they did not in the model as it was.
func holdTypes(original, edited *onnxpb.ModelProto) error {
	_, now := shape.CheckTypes(edited)
	if len(now) == 0 {
		return nil
	}
	// The value, or the node that makes it, may have another name now.
	keys := []func(f opset.Fault) opset.Fault{
		func(f opset.Fault) opset.Fault { f.Tensor = ""; return f },
		func(f opset.Fault) opset.Fault {
			if f.Tensor != "" {
				f.Node = ""
			}
			return f
		},
	}
	had := map[opset.Fault]bool{}
	_, before := shape.CheckTypes(original)
	for _, f := range before {
		for _, key := range keys {
			had[key(f)] = true
		}
	}
	for _, f := range now {
		if !had[keys[0](f)] && !had[keys[1](f)] {
			why := f.Message
			if f.Graph != "" {
				why = "in " + f.Graph + ": " + why
			}
			return contradiction(f.Node, f.Tensor, why)
		}
	}
	return nil
}

func contradiction(node, tensor, why string) error {
	return &onnxpb.Error{Kind: onnxpb.Refused, Node: node, Tensor: tensor, Msg: "after the edit the model would contradict itself: " + why, Hint: "change what reads the value first, or another value"}
}

// inferUndeclared infers a model as if none of its inner values and outputs were declared.
func inferUndeclared(m *onnxpb.ModelProto) *shape.Result {
	var undo []func()
	eachDeclaration(m, func(_ *onnxpb.GraphProto, v *onnxpb.ValueInfoProto, _ string) {
		if t := v.Type; t != nil {
			v.Type = nil
			undo = append(undo, func() { v.Type = t })
		}
	})
	found := shape.Infer(m, shape.Options{})
	for _, f := range undo {
		f()
	}
	return found
}

// eachDeclaration calls fn with what the main graph and its subgraphs declare of the values that their nodes make, and of those that subgraphs are handed; and tells what it is: value_info, output or input.
func eachDeclaration(m *onnxpb.ModelProto, fn func(g *onnxpb.GraphProto, v *onnxpb.ValueInfoProto, what string)) {
	var graph func(g *onnxpb.GraphProto)
	graph = func(g *onnxpb.GraphProto) {
		for _, v := range g.GetValueInfo() {
			fn(g, v, "value_info")
		}
		for _, v := range g.GetOutput() {
			fn(g, v, "output")
		}
		if g != m.GetGraph() {
			for _, v := range g.GetInput() {
				fn(g, v, "input")
			}
		}
		for _, n := range g.GetNode() {
			for sub := range n.Subgraphs() {
				graph(sub)
			}
		}
	}
	graph(m.GetGraph())
}

// afterEdit writes into the declarations what follows now, where that is another thing than before and contradicts what is declared. Where nothing follows any more, value_info goes. An edit
// after which what follows contradicts itself, and did not before, is refused; see holdTypes for the rest.
func (d *redeclaration) afterEdit(r *Report) error {
	after := inferUndeclared(d.m)
	had := map[shape.Fault]bool{}
	for _, f := range d.before.Faults {
		had[f] = true
	}
	for _, f := range after.Faults {
		if !had[f] {
			return contradiction(f.Node, f.Tensor, f.Msg)
		}
	}
	gone := map[*onnxpb.ValueInfoProto]bool{}
	eachDeclaration(d.m, func(g *onnxpb.GraphProto, v *onnxpb.ValueInfoProto, what string) {
		was, is := d.before.Of(g, v.GetName()), after.Of(g, v.GetName())
		if is == nil || was != nil && was.String() == is.String() {
			return
		}
		if was == nil { // a value that the edit made, or gave another name
			if what == "input" || !contradicted(v.GetType(), is) { // what a new body says that it takes is meant so
				return
			}
			was = &shape.Value{}
		}
		t := is.Proto()
		if t == nil && what == "value_info" {
			gone[v] = true
			r.Add("removed", what, v.GetName(), onnxpb.FormatTypeProto(v.GetType()), "")
			return
		}
		if t == nil {
			return
		}
		t = declaredAs(v.GetType(), was.Proto(), t)
		old, now := onnxpb.FormatTypeProto(v.GetType()), onnxpb.FormatTypeProto(t)
		if old == now {
			return
		}
		if d := v.GetType().GetDenotation(); d != "" {
			t.Denotation = &d
		}
		v.Type = t
		r.Add("changed", what, v.GetName(), old, now)
	})
	if len(gone) == 0 {
		return nil
	}
	eachBody(d.m, func(b *nodeBody) {
		if b.graph == nil {
			return
		}
		kept := b.graph.ValueInfo[:0:0]
		for _, v := range b.graph.ValueInfo {
			if !gone[v] {
				kept = append(kept, v)
			}
		}
		b.graph.ValueInfo = kept
	})
	return nil
}

// contradicted tells whether a value cannot be what is declared of it.
func contradicted(declared *onnxpb.TypeProto, is *shape.Value) bool {
	t := declared.GetTensorType()
	if t == nil || is.Kind == shape.Unknown {
		return false
	}
	if is.Kind != shape.Tensor || t.GetElemType() != 0 && is.Elem != 0 && t.GetElemType() != int32(is.Elem) {
		return true
	}
	if t.Shape == nil || !is.Ranked {
		return false
	}
	if len(t.Shape.Dim) != len(is.Dims) {
		return true
	}
	for i, d := range t.Shape.Dim {
		if a, b := onnxpb.DimOf(d), dimOf(is.Dims[i]); a != (onnxpb.Dim{}) && b != (onnxpb.Dim{}) && a != b {
			return true
		}
	}
	return false
}

// declaredAs returns what to declare of a value of which was followed and is follows: what is declared stays in the dimensions that are the same.
func declaredAs(declared, was, is *onnxpb.TypeProto) *onnxpb.TypeProto {
	d, a, b := declared.GetTensorType(), was.GetTensorType(), is.GetTensorType()
	if d == nil || a == nil || b == nil {
		return is
	}
	if a.Shape == nil && b.Shape == nil {
		b.Shape = d.Shape
		return is
	}
	if d.Shape == nil || a.Shape == nil || b.Shape == nil || len(a.Shape.Dim) != len(b.Shape.Dim) || len(d.Shape.Dim) != len(b.Shape.Dim) {
		return is
	}
	for i, dim := range b.Shape.Dim {
		if onnxpb.DimOf(a.Shape.Dim[i]) == onnxpb.DimOf(dim) {
			b.Shape.Dim[i] = d.Shape.Dim[i]
		}
	}
	return is
}
