package main

import (
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/urfave/cli/v2"
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/verify"
	"onnxtool/verify/ort"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:      "doctor",
		Usage:     "say which ONNX Runtime is used, how it was found, and whether it works",
		UsageText: "onnxtool doctor [--ort-lib FILE] [--json]",
		Description: `Looks for ONNX Runtime's library as the commands that run models do, loads it and runs a tiny model.
Where there is none, or where it does not work, it says what to do, and the exit code is 4. Edits need no ONNX Runtime.

Example:
  onnxtool doctor
  onnxtool doctor --ort-lib /opt/onnxruntime/lib/libonnxruntime.so.1`,
		Flags: []cli.Flag{
			ortFlag(),
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing; the exit code tells"},
		},
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("doctor takes no arguments, got %q", c.Args().First())
			}
			r, err := diagnose(c.String("ort-lib"))
			switch {
			case c.Bool("json"):
				if err := printJSON(c.App.Writer, r); err != nil {
					return err
				}
			case !c.Bool("quiet"):
				r.write(c.App.Writer)
			}
			return err
		},
	}
}

// doctorReport is what doctor tells, and its JSON.
type doctorReport struct {
	OK          bool     `json:"ok"`                // a model ran
	Onnxtool    string   `json:"onnxtool"`          // this program's version
	Platform    string   `json:"platform"`          // such as linux-x64
	Library     string   `json:"library,omitempty"` // the file that is used
	Found       string   `json:"found,omitempty"`   // how it was found
	Version     string   `json:"version,omitempty"` // of the library, as it says itself, or as its file does where it could not be loaded
	Pinned      string   `json:"pinned"`            // the version that is fetched and tested with
	Warnings    []string `json:"warnings,omitempty"`
	Looked      []string `json:"looked"` // where it was looked for, in order, with what was there
	Error       string   `json:"error,omitempty"`
	ErrorAdvice string   `json:"advice,omitempty"`
}

// diagnose finds, loads and tries the library. The error is the first thing that did not work; the report is complete in any case.
func diagnose(explicit string) (*doctorReport, error) {
	r := &doctorReport{Onnxtool: version, Platform: ort.Platform(), Pinned: ort.PinnedVersion}
	lib, err := ort.Find(explicit)
	r.Looked = lib.Tried
	if err == nil {
		r.Library, r.Found, r.Version, r.Warnings = lib.Path, lib.How, lib.Version, lib.Warnings()
		err = r.try(lib)
	}
	if err != nil {
		r.Error = err.Error()
		r.ErrorAdvice = ort.Advice
		var e *onnxpb.Error
		if errors.As(err, &e) && e.Hint != "" {
			r.ErrorAdvice = e.Hint // a place that the user named has advice of its own
		}
		return r, err
	}
	r.OK = true
	return r, nil
}

// try loads the library and runs a model of one Add.
func (r *doctorReport) try(lib *ort.Library) error {
	e, err := ort.NewEngine(lib)
	if err != nil {
		return err
	}
	r.Version = e.Version()
	lib.Version = e.Version()
	r.Warnings = lib.Warnings()
	dims := onnxpb.Numbers(2)
	s, err := e.Open(verify.Source{Model: &onnxpb.ModelProto{
		IrVersion:   proto.Int64(7),
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 13)},
		Graph: &onnxpb.GraphProto{
			Name: proto.String("doctor"),
			Node: []*onnxpb.NodeProto{onnxpb.Node("Add", "add", []string{"a", "b"}, []string{"sum"})},
			Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("a", onnxpb.TensorProto_FLOAT, dims),
				onnxpb.TensorValue("b", onnxpb.TensorProto_FLOAT, dims)},
			Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("sum", onnxpb.TensorProto_FLOAT, dims)},
		},
	}}, verify.SessionOptions{Threads: 1})
	if err != nil {
		return err
	}
	defer s.Close()
	got, err := s.Run(map[string]*onnxpb.Value{
		"a": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{2}, []float32{1, 2})),
		"b": onnxpb.TensorVal(onnxpb.ArrayOf([]int64{2}, []float32{0.5, -4})),
	})
	if err != nil {
		return err
	}
	if sum, ok := got["sum"].Array.Data.([]float32); !ok || len(sum) != 2 || sum[0] != 1.5 || sum[1] != -2 {
		return &onnxpb.Error{Kind: onnxpb.Engine, File: lib.Path, Msg: fmt.Sprintf("ONNX Runtime computes 1+0.5 and 2-4 as %v", got["sum"].Array.Data),
			Hint: "the library is broken: take another"}
	}
	return nil
}

// write prints the report for people.
func (r *doctorReport) write(w io.Writer) {
	fmt.Fprintf(w, "onnxtool      %s (%s, %s)\n", r.Onnxtool, r.Platform, runtime.Version())
	if r.Library != "" {
		v := r.Version
		if v == "" {
			v = "unknown"
		}
		fmt.Fprintf(w, "ONNX Runtime  %s\nlibrary       %s\nfound         %s\n", v, r.Library, r.Found)
	} else {
		fmt.Fprintln(w, "ONNX Runtime  none")
	}
	if r.OK {
		fmt.Fprintln(w, "test          a model ran and gave what it should")
	}
	for _, s := range r.Warnings {
		fmt.Fprintf(w, "warning       %s\n", s)
	}
	if !r.OK || len(r.Warnings) > 0 {
		fmt.Fprintln(w, "looked at")
		for _, s := range r.Looked {
			fmt.Fprintf(w, "  %s\n", s)
		}
	}
	if r.ErrorAdvice != "" {
		fmt.Fprintf(w, "what to do    %s\n", r.ErrorAdvice)
	}
}
