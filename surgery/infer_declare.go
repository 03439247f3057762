package surgery

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// TypeDeclaration says of what type a value is that inference cannot tell, behind an operator of a custom domain, say.
type TypeDeclaration struct {
	// Name is that of a value of the main graph or of a subgraph; where several graphs have one of the name it is told by its path: choose/then_branch/name.
	Name string
	Type *onnxpb.TypeProto
}

// declaredType is what became of a TypeDeclaration.
type declaredType struct {
	value *wire
	name  string // as it was asked for
	info  *onnxpb.ValueInfoProto
	given *onnxpb.TypeProto
}

// declareTypes writes the types of values into their declarations: those of value_info, of the outputs, and of the inputs of subgraphs.
func declareTypes(m *onnxpb.ModelProto, list []TypeDeclaration, r *Report) ([]declaredType, error) {
	if len(list) == 0 {
		return nil, nil
	}
	w := newWires(m)
	infos := map[*frame]map[string]*onnxpb.ValueInfoProto{}
	var out []declaredType
	for _, d := range list {
		if d.Name == "" || !typeKnown(d.Type) {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the declaration of %q does not say of what type it is", d.Name), Hint: "write NAME:TYPE:SHAPE, such as features:float32:[N,512]"}
		}
		v, err := w.find(d.Name)
		if err != nil {
			return nil, err
		}
		if err := mayDeclare(w, v); err != nil {
			return nil, err
		}
		g := v.in.graph
		if infos[v.in] == nil {
			infos[v.in] = map[string]*onnxpb.ValueInfoProto{}
			for _, list := range [][]*onnxpb.ValueInfoProto{g.GetValueInfo(), g.GetOutput(), g.GetInput()} { // the last one holds
				for _, x := range list {
					infos[v.in][x.GetName()] = x
				}
			}
		}
		info, what, action := infos[v.in][v.name], "value_info", "changed"
		if info == nil {
			info = &onnxpb.ValueInfoProto{Name: proto.String(v.name)}
			g.ValueInfo = append(g.ValueInfo, info)
			infos[v.in][v.name], action = info, "added"
		}
		switch {
		case v.input:
			what = "input"
		case slices.Contains(g.Output, info):
			what = "output"
		}
		before := ""
		if info.Type != nil {
			before = onnxpb.FormatTypeProto(info.Type)
		}
		t, ok := sharper(info.GetType(), d.Type)
		if !ok {
			return nil, declaredAgainst(d.Name, d.Type, "is declared as "+before+" by now")
		}
		info.Type = t
		if after := onnxpb.FormatTypeProto(t); after != before {
			r.Add(action, what, d.Name, before, after)
		}
		out = append(out, declaredType{value: v, name: d.Name, info: info, given: d.Type})
	}
	// What holds is what stands there before inference sharpens it.
	for i := range out {
		out[i].given = proto.Clone(out[i].info.Type).(*onnxpb.TypeProto)
	}
	return out, nil
}

// mayDeclare refuses values whose type is no matter of inference.
func mayDeclare(w *wires, v *wire) error {
	e := &onnxpb.Error{Tensor: v.name}
	switch {
	case v.in.root != "":
		e.Msg, e.Hint = "it is a value of "+v.in.root+", of which nothing is inferred", "only values of the main graph and of its subgraphs are declared"
	case v.in == w.main && v.input:
		e.Msg, e.Hint = "it is an input of the model, which declares its type itself", "onnxtool setinput --shape and --dtype change an input"
	case v.constant():
		e.Msg, e.Hint = "it is a constant, whose type and shape it tells itself", "onnxtool setconst changes a constant"
	default:
		return nil
	}
	return e
}

