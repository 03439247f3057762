package shape

import "onnxtool/onnxpb"

// contradiction is that two things said of one value cannot both be true. The empty one is none.
type contradiction string

// refine puts together what follows of a value and what is declared of it: what follows has precedence, and what it leaves open is taken from the declaration.
// overruled tells that a declared number stands where a symbol or an expression follows, which may be true of some runs and not of others.
func refine(follows, declared *Value) (v *Value, overruled bool, c contradiction) {
	if declared == nil || declared.Kind == Unknown {
		return follows, false, ""
	}
	if follows == nil || follows.Kind == Unknown {
		return declared, false, ""
	}
	if follows.Kind != declared.Kind {
		return follows, false, contradiction("it is a " + follows.Kind.String() + ", declared as " + declared.Kind.String())
	}
	out := *follows
	switch follows.Kind {
	case Tensor, Sparse:
		if out.Elem == onnxpb.TensorProto_UNDEFINED {
			out.Elem = declared.Elem
		} else if declared.Elem != onnxpb.TensorProto_UNDEFINED && declared.Elem != out.Elem {
			return follows, false, contradiction("its element type is " + onnxpb.TypeName(out.Elem) + ", declared as " + onnxpb.TypeName(declared.Elem))
		}
		switch {
		case !declared.Ranked:
		case !out.Ranked:
			out.Ranked, out.Dims = true, declared.Dims
		case len(out.Dims) != len(declared.Dims):
			return follows, false, contradiction("its shape is " + formatDims(out.Dims) + ", declared as " + formatDims(declared.Dims))
		default:
			dims := make([]Dim, len(out.Dims))
			for i, d := range out.Dims {
				want := declared.Dims[i]
				dims[i] = d
				n, isNumber := d.Const()
				w, wantNumber := want.Const()
				switch {
				case isNumber && wantNumber && n != w:
					return follows, false, contradiction("its shape is " + formatDims(out.Dims) + ", declared as " + formatDims(declared.Dims))
				case isNumber:
				case wantNumber && named(d):
					if !d.AtMost(w) && !d.AtLeast(w) || couldBe(d, w) {
						overruled = true
						continue
					}
					return follows, false, contradiction("its shape is " + formatDims(out.Dims) + ", declared as " + formatDims(declared.Dims))
				case !named(d) && named(want):
					dims[i] = want
				}
			}
			out.Dims = dims
		}
	case Sequence, Optional, Map:
		if follows.Kind == Map {
			if out.Key == onnxpb.TensorProto_UNDEFINED {
				out.Key = declared.Key
			} else if declared.Key != onnxpb.TensorProto_UNDEFINED && declared.Key != out.Key {
				return follows, false, contradiction("its keys are " + onnxpb.TypeName(out.Key) + ", declared as " + onnxpb.TypeName(declared.Key))
			}
		}
		out.Of, overruled, c = refine(follows.Of, declared.Of)
	}
	return &out, overruled, c
}

// couldBe tells whether it is not proven that a dimension is never that number.
func couldBe(d Dim, n int64) bool { return !d.AtLeast(n+1) && !d.AtMost(n-1) }

// join returns what is true of either of two values: of the outputs of two branches, or of a value before and after a pass of a loop. fresh makes the
// dimensions that differ.
func join(a, b *Value, fresh func() Dim) *Value {
	if a == nil || b == nil || a.Kind == Unknown || b.Kind == Unknown {
		return unknownValue
	}
	if a.Kind != b.Kind {
		// A branch may give a tensor where another one gives an optional of it.
		return unknownValue
	}
	out := &Value{Kind: a.Kind}
	switch a.Kind {
	case Tensor, Sparse:
		if a.Elem == b.Elem {
			out.Elem = a.Elem
		}
		if a.Ranked && b.Ranked && len(a.Dims) == len(b.Dims) {
			out.Ranked, out.Dims = true, make([]Dim, len(a.Dims))
			same := true
			for i, d := range a.Dims {
				if d.Equal(b.Dims[i]) {
					out.Dims[i] = d
				} else {
					out.Dims[i], same = fresh(), false
				}
			}
			if same && a.Ints != nil && len(a.Ints) == len(b.Ints) {
				out.Ints = make([]Dim, len(a.Ints))
				for i, v := range a.Ints {
					if v.Equal(b.Ints[i]) {
						out.Ints[i] = v
					}
				}
			}
			if same && a.Floats != nil && len(a.Floats) == len(b.Floats) {
				out.Floats = a.Floats
				for i, v := range a.Floats {
					if v != b.Floats[i] {
						out.Floats = nil
						break
					}
				}
			}
		}
	case Sequence, Optional:
		out.Of = join(a.Of, b.Of, fresh)
	case Map:
		if a.Key == b.Key {
			out.Key = a.Key
		}
		out.Of = join(a.Of, b.Of, fresh)
	}
	return out
}

// sameValue tells whether nothing is known of one value that is not known of the other.
func sameValue(a, b *Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	if a.Kind != b.Kind || a.Elem != b.Elem || a.Ranked != b.Ranked || a.Key != b.Key || !sameDims(a.Dims, b.Dims) {
		return false
	}
	if (a.Ints == nil) != (b.Ints == nil) || !sameDims(a.Ints, b.Ints) || len(a.Floats) != len(b.Floats) {
		return false
	}
	for i, v := range a.Floats {
		if v != b.Floats[i] {
			return false
		}
	}
	return sameValue(a.Of, b.Of)
}
