package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"onnxtool/onnxpb"
)

// Schema names the form of a Report in JSON. It changes when a field changes its meaning or goes; new fields may come without.
const Schema = "onnxtool.verify/1"

// Report is the outcome of Models.
type Report struct {
	Schema       string     `json:"schema"`
	Equal        bool       `json:"equal"` // every row below is within the tolerance
	Reference    ModelInfo  `json:"reference"`
	Model        ModelInfo  `json:"model"`
	Engine       EngineInfo `json:"engine"`
	Optimization string     `json:"optimization"` // the level of graph optimisation
	// ReferenceOptimization is that of the reference, where it is another.
	ReferenceOptimization string `json:"reference_optimization,omitempty"`
	// Command is the command line that made the report, as far as it is known.
	Command   []string      `json:"command,omitempty"`
	Seed      uint64        `json:"seed"`
	Samples   int           `json:"samples"`
	Tolerance Tolerance     `json:"tolerance"`         // of float32, where by_type
	ByType    bool          `json:"by_type,omitempty"` // the tolerance followed the element type: see rule in each row
	Inputs    []InputReport `json:"inputs"`
	Outputs   []Row         `json:"outputs"`
	Totals    []Total       `json:"totals"` // over all batches and samples
	Notes     []string      `json:"notes,omitempty"`

	corner string // the corner sample that is run
}

// ModelInfo says which model was run.
type ModelInfo struct {
	// Path is the model's file, "" where it has none.
	Path string `json:"path,omitempty"`
	// SHA256 is the hash of the file's bytes, or of the model as it would be written where it has no file; external data is not part of it.
	SHA256 string `json:"sha256"`
}

// EngineInfo says what ran the models.
type EngineInfo struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// InputReport says what an input was fed with.
type InputReport struct {
	Reference string `json:"reference"` // its name in the reference
	Model     string `json:"model"`     // and in the model
	Type      string `json:"type"`
	Shape     string `json:"shape"`           // the reference's, as it is declared
	Batch     bool   `json:"batch,omitempty"` // whether its leading dimension was the batch
	Values    string `json:"values"`          // where the values came from: "uniform 0..1", "integers 0..9", "file"
	// SHA256 is the hash of all values that the reference was fed with in this input, in the order of the rows of the report: element type, shape and elements of each.
	SHA256 string `json:"sha256,omitempty"`
}

// Row is the comparison of one output at one batch (one tensor of it, where the output is a sequence or a map).
type Row struct {
	Batch     int64  `json:"batch"`
	Sample    int    `json:"sample"`
	Corner    string `json:"corner,omitempty"` // the corner sample, such as "nan"
	Reference string `json:"reference"`        // the output's name in the reference
	Model     string `json:"model"`            // and in the model
	Path      string `json:"path,omitempty"`
	Type      string `json:"type"`
	Shape     string `json:"shape"`
	// Metrics are missing where the tensors could not be compared; Why then says why.
	*Metrics `json:",omitempty"`
	Why      string `json:"why,omitempty"`
	// Rule is what was asked for, and Failed which of its conditions do not hold.
	Rule   string   `json:"rule"`
	Failed []string `json:"failed,omitempty"`
	Equal  bool     `json:"equal"`
}

// sampleText tells the sample: its number, or the name of the corner.
func (r Row) sampleText() string {
	if r.Corner != "" {
		return r.Corner
	}
	return strconv.Itoa(r.Sample)
}

// add judges a tensor by its rule.
func (r *Report) add(batch int64, sample int, p portPair, d Difference, rule applied) {
	row := Row{Batch: batch, Sample: sample, Corner: r.corner, Reference: p.ref.name, Model: p.got.name, Path: d.Path, Metrics: d.Metrics, Why: d.Why, Rule: rule.String(),
		Type: onnxpb.TypeName(d.Type), Shape: shapeText(d.Shape)}
	if d.Type == onnxpb.TensorProto_UNDEFINED {
		row.Type, row.Shape = "", ""
	}
	if d.Metrics != nil {
		if d.Metrics.Elements == 0 && d.Type != onnxpb.TensorProto_UNDEFINED {
			if note := fmt.Sprintf("output %s had no elements: nothing of it was compared", p.ref.name+d.Path); !contains(r.Notes, note) {
				r.Notes = append(r.Notes, note)
			}
		}
		if row.Failed = rule.failed(d.Metrics); rule.Boxes != nil && d.Metrics.Beyond > 0 {
			row.Failed = append(row.Failed, fmt.Sprintf("%d boxes have no partner that they overlap with by %v", d.Metrics.Beyond, rule.Boxes.IoU))
		}
	}
	row.Equal = d.Why == "" && d.Metrics != nil && len(row.Failed) == 0
	r.Equal = r.Equal && row.Equal
	r.total(&row)
	r.Outputs = append(r.Outputs, row)
}

