package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
	"onnxtool/verify"
)

func tensorCommand() *cli.Command {
	return &cli.Command{
		Name:      "tensor",
		Usage:     "see initializers and Constants, or export one",
		UsageText: "onnxtool tensor MODEL [NAME...] [--graph GRAPH] [--hist N] [--json]\n   onnxtool tensor MODEL NAME --npy|--raw|--text FILE",
		Description: `Prints element type, shape and statistics (least, greatest, mean, deviation, zeros, NaNs, infinities, the first elements) of the constants that are named, in the graph, its subgraphs
and functions; patterns will do. Without names all are listed, without statistics. With --npy, --raw or --text one is written to a file, - for standard output. External data is
read piece by piece.

   onnxtool tensor model.onnx conv1.weight --hist 20
   onnxtool tensor model.onnx 'conv*.weight'
   onnxtool tensor model.onnx conv1.weight --npy weight.npy`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "graph", Usage: "constants of this `GRAPH`: main, a subgraph such as choose/then_branch, \"function local.Scale\", or a pattern"},
			&cli.IntFlag{Name: "hist", Usage: "draw a histogram of `N` parts"},
			&cli.StringFlag{Name: "npy", Usage: "write the tensor as an array of NumPy to `FILE`"},
			&cli.StringFlag{Name: "raw", Usage: "write the elements to `FILE`, as raw_data holds them: little endian"},
			&cli.StringFlag{Name: "text", Usage: "write the elements to `FILE`, one a line"},
			&cli.BoolFlag{Name: "json", Usage: "print JSON"},
		},
		Action: runTensor,
	}
}

// tensorInfo is what is told of a tensor.
type tensorInfo struct {
	Name  string            `json:"name"`
	Graph string            `json:"graph"`
	Kind  string            `json:"kind"` // initializer, constant
	Type  string            `json:"type"`
	Shape []int64           `json:"shape"`
	Data  string            `json:"external_data,omitempty"` // the file that it stands in
	Note  string            `json:"note,omitempty"`
	Stats *verify.Stats     `json:"statistics,omitempty"`
	Hist  *verify.Histogram `json:"histogram,omitempty"`
	from  *onnxpb.TensorProto
}

func runTensor(c *cli.Context) error {
	if c.NArg() < 1 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "a model is needed, none given", Hint: "see onnxtool help tensor"}
	}
	if c.IsSet("hist") && (c.Int("hist") < 1 || c.Int("hist") > 1000) {
		return usagef("--hist %d: it is a number of parts from 1 to 1000", c.Int("hist"))
	}
	form, file := "", ""
	for _, f := range []string{"npy", "raw", "text"} {
		switch {
		case !c.IsSet(f):
		case c.String(f) == "":
			return usagef("--%s is empty", f)
		case form != "":
			return usagef("--%s and --%s exclude each other", form, f)
		default:
			form, file = f, c.String(f)
		}
	}
	names := c.Args().Slice()[1:]
	if (form != "" || c.IsSet("hist")) && len(names) == 0 {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "which tensor is meant is missing", Hint: "name one; onnxtool tensor MODEL lists them"}
	}
	path := c.Args().First()
	f, err := onnxpb.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	list, err := surgery.ChooseConstants(f.Model, names, c.StringSlice("graph"))
	if err != nil {
		return onnxpb.InFile(err, path)
	}
	if form != "" {
		if len(list) != 1 {
			return &onnxpb.Error{File: path, Msg: fmt.Sprintf("%d tensors match, and one goes to a file", len(list)), Hint: "name one, with --graph where several have its name"}
		}
		return exportTensor(c, f, path, list[0], form, file)
	}
	infos := make([]*tensorInfo, len(list))
	for i, x := range list {
		if infos[i], err = tensorFacts(x, f.Dir(), len(names) > 0, c.Int("hist")); err != nil {
			return onnxpb.InFile(err, path)
		}
	}
	if c.Bool("json") {
		return printJSON(c.App.Writer, struct {
			Schema  string        `json:"schema"`
			File    string        `json:"file"`
			Tensors []*tensorInfo `json:"tensors"`
		}{"onnxtool.tensor/1", path, infos})
	}
	for _, i := range infos {
		i.write(c.App.Writer)
	}
	return nil
}

