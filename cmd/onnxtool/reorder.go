package main

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// reorder moves the flags of a command line before its other arguments, as urfave/cli stops looking for flags at the first argument that is
// none. What follows -- stays as it is.
func reorder(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	cmd := app.Command(args[1])
	if cmd == nil {
		return args, nil
	}
	takesValue := map[string]bool{}
	for _, f := range cmd.Flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, n := range f.Names() {
			takesValue[n] = !isBool
		}
	}
	var flags, rest []string
	list := args[2:]
	for i := 0; i < len(list); i++ {
		a := list[i]
		if a == "--" {
			rest = append(rest, list[i+1:]...)
			break
		}
		if len(a) < 2 || a[0] != '-' {
			rest = append(rest, a)
			continue
		}
		flags = append(flags, a)
		name, _, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if takesValue[name] && !hasValue {
			if i+1 == len(list) {
				return nil, usagef("flag %s needs a value", a)
			}
			i++
			flags = append(flags, list[i])
		}
	}
	out := append([]string{args[0], args[1]}, flags...)
	return append(append(out, "--"), rest...), nil
}
