package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/verify"
	"onnxtool/verify/formula"
)

// verifyRules reads what outputs are held to, and how tensors of the two models lie against each other.
func verifyRules(c *cli.Context, o *verify.Options) error {
	o.Tolerance, o.ByType = verify.DefaultTolerance, !c.IsSet("atol") && !c.IsSet("rtol")
	if c.IsSet("atol") {
		o.Tolerance.Abs = c.Float64("atol")
	}
	if c.IsSet("rtol") {
		o.Tolerance.Rel = c.Float64("rtol")
	}
	if !(o.Tolerance.Abs >= 0) || !(o.Tolerance.Rel >= 0) {
		return usagef("tolerances cannot be negative")
	}
	for _, s := range c.StringSlice("tol") {
		r, err := verify.ParseRule(s)
		if err != nil {
			return fmt.Errorf("--tol: %w", err)
		}
		o.Rules = append(o.Rules, r)
	}
	for _, name := range c.StringSlice("angle") {
		found := false
		for i := range o.Rules {
			if o.Rules[i].Output == name {
				o.Rules[i].Angle, found = true, true
			}
		}
		if !found {
			o.Rules = append(o.Rules, verify.Rule{Output: name, Angle: true})
		}
	}
	for _, s := range c.StringSlice("transpose") {
		l, err := verify.ParseLayout(s)
		if err != nil {
			return fmt.Errorf("--transpose: %w", err)
		}
		o.Layouts = append(o.Layouts, l)
	}
	for _, flag := range []string{"slice", "slice-ref"} {
		for _, s := range c.StringSlice(flag) {
			p, err := verify.ParsePart(s)
			if err != nil {
				return fmt.Errorf("--%s: %w", flag, err)
			}
			p.Reference = flag == "slice-ref"
			o.Parts = append(o.Parts, p)
		}
	}
	return nil
}

// comparison is a report of verify, in all its forms.
type comparison interface {
	WriteText(io.Writer) error
	WriteMarkdown(io.Writer) error
	WriteHTML(io.Writer) error
}

// runComparison compares the models that the arguments name, and writes what was asked for.
func runComparison(c *cli.Context, o verify.Options) error {
	models, closeAll, err := sources(c, c.Args().Slice()...)
	if err != nil {
		return err
	}
	defer closeAll()
	e, err := engine(c)
	if err != nil {
		return err
	}
	var all *verify.Reports
	switch {
	case c.IsSet("formula"):
		if c.Bool("opt-levels") {
			return usagef("--formula and --opt-levels exclude each other")
		}
		var r *verify.Report
		if r, err = formulaReport(c, e, models[0], o); err == nil {
			all = verify.Together(r)
		}
	case c.Bool("opt-levels"):
		if c.IsSet("opt") {
			return usagef("--opt and --opt-levels exclude each other")
		}
		all, err = verify.OptimizationLevels(e, models[0], o)
	default:
		all, err = verify.Several(e, models[0], models[1:], o)
	}
	if err != nil {
		err = whyRefused(err, models)
		if file := c.String("junit"); file != "" {
			j := &verify.JUnit{}
			j.Fail(strings.Join(c.Args().Slice(), " "), err)
			if e := writeReport(file, j.Write); e != nil {
				return e
			}
		}
		return err
	}
	for _, r := range all.Reports {
		r.Command = os.Args
	}
	var r any = all
	var text comparison = all
	if len(all.Reports) == 1 {
		r, text = all.Reports[0], all.Reports[0]
	}
	junit := &verify.JUnit{}
	for _, one := range all.Reports {
		junit.Add(one)
	}
	for _, f := range []struct {
		flag  string
		write func(io.Writer) error
	}{{"junit", junit.Write}, {"markdown", text.WriteMarkdown}, {"html", text.WriteHTML}} {
		if file := c.String(f.flag); file != "" {
			if err := writeReport(file, f.write); err != nil {
				return err
			}
		}
	}
	return answer(c, r, all.Equal, func() error { return text.WriteText(c.App.Writer) })
}

// formulaReport holds a model to a formula file; the files of models that it names are relative to its own.
func formulaReport(c *cli.Context, e verify.Engine, model verify.Source, o verify.Options) (*verify.Report, error) {
	path := c.String("formula")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &onnxpb.Error{File: path, Msg: "cannot be read", Err: err}
	}
	f, err := formula.Parse(string(text))
	if err != nil {
		return nil, onnxpb.InFile(err, path)
	}
	var paths []string
	for _, m := range f.Models {
		if p := m.Path; filepath.IsAbs(p) {
			paths = append(paths, p)
		} else {
			paths = append(paths, filepath.Join(filepath.Dir(path), p))
		}
	}
	list, closeAll, err := sources(c, paths...)
	if err != nil {
		return nil, err
	}
	defer closeAll()
	var originals []verify.FormulaModel
	for i, m := range f.Models {
		originals = append(originals, verify.FormulaModel{Name: m.Name, Source: list[i]})
	}
	return verify.Formula(e, model, string(text), path, originals, o)
}

// writeReport writes a file whole or not at all.
func writeReport(file string, write func(io.Writer) error) error {
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	return onnxpb.WriteFile(file, b.Bytes())
}

// runVerifyRows proves the rows of one model.
func runVerifyRows(c *cli.Context) error {
	for _, flag := range []string{"map", "only", "tol", "angle", "transpose", "slice", "slice-ref", "opt-levels", "formula", "inputs", "samples", "junit", "markdown", "html"} {
		if c.IsSet(flag) {
			return usagef("--%s cannot be used with --rows", flag)
		}
	}
	o := verify.BatchOptions{Axes: map[string]int{}}
	if c.IsSet("atol") || c.IsSet("rtol") {
		o.Tolerance = verify.DefaultTolerance
		if c.IsSet("atol") {
			o.Tolerance.Abs = c.Float64("atol")
		}
		if c.IsSet("rtol") {
			o.Tolerance.Rel = c.Float64("rtol")
		}
	}
	for _, s := range c.StringSlice("axis") {
		at := strings.LastIndexByte(s, '=')
		axis, err := strconv.Atoi(s[at+1:])
		if at <= 0 || err != nil || axis < 0 {
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "--axis " + s + " is not NAME=AXIS", Hint: "for example --axis tokens=1"}
		}
		o.Axes[s[:at]] = axis
	}
	sizes, err := batches(c)
	if err != nil {
		return err
	}
	if sizes == nil {
		sizes = []int64{1, 2, 3, 7}
	}
	if o.Session, err = sessionOptions(c); err != nil {
		return err
	}
	if o.Ranges, err = ranges(c); err != nil {
		return err
	}
	if o.Dims, err = dims(c); err != nil {
		return err
	}
	models, closeAll, err := sources(c, c.Args().First())
	if err != nil {
		return err
	}
	defer closeAll()
	e, err := engine(c)
	if err != nil {
		return err
	}
	r, err := verify.Rows(e, models[0], sizes, c.Uint64("seed"), o)
	if err != nil {
		return whyRefused(onnxpb.InFile(err, c.Args().First()), models)
	}
	return answer(c, r, r.Equal, func() error { return r.WriteText(c.App.Writer) })
}
