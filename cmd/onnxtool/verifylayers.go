package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// runLayers tells at which node two models part.
func runLayers(c *cli.Context, o verify.Options) error {
	for _, flag := range []string{"against", "formula", "opt-levels", "all-dims", "record", "corners", "tol", "angle", "transpose", "slice", "slice-ref", "one-at-a-time"} {
		if c.IsSet(flag) {
			return usagef("--%s cannot be used with --layers or --bisect", flag)
		}
	}
	if c.Bool("layers") && c.Bool("bisect") {
		return usagef("--layers and --bisect exclude each other")
	}
	if c.NArg() != 2 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "two models are needed: the reference and the one that is compared"}
	}
	if !c.IsSet("opt") {
		o.Session.Optimization = "" // tensors in between are given out, and so no nodes are fused unless it is asked for
	}
	if err := reportFiles(c, fileFlags, c.Args().Slice()...); err != nil {
		return err
	}
	memory, err := byteCount(c.String("memory"))
	if err != nil {
		return err
	}
	models, e, closeAll, err := openAll(c, c.Args().Slice()...)
	if err != nil {
		return failedReport(c, err)
	}
	defer closeAll()
	find := verify.Layers
	if c.Bool("bisect") {
		find = verify.Bisect
	}
	r, err := find(e, models[0], models[1], verify.LayerOptions{Options: o, Memory: memory, ByStructure: c.Bool("by-structure")})
	if err != nil {
		return failedReport(c, whyRefused(err, models))
	}
	r.Command = os.Args
	junit := &verify.JUnit{}
	junit.AddLayers(r)
	if err := writeReports(c, junit, r); err != nil {
		return err
	}
	return answer(c, r, r.Equal, func() error { return r.WriteText(c.App.Writer, c.Bool("all")) })
}

// byteCount reads a size such as 512MiB, 2GiB or 100000; "" is 0.
func byteCount(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	text, unit := s, int64(1)
	for suffix, n := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if number, ok := strings.CutSuffix(s, suffix); ok {
			text, unit = number, n
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || n < 1 || n > 1<<62/unit {
		return 0, usagef("%q is no size: write 512MiB or 2GiB", s)
	}
	return n * unit, nil
}
