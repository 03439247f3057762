package surgery

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// DropInputsOptions say which inputs DropInputs takes off.
type DropInputsOptions struct {
	// Names are names of inputs, globs, or re: and a regular expression (see RenameRule). All of them have to be inputs that can go.
	Names []string
	// Defaults adds all inputs that have a default.
	Defaults bool
	// Unused adds all inputs that nothing reads and that are no outputs.
	Unused bool
}

// constantIR is the first version of ONNX's format in which an initializer need not be an input.
const constantIR = 4

// DropInputs takes inputs off a model. One that has a default, an initializer of its name, becomes that constant, which nothing overrides any more; its doc string and metadata become the
// tensor's. One that nothing reads goes, with its default and with what describes it (value_info, quantisation annotations, metadata that names it). What reads an input is looked for in subgraphs, in
// training algorithms, in training bindings and among the parameters of quantisation annotations too. The other inputs keep their order, and payloads are not copied.
//
// In a model of IR version 3, where every initializer has to be an input, the IR version becomes 4 as soon as one no longer is; operator sets stay. The report tells it, and how many inputs with a
// default are left, which may be overridden from then on.
//
// What follows from the constants, shapes computed from them above all, is declared anew.
//
// Errors of kind Unfit: a name or a pattern that is for no input (with the nearest names). Refused are an input without a default that something reads, or that is an output too, a constant
// of an IR version before 3, and a default with which the model contradicts itself. Of Defaults and Unused there may be none: then nothing changes.
func DropInputs(m *onnxpb.ModelProto, o DropInputsOptions) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		if len(o.Names) == 0 && !o.Defaults && !o.Unused {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "no input is named that is to go", Hint: "name inputs of the model, or ask for those with defaults or those that nothing reads"}
		}
		d := &inputDrop{m: m, g: m.GetGraph(), w: newWires(m), r: &Report{Edit: "dropinput"}}
		names, err := d.chosen(o)
		if err != nil || len(names) == 0 {
			return d.r, err
		}
		if err := d.drop(names); err != nil {
			return nil, err
		}
		return d.r, nil
	})
}

// inputDrop takes inputs off a model.
type inputDrop struct {
	m *onnxpb.ModelProto
	g *onnxpb.GraphProto
	w *wires
	r *Report
}

// value returns the value of an input.
func (d *inputDrop) value(name string) *wire { return d.w.main.values[name] }

// read tells whether something needs a value.
func (w *wire) read() bool { return len(w.readers) > 0 || w.kept || w.output }

// chosen returns the inputs that are to go, as a set.
func (d *inputDrop) chosen(o DropInputsOptions) (map[string]bool, error) {
	var list []string
	for _, v := range d.g.GetInput() {
		if v.GetName() != "" {
			list = append(list, v.GetName())
		}
	}
	isInput := func(name string) bool { v := d.value(name); return v != nil && v.input }
	hits, err := chosen(o.Names, list, isInput, func(text string, exact bool) error {
		e := &onnxpb.Error{Msg: fmt.Sprintf("the model has no input %q", text), Hint: suggest("input", text, unique(list))}
		switch {
		case !exact:
			e.Msg = fmt.Sprintf("no input of the model matches %q", text)
		case d.value(text) != nil && d.value(text).init:
			e.Msg = fmt.Sprintf("%q is a constant already, and no input", text)
		case d.value(text) != nil:
			e.Msg = fmt.Sprintf("%q is a tensor of the model, and no input", text)
		}
		return e
	})
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, name := range hits {
		if v := d.value(name); !v.init && v.read() {
			return nil, needed(v)
		}
		out[name] = true
	}
	for _, name := range list {
		if v := d.value(name); o.Defaults && v.init || o.Unused && !v.read() {
			out[name] = true
		}
	}
	return out, nil
}

// needed is the error about an input that has no default and is needed.
func needed(v *wire) error {
	e := &onnxpb.Error{Kind: onnxpb.Refused, Tensor: v.name}
	switch {
	case len(v.readers) > 0:
		e.Msg = fmt.Sprintf("this input has no default, and is read as %s", v.readers[0])
		if n := len(v.readers); n > 1 {
			e.Msg += " and in " + plural(n-1, "place") + " more"
		}
		e.Hint = "onnxtool insert has its readers read something else, such as what onnxtool op Constant makes; onnxtool extract leaves out what needs it"
	case v.output:
		e.Msg, e.Hint = "this input has no default, and is an output too", "take the output off first: see onnxtool dropoutput"
	default:
		e.Msg, e.Hint = "this input has no default, and the training information or a quantisation annotation names it", "onnxtool strip --training takes the training information off"
	}
	return e
}

