package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/internal/info"
	"onnxtool/onnxpb"
)

func infoCommand() *cli.Command {
	return &cli.Command{
		Name:      "info",
		Usage:     "sum up what a model holds",
		UsageText: "onnxtool info [--ops] [--nodes] [--assume N=1] [--names] [--shapes] [--json] MODEL",
		Description: `Versions, producer and operator sets; inputs and outputs with their types and shapes; nodes by operator; functions; initializers; metadata; files of
external data; the multiply-adds of one run, and the largest tensors. With --ops what each operator costs, with --nodes what each node costs. With --names every node with what it reads and makes, so every name that an edit may be given. With --shapes every value with the type and shape that
follow for it (see onnxtool help infer).

  onnxtool info model.onnx
  onnxtool info --ops --assume N=1 model.onnx
  onnxtool info --names model.onnx
  onnxtool info --shapes model.onnx`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "ops", Usage: "list the operators with the multiply-adds, parameters and bytes of their nodes"},
			&cli.BoolFlag{Name: "nodes", Usage: "list the nodes with their multiply-adds, parameters and bytes"},
			&cli.StringSliceFlag{Name: "assume", Usage: "numbers for symbols of dimensions: `N=1,...`; repeatable"},
			&cli.IntFlag{Name: "largest", Value: 5, Usage: "list so `MANY` of the largest initializers"},
			&cli.BoolFlag{Name: "names", Usage: "list the nodes and the initializers, with the names of all tensors"},
			&cli.BoolFlag{Name: "shapes", Usage: "list the values, with the types and shapes that follow for them"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: runInfo,
	}
}

// fileInfo is what --json prints.
type fileInfo struct {
	File string `json:"file"`
	Size int64  `json:"size"` // bytes of the file, without external data; of the encoded model where it came by standard input
	*info.Info
	NodeList        []info.Node  `json:"node_list,omitempty"`        // with --names
	InitializerList []info.Value `json:"initializer_list,omitempty"` // with --names
	*info.ShapeList              // with --shapes
	*info.Cost
}

func runInfo(c *cli.Context) error {
	if c.NArg() != 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("one model is needed, %d given", c.NArg()), Hint: "see onnxtool help info"}
	}
	assume, err := parseAssume(c.StringSlice("assume"))
	if err != nil {
		return err
	}
	if c.Int("largest") < 0 {
		return usagef("--largest is a number from 0")
	}
	path := c.Args().First()
	f, err := onnxpb.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	i := fileInfo{File: path, Info: info.Of(f.Model)}
	if st, err := os.Stat(path); err == nil && path != "-" {
		i.Size = st.Size()
	} else if data, err := onnxpb.Marshal(f.Model); err == nil {
		i.Size = int64(len(data))
	}
	if c.Bool("names") {
		i.NodeList, i.InitializerList = info.Nodes(f.Model), info.InitializersOf(f.Model)
	}
	if c.Bool("shapes") {
		i.ShapeList = info.Shapes(f.Model)
	}
	i.Cost = info.CostOf(f.Model, assume, c.Int("largest"))
	if !c.Bool("ops") {
		i.Ops = nil
	}
	if !c.Bool("nodes") {
		i.NodeCosts = nil
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, i)
	}
	printInfo(c.App.Writer, i)
	printCost(c.App.Writer, i.Cost)
	printNames(c.App.Writer, i)
	if i.ShapeList != nil {
		printShapes(c.App.Writer, i.ShapeList)
	}
	return nil
}

