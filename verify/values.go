package verify

import (
	"fmt"
	"math"

	"onnxtool/onnxpb"
)

// Difference is the outcome of a comparison of one tensor with its reference: an output, or an element of an output that is a sequence or a map.
type Difference struct {
	// Path names the tensor within the output: "" for an output that is a tensor itself, "[2]" for element 2 of a sequence, "{cat}" for the value
	// of a key of a map.
	Path string
	// Type and Shape are the reference's.
	Type  onnxpb.TensorProto_DataType
	Shape []int64
	// Metrics say how far apart the two are, where they can be compared element by element.
	Metrics *Metrics
	// Why says why they cannot be compared: another element type, another shape, another kind of value, another length.
	Why string
}

// Equal tells whether the tensor is what the reference is, within the tolerance.
func (d Difference) Equal() bool { return d.Why == "" && d.Metrics != nil && d.Metrics.Equal() }

// CompareValues compares a value with its reference: a tensor with a tensor, sequences and maps element by element (maps by key, whatever the order).
// There is one Difference for each tensor of the reference, in its order, and one for whatever has no counterpart.
func CompareValues(want, got *onnxpb.Value, t Tolerance) []Difference {
	var all []Difference
	compareValues("", want, got, func(want, got *onnxpb.Array) (Metrics, error) { return Compare(want, got, t) }, func(d Difference) { all = append(all, d) })
	return all
}

// comparer compares two tensors.
type comparer func(want, got *onnxpb.Array) (Metrics, error)

// nothing are the metrics of values that hold no tensor.
func nothing() *Metrics { return &Metrics{Cosine: 1, Worst: -1, SNR: Number(math.Inf(1))} }

func compareValues(path string, want, got *onnxpb.Value, t comparer, add func(Difference)) {
	if want == nil || got == nil {
		add(Difference{Path: path, Why: "the value is missing"})
		return
	}
	d := Difference{Path: path}
	if want.Kind == onnxpb.KindTensor && want.Array != nil {
		d.Type, d.Shape = want.Array.Type, want.Array.Dims
	}
	if want.Kind != got.Kind {
		d.Why = fmt.Sprintf("is of kind %s, the reference of kind %s", got.Kind, want.Kind)
		add(d)
		return
	}
	switch want.Kind {
	case onnxpb.KindTensor:
		if want.Array == nil || got.Array == nil {
			d.Why = "the value is missing"
			add(d)
			return
		}
		m, err := t(want.Array, got.Array)
		if err != nil {
			d.Why = err.Error()
		} else {
			d.Metrics = &m
		}
		add(d)
	case onnxpb.KindNone:
		d.Metrics = nothing()
		add(d)
	case onnxpb.KindSequence:
		if len(want.Elems) != len(got.Elems) || len(want.Elems) == 0 {
			if d.Metrics = nothing(); len(want.Elems) != len(got.Elems) {
				d.Metrics, d.Why = nil, fmt.Sprintf("the sequence has %d elements, the reference %d", len(got.Elems), len(want.Elems))
			}
			add(d)
			return
		}
		for i := range want.Elems {
			compareValues(fmt.Sprintf("%s[%d]", path, i), want.Elems[i], got.Elems[i], t, add)
		}
	case onnxpb.KindMap:
		compareMaps(d, want, got, t, add)
	default:
		d.Why = fmt.Sprintf("values of kind %s cannot be compared", want.Kind)
		add(d)
	}
}

func compareMaps(d Difference, want, got *onnxpb.Value, t comparer, add func(Difference)) {
	wantKeys, err := keysOf(want)
	if err == nil {
		var gotKeys []string
		if gotKeys, err = keysOf(got); err == nil {
			compareEntries(d, want, got, wantKeys, gotKeys, t, add)
			return
		}
	}
	d.Why = err.Error()
	add(d)
}

func compareEntries(d Difference, want, got *onnxpb.Value, wantKeys, gotKeys []string, t comparer, add func(Difference)) {
	if want.Keys.Type != got.Keys.Type {
		d.Why = fmt.Sprintf("the keys are of %s, the reference's of %s", onnxpb.TypeName(got.Keys.Type), onnxpb.TypeName(want.Keys.Type))
		add(d)
		return
	}
	if len(wantKeys) == 0 && len(gotKeys) == 0 {
		d.Metrics = nothing()
		add(d)
		return
	}
	at := map[string]int{}
	for i, k := range gotKeys {
		at[k] = i
	}
	for i, k := range wantKeys {
		path := fmt.Sprintf("%s{%s}", d.Path, k)
		j, ok := at[k]
		if !ok {
			add(Difference{Path: path, Why: "the reference has the key, the other has not"})
			continue
		}
		delete(at, k)
		compareValues(path, want.Elems[i], got.Elems[j], t, add)
	}
	for _, k := range gotKeys {
		if _, left := at[k]; left {
			delete(at, k)
			add(Difference{Path: fmt.Sprintf("%s{%s}", d.Path, k), Why: "the reference has no such key"})
		}
	}
}

// keysOf writes out the keys of a map.
func keysOf(v *onnxpb.Value) ([]string, error) {
	if v.Keys == nil || v.Keys.Len() != len(v.Elems) {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "the map has not one key for each value")
	}
	if s, ok := v.Keys.Data.([]string); ok {
		return s, nil
	}
	ints, err := v.Keys.Int64s()
	if err != nil {
		return nil, err
	}
	keys := make([]string, len(ints))
	for i, k := range ints {
		keys[i] = fmt.Sprint(k)
	}
	return keys, nil
}
