package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/verify"
	"onnxtool/verify/formula"
)

// verifyRules reads what outputs are held to, and how tensors of the two models lie against each other.
func verifyRules(c *cli.Context, o *verify.Options) error {
	if o.ByType = !c.IsSet("atol") && !c.IsSet("rtol"); o.ByType {
		o.Tolerance = verify.DefaultTolerance
	} else {
		o.Tolerance = givenTolerance(c, verify.DefaultTolerance)
	}
	if !(o.Tolerance.Abs >= 0) || !(o.Tolerance.Rel >= 0) {
		return usagef("tolerances cannot be negative, or no numbers")
	}
	for _, s := range c.StringSlice("tol") {
		r, err := verify.ParseRule(s)
		if err != nil {
			return fmt.Errorf("--tol: %w", err)
		}
		if r.Output == "" && (r.Abs != nil || r.Rel != nil) && !o.ByType {
			return usagef("--tol for all outputs and --atol or --rtol say the same: give one of them")
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

// givenTolerance is what --atol and --rtol say, of which one may be missing; the zero Tolerance where both are.
func givenTolerance(c *cli.Context, missing verify.Tolerance) verify.Tolerance {
	if !c.IsSet("atol") && !c.IsSet("rtol") {
		return verify.Tolerance{}
	}
	t := missing
	if c.IsSet("atol") {
		t.Abs = c.Float64("atol")
	}
	if c.IsSet("rtol") {
		t.Rel = c.Float64("rtol")
	}
	return t
}

// comparison is a report of verify, in all its forms.
type comparison interface {
	WriteText(io.Writer) error
	WriteMarkdown(io.Writer) error
	WriteHTML(io.Writer) error
}

// runComparison compares the models that the arguments name, and writes what was asked for.
func runComparison(c *cli.Context, o verify.Options) error {
	chosen := ""
	for _, flag := range []string{"against", "formula", "opt-levels", "all-dims"} {
		if !c.IsSet(flag) {
			continue
		}
		if o.OneAtATime && (flag == "against" || flag == "formula") {
			return usagef("--one-at-a-time is for two models, and cannot be used with --%s", flag)
		}
		if chosen != "" {
			return usagef("--%s and --%s exclude each other", chosen, flag)
		}
		chosen = flag
	}
	if err := reportFiles(c, fileFlags, append(c.Args().Slice(), c.String("formula"))...); err != nil {
		return err
	}
	models, e, closeAll, err := openAll(c, c.Args().Slice()...)
	if err != nil {
		return failedReport(c, err)
	}
	defer closeAll()
	o.Progress = progress(c)
	var all *verify.Reports
	switch {
	case c.IsSet("against"):
		var r *verify.Report
		if r, err = againstReport(c, e, models[0], o); err == nil {
			all = verify.Together(r)
		}
	case c.IsSet("formula"):
		var r *verify.Report
		if r, err = formulaReport(c, e, models[0], o); err == nil {
			all = verify.Together(r)
		}
	case c.Bool("opt-levels"):
		if c.IsSet("opt") {
			return usagef("--opt and --opt-levels exclude each other")
		}
		all, err = verify.OptimizationLevels(e, models[0], o)
	case c.Bool("all-dims"):
		all, err = atAllDims(e, models, o)
	default:
		all, err = verify.Several(e, models[0], models[1:], o)
	}
	if err != nil {
		return failedReport(c, whyRefused(err, models))
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
	if err := writeReports(c, junit, text); err != nil {
		return err
	}
	return answer(c, r, all.Equal, func() error { return text.WriteText(c.App.Writer) })
}

// fileFlags are those of the reports that writeReports writes.
var fileFlags = []string{"junit", "markdown", "html"}

// writeReports writes the files that were asked for.
func writeReports(c *cli.Context, junit *verify.JUnit, r interface {
	WriteMarkdown(io.Writer) error
	WriteHTML(io.Writer) error
}) error {
	for i, write := range []func(io.Writer) error{junit.Write, r.WriteMarkdown, r.WriteHTML} {
		if file := c.String(fileFlags[i]); file != "" {
			if err := writeReport(file, write); err != nil {
				return err
			}
		}
	}
	return nil
}

// failedReport tells of an error that kept anything from being compared in the JUnit report, too, where one was asked for.
func failedReport(c *cli.Context, err error) error {
	file := c.String("junit")
	if file == "" {
		return err
	}
	j := &verify.JUnit{}
	j.Fail(strings.Join(c.Args().Slice(), " "), err)
	if e := writeReport(file, j.Write); e != nil {
		return e
	}
	return err
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

// atAllDims compares models at several numbers of the free dimensions.
func atAllDims(e verify.Engine, models []verify.Source, o verify.Options) (*verify.Reports, error) {
	var list []*verify.Report
	for _, m := range models[1:] {
		choices, err := verify.DimChoices(models[0].Model, m.Model, o)
		if err != nil {
			return nil, err
		}
		for _, dims := range choices {
			at := o
			at.Dims = dims
			r, err := verify.Models(e, models[0], m, at)
			if err != nil {
				return nil, &onnxpb.Error{Kind: onnxpb.KindOf(err), Msg: "at " + dimsText(dims), Err: err, Hint: "give sizes that the models take with --dims"}
			}
			r.Notes = append(r.Notes, "run at "+dimsText(dims))
			list = append(list, r)
		}
	}
	return verify.Together(list...), nil
}

func dimsText(dims map[string]int64) string {
	var parts []string
	for name, n := range dims {
		parts = append(parts, fmt.Sprintf("%s=%d", name, n))
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}

// distFlag is the flag for how inputs are drawn.
func distFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "dist", Usage: "draw elements so, `NAME=DIST` or DIST: uniform, normal, normal(0,2), image, ints, onehot, zeros, ones, constant(1)"}
}

// dists reads how inputs are drawn.
func dists(c *cli.Context) (map[string]verify.Dist, error) {
	m := map[string]verify.Dist{}
	for _, s := range c.StringSlice("dist") {
		name, text := "", s
		if i := strings.LastIndexByte(s, '='); i >= 0 {
			name, text = s[:i], s[i+1:]
		}
		d, err := verify.ParseDist(text)
		if err != nil {
			return nil, fmt.Errorf("--dist: %w", err)
		}
		if _, twice := m[name]; twice {
			return nil, usagef("--dist %s: it is given twice", s)
		}
		m[name] = d
	}
	return m, nil
}

// againstReport holds a model to recorded outputs.
func againstReport(c *cli.Context, e verify.Engine, model verify.Source, o verify.Options) (*verify.Report, error) {
	for _, flag := range []string{"batch", "samples", "seed", "range", "dist", "corners", "dims", "inputs", "map", "transpose", "slice", "slice-ref"} {
		if c.IsSet(flag) {
			return nil, usagef("--%s cannot be used with --against: inputs are those recorded", flag)
		}
	}
	if o.ByType {
		o.Tolerance = verify.RecordedTolerance
	} else {
		o.Tolerance = givenTolerance(c, verify.RecordedTolerance)
	}
	o.ByType = false
	o.Samples, o.Seed = 0, 0
	return verify.Against(e, model, c.String("against"), o)
}

// runRecord records what a model computes.
func runRecord(c *cli.Context, o verify.Options) error {
	for _, flag := range []string{"against", "formula", "opt-levels", "all-dims", "corners", "only", "map", "tol", "angle", "atol", "rtol", "transpose", "slice", "slice-ref", "junit", "markdown", "html", "one-at-a-time", "memory"} {
		if c.IsSet(flag) {
			return usagef("--%s cannot be used with --record", flag)
		}
	}
	models, e, closeAll, err := openAll(c, c.Args().First())
	if err != nil {
		return err
	}
	defer closeAll()
	r, err := verify.Record(e, models[0], c.String("record"), verify.RecordOptions{Options: o, First: c.Int("record-first"), Replace: c.Bool("replace")})
	if err != nil {
		return whyRefused(err, models)
	}
	r.Command = os.Args
	return answer(c, r, true, func() error { return r.WriteText(c.App.Writer) })
}

// reportFiles refuses reports that would be written over what the command reads, or over each other.
func reportFiles(c *cli.Context, flags []string, inputs ...string) error {
	seen := map[string]string{}
	for _, flag := range flags {
		file := c.String(flag)
		switch {
		case !c.IsSet(flag):
			continue
		case file == "" || file == "-":
			return usagef("--%s needs the name of a file", flag)
		case seen[file] != "":
			return usagef("--%s and --%s name one file", seen[file], flag)
		}
		seen[file] = flag
		st, err := os.Stat(file)
		if err != nil {
			continue
		}
		for _, in := range inputs {
			if other, err := os.Stat(in); err == nil && os.SameFile(st, other) {
				return usagef("--%s %s is a file that the command reads", flag, file)
			}
		}
	}
	return nil
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
	for _, flag := range []string{"map", "tol", "angle", "transpose", "slice", "slice-ref", "opt-levels", "formula", "against", "record", "corners", "all-dims", "samples", "one-at-a-time", "memory"} {
		if c.IsSet(flag) {
			return usagef("--%s cannot be used with --rows", flag)
		}
	}
	o := verify.BatchOptions{Axes: map[string]int{}, Tolerance: givenTolerance(c, verify.DefaultTolerance)}
	if !(o.Tolerance.Abs >= 0) || !(o.Tolerance.Rel >= 0) {
		return usagef("tolerances cannot be negative, or no numbers")
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
	o.Only = c.StringSlice("only")
	if o.Dims, o.Files, o.Ranges, err = inputFlags(c); err != nil {
		return err
	}
	if o.Dists, err = dists(c); err != nil {
		return err
	}
	if err := reportFiles(c, fileFlags, c.Args().First()); err != nil {
		return err
	}
	models, e, closeAll, err := openAll(c, c.Args().First())
	if err != nil {
		return failedReport(c, err)
	}
	defer closeAll()
	r, err := verify.Rows(e, models[0], sizes, c.Uint64("seed"), o)
	if err != nil {
		return failedReport(c, whyRefused(onnxpb.InFile(err, c.Args().First()), models))
	}
	r.Command = os.Args
	junit := &verify.JUnit{}
	junit.AddRows(r)
	if err := writeReports(c, junit, r); err != nil {
		return err
	}
	return answer(c, r, r.Equal, func() error { return r.WriteText(c.App.Writer) })
}

// inputPaths are the files that inputs are taken from.
func inputPaths(files []verify.InputFile) []string {
	var list []string
	for _, f := range files {
		list = append(list, f.Path)
	}
	return list
}
