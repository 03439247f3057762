package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commandLine finds where an example begins on a line: at its start, behind what a shell shows or a name before it, or behind a pipe.
var commandLine = regexp.MustCompile(`(?:^\s*(?:\$ |Example: +|Examples: +)?(?:[A-Z_]+=\S+ )*|[|;&] *(?:[A-Z_]+=\S+ )*|\$\()onnxtool [a-z]`)

// optional is what a line that tells how a command is called has in brackets, as it may be left out: [--flag VALUE], [NAME...], [flags].
var optional = regexp.MustCompile(`(^| )\[(?:-[^\]]*|[A-Z_]+\.\.\.|flags)\]`)

// unquoted returns the first character of a command line that a shell would expand: [ ] * or ? that no quotes or backslash protects. The rest of the line is read on where it ends in a backslash.
func unquoted(line string, quote byte) (found string, open byte) {
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote == 0 && c == '\\':
			i++
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
		case c == quote:
			quote = 0
		case quote == 0 && c == '#' && i > 0 && line[i-1] == ' ':
			return "", 0
		case quote == 0 && strings.IndexByte("[]*?", c) >= 0:
			return line[i:], quote
		}
	}
	return "", quote
}

// TestExamplesAreQuoted: what the examples of the documentation and of the help have in brackets and wildcards a shell would expand, or refuse, where no quotes stand round it.
func TestExamplesAreQuoted(t *testing.T) {
	examples := 0
	check := func(where string, lines []string) {
		continued, quote := false, byte(0)
		for i, line := range lines {
			if !continued {
				at := commandLine.FindStringIndex(line)
				if at == nil {
					continue
				}
				line, quote = strings.TrimLeft(line[at[0]:], " $|;&("), 0
				examples++
			}
			var found string
			if found, quote = unquoted(optional.ReplaceAllString(line, ""), quote); found != "" {
				t.Errorf("%s, line %d: %q is not quoted in\n%s", where, i+1, found, strings.TrimSpace(lines[i]))
			}
			continued = strings.HasSuffix(line, `\`) || quote != 0
		}
	}
	pages, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "../../README.md") {
		if filepath.Base(page) == "commands.md" {
			continue // made of the help, whose usage lines have brackets that mean other things
		}
		data, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		// Lines outside of code blocks are left out, and keep their numbers.
		lines := strings.Split(string(data), "\n")
		inside := false
		for i, line := range lines {
			if strings.HasPrefix(strings.TrimSpace(line), "```") {
				inside = !inside
				lines[i] = ""
			} else if !inside {
				lines[i] = ""
			}
		}
		check(page, lines)
	}
	for _, c := range newApp(io.Discard, io.Discard).Commands {
		check("help "+c.Name, strings.Split(c.Description, "\n"))
		for _, sub := range c.Subcommands {
			check("help "+c.Name+" "+sub.Name, strings.Split(sub.Description, "\n"))
		}
	}
	if examples < 200 {
		t.Errorf("only %d examples were found", examples)
	}
}

func TestUnquoted(t *testing.T) {
	for line, want := range map[string]string{
		"onnxtool a 'x[1]' \"*\" y": "",
		"onnxtool a x[1]":           "[1]",
		`onnxtool a x\[1] y`:        "] y",
		"onnxtool a 'x' *":          "*",
		"onnxtool a # why? [x]":     "",
		"onnxtool a x#? b":          "? b",
	} {
		if got, _ := unquoted(line, 0); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}