// total adds a row to the totals.
func (r *Report) total(row *Row) {
	i := slices.IndexFunc(r.Totals, func(t Total) bool { return t.Reference == row.Reference && t.Model == row.Model && t.Path == row.Path })
	if i < 0 {
		i = len(r.Totals)
		r.Totals = append(r.Totals, Total{Reference: row.Reference, Model: row.Model, Path: row.Path, Rule: row.Rule, Equal: true})
	}
	t := &r.Totals[i]
	t.Rows++
	if !row.Equal {
		t.Failed++
		t.Equal = false
	}
	if row.Metrics == nil {
		return
	}
	if t.Metrics == nil {
		all := *row.Metrics
		all.Top = maps.Clone(all.Top)
		all.abs, all.rel = sketch{}, sketch{}
		all.abs.merge(&row.abs)
		all.rel.merge(&row.rel)
		t.Metrics = &all
	} else {
		t.Metrics.merge(row.Metrics)
	}
	row.Metrics.dropSketches()
}

// describe hashes a model.
func describe(s Source) (ModelInfo, error) {
	h := sha256.New()
	if s.Path != "" && s.Path != "-" {
		f, err := os.Open(s.Path)
		if err != nil {
			return ModelInfo{}, &onnxpb.Error{File: s.Path, Err: err}
		}
		defer f.Close()
		if _, err := io.Copy(h, f); err != nil {
			return ModelInfo{}, &onnxpb.Error{File: s.Path, Err: err}
		}
	} else {
		data, err := onnxpb.Marshal(s.Model)
		if err != nil {
			return ModelInfo{}, err
		}
		h.Write(data)
	}
	return ModelInfo{Path: s.Path, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

func describeInputs(p *plan, o Options) []InputReport {
	list := []InputReport{}
	for _, in := range p.inputs {
		r := InputReport{Reference: in.pair.ref.name, Model: in.pair.got.name, Type: onnxpb.TypeName(in.pair.ref.elem), Shape: "?", Batch: in.carries, Values: "file"}
		if in.pair.ref.ranked {
			r.Shape = onnxpb.FormatShape(in.pair.ref.dims)
		}
		if in.given == nil {
			r.Values = o.spec(in.pair.ref.name).describe(in.pair.ref.elem, rankOf(in))
		}
		list = append(list, r)
	}
	return list
}

// mostRows is how many rows are printed one by one.
const mostRows = 60

// WriteText prints a report for people: one row an output and batch, then one over all of them.
func (r *Report) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	many := r.Samples > 1 || slices.ContainsFunc(r.Outputs, func(row Row) bool { return row.Corner != "" })
	columns := "output\tbatch\tshape\tmax abs\tmean abs\tmax rel\tcosine\tsnr dB\tpasses at atol\tverdict\n"
	if many {
		columns = strings.Replace(columns, "batch\t", "batch\tsample\t", 1)
	}
	fmt.Fprint(tw, columns)
	line := func(name, path, batch, sample, shape string, m *Metrics, equal bool) {
		sayf(tw, "%s%s\t%s\t", name, path, batch)
		if many {
			sayf(tw, "%s\t", sample)
		}
		if m == nil {
			sayf(tw, "%s\t-\t-\t-\t-\t-\t-\t%s\n", shape, verdict(equal))
			return
		}
		sayf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", shape, short(m.MaxAbs), short(m.MeanAbs), short(m.MaxRel), cosineText(m.Cosine), decibelText(m.SNR), enoughShort(m.NeedsAbs),
			verdict(equal))
	}
	for i, row := range r.Outputs {
		if len(r.Outputs) > mostRows && i >= mostRows/2 && row.Equal {
			continue // all that fail are shown
		}
		shape := row.Shape
		if row.Type != "" && row.Type != "float32" {
			shape = row.Type + shape
		}
		line(pairName(row.Reference, row.Model), row.Path, fmt.Sprint(row.Batch), row.sampleText(), shape, row.Metrics, row.Equal)
	}
	for _, t := range r.Totals {
		if t.Rows > 1 {
			line(pairName(t.Reference, t.Model), t.Path, "all", "all", "", t.Metrics, t.Equal)
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, row := range r.Outputs {
		if !row.Equal {
			fmt.Fprintln(w, r.fault(row))
		}
	}
	for _, n := range r.Notes {
		sayf(w, "note: %s\n", n)
	}
	_, err := sayf(w, "%s: %s; seed %d; %s %s\n", r.verdict(), r.asked(), r.Seed, r.Engine.Name, r.Engine.Version)
	return err
}

func (r *Report) verdict() string {
	if r.Equal {
		return "equal"
	}
	return "different"
}

// asked says in one line what outputs were held to.
func (r *Report) asked() string {
	seen := []string{}
	for _, t := range r.Totals {
		if !contains(seen, t.Rule) {
			seen = append(seen, t.Rule)
		}
	}
	if want := (Rule{}).apply(r.Tolerance).String(); len(seen) == 0 || len(seen) == 1 && seen[0] == want {
		return fmt.Sprintf("|got - want| <= %s + %s*|want|", short(Number(r.Tolerance.Abs)), short(Number(r.Tolerance.Rel)))
	}
	list := []string{}
	for _, t := range r.Totals {
		list = append(list, t.Reference+t.Path+": "+t.Rule)
	}
	return strings.Join(list, "; ")
}

// fault says in one line what is wrong with a row.
func (r *Report) fault(row Row) string {
	where := fmt.Sprintf("%s%s at batch %d", row.Reference, row.Path, row.Batch)
	if r.Samples > 1 || row.Corner != "" {
		where += ", sample " + row.sampleText()
	}
	m := row.Metrics
	if m == nil {
		return where + ": " + row.Why
	}
	text := where + ": " + strings.Join(row.Failed, "; ")
	if m.Worst >= 0 {
		text += fmt.Sprintf("; most of all element %d: %s, reference %s", m.Worst, m.Got, m.Want)
	}
	if !math.IsInf(float64(m.NeedsAbs), 1) && m.IoU == nil && m.NeedsAbs > 0 && row.Type != "bool" && row.Type != "string" {
		text += fmt.Sprintf("; atol=%s would pass, or rtol=%s", enoughText(m.NeedsAbs), enoughText(m.NeedsRel))
	}
	return text
}

// enoughShort is enoughText for a table.
func enoughShort(n Number) string {
	if n == 0 || math.IsInf(float64(n), 0) {
		return short(n)
	}
	return enoughText(n)
}

// enoughText writes a tolerance in a few digits, and no smaller than it is.
func enoughText(n Number) string {
	for _, more := range []float64{1, 1 + 5e-4, 1 + 1e-3} {
		text := strconv.FormatFloat(float64(n)*more, 'g', 4, 64)
		if v, err := strconv.ParseFloat(text, 64); err == nil && v >= float64(n) {
			return text
		}
	}
	return strconv.FormatFloat(float64(n), 'g', -1, 64)
}

// pairName names an output of both models.
func pairName(reference, model string) string {
	if reference == model {
		return reference
	}
	return reference + "=" + model
}

func decibelText(n Number) string {
	if math.IsInf(float64(n), 0) {
		return strings.ToLower(strings.TrimPrefix(fmt.Sprint(float64(n)), "+"))
	}
	return strconv.FormatFloat(float64(n), 'f', 1, 64)
}

func verdict(equal bool) string {
	if equal {
		return "ok"
	}
	return "DIFFERS"
}

// short writes a number in a few digits.
func short(n Number) string {
	if n == 0 {
		return "0"
	}
	return strconv.FormatFloat(float64(n), 'g', 3, 64)
}

// cosineText writes a cosine so that what is not quite 1 does not look like 1.
func cosineText(n Number) string {
	f := float64(n)
	if s := strconv.FormatFloat(f, 'f', 6, 64); math.Abs(f) < 1 && (s == "1.000000" || s == "-1.000000") {
		return strconv.FormatFloat(f, 'f', 12, 64)
	}
	return strconv.FormatFloat(f, 'f', 6, 64)
}
