package surgery

import (
	"fmt"
	"io"
	"strconv"

	"onnxtool/onnxpb"
)

// Report says what an edit changed. An edit that changed nothing returns a Report without Changes.
type Report struct {
	Edit    string   `json:"edit"`            // the edit's name, as its command is called
	Changes []Change `json:"changes"`         // in the order of the graph
	Notes   []string `json:"notes,omitempty"` // what the user should know, though it is no change
	// Carry tells where the external data lies that a model made of several has: whoever saves it hands this to onnxpb.Save.
	Carry []onnxpb.CarryFile `json:"-"`
	// Saved is how many bytes of elements the model has no more, after Dedup.
	Saved int64 `json:"saved_bytes,omitempty"`
	// Axes tells in which axis the batch lies, after SetBatch, of each input and output that has one.
	Axes map[string]int `json:"axes,omitempty"`
	// Steps are the reports of the edits that this one was made of, where it was: their changes and notes are also among its own.
	Steps []*Report `json:"steps,omitempty"`
	// Explain tells where SetBatch found the batch, value by value, where it was asked to.
	Explain []BatchPlace `json:"explain,omitempty"`
}

// BatchPlace is where the batch lies in a value of the graph.
type BatchPlace struct {
	Node   string `json:"node,omitempty"`   // that makes the value; empty for inputs and constants
	Op     string `json:"op,omitempty"`     // its operator
	Tensor string `json:"tensor"`           // the value
	Shape  string `json:"shape"`            // N is the batch, ? what is not known
	Axis   int    `json:"axis"`             // that holds the rows; -1 where the value depends on their number only
	Blocks string `json:"blocks,omitempty"` // into how many blocks the rows are parted in this axis, where they are not one
}

// String writes a place as one line.
func (p BatchPlace) String() string {
	from := "input"
	if p.Op != "" {
		from = p.Op + " " + strconv.Quote(p.Node)
	}
	where := fmt.Sprintf("rows in axis %d", p.Axis)
	switch {
	case p.Axis < 0:
		where = "counts rows"
	case p.Blocks != "":
		where += ", in " + p.Blocks + " blocks"
	}
	return fmt.Sprintf("%s: %s %s: %s", from, p.Tensor, p.Shape, where)
}

// Change is one thing that an edit changed.
type Change struct {
	Action string `json:"action"`         // added, removed, renamed, changed, merged
	What   string `json:"what"`           // input, output, tensor, node, initializer, dimension, opset, metadata, ...
	Name   string `json:"name"`           // the name it has, or had where it was removed
	From   string `json:"from,omitempty"` // what it was before
	To     string `json:"to,omitempty"`   // what it is now
}

// String writes a change as one line.
func (c Change) String() string {
	s := fmt.Sprintf("%s %s %q", c.Action, c.What, c.Name)
	switch {
	case c.From != "" && c.To != "":
		s += fmt.Sprintf(": %s -> %s", c.From, c.To)
	case c.From != "" || c.To != "":
		s += ": " + c.From + c.To
	}
	return s
}

// Add appends a change.
func (r *Report) Add(action, what, name, from, to string) {
	r.Changes = append(r.Changes, Change{action, what, name, from, to})
}

// Note appends a note.
func (r *Report) Note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}

// Merge appends the changes and notes of another report.
func (r *Report) Merge(o *Report) {
	if o != nil {
		r.Changes = append(r.Changes, o.Changes...)
		r.Notes = append(r.Notes, o.Notes...)
		r.Carry = append(r.Carry, o.Carry...)
	}
}

// Write prints a report for people, one line a change.
func (r *Report) Write(w io.Writer) {
	if len(r.Steps) > 0 {
		for _, step := range r.Steps {
			step.Write(w)
		}
		return
	}
	if len(r.Changes) == 0 {
		fmt.Fprintf(w, "%s: nothing to change\n", r.Edit)
	}
	for _, c := range r.Changes {
		fmt.Fprintf(w, "%s: %s\n", r.Edit, c)
	}
	for _, p := range r.Explain {
		fmt.Fprintf(w, "%s: %s\n", r.Edit, p)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(w, "%s: note: %s\n", r.Edit, n)
	}
}