// holdDeclared refuses declarations that inference did not keep: where something else follows for the value.
func holdDeclared(list []declaredType, assume map[string]int64, found *shape.Result) error {
	for _, d := range list {
		follows := found.Of(d.value.in.graph, d.value.name).Proto()
		if follows == nil {
			continue // no rule leads there
		}
		t := proto.Clone(d.given).(*onnxpb.TypeProto)
		for dim := range t.AllDims() {
			switch n, ok := assume[dim.GetDimParam()]; {
			case ok && dim.GetDimParam() != "":
				onnxpb.Number(n).Set(dim)
			case len(assume) > 0 && strings.ContainsAny(dim.GetDimParam(), "*+-/()"): // an expression of symbols, some of which may be numbers now
				dim.Value = nil
			}
		}
		if !holds(t, follows) {
			return declaredAgainst(d.name, d.given, "follows to be "+onnxpb.FormatTypeProto(follows))
		}
	}
	return nil
}

// fitsReaders refuses declarations of which an operator does not take the type, or not beside its other inputs.
func fitsReaders(before, m *onnxpb.ModelProto) error {
	err := holdTypes(before, m)
	var e *onnxpb.Error
	if errors.As(err, &e) {
		e.Hint = "declare what the nodes behind it take; onnxtool info --shapes lists what follows"
	}
	return err
}

func declaredAgainst(name string, t *onnxpb.TypeProto, what string) error {
	return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: name, Msg: fmt.Sprintf("it cannot be declared as %s: it %s", onnxpb.FormatTypeProto(t), what), Hint: "declare what goes with that, or leave it open with ?; onnxtool info --shapes lists what follows"}
}

// sharper unites two declarations of a value; false where they contradict each other.
func sharper(have, want *onnxpb.TypeProto) (*onnxpb.TypeProto, bool) {
	if have.GetValue() == nil {
		t := proto.Clone(want).(*onnxpb.TypeProto)
		if have.GetDenotation() != "" {
			t.Denotation = have.Denotation
		}
		return t, true
	}
	out := proto.Clone(have).(*onnxpb.TypeProto)
	return out, sharpenInto(out, want)
}

func sharpenInto(out, want *onnxpb.TypeProto) bool {
	switch x := out.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		t := want.GetTensorType()
		if t == nil || x.TensorType.GetElemType() != 0 && x.TensorType.GetElemType() != t.GetElemType() {
			return false
		}
		x.TensorType.ElemType = t.ElemType
		switch {
		case t.Shape == nil:
			return true
		case x.TensorType.Shape == nil:
			x.TensorType.Shape = proto.Clone(t.Shape).(*onnxpb.TensorShapeProto)
			return true
		case len(t.Shape.Dim) != len(x.TensorType.Shape.Dim):
			return false
		}
		for i, p := range x.TensorType.Shape.Dim {
			was, is := onnxpb.DimOf(p), onnxpb.DimOf(t.Shape.Dim[i])
			switch {
			case is == onnxpb.Dim{} || is == was:
			case was == onnxpb.Dim{}:
				is.Set(p)
			default:
				return false
			}
		}
		return true
	case *onnxpb.TypeProto_SequenceType:
		return want.GetSequenceType() != nil && sharpenInto(x.SequenceType.GetElemType(), want.GetSequenceType().GetElemType())
	case *onnxpb.TypeProto_OptionalType:
		return want.GetOptionalType() != nil && sharpenInto(x.OptionalType.GetElemType(), want.GetOptionalType().GetElemType())
	}
	return onnxpb.FormatTypeProto(out) == onnxpb.FormatTypeProto(want)
}

// holds tells whether a declaration is part of what follows: all that it says is said there too.
func holds(declared, follows *onnxpb.TypeProto) bool {
	t, ok := sharper(follows, declared)
	return ok && onnxpb.FormatTypeProto(t) == onnxpb.FormatTypeProto(follows)
}

// declareHint says how to declare a value whose type is not known.
func declareHint(name string) string {
	return "onnxtool infer --declare " + strconv.Quote(name+":TYPE:SHAPE")
}
