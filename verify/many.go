package verify

import (
	"fmt"
	"io"
	"slices"

	"onnxtool/onnxpb"
)

// SchemaMany names the form of Reports in JSON.
const SchemaMany = "onnxtool.verify-many/1"

// Reports are several comparisons.
type Reports struct {
	Schema  string    `json:"schema"`
	Equal   bool      `json:"equal"` // all of them are
	Reports []*Report `json:"reports"`
}

// Together puts reports together.
func Together(list ...*Report) *Reports {
	r := &Reports{Schema: SchemaMany, Equal: true, Reports: list}
	for _, one := range list {
		r.Equal = r.Equal && one.Equal
	}
	return r
}

// Several compares models with one reference, each as Models does.
func Several(e Engine, reference Source, models []Source, o Options) (*Reports, error) {
	var list []*Report
	for _, m := range models {
		r, err := Models(e, reference, m, o)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return Together(list...), nil
}

// OptimizationLevels holds a model to itself: as it is written, without optimisation, against each of the engine's levels of graph optimisation.
func OptimizationLevels(e Engine, s Source, o Options) (*Reports, error) {
	written := o.Session
	written.Optimization = OptimizeNone
	o.ReferenceSession = &written
	var list []*Report
	for _, level := range []string{OptimizeBasic, OptimizeExtended, OptimizeAll} {
		o.Session.Optimization = level
		r, err := Models(e, s, s, o)
		if err != nil {
			return nil, fmt.Errorf("optimisation %s: %w", level, err)
		}
		list = append(list, r)
	}
	return Together(list...), nil
}

// title tells what was compared.
func (r *Report) title() string {
	name := modelName
	if r.ReferenceOptimization != "" && r.Reference.SHA256 == r.Model.SHA256 {
		return fmt.Sprintf("%s, optimisation %s against %s", name(r.Model), r.Optimization, r.ReferenceOptimization)
	}
	return fmt.Sprintf("%s against %s", name(r.Model), name(r.Reference))
}

// WriteText prints the reports one after the other, for people, and how they ended.
func (r *Reports) WriteText(w io.Writer) error {
	for i, one := range r.Reports {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, one.title())
		if err := one.WriteText(w); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	for _, one := range r.Reports {
		if _, err := sayf(w, "%s: %s\n", one.title(), one.verdict()); err != nil {
			return err
		}
	}
	return nil
}

// Rows proves that a model computes of each row of a batch what it computes of that row alone, at every batch and also with the rows in another order. The batch of its inputs has to be free.
// It is an error of kind Unfit where it is not, and of kind Usage where no batch has more than one row, or a name or dimension is given that the model does not have.
func Rows(e Engine, s Source, batches []int64, seed uint64, o BatchOptions) (*BatchReport, error) {
	if err := checkRowOptions(s.Model, batches, o); err != nil {
		return nil, err
	}
	info, err := describe(s)
	if err != nil {
		return nil, err
	}
	o.Permute = true
	r, err := CheckBatch(e, s, s, batches, seed, o)
	if err != nil {
		return nil, err
	}
	r.Model = &info
	return r, nil
}

// checkRowOptions refuses what would show nothing.
func checkRowOptions(m *onnxpb.ModelProto, batches []int64, o BatchOptions) error {
	if len(batches) > 0 && slices.Max(batches) < 2 {
		return onnxpb.Errorf(onnxpb.Usage, "batches of one row show nothing: ask for one of 2 or more")
	}
	names := append(portNames(inputsOf(m)), portNames(outputsOf(m))...)
	for _, name := range sortedKeys(o.Axes) {
		if !contains(names, name) {
			return noSuch(fmt.Sprintf("--axis %s: the model has no such input or output", name), name, names)
		}
	}
	for _, name := range o.Only {
		if outs := portNames(outputsOf(m)); !contains(outs, name) {
			return noSuch(fmt.Sprintf("--only %s: the model has no such output", name), name, outs)
		}
	}
	free := map[string]bool{}
	for _, p := range inputsOf(m) {
		axis := o.Axes[p.name]
		for i, d := range p.dims {
			switch {
			case i == axis && d.Known && (len(o.Inputs) == 0 || contains(o.Inputs, p.name)):
				return &onnxpb.Error{Tensor: p.name, Msg: fmt.Sprintf("the batch (axis %d) is fixed to %d: that its rows do not look at each other cannot be shown", i, d.Value), Hint: "free it with onnxtool setbatch first"}
			case i != axis && !d.Known:
				free[d.Param], free[fmt.Sprintf("%s[%d]", p.name, i)] = true, true
			}
		}
	}
	for _, name := range sortedKeys(o.Dims) {
		if !free[name] {
			return onnxpb.Errorf(onnxpb.Usage, "--dims %s: the inputs have no such free dimension beside the batch", name)
		}
	}
	return nil
}

// modelName is what a model is called in titles.
func modelName(m ModelInfo) string {
	if m.Path == "" {
		return "(a model in memory)"
	}
	return m.Path
}
