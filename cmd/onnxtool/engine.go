package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"onnxtool/verify"
	"onnxtool/verify/ort"
)

// ortFlag is the flag of the commands that run models.
func ortFlag() cli.Flag {
	return &cli.StringFlag{Name: "ort-lib", Usage: "run models with the ONNX Runtime library in `FILE` (see onnxtool doctor)"}
}

// providerFlag is the flag for what runs the nodes.
func providerFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "ep", Usage: "execution provider that runs nodes, `NAME` or NAME:KEY=VALUE,..., such as CUDA:device_id=0, where the library has it (may be repeated, best first; the rest runs on CPU)"}
}

// memoryFlag is the flag that bounds the engine's memory.
func memoryFlag() cli.Flag {
	return &cli.StringFlag{Name: "ort-memory", Usage: "`BYTES` that ONNX Runtime may take for values, and for the weights of a model, such as 512MiB or 2GiB: a model that needs more is an error with exit code 4", DefaultText: "no limit"}
}

// settingFlags are those of commands that run models for what they compute.
func settingFlags() []cli.Flag {
	return []cli.Flag{
		memoryFlag(),
		&cli.BoolFlag{Name: "deterministic", Usage: "one thread, and nodes one after the other, so that sums are made in the same order in every run"},
	}
}

// settings reads settingFlags, and what runs the nodes.
func settings(c *cli.Context, o *verify.SessionOptions) (err error) {
	if o.Memory, err = byteCount(c.String("ort-memory")); err != nil {
		return fmt.Errorf("--ort-memory: %w", err)
	}
	if c.Bool("deterministic") {
		if c.IsSet("threads") && o.Threads != 1 {
			return usagef("--deterministic runs with one thread: --threads %d cannot be used with it", o.Threads)
		}
		o.Threads = 1
	}
	o.Providers, err = providers(c)
	return err
}

// engine returns what runs models: ONNX Runtime, found as doctor tells. The error ends the command with exit code 4.
func engine(c *cli.Context) (verify.Engine, error) {
	lib, err := ort.Find(c.String("ort-lib"))
	if err != nil {
		return nil, err
	}
	e, err := ort.NewEngine(lib)
	if err != nil {
		return nil, err
	}
	return e, nil
}

// openAll opens models and the engine that runs them.
func openAll(c *cli.Context, paths ...string) (models []verify.Source, e verify.Engine, done func(), err error) {
	models, done, err = sources(c, paths...)
	if err != nil {
		return nil, nil, nil, err
	}
	if e, err = engine(c); err != nil {
		done()
		return nil, nil, nil, err
	}
	return models, e, done, nil
}

// providers reads what runs the nodes.
func providers(c *cli.Context) ([]verify.Provider, error) {
	var list []verify.Provider
	for _, s := range c.StringSlice("ep") {
		p, err := verify.ParseProvider(s)
		if err != nil {
			return nil, fmt.Errorf("--ep: %w", err)
		}
		list = append(list, p)
	}
	return list, nil
}
