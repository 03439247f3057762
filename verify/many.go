package verify

import (
	"fmt"
	"io"
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
	name := func(m ModelInfo) string {
		if m.Path == "" {
			return "(a model in memory)"
		}
		return m.Path
	}
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
		if _, err := fmt.Fprintf(w, "%s: %s\n", one.title(), one.verdict()); err != nil {
			return err
		}
	}
	return nil
}

// Rows proves that a model computes of each row of a batch what it computes of that row alone, at every batch and also with the rows in another order. The batch of its inputs has to be free.
func Rows(e Engine, s Source, batches []int64, seed uint64, o BatchOptions) (*BatchReport, error) {
	o.Permute = true
	return CheckBatch(e, s, s, batches, seed, o)
}
