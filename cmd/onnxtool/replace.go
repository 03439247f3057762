package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxtext"
	"onnxtool/surgery"
)

// patternText tells in the help of match and replace what a pattern is.
const patternText = `The pattern is a graph: a file, a model or its text (see onnxtool text), or the text itself, of which types and the header may be left out. What it takes means any value, and what it
makes inside must be read by the group alone. alpha: float = @a matches any value of the attribute and calls it a; attributes that are not told must have the operator's default, unless
--any-attributes is given. Constants and initializers mean constants of the same value. Two inputs of Add, Mul and the like match in either order.`

func matchCommand() *cli.Command {
	return &cli.Command{
		Name:      "match",
		Usage:     "find the groups of nodes that have the form of a pattern",
		UsageText: "onnxtool match MODEL --find PATTERN [--constant INPUT]... [--where CONDITION]... [--graph GRAPH]... [--json]",
		Description: patternText + `

The exit code is 1 where nothing has the form.

   onnxtool match in.onnx --find '(x) => (y) { s = Sigmoid (x) y = Mul (x, s) }'
   onnxtool match in.onnx --find '(x, w) => (y) { h = MatMul (x, w) y = LeakyRelu <alpha: float = @a> (h) }' --constant w --where 'a<0.2'`,
		Flags: append(matchFlags(),
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print nothing: the exit code tells"},
		),
		Action: runMatch,
	}
}

func replaceCommand() *cli.Command {
	return &cli.Command{
		Name:      "replace",
		Usage:     "put another graph in the place of every group of nodes that has the form of a pattern",
		UsageText: "onnxtool replace MODEL --find PATTERN --with BLOCK [--constant INPUT]... [--where CONDITION]... [--graph GRAPH]... -o OUT",
		Description: patternText + `

The block is written as the pattern is, takes what the pattern takes or some of it, and gives back what it gives back, by the same names. Its attributes may refer to what the pattern calls by a name. Whether it
computes the same is yours to know: onnxtool verify IN OUT holds the two models to each other.

   onnxtool replace in.onnx --find '(x) => (y) { s = Sigmoid (x) y = Mul (x, s) }' --with '(x) => (y) { y = com.example.Swish (x) }' -o out.onnx
   onnxtool replace in.onnx --find gelu.txt --with '(x) => (y) { y = Gelu (x) }' -o out.onnx
   onnxtool replace in.onnx --find '(x) => (y) { y = Elu <alpha: float = @a> (x) }' --with '(x) => (y) { y = Celu <alpha: float = @a> (x) }' --where a=1 -o out.onnx`,
		Flags: editFlags(append(matchFlags(),
			&cli.StringFlag{Name: "with", Usage: "the `BLOCK` that takes the place: a file, or text"},
			retypeFlag(),
		)...),
		Action: runReplace,
	}
}

// matchFlags are the flags that tell a pattern.
func matchFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "find", Usage: "the `PATTERN`: a file, or text"},
		&cli.StringSliceFlag{Name: "constant", Usage: "the `INPUT` of the pattern means a constant, of any value"},
		&cli.StringSliceFlag{Name: "where", Usage: "`CONDITION` on an attribute that the pattern calls by a name: a=1, a!=nearest, a<2, <=, >, >="},
		&cli.BoolFlag{Name: "any-attributes", Usage: "nodes may have attributes that the pattern does not tell, whatever they are"},
		&cli.StringSliceFlag{Name: "graph", Usage: "only nodes of this `GRAPH`: main, a subgraph such as choose/then_branch, or a pattern"},
	}
}

