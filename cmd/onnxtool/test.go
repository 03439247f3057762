package main

import (
	"errors"
	"fmt"
	"os"
	"regexp"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

func testCommand() *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "run every model below folders on its recorded data, and compare with what was recorded",
		UsageText: "onnxtool test FOLDER... [--run RE] [--skip RE] [--atol 1e-7] [--rtol 1e-3] [--workers N] [--case-timeout 30s]",
		Description: "Finds every folder with a model (*.onnx) and data sets in the form of ONNX's own tests (test_data_set_0/input_0.pb, output_0.pb, ...), runs\n" +
			"the models in ONNX Runtime, many at once, and holds their outputs to the recorded ones: |got - recorded| <= atol + rtol*|recorded| for\n" +
			"floats, equality for all else. FOLDER may also be one model's file, or an archive (.tar.gz).\n\n" +
			"A case is passed, failed, unsupported (ONNX Runtime does not open the model) or broken (the model or its data cannot be read). With\n" +
			"--isolate or --case-timeout it may be crashed: its process ended by itself, or did not end in time. The exit code is 0 where a case passed\n" +
			"and none failed or is broken, 4 where one crashed or the time of all was over, and else 1.\n\n" +
			"Examples: onnxtool test models/ --workers 4\n" +
			"          onnxtool test models/ --run 'resnet|yolo' --skip int8 --json\n" +
			"          onnxtool test models/ --list",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "run", Usage: "run the cases whose names the regular expression `RE` matches"},
			&cli.StringFlag{Name: "skip", Usage: "leave out the cases whose names the regular expression `RE` matches"},
			&cli.StringFlag{Name: "junit", Usage: "write the report to `FILE` as JUnit XML, which continuous integration shows"},
			&cli.BoolFlag{Name: "list", Usage: "print the names of the cases, and run none"},
			&cli.Float64Flag{Name: "atol", Usage: "absolute `TOLERANCE` of every case", DefaultText: "that of the case's data.json, else 1e-07"},
			&cli.Float64Flag{Name: "rtol", Usage: "relative `TOLERANCE` of every case", DefaultText: "that of the case's data.json, else 0.001"},
			&cli.IntFlag{Name: "workers", Usage: "`COUNT` of cases that run at once", DefaultText: "the number of processors"},
			&cli.BoolFlag{Name: "strict", Usage: "take unsupported cases for failed ones"},
			&cli.BoolFlag{Name: "fail-fast", Usage: "end at the first case that fails"},
			providerFlag(),
			&cli.StringFlag{Name: "opt", Value: verify.OptimizeAll, Usage: "`LEVEL` of graph optimisation: all, extended, basic, none"},
			&cli.IntFlag{Name: "threads", Value: 1, Usage: "`COUNT` of threads for one operator"},
			&cli.BoolFlag{Name: "json", Usage: "print the report as JSON"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing: the exit code tells"},
			ortFlag(),
			&cli.DurationFlag{Name: "case-timeout", Usage: "stop a case that takes longer than so long a `TIME`, such as 30s, and go on with the others (implies --isolate)"},
			&cli.BoolFlag{Name: "isolate", Usage: "run each case in a process of its own, so that one that makes ONNX Runtime crash takes no others with it"},
			&cli.DurationFlag{Name: "timeout", Usage: "end all after so long a `TIME`, such as 5m, report what has run, with exit code 4 (implies --isolate)"},
		}, settingFlags()...),
		Action: runTest,
	}
}

func runTest(c *cli.Context) error {
	if c.NArg() == 0 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "a folder with models and their recorded data is needed", Hint: "see onnxtool help test"}
	}
	o, err := suiteOptions(c)
	if err != nil {
		return err
	}
	if c.Bool("list") {
		if c.Bool("json") || c.Bool("quiet") {
			return usagef("--list prints names: --json and --quiet have no meaning with it")
		}
		cases, err := verify.ListSuite(c.Args().Slice(), o)
		if err != nil {
			return err
		}
		for _, x := range cases {
			fmt.Fprintln(c.App.Writer, x.Name)
		}
		return nil
	}
	if err := reportFiles(c, []string{"junit"}); err != nil {
		return err
	}
	if isIsolated() {
		endWithParent()
	} else if err := isolateCases(c, &o); err != nil {
		return err
	}
	e, err := engine(c)
	if err != nil {
		return err
	}
	r, err := verify.RunSuite(e, c.Args().Slice(), o)
	if err != nil {
		return err
	}
	r.Command = os.Args
	if file := c.String("junit"); file != "" {
		j := &verify.JUnit{}
		j.AddSuite(r)
		if err := writeReport(file, j.Write); err != nil {
			return err
		}
	}
	err = answer(c, r, r.OK, func() error { return r.WriteText(c.App.Writer) })
	var no answerNo
	if (err == nil || errors.As(err, &no)) && (r.Counts.Crashed > 0 || r.Ended != "") {
		return exitWith(exitCode(&onnxpb.Error{Kind: onnxpb.Engine}))
	}
	return err
}

func suiteOptions(c *cli.Context) (o verify.SuiteOptions, err error) {
	o = verify.SuiteOptions{Workers: c.Int("workers"), FailFast: c.Bool("fail-fast"), Strict: c.Bool("strict")}
	if o.Session, err = sessionOptions(c); err != nil {
		return o, err
	}
	if c.IsSet("workers") && o.Workers < 1 {
		return o, usagef("--workers must be 1 or more")
	}
	if c.Int("threads") < 1 {
		return o, usagef("--threads must be 1 or more")
	}
	for name, to := range map[string]**float64{"atol": &o.Atol, "rtol": &o.Rtol} {
		if !c.IsSet(name) {
			continue
		}
		v := c.Float64(name)
		if !(v >= 0) {
			return o, usagef("tolerances cannot be negative")
		}
		*to = &v
	}
	if o.Run, err = pattern(c, "run"); err != nil {
		return o, err
	}
	o.Skip, err = pattern(c, "skip")
	return o, err
}

// pattern reads a regular expression; nil where none is given.
func pattern(c *cli.Context, flag string) (*regexp.Regexp, error) {
	if c.String(flag) == "" {
		return nil, nil
	}
	re, err := regexp.Compile(c.String(flag))
	if err != nil {
		return nil, usagef("--%s: %v", flag, err)
	}
	return re, nil
}
