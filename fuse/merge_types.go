package fuse

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// joinTypes checks the types of what the connections join, makes dimension parameters one where they meet, and completes the declaration of
// inputs that become one.
func (w *merger) joinTypes() error {
	w.dims.init(w.members)
	w.fallback = map[ref]*onnxpb.TypeProto{}
	for _, c := range w.o.Connect {
		to := ref{w.byName[c.To.Model].index, c.To.Tensor}
		from := ref{w.byName[c.From.Model].index, c.From.Tensor}
		if w.joinedBy[to] != c {
			continue // the second of two equal connections
		}
		root := w.root(to)
		if err := w.joinType(root, to, c); err != nil {
			return err
		}
		if from != root {
			if err := w.joinType(from, to, c); err != nil {
				return err
			}
		}
	}
	for _, name := range w.o.SameDims {
		if err := w.dims.unite(name); err != nil {
			return err
		}
	}
	return nil
}

// joinType holds the type of a source against that of an input that it feeds.
func (w *merger) joinType(from, to ref, c Connection) error {
	source, target := w.members[from.model], w.members[to.model]
	wanted := target.g.Input(to.name).GetType()
	given := source.types.Of(from.name)
	if wanted.GetValue() == nil {
		w.report.Note("%s declares no type: what feeds it was not checked", w.label(to))
		return nil
	}
	if v := source.g.Input(from.name); v != nil && given.GetValue() == nil {
		// Two inputs become one: the one that stays is what the other says.
		v.Type = w.dims.copyType(wanted, to.model)
		return nil
	}
	if w.fallback[from] == nil && source.g.ValueType(from.name) == nil {
		w.fallback[from] = wanted
	}
	if given.GetValue() == nil {
		w.report.Note("%s declares no type: it was not checked against %s", w.label(from), w.label(to))
		return nil
	}
	j := &joiner{w: w, from: from, to: to, isInput: source.g.IsInput(from.name)}
	if err := j.types(given, wanted); err != nil {
		e := &onnxpb.Error{Tensor: w.label(to), Err: err,
			Msg: fmt.Sprintf("%s is %s, and %s is %s", w.label(from), onnxpb.FormatTypeProto(given), w.label(to), onnxpb.FormatTypeProto(wanted))}
		if c.From.String() != w.label(from) {
			e.Msg += fmt.Sprintf(" (joined by %s)", c)
		}
		e.Hint = j.hint
		return e
	}
	if j.unchecked != "" {
		w.report.Note("%s could be checked against %s only in part: %s and %s", w.label(from), w.label(to), onnxpb.FormatTypeProto(given), onnxpb.FormatTypeProto(wanted))
	}
	return nil
}

// joiner walks over two types that are joined.
type joiner struct {
	w         *merger
	from, to  ref
	isInput   bool // both ends are graph inputs, and the types become one
	unchecked string
	hint      string
}

func (j *joiner) types(a, b *onnxpb.TypeProto) error {
	switch b := b.GetValue().(type) {
	case *onnxpb.TypeProto_TensorType:
		if a := a.GetTensorType(); a != nil {
			return j.tensors(&a.ElemType, &a.Shape, b.TensorType.GetElemType(), b.TensorType.GetShape())
		}
	case *onnxpb.TypeProto_SparseTensorType:
		if a := a.GetSparseTensorType(); a != nil {
			return j.tensors(&a.ElemType, &a.Shape, b.SparseTensorType.GetElemType(), b.SparseTensorType.GetShape())
		}
	case *onnxpb.TypeProto_SequenceType:
		if a := a.GetSequenceType(); a != nil {
			return j.inner(a.GetElemType(), b.SequenceType.GetElemType())
		}
	case *onnxpb.TypeProto_OptionalType:
		if a := a.GetOptionalType(); a != nil {
			return j.inner(a.GetElemType(), b.OptionalType.GetElemType())
		}
	case *onnxpb.TypeProto_MapType:
		if a := a.GetMapType(); a != nil {
			if a.GetKeyType() != b.MapType.GetKeyType() {
				return fmt.Errorf("the key types differ")
			}
			return j.inner(a.GetValueType(), b.MapType.GetValueType())
		}
	case *onnxpb.TypeProto_OpaqueType:
		if a := a.GetOpaqueType(); a != nil {
			if a.GetDomain() != b.OpaqueType.GetDomain() || a.GetName() != b.OpaqueType.GetName() {
				return fmt.Errorf("the opaque types differ")
			}
			return nil
		}
	}
	return fmt.Errorf("one is no %s", kindOf(b))
}

// inner goes on with the element types of two containers, which may be left open.
func (j *joiner) inner(a, b *onnxpb.TypeProto) error {
	if a.GetValue() == nil || b.GetValue() == nil {
		j.unchecked = "type"
		return nil
	}
	return j.types(a, b)
}

func (j *joiner) tensors(elem **int32, shape **onnxpb.TensorShapeProto, wantElem int32, want *onnxpb.TensorShapeProto) error {
	have := int32(0)
	if *elem != nil {
		have = **elem
	}
	switch {
	case have == wantElem:
	case wantElem == 0:
		j.unchecked = "type"
	case have == 0 && j.isInput:
		*elem = proto.Int32(wantElem)
	case have == 0:
		j.unchecked = "type"
	default:
		j.hint = "put a Cast between them"
		return fmt.Errorf("the element types differ")
	}
	switch {
	case want == nil:
		return nil // The input takes any shape.
	case *shape == nil && j.isInput:
		*shape = j.w.dims.copyShape(want, j.to.model)
		return nil
	case *shape == nil:
		j.unchecked = "shape"
		return nil
	}
	got := (*shape).GetDim()
	if len(got) != len(want.GetDim()) {
		j.hint = "reshape one of them first"
		return fmt.Errorf("the ranks differ, %d and %d", len(got), len(want.GetDim()))
	}
	for axis, b := range want.GetDim() {
		if err := j.dim(got[axis], b); err != nil {
			return fmt.Errorf("axis %d: %w", axis, err)
		}
	}
	return nil
}

// dim makes one of two dimensions that meet.
func (j *joiner) dim(a, b *onnxpb.TensorShapeProto_Dimension) error {
	d := &j.w.dims
	x, y := d.read(a, j.from.model), d.read(b, j.to.model)
	switch {
	case y.unknown():
		return nil // The input takes any size.
	case x.unknown() && j.isInput:
		d.set(a, y)
		return nil
	case x.unknown():
		j.unchecked = "shape"
		return nil
	case x.known && y.known:
		if x.value != y.value {
			return fmt.Errorf("%s is not %s", d.describe(x), d.describe(y))
		}
		return nil
	case x.known:
		return d.bind(y.class, x.value)
	case y.known:
		return d.bind(x.class, y.value)
	}
	return d.union(x.class, y.class)
}

// kindOf names what a type is of.
func kindOf(v any) string {
	switch v.(type) {
	case *onnxpb.TypeProto_TensorType:
		return "tensor"
	case *onnxpb.TypeProto_SparseTensorType:
		return "sparse tensor"
	case *onnxpb.TypeProto_SequenceType:
		return "sequence"
	case *onnxpb.TypeProto_MapType:
		return "map"
	case *onnxpb.TypeProto_OptionalType:
		return "optional"
	case *onnxpb.TypeProto_OpaqueType:
		return "opaque value"
	}
	return "value of a known type"
}