// readGraph reads a graph that a flag gives: as text, or in a file that is a model or text. close frees it.
func readGraph(c *cli.Context, flag string) (m *onnxpb.ModelProto, dir string, close func(), err error) {
	given := strings.TrimSpace(c.String(flag))
	nothing := func() {}
	switch {
	case given == "":
		return nil, "", nothing, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "--" + flag + " is missing", Hint: "see onnxtool help " + c.Command.Name}
	case strings.Contains(given, "{"):
		m, err := parseGraph(given)
		if err != nil {
			return nil, "", nothing, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "--" + flag, Err: err}
		}
		return m, "", nothing, nil
	case strings.HasSuffix(given, ".onnx"):
		f, err := onnxpb.Open(given)
		if err != nil {
			return nil, "", nothing, err
		}
		return f.Model, f.Dir(), func() { f.Close() }, nil
	}
	text, _, err := readWhole(given)
	if err != nil {
		return nil, "", nothing, err
	}
	if m, err = parseGraph(string(text)); err != nil {
		return nil, "", nothing, onnxpb.InFile(err, given)
	}
	return m, filepath.Dir(given), nothing, nil
}

// parseGraph reads a graph whose name may be left out.
func parseGraph(text string) (*onnxpb.ModelProto, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "(") {
		text = "pattern " + text
	}
	return onnxtext.Parse(text)
}

// matchOptions reads the flags of matchFlags but for the pattern.
func matchOptions(c *cli.Context, pattern *onnxpb.ModelProto, patternDir string) (surgery.MatchOptions, error) {
	o := surgery.MatchOptions{Constants: c.StringSlice("constant"), AnyAttributes: c.Bool("any-attributes"), Graphs: c.StringSlice("graph"), PatternDir: patternDir}
	var all []condition
	for _, text := range c.StringSlice("where") {
		w, err := parseCondition(text, pattern)
		if err != nil {
			return o, err
		}
		all = append(all, w)
	}
	if len(all) > 0 {
		o.Accept = func(m *surgery.PatternMatch) bool {
			return !slices.ContainsFunc(all, func(w condition) bool { return !w.holds(m.Attributes[w.name]) })
		}
	}
	return o, nil
}

// condition is what --where says of an attribute.
type condition struct {
	name, sign, value string
}

func parseCondition(text string, pattern *onnxpb.ModelProto) (condition, error) {
	at := strings.IndexAny(text, "=!<>")
	if at < 1 {
		return condition{}, usagef("--where %s: write NAME=VALUE, or with !=, <, <=, > or >=", text)
	}
	w := condition{name: text[:at]}
	for _, sign := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if value, ok := strings.CutPrefix(text[at:], sign); ok {
			w.sign, w.value = sign, value
			break
		}
	}
	if _, err := strconv.ParseFloat(w.value, 64); w.sign == "" || err != nil && w.sign != "=" && w.sign != "!=" {
		return condition{}, usagef("--where %s: write NAME=VALUE, or with !=, <, <=, > or >= and a number", text)
	}
	var names []string
	for _, n := range pattern.GetGraph().GetNode() {
		for _, a := range n.GetAttribute() {
			if ref := a.GetRefAttrName(); ref != "" {
				names = append(names, ref)
			}
		}
	}
	if !slices.Contains(names, w.name) {
		e := &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("--where %s: the pattern calls no attribute %q", text, w.name), Hint: "an attribute is called by a name as in alpha: float = @" + w.name}
		if near := surgery.Nearest(w.name, names, 3); len(near) > 0 {
			e.Hint = "did you mean " + strings.Join(near, ", ") + "?"
		}
		return condition{}, e
	}
	return w, nil
}