// tensorFacts gathers what is told of a constant.
func tensorFacts(x surgery.Constant, dir string, stats bool, bins int) (*tensorInfo, error) {
	i := &tensorInfo{Name: x.Name, Graph: x.Graph, Kind: "initializer", Type: "?", Shape: []int64{}, from: x.Tensor}
	if x.Node != nil {
		i.Kind = "constant"
	}
	switch {
	case x.Sparse != nil:
		i.from = x.Sparse.GetValues()
		i.Shape = append(i.Shape, x.Sparse.GetDims()...)
		i.Note = "sparse: what is told is about its values"
	case x.Tensor == nil:
		i.Note = "its value comes from the caller of the function"
		return i, nil
	default:
		i.Shape = append(i.Shape, x.Tensor.GetDims()...)
	}
	i.Type = onnxpb.TypeName(onnxpb.TensorProto_DataType(i.from.GetDataType()))
	for _, e := range i.from.GetExternalData() {
		if i.from.GetDataLocation() == onnxpb.TensorProto_EXTERNAL && e.GetKey() == "location" {
			i.Data = e.GetValue()
		}
	}
	if !stats {
		return i, nil
	}
	var err error
	if i.Stats, err = verify.TensorStatistics(i.from, dir); err != nil {
		return nil, err
	}
	i.Hist, err = verify.TensorHistogram(i.from, dir, i.Stats.Moments, bins)
	return i, err
}

// write prints what is told, for people.
func (i *tensorInfo) write(w io.Writer) {
	fmt.Fprintf(w, "%s %s %s%s", i.Kind, i.Name, i.Type, onnxpb.FormatShape(onnxpb.Numbers(i.Shape...)))
	if i.Graph != "main" {
		fmt.Fprintf(w, " in %s", i.Graph)
	}
	if i.Data != "" {
		fmt.Fprintf(w, ", external data in %s", i.Data)
	}
	fmt.Fprintln(w)
	if i.Note != "" {
		fmt.Fprintf(w, "  note: %s\n", i.Note)
	}
	s := i.Stats
	if s == nil {
		return
	}
	fmt.Fprintf(w, "  elements %d, zeros %d, NaN %d, Inf %d, -Inf %d\n", s.Elements, s.Zeros, s.NaN, s.PosInf, s.NegInf)
	if m := s.Moments; m != nil {
		fmt.Fprintf(w, "  min %g, max %g, mean %g, std %g, L2 %g\n", float64(m.Min), float64(m.Max), float64(m.Mean), float64(m.Std), float64(m.L2))
	}
	if len(s.First) > 0 {
		more := ""
		if s.Elements > int64(len(s.First)) {
			more = ", ..."
		}
		fmt.Fprintf(w, "  first %s%s\n", strings.Join(s.First, ", "), more)
	}
	for _, e := range []struct {
		what string
		at   *verify.Element
	}{{"NaN", s.FirstNaN}, {"infinity", s.FirstInf}} {
		if e.at != nil {
			fmt.Fprintf(w, "  first %s at %v\n", e.what, e.at.Index)
		}
	}
	if i.Hist != nil {
		i.Hist.Write(w)
	}
}

// exportTensor writes a tensor to a file.
func exportTensor(c *cli.Context, f *onnxpb.File, path string, x surgery.Constant, form, file string) error {
	if x.Sparse != nil { // written as nodes read it
		a, err := onnxpb.Dense(x.Sparse, f.Dir())
		if err != nil {
			return onnxpb.InFile(err, path)
		}
		x.Tensor = a.Proto(x.Name)
	}
	if x.Tensor == nil {
		return &onnxpb.Error{Kind: onnxpb.Refused, File: path, Tensor: x.Name, Msg: "a function takes it from its caller: it has no value here", Hint: "onnxtool json shows the function and its calls"}
	}
	write := map[string]func(io.Writer, *onnxpb.TensorProto, string) error{"npy": verify.WriteTensorNPY, "raw": verify.WriteTensorRaw, "text": verify.WriteTensorText}[form]
	if file == "-" {
		return onnxpb.InFile(write(c.App.Writer, x.Tensor, f.Dir()), path)
	}
	sources := []string{path}
	for _, l := range onnxpb.DataLocations(f.Model) {
		sources = append(sources, filepath.Join(f.Dir(), l))
	}
	if target, err := os.Stat(file); err == nil {
		for _, s := range sources {
			if st, err := os.Stat(s); err == nil && os.SameFile(st, target) {
				return &onnxpb.Error{Kind: onnxpb.Usage, File: file, Msg: "the tensor would be written over the model that it is read from, or its data", Hint: "give another file"}
			}
		}
	}
	if err := onnxpb.WriteToPerm(file, f.Perm(), func(w io.Writer) error { return write(w, x.Tensor, f.Dir()) }); err != nil {
		return err
	}
	fmt.Fprintf(c.App.ErrWriter, "tensor: written: %s\n", file)
	return nil
}
