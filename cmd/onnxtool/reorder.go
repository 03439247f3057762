package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// reorder moves the flags of a command line before its other arguments, as urfave/cli stops looking for flags at the first argument that is
// none. A command may have commands of its own (data pack): then the flags are theirs. What follows -- stays as it is.
func reorder(app *cli.App, args []string) ([]string, error) {
	if len(args) < 2 {
		return args, nil
	}
	cmd := app.Command(args[1])
	if cmd == nil || args[len(args)-1] == "--generate-bash-completion" {
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
	takesValue := map[string]bool{"help": false, "h": false}
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
		if _, err := strconv.ParseFloat(a, 64); err == nil {
			rest = append(rest, a) // a negative number
			continue
		}
		flags = append(flags, a)
		name, _, hasValue := strings.Cut(strings.TrimLeft(a, "-"), "=")
		if name == "help" || name == "h" {
			return append(slices.Clone(verb), "--help"), nil // whatever else is there
		}
		if _, known := takesValue[name]; !known {
			return nil, unknownFlag(cmd, strings.Join(verb[1:], " "), a, name)
		}
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

// unknownFlag names the flags that a mistyped one of a command, as it was called, may have meant.
func unknownFlag(cmd *cli.Command, called, arg, name string) error {
	var names []string
	for _, f := range cmd.Flags {
		names = append(names, f.Names()...)
	}
	e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%s has no flag %s", called, arg), Hint: "see onnxtool " + called + " --help"}
	if near := surgery.Nearest(name, names, 3); len(near) > 0 {
		e.Hint = "did you mean --" + strings.Join(near, ", --") + "?"
	}
	return e
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