// printInfo prints one fact a line: what it is, then the fact.
func printInfo(w io.Writer, i fileInfo) {
	line := func(what, format string, args ...any) { fmt.Fprintf(w, "%s %s\n", what, fmt.Sprintf(format, args...)) }
	line("file", "%s", i.File)
	line("size", "%s", bytesText(i.Size))
	line("ir_version", "%d", i.IRVersion)
	if p := strings.TrimSpace(i.Producer + " " + i.ProducerVersion); p != "" {
		line("producer", "%s", p)
	}
	if i.Domain != "" || i.ModelVersion != 0 {
		line("model", "%s version %d", i.Domain, i.ModelVersion)
	}
	for _, o := range i.Opsets {
		line("opset", "%s %d", o.Domain, o.Version)
	}
	line("graph", "%s", i.Graph)
	if i.GraphDoc != "" {
		line("graph_doc", "%s", oneLine(i.GraphDoc))
	}
	if i.Doc != "" {
		line("doc", "%s", oneLine(i.Doc))
	}
	defaults := 0
	for _, v := range i.Inputs {
		if v.Default {
			defaults++
			continue
		}
		line("input", "%s %s", v.Name, v.Type)
	}
	if defaults > 0 {
		line("inputs_with_initializer", "%d", defaults)
	}
	for _, v := range i.Outputs {
		line("output", "%s %s", v.Name, v.Type)
	}
	line("nodes", "%d", i.Nodes)
	if i.Subgraphs > 0 {
		line("subgraphs", "%d", i.Subgraphs)
	}
	for _, o := range i.Operators {
		name := o.Name
		if o.Domain != "ai.onnx" {
			name = o.Domain + "." + name
		}
		line("operator", "%s %d", name, o.Count)
	}
	for _, f := range i.Functions {
		name := f.Domain + "." + f.Name
		if f.Overload != "" {
			name += ":" + f.Overload
		}
		line("function", "%s (%s) -> (%s), %d nodes", name, strings.Join(f.Inputs, ", "), strings.Join(f.Outputs, ", "), f.Nodes)
	}
	line("initializers", "%d", i.Initializers)
	line("parameters", "%s", grouped(i.Parameters))
	line("data", "%s", bytesText(i.Bytes))
	if i.Training > 0 {
		line("training_info", "%d", i.Training)
	}
	for _, e := range i.Metadata {
		line("metadata", "%s=%s", e.Key, oneLine(e.Value))
	}
	for _, x := range i.External {
		line("external", "%s: %d tensors, %s", x.Location, x.Tensors, bytesText(x.Bytes))
	}
}

// printNames prints what --names asks for, one node or initializer a line.
func printNames(w io.Writer, i fileInfo) {
	for _, n := range i.NodeList {
		op := n.Op
		if n.Domain != "ai.onnx" {
			op = n.Domain + "." + op
		}
		if n.Name != "" {
			op += " " + strconv.Quote(n.Name)
		}
		in := ""
		if n.Graph != "" {
			in = " in " + n.Graph
		}
		fmt.Fprintf(w, "node %s (%s) -> (%s)%s\n", op, strings.Join(n.Inputs, ", "), strings.Join(n.Outputs, ", "), in)
	}
	for _, v := range i.InitializerList {
		fmt.Fprintf(w, "initializer %s %s\n", v.Name, v.Type)
	}
}

// printShapes prints what --shapes asks for, one value a line: its name, its type, and what makes it.
func printShapes(w io.Writer, list *info.ShapeList) {
	for _, v := range list.Values {
		from := "input"
		if v.Op != "" {
			from = v.Op
			if v.Node != "" {
				from += " " + strconv.Quote(v.Node)
			}
		}
		if v.Graph != "" {
			from += " in " + v.Graph
		}
		fmt.Fprintf(w, "value %s %s %s\n", v.Name, v.Type, from)
	}
	for _, c := range list.Contradictions {
		fmt.Fprintf(w, "contradiction %s\n", strings.Join(strings.Fields(c), " "))
	}
}

// oneLine cuts a text to what fits a line.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 100 {
		return string(r[:97]) + "..."
	}
	return s
}

// bytesText writes a size for people: 157.1 MB (157,123,456 bytes).
func bytesText(n int64) string {
	exact := grouped(n) + " bytes"
	if n < 1000 {
		return exact
	}
	v, unit := float64(n), 0
	for v >= 999.95 && unit < 4 {
		v, unit = v/1000, unit+1
	}
	return fmt.Sprintf("%.1f %s (%s)", v, []string{"B", "kB", "MB", "GB", "TB"}[unit], exact)
}

// grouped writes a number with commas between thousands.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