// holds tells whether an attribute is what the condition says. One that is not there is nothing.
func (w condition) holds(a *onnxpb.AttributeProto) bool {
	var number float64
	text := ""
	switch a.GetType() {
	case onnxpb.AttributeProto_INT:
		number = float64(a.GetI())
	case onnxpb.AttributeProto_FLOAT:
		number = float64(a.GetF())
	case onnxpb.AttributeProto_STRING:
		text = string(a.GetS())
	default:
		text = "\x00" // equal to no value
	}
	want, err := strconv.ParseFloat(w.value, 64)
	isNumber := a.GetType() == onnxpb.AttributeProto_INT || a.GetType() == onnxpb.AttributeProto_FLOAT
	if a.GetType() == onnxpb.AttributeProto_FLOAT {
		want = float64(float32(want)) // as the attribute holds it
	}
	equal := isNumber && err == nil && number == want || !isNumber && text == w.value
	switch w.sign {
	case "=":
		return equal
	case "!=":
		return !equal
	}
	if !isNumber {
		return false
	}
	switch w.sign {
	case "<":
		return number < want
	case "<=":
		return number <= want
	case ">":
		return number > want
	}
	return number >= want
}

// matchReport is what match prints with --json.
type matchReport struct {
	Schema  string       `json:"schema"`
	Model   string       `json:"model"`
	Matches []matchEntry `json:"matches"`
}

type matchEntry struct {
	Graph      string            `json:"graph"`
	Nodes      []string          `json:"nodes"`
	Values     map[string]string `json:"values"`
	Attributes map[string]string `json:"attributes,omitempty"`
}

func runMatch(c *cli.Context) error {
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one model is needed, %d given", c.NArg()), Hint: "see onnxtool help match"}
	}
	pattern, dir, free, err := readGraph(c, "find")
	if err != nil {
		return err
	}
	defer free()
	o, err := matchOptions(c, pattern, dir)
	if err != nil {
		return err
	}
	path := c.Args().First()
	f, err := onnxpb.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	o.Dir = f.Dir()
	found, err := surgery.Match(f.Model, pattern, o)
	if err != nil {
		return onnxpb.InFile(err, path)
	}
	r := matchReport{Schema: "onnxtool.match/1", Model: path, Matches: []matchEntry{}}
	for _, m := range found {
		e := matchEntry{Graph: m.Graph, Values: m.Values, Attributes: map[string]string{}}
		for _, n := range m.Nodes {
			e.Nodes = append(e.Nodes, n.Label())
		}
		for name, a := range m.Attributes {
			e.Attributes[name] = surgery.AttributeText(a)
		}
		r.Matches = append(r.Matches, e)
	}
	switch w := c.App.Writer; {
	case c.Bool("quiet"):
	case c.Bool("json"):
		if err := printJSON(w, r); err != nil {
			return err
		}
	default:
		for _, e := range r.Matches {
			where := ""
			if e.Graph != "main" {
				where = e.Graph + ": "
			}
			fmt.Fprintf(w, "%s%s", where, strings.Join(e.Nodes, ", "))
			for _, v := range slices.Concat(pattern.Graph.Input, pattern.Graph.Output) {
				fmt.Fprintf(w, " %s=%s", v.GetName(), e.Values[v.GetName()])
			}
			for _, name := range slices.Sorted(maps.Keys(e.Attributes)) {
				fmt.Fprintf(w, " @%s=%s", name, e.Attributes[name])
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s: %d found\n", path, len(r.Matches))
	}
	if len(found) == 0 {
		return answerNo{}
	}
	return nil
}

func runReplace(c *cli.Context) error {
	pattern, dir, free, err := readGraph(c, "find")
	if err != nil {
		return err
	}
	defer free()
	block, blockDir, freeBlock, err := readGraph(c, "with")
	if err != nil {
		return err
	}
	defer freeBlock()
	o, err := matchOptions(c, pattern, dir)
	if err != nil {
		return err
	}
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one model is needed, %d given", c.NArg()), Hint: "see onnxtool help replace"}
	}
	return editFileIn(c, c.Args().First(), func(m *onnxpb.ModelProto, dir string) (*surgery.Report, error) {
		o.Dir = dir
		return surgery.Replace(m, pattern, block, surgery.ReplaceOptions{MatchOptions: o, BlockDir: blockDir, Retype: c.Bool("retype"), Force: c.Bool("force")})
	})
}
