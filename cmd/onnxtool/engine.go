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
