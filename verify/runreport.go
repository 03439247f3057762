package verify

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"onnxtool/onnxpb"
)

// RunSchema names the form of a RunReport in JSON. It changes when a field changes its meaning or goes; new fields may come without.
const RunSchema = "onnxtool.run/1"

// RunReport is the outcome of Run.
type RunReport struct {
	Schema       string     `json:"schema"`
	Model        ModelInfo  `json:"model"`
	Engine       EngineInfo `json:"engine"`
	Optimization string     `json:"optimization"` // the level of graph optimisation
	// Command is the command line, where whoever asked has put it.
	Command     []string   `json:"command,omitempty"`
	Seed        uint64     `json:"seed"`
	Samples     int        `json:"samples"`
	Batch       int64      `json:"batch"` // 0 where no input has a leading dimension
	Inputs      []RunInput `json:"inputs"`
	Outputs     []RunValue `json:"outputs"`      // sample by sample
	OpenSeconds float64    `json:"open_seconds"` // to make a session of the model
	RunSeconds  []float64  `json:"run_seconds"`  // of each sample
	Files       []string   `json:"files,omitempty"`
	Notes       []string   `json:"notes,omitempty"`

	// Names are the outputs and the values fetched beside them, in order.
	Names []string `json:"-"`
	// Values are the values by name, one map a sample; empty with RunOptions.DropValues.
	Values []map[string]*onnxpb.Value `json:"-"`

	types map[string]*onnxpb.TypeProto
}

// RunInput says what an input was fed with.
type RunInput struct {
	Name   string `json:"name"`
	Type   string `json:"type"`
	Shape  string `json:"shape"`           // as it was run; as declared where a file gives no tensor
	Batch  bool   `json:"batch,omitempty"` // whether its leading dimension was the batch
	Values string `json:"values"`          // where the values came from: "uniform 0..1", "integers 0..9", "file"
	SHA256 string `json:"sha256"`          // of all that it was fed with, sample by sample (see InputReport)
}

// RunValue sums up one output, or one tensor of an output that is a sequence or a map.
type RunValue struct {
	Sample int    `json:"sample"`
	Name   string `json:"name"`
	Path   string `json:"path,omitempty"`  // "[2]" of a sequence, "{cat}" of a map
	Inner  bool   `json:"inner,omitempty"` // not an output of the model, but fetched from within
	Type   string `json:"type"`            // of the elements; "empty optional" or "empty sequence" where there are none
	Shape  string `json:"shape,omitempty"`
	*Stats `json:",omitempty"`
}

// leaf is one tensor of a value.
type leaf struct {
	path, typ, shape string
	array            *onnxpb.Array
	stats            *Stats // nil of a value that holds no tensor
}

// leavesOf sums up the tensors that a value holds.
func leavesOf(v *onnxpb.Value) ([]leaf, error) {
	var list []leaf
	err := walkValue("", v, func(path string, v *onnxpb.Value) error {
		l := leaf{path: path, typ: "empty " + strings.TrimPrefix(v.Kind.String(), "empty ")}
		if v.Kind == onnxpb.KindTensor {
			s, err := Statistics(v.Array)
			if err != nil {
				return err
			}
			l = leaf{path: path, typ: onnxpb.TypeName(v.Array.Type), shape: shapeText(v.Array.Dims), array: v.Array, stats: s}
		}
		list = append(list, l)
		return nil
	})
	return list, err
}

// walkValue calls fn with every tensor in a value, and with what is empty.
func walkValue(path string, v *onnxpb.Value, fn func(path string, v *onnxpb.Value) error) error {
	if v == nil {
		return onnxpb.Errorf(onnxpb.Unfit, "the value is missing")
	}
	if len(v.Elems) == 0 {
		return fn(path, v)
	}
	var keys []string
	if v.Kind == onnxpb.KindMap {
		var err error
		if keys, err = keysOf(v); err != nil {
			return err
		}
	}
	for i, e := range v.Elems {
		at := fmt.Sprintf("%s[%d]", path, i)
		if keys != nil {
			at = fmt.Sprintf("%s{%s}", path, keys[i])
		}
		if err := walkValue(at, e, fn); err != nil {
			return err
		}
	}
	return nil
}

// WriteText prints a report for people: one row a value.
func (r *RunReport) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	many := r.Samples > 1
	fmt.Fprint(tw, "value\t")
	if many {
		fmt.Fprint(tw, "sample\t")
	}
	fmt.Fprint(tw, "type\tshape\tmin\tmax\tmean\tstd\tNaN\tInf\n")
	for _, v := range r.Outputs {
		sayf(tw, "%s%s\t", v.Name, v.Path)
		if many {
			sayf(tw, "%d\t", v.Sample)
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\n", v.Type, dash(v.Shape), statsText(v.Stats))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, n := range r.Notes {
		sayf(w, "note: %s\n", n)
	}
	for _, f := range r.Files {
		sayf(w, "written: %s\n", f)
	}
	total := 0.0
	for _, s := range r.RunSeconds {
		total += s
	}
	_, err := sayf(w, "%sseed %d; opened in %s s, ran in %s s; %s %s\n", batchText(r.Batch), r.Seed, short(Number(r.OpenSeconds)), short(Number(total)), r.Engine.Name, r.Engine.Version)
	return err
}

func batchText(batch int64) string {
	if batch == 0 {
		return ""
	}
	return fmt.Sprintf("batch %d; ", batch)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// statsText writes the six columns of min, max, mean, std, NaN and Inf.
func statsText(s *Stats) string {
	if s == nil {
		return "-\t-\t-\t-\t-\t-"
	}
	moments := "-\t-\t-\t-"
	if m := s.Moments; m != nil {
		moments = fmt.Sprintf("%s\t%s\t%s\t%s", digits(m.Min), digits(m.Max), digits(m.Mean), digits(m.Std))
	}
	return fmt.Sprintf("%s\t%d\t%d", moments, s.NaN, s.PosInf+s.NegInf)
}

// digits writes a number in six digits.
func digits(n Number) string { return fmt.Sprintf("%.6g", float64(n)) }

// WriteValues prints the elements of every value as NumPy does, abbreviated where there are more than a thousand.
func (r *RunReport) WriteValues(w io.Writer) error {
	for sample, values := range r.Values {
		for _, name := range r.Names {
			err := walkValue("", values[name], func(path string, v *onnxpb.Value) error {
				head := onnxpb.Visible(name + path)
				if r.Samples > 1 {
					head = fmt.Sprintf("%s (sample %d)", head, sample)
				}
				if v.Kind != onnxpb.KindTensor {
					_, err := fmt.Fprintf(w, "\n%s: empty\n", head)
					return err
				}
				text, err := FormatArray(v.Array)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(w, "\n%s %s%s:\n%s\n", head, onnxpb.TypeName(v.Array.Type), shapeText(v.Array.Dims), text)
				return err
			})
			if err != nil {
				return &onnxpb.Error{Tensor: name, Msg: "cannot be printed", Err: err}
			}
		}
	}
	return nil
}
