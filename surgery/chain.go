package surgery

import (
	"errors"
	"fmt"

	"onnxtool/onnxpb"
)

// Chain makes several edits of a model, one after the other, all or none: where one fails the model is as it was before the first, and the error says which it was. Each edit sees what those before it
// made. The report has the changes of all, and in Steps those of each.
func Chain(m *onnxpb.ModelProto, edits ...func(*onnxpb.ModelProto) (*Report, error)) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "edit"}
		for i, edit := range edits {
			step, err := edit(m)
			if err != nil {
				return nil, InStep(err, fmt.Sprintf("step %d", i+1))
			}
			r.AddStep(step)
		}
		return r, nil
	})
}

// InStep says of an error in which step of several it happened.
func InStep(err error, step string) error {
	var e *onnxpb.Error
	if errors.As(err, &e) && err == error(e) {
		c := *e
		c.Msg = step + ": " + c.Msg
		return &c
	}
	return fmt.Errorf("%s: %w", step, err)
}

// AddStep adds what a step of several did to their report.
func (r *Report) AddStep(step *Report) {
	r.Merge(step)
	r.Saved += step.Saved
	if step.Axes != nil {
		r.Axes = step.Axes
	}
	r.Steps = append(r.Steps, step)
}
