package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

//go:generate go test . -run TestReferencePage -update

var update = flag.Bool("update", false, "rewrite docs/commands.md")

const referencePage = "../../docs/commands.md"

// TestReferencePage holds docs/commands.md, the page of all commands and flags, to their definitions.
func TestReferencePage(t *testing.T) {
	var want bytes.Buffer
	writeReference(&want, newApp(io.Discard, io.Discard))
	if *update {
		if err := os.WriteFile(referencePage, want.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile(referencePage)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want.String(), string(got)); d != "" {
		t.Errorf("docs/commands.md is not up to date: run go generate ./cmd/onnxtool\n%s", d)
	}
}

// TestEveryCommandIsDocumented wants of every command a usage line, a description with an example, and a page of its own that the reference
// links to; and of every flag a usage text.
func TestEveryCommandIsDocumented(t *testing.T) {
	for _, c := range newApp(io.Discard, io.Discard).Commands {
		if c.Name == "help" {
			continue
		}
		if c.Usage == "" || c.UsageText == "" {
			t.Errorf("%s: no usage", c.Name)
		}
		if !strings.Contains(c.Description, "onnxtool "+c.Name) {
			t.Errorf("%s: the description has no example", c.Name)
		}
		if _, err := os.Stat("../../docs/" + c.Name + ".md"); err != nil {
			t.Errorf("%s: no page: %v", c.Name, err)
		}
		for _, sub := range append([]*cli.Command{c}, c.Subcommands...) {
			if sub != c && sub.Name != "help" && (sub.Usage == "" || sub.UsageText == "" || !strings.Contains(sub.Description, "onnxtool "+c.Name+" "+sub.Name)) {
				t.Errorf("%s %s: no usage, or no example in the description", c.Name, sub.Name)
			}
			for _, f := range sub.Flags {
				if d, ok := f.(cli.DocGenerationFlag); ok && d.GetUsage() == "" {
					t.Errorf("%s: flag %s has no usage", sub.Name, f.Names()[0])
				}
			}
		}
	}
}

// writeReference writes the page of all commands.
func writeReference(w io.Writer, app *cli.App) {
	fmt.Fprintf(w, "# Commands\n\n<!-- Generated from the command definitions by go generate; do not edit. -->\n\n")
	fmt.Fprintf(w, "`%s`. Flags may stand anywhere after the verb.\n\n", app.UsageText)
	fmt.Fprintf(w, "Exit codes: 0 yes or done; 1 the answer is no (models differ, faults were found, the model does not allow the edit); 2 wrong usage;\n"+
		"3 the input is unreadable or the request does not fit it; 4 ONNX Runtime was not found or failed.\n\n")
	for _, c := range app.Commands {
		if c.Name == "help" {
			continue
		}
		fmt.Fprintf(w, "## %s\n\n%s. See [%s.md](%s.md).\n\n```\n%s\n```\n\n", c.Name, c.Usage, c.Name, c.Name, c.UsageText)
		if d := strings.TrimSpace(c.Description); d != "" {
			fmt.Fprintf(w, "```\n%s\n```\n\n", d)
		}
		writeFlags(w, c.Flags)
		for _, sub := range c.Subcommands {
			if sub.Name == "help" {
				continue
			}
			fmt.Fprintf(w, "### %s %s\n\n%s.\n\n```\n%s\n```\n\n```\n%s\n```\n\n", c.Name, sub.Name, sub.Usage, sub.UsageText, strings.TrimSpace(sub.Description))
			writeFlags(w, sub.Flags)
		}
	}
}

// writeFlags writes a table of flags, where there are any.
func writeFlags(w io.Writer, flags []cli.Flag) {
	if len(flags) == 0 {
		return
	}
	fmt.Fprintf(w, "| flag | meaning |\n|---|---|\n")
	for _, f := range flags {
		names, usage, _ := strings.Cut(flagText(f), "\t")
		fmt.Fprintf(w, "| `%s` | %s |\n", names, strings.ReplaceAll(usage, "|", "\\|"))
	}
	fmt.Fprintln(w)
}