// drop takes off the inputs of a set.
func (d *inputDrop) drop(goes map[string]bool) error {
	dead := map[string]bool{}
	constants := map[string]*onnxpb.ValueInfoProto{}
	for _, v := range d.g.GetInput() {
		name := v.GetName()
		if !goes[name] {
			continue
		}
		if x := d.value(name); x.init && x.read() {
			constants[name] = v
			d.r.Add("removed", "input", name, typeText(v)+" with a default", "a constant")
		} else {
			dead[name] = true
			d.r.Add("removed", "input", name, typeText(v), "")
		}
	}
	var before *redeclaration
	var original *onnxpb.ModelProto
	if len(constants) > 0 {
		if err := d.free(goes); err != nil {
			return err
		}
		original = onnxpb.Clone(d.m)
		before = beforeEdit(d.m) // of the IR version that it has then, so that what follows from defaults that are left stays declared
	}
	d.g.Input = without(d.g.Input, func(v *onnxpb.ValueInfoProto) bool { return goes[v.GetName()] })
	for _, t := range d.g.GetInitializer() {
		describe(t, constants[t.GetName()])
	}
	for _, s := range d.g.GetSparseInitializer() {
		describe(s.GetValues(), constants[sparseName(s)])
	}
	if len(dead) > 0 {
		d.forget(dead)
	}
	if before == nil {
		return nil
	}
	// What a constant is tells more than what an input may be.
	if err := before.afterEdit(d.r); err != nil {
		return err
	}
	return holdTypes(original, d.m)
}

// forget removes the defaults of inputs that are gone, and what describes them.
func (d *inputDrop) forget(dead map[string]bool) {
	stays := func(name string) bool { return !dead[name] }
	d.g.Initializer = keep(d.g.Initializer, d.r, "initializer", (*onnxpb.TensorProto).GetName, stays)
	d.g.SparseInitializer = keep(d.g.SparseInitializer, d.r, "initializer", sparseName, stays)
	for _, f := range d.w.frames {
		if f.graph == nil || f != d.w.main && f.parent == nil { // the training initialization sees nothing of the main graph
			continue
		}
		stays := func(name string) bool { return !dead[name] || f.lookup(name) != d.value(name) }
		f.graph.ValueInfo = keep(f.graph.ValueInfo, d.r, "value_info", (*onnxpb.ValueInfoProto).GetName, stays)
		f.graph.QuantizationAnnotation = keep(f.graph.QuantizationAnnotation, d.r, "quantization_annotation", (*onnxpb.TensorAnnotation).GetTensorName, stays)
	}
	dropStaleMetadata(d.m, d.r)
}

// describe gives a tensor the doc string and the metadata of the input that it was the default of.
func describe(t *onnxpb.TensorProto, v *onnxpb.ValueInfoProto) {
	if v == nil || t == nil {
		return
	}
	if t.DocString == nil {
		t.DocString = v.DocString
	}
	for _, p := range v.GetMetadataProps() {
		if !slices.ContainsFunc(t.MetadataProps, func(own *onnxpb.StringStringEntryProto) bool { return own.GetKey() == p.GetKey() }) {
			t.MetadataProps = append(t.MetadataProps, p)
		}
	}
}

// free makes the model one whose initializers need not be inputs; those of a set will be none.
func (d *inputDrop) free(goes map[string]bool) error {
	ir := d.m.GetIrVersion()
	switch {
	case ir >= constantIR:
		return nil
	case ir < 3:
		return &onnxpb.Error{Kind: onnxpb.Refused, Msg: fmt.Sprintf("in IR version %d every initializer is an input, and a later one needs operator sets, which the model does not import", ir),
			Hint: "convert the model to IR version 3 or newer first"}
	}
	d.m.IrVersion = proto.Int64(constantIR)
	d.r.Add("changed", "ir_version", "ir_version", fmt.Sprint(ir), fmt.Sprint(constantIR))
	left := 0
	for _, v := range d.g.GetInput() {
		if name := v.GetName(); !goes[name] && d.value(name).init {
			left++
		}
	}
	if left > 0 {
		d.r.Note("%s left that an input may override from IR version 4 on, so that other edits take them for no constants: --defaults makes constants of all", plural(left, "default"))
	}
	return nil
}
