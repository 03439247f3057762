package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// reorder moves the flags of a command line before its other arguments, as urfave/cli stops looking for flags at the first argument that is
// none. A command may have commands of its own (data pack): then the flags are theirs. What follows -- stays as it is.
func reorder(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	cmd := app.Command(args[1])
	if cmd == nil {
		return args, nil
	}
	verb, list := args[:2], args[2:]
	if len(cmd.Subcommands) > 0 {
		if len(list) == 0 {
			return args, nil
		}
		if cmd = subcommand(cmd, list[0]); cmd == nil {
			return args, nil
		}
		verb, list = args[:3], args[3:]
	}
	takesValue := map[string]bool{}
	for _, f := range cmd.Flags {
		_, isBool := f.(*cli.BoolFlag)
		for _, n := range f.Names() {
			takesValue[n] = !isBool
		}
	}
	var flags, rest []string
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
	out := append(slices.Clone(verb), flags...)
	return append(append(out, "--"), rest...), nil
}

// subcommand finds a command of a command by name.
func subcommand(cmd *cli.Command, name string) *cli.Command {
	for _, sub := range cmd.Subcommands {
		if sub.HasName(name) {
			return sub
		}
	}
	return nil
}
