package main

import (
	"io"

	"github.com/urfave/cli/v2"

	"onnxtool/surgery"
)

// editReport is what --json prints of an edit; docs/reports.md documents it. The schema's number changes when a field changes its meaning or
// goes; fields may be added.
type editReport struct {
	Schema  string               `json:"schema,omitempty"`
	Edit    string               `json:"edit"`
	Changes []surgery.Change     `json:"changes"`
	Notes   []string             `json:"notes"`
	Steps   []editReport         `json:"steps,omitempty"`       // edit: one for each, without a schema
	Saved   int64                `json:"saved_bytes,omitempty"` // dedup
	Axes    map[string]int       `json:"axes,omitempty"`        // setbatch
	Explain []surgery.BatchPlace `json:"explain,omitempty"`     // setbatch --explain
	Check   any                  `json:"check,omitempty"`       // the proof, where --check asked for one
}

// newEditReport makes the JSON form of a report. Lists are never null.
func newEditReport(r *surgery.Report, check any) editReport {
	e := editReport{Schema: "onnxtool.edit/1", Edit: r.Edit, Changes: r.Changes, Notes: r.Notes, Saved: r.Saved, Axes: r.Axes, Explain: r.Explain, Check: check}
	if e.Changes == nil {
		e.Changes = []surgery.Change{}
	}
	if e.Notes == nil {
		e.Notes = []string{}
	}
	for _, step := range r.Steps {
		one := newEditReport(step, nil)
		one.Schema = ""
		e.Steps = append(e.Steps, one)
	}
	return e
}

// printReport prints what an edit did: on standard output, unless the model itself went there.
func printReport(c *cli.Context, r *surgery.Report, modelOnStdout bool) error {
	return printChecked(c, r, nil, modelOnStdout)
}

// proof is the report of a check, as a text and as JSON.
type proof interface{ WriteText(io.Writer) error }

// printChecked prints what an edit did, and the proof of it where there is one.
func printChecked(c *cli.Context, r *surgery.Report, check proof, modelOnStdout bool) error {
	w := c.App.Writer
	if modelOnStdout {
		w = c.App.ErrWriter
	}
	switch {
	case c.Bool("json") && check == nil:
		return printJSON(w, newEditReport(r, nil))
	case c.Bool("json"):
		return printJSON(w, newEditReport(r, check))
	case c.Bool("quiet"):
		return nil
	}
	r.Write(w)
	if check == nil {
		return nil
	}
	return check.WriteText(w)
}
