package verify

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"text/tabwriter"

	"onnxtool/onnxpb"
)

// BatchOptions say how CheckBatch runs models; the zero value is good for most.
type BatchOptions struct {
	// Inputs are the inputs that hold the batch; none: all that have axes and no default.
	Inputs []string
	// Axes are the axes of the batch, by input and output, where it is not axis 0: Report.Axes of surgery.SetBatch.
	Axes map[string]int
	// Tolerance is how far an element may lie from its own row's. The zero Tolerance is DefaultTolerance, as kernels add up in another
	// order at another batch, and for the types of 16 bits a few of their own steps.
	Tolerance Tolerance
	// Dims give numbers to other free dimensions of the inputs, by symbol or as NAME[axis].
	Dims map[string]int64
	// Ranges set where generated elements lie, by input; "" is for every input without an entry of its own.
	Ranges map[string]Range
	// Session holds the settings of the engine.
	Session SessionOptions
	// Only names the outputs that are compared; none: all.
	Only []string
	// Files give inputs from files, in place of generated ones, with a row for each of the largest batch at least. The batch then stands in axis 0 of every input.
	Files []InputFile
	// Dists set how generated elements are drawn, as Ranges do. They go with Files or without, under the same condition.
	Dists map[string]Dist
	// Permute runs each batch with its rows in another order (seeded), too: each must come out as it did.
	Permute bool
}

// RowsSchema names the form of a BatchReport in JSON. It changes when a field changes its meaning or goes; new fields may come without.
const RowsSchema = "onnxtool.rows/1"

// BatchReport is the outcome of CheckBatch.
type BatchReport struct {
	Schema    string     `json:"schema"`          // RowsSchema
	Equal     bool       `json:"equal"`           // every row of every output is what the original computes of that row
	Model     *ModelInfo `json:"model,omitempty"` // of Rows
	Batches   []int64    `json:"batches"`
	Seed      uint64     `json:"seed"`
	Tolerance Tolerance  `json:"tolerance"`
	Engine    EngineInfo `json:"engine"`
	// Inputs tell by their hashes what the rows were, all of them together (see InputReport).
	Inputs []BatchInput `json:"inputs,omitempty"`
	// Command is the command line, where whoever asked has put it.
	Command []string   `json:"command,omitempty"`
	Outputs []BatchRow `json:"outputs"`
	Notes   []string   `json:"notes,omitempty"`
}

// BatchInput is an input of which rows were run.
type BatchInput struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// BatchRow is one output at one batch.
type BatchRow struct {
	Output string  `json:"output"`
	Batch  int64   `json:"batch"`
	Shape  string  `json:"shape"`
	MaxAbs Number  `json:"max_abs"` // over all rows
	MaxRel Number  `json:"max_rel"`
	Differ []int64 `json:"differ,omitempty"` // the rows that are not what the original computes of them
	Why    string  `json:"why,omitempty"`    // why rows cannot be compared
	Equal  bool    `json:"equal"`
}

// CheckBatch tells whether a model computes at every batch what the original, from which setbatch made it, computes of each row by itself. Both
// run on the same seeded rows (see Generate): the original one row at a time (in groups, where its batch is fixed to a number other than 1), the changed
// model at each of the batches. Outputs of which the changed model does not declare the batch in its axis (axis 0, if nothing else is told) are compared whole.
//
// Where the changed model's batch is a number, only that batch can be run, whatever is asked. That rows differ is no error but the report's
// answer; an engine that does not run the changed model at some batch is one (kind Engine).
func CheckBatch(e Engine, original, changed Source, batches []int64, seed uint64, o BatchOptions) (*BatchReport, error) {
	byType := o.Tolerance == (Tolerance{})
	if byType {
		o.Tolerance = DefaultTolerance
	}
	r := &BatchReport{Schema: RowsSchema, Equal: true, Seed: seed, Tolerance: o.Tolerance, Engine: EngineInfo{"ONNX Runtime", e.Version()}}
	c := &batchCheck{o: o, report: r, original: inputsOf(original.Model), carries: map[string]bool{}, step: 1, byType: byType}
	if err := c.findBatch(changed.Model); err != nil {
		return nil, err
	}
	r.Batches = batches
	if c.batch.Known {
		r.Batches = []int64{c.batch.Value}
		if len(batches) != 1 || batches[0] != c.batch.Value {
			r.Notes = append(r.Notes, fmt.Sprintf("the batch is fixed to %d, and was checked at that only", c.batch.Value))
		}
	}
	total := c.step
	for _, b := range r.Batches {
		if b < 1 {
			return nil, onnxpb.Errorf(onnxpb.Usage, "a batch of %d rows cannot be run", b)
		}
		total = max(total, b)
	}
	total = (total + c.step - 1) / c.step * c.step
	inputs, err := c.makeInputs(original, total, seed)
	if err != nil {
		return nil, err
	}
	for _, p := range c.original {
		var fed fedHashes
		fed.add(p.name, inputs[p.name])
		r.Inputs = append(r.Inputs, BatchInput{p.name, fed.of(p.name)})
	}
	want, err := c.rowByRow(e, original, inputs, total)
	if err != nil {
		return nil, onnxpb.InFile(err, original.Path)
	}
	s, err := e.Open(changed, o.Session)
	if err != nil {
		return nil, onnxpb.InFile(err, changed.Path)
	}
	defer s.Close()
	whole, err := c.openFree(e, original)
	if err != nil {
		return nil, err
	}
	if whole != nil {
		defer whole.Close()
	}
	for _, b := range r.Batches {
		part, err := c.part(inputs, 0, b)
		if err != nil {
			return nil, err
		}
		got, err := s.Run(part)
		if err != nil {
			return nil, &onnxpb.Error{Kind: onnxpb.KindOf(err), Msg: fmt.Sprintf("the changed model at batch %d", b), Err: err}
		}
		for _, p := range c.outputs(changed.Model) {
			c.compare(p, b, want[p.name], got[p.name])
		}
		if o.Permute && b > 1 {
			if err := c.permuted(s, part, b, seed, c.outputs(changed.Model), got); err != nil {
				return nil, err
			}
		}
		if whole != nil {
			c.compareWhole(whole, part, b, c.outputs(changed.Model), got)
		}
	}
	return r, nil
}

type batchCheck struct {
	o        BatchOptions
	byType   bool // whether the tolerance follows the element type
	report   *BatchReport
	original []port
	carries  map[string]bool // the inputs that hold the batch
	batch    onnxpb.Dim      // what the changed model declares for it
	step     int64           // how many rows the original takes at a time
}

// findBatch finds the inputs that carry the batch, and what the models declare for it.
func (c *batchCheck) findBatch(changed *onnxpb.ModelProto) error {
	for _, name := range c.o.Inputs {
		c.carries[name] = true
	}
	now := map[string]port{}
	for _, p := range inputsOf(changed) {
		now[p.name] = p
	}
	found := false
	for _, p := range c.original {
		q, ok := now[p.name]
		if !ok {
			return &onnxpb.Error{Tensor: p.name, Msg: "is an input of the original, and not of the changed model"}
		}
		if len(c.o.Inputs) > 0 && !c.carries[p.name] {
			continue
		}
		if !p.tensor || p.ranked && len(p.dims) == 0 {
			if len(c.o.Inputs) > 0 {
				return &onnxpb.Error{Tensor: p.name, Msg: "has no batch axis"}
			}
			continue
		}
		if !p.ranked || !q.ranked || len(q.dims) != len(p.dims) {
			return &onnxpb.Error{Tensor: p.name, Msg: "the shape of this input is not declared, or not of the same rank in both models"}
		}
		axis := c.o.Axes[p.name]
		if axis < 0 || axis >= len(p.dims) {
			return &onnxpb.Error{Tensor: p.name, Msg: fmt.Sprintf("has no axis %d", axis)}
		}
		c.carries[p.name] = true
		if p.dims[axis].Known {
			c.step = max(1, p.dims[axis].Value)
		}
		if q.dims[axis].Known || !found {
			c.batch = q.dims[axis]
		}
		found = true
	}
	if !found {
		return &onnxpb.Error{Msg: "the model has no input with a batch axis"}
	}
	return nil
}

// generate makes the inputs of all rows.
func (c *batchCheck) generate(total int64, seed uint64) (map[string]*onnxpb.Value, error) {
	inputs := map[string]*onnxpb.Value{}
	for _, p := range c.original {
		dims := make([]int64, len(p.dims))
		for i, d := range p.dims {
			switch {
			case i == c.o.Axes[p.name] && c.carries[p.name]:
				dims[i] = total
				continue
			case d.Known:
				dims[i] = d.Value
				continue
			}
			n, ok := c.o.Dims[fmt.Sprintf("%s[%d]", p.name, i)]
			if !ok && d.Param != "" {
				n, ok = c.o.Dims[d.Param]
			}
			if !ok {
				name := d.Param
				if name == "" {
					name = fmt.Sprintf("%s[%d]", p.name, i)
				}
				return nil, &onnxpb.Error{Tensor: p.name, Msg: fmt.Sprintf("axis %d of %s is free, and a number is needed to run the model", i, onnxpb.FormatShape(p.dims)),
					Hint: fmt.Sprintf("give it: --dims %s=NUMBER", name)}
			}
			dims[i] = n
		}
		if !p.ranked {
			return nil, &onnxpb.Error{Tensor: p.name, Msg: "the rank of this input is not declared"}
		}
		v, err := GenerateValue(p.name, p.typ, dims, rangeFor(c.o.Ranges, p.name), seed)
		if err != nil {
			return nil, err
		}
		inputs[p.name] = v
	}
	return inputs, nil
}

// part returns the inputs of some rows.
func (c *batchCheck) part(inputs map[string]*onnxpb.Value, from, to int64) (map[string]*onnxpb.Value, error) {
	part := make(map[string]*onnxpb.Value, len(inputs))
	for name, v := range inputs {
		part[name] = v
		if c.carries[name] {
			a, err := rowsAlong(v.Array, c.o.Axes[name], from, to)
			if err != nil {
				return nil, err
			}
			part[name] = onnxpb.TensorVal(a)
		}
	}
	return part, nil
}

// rowByRow runs the original and returns, of each output, the values of its runs in order.
func (c *batchCheck) rowByRow(e Engine, original Source, inputs map[string]*onnxpb.Value, total int64) (map[string][]*onnxpb.Value, error) {
	s, err := e.Open(original, c.o.Session)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	want := map[string][]*onnxpb.Value{}
	for from := int64(0); from < total; from += c.step {
		part, err := c.part(inputs, from, from+c.step)
		if err != nil {
			return nil, err
		}
		out, err := s.Run(part)
		if err != nil {
			return nil, err
		}
		for name, v := range out {
			want[name] = append(want[name], v)
		}
	}
	return want, nil
}

// openFree opens the original where its batch was free: then it can be run at every batch too, and what it computes there is what it is meant to compute.
func (c *batchCheck) openFree(e Engine, original Source) (Session, error) {
	for _, p := range c.original {
		if c.carries[p.name] && p.dims[c.o.Axes[p.name]].Known {
			return nil, nil
		}
	}
	s, err := e.Open(original, c.o.Session)
	return s, onnxpb.InFile(err, original.Path)
}

// permuted runs a batch with its rows in another order.
func (c *batchCheck) permuted(s Session, inputs map[string]*onnxpb.Value, batch int64, seed uint64, ports []port, got map[string]*onnxpb.Value) error {
	order := rand.New(rand.NewPCG(seed, uint64(batch))).Perm(int(batch))
	for i := 1; slices.IsSorted(order); i++ { // not the order that there is
		order[0], order[i] = order[i], order[0]
	}
	turned := map[string]*onnxpb.Value{}
	for name, v := range inputs {
		turned[name] = v
		if c.carries[name] {
			turned[name] = onnxpb.TensorVal(inOrder(v.Array, c.o.Axes[name], order))
		}
	}
	again, err := s.Run(turned)
	if err != nil {
		return &onnxpb.Error{Kind: onnxpb.KindOf(err), Msg: fmt.Sprintf("batch %d with its rows in another order", batch), Err: err}
	}
	for _, p := range ports {
		axis, want := c.o.Axes[p.name], got[p.name]
		if want.Kind == onnxpb.KindTensor && p.ranked && axis < len(p.dims) && p.dims[axis] == c.batch && axis < len(want.Array.Dims) && want.Array.Dims[axis] == batch {
			want = onnxpb.TensorVal(inOrder(want.Array, axis, order))
		}
		for _, d := range CompareValues(want, again[p.name], c.tolerance(p)) {
			if !d.Equal() {
				why := d.Why
				if why == "" {
					why = fmt.Sprintf("largest error %s", short(d.Metrics.MaxAbs))
				}
				c.report.Equal = false
				c.report.Outputs = append(c.report.Outputs, BatchRow{Output: p.name, Batch: batch, Why: "with the rows in another order they come out otherwise: " + why})
			}
		}
	}
	return nil
}

// inOrder puts the slices of a tensor along an axis into another order.
func inOrder(a *onnxpb.Array, axis int, order []int) *onnxpb.Array {
	strides := stridesOf(a.Dims)
	at := make([]int, a.Len())
	for i := range at {
		k := i / strides[axis] % int(a.Dims[axis])
		at[i] = i + (order[k]-k)*strides[axis]
	}
	return &onnxpb.Array{Type: a.Type, Dims: a.Dims, Data: pick(a.Data, at)}
}

// compareWhole holds the outputs at a batch to what the original gives for the same batch at once.
func (c *batchCheck) compareWhole(s Session, inputs map[string]*onnxpb.Value, batch int64, ports []port, got map[string]*onnxpb.Value) {
	want, err := s.Run(inputs)
	if err != nil {
		c.report.Notes = append(c.report.Notes, fmt.Sprintf("the original does not run at batch %d, though it declares none", batch))
		return
	}
	for _, p := range ports {
		if want[p.name] == nil || got[p.name] == nil {
			continue
		}
		for _, d := range CompareValues(want[p.name], got[p.name], c.tolerance(p)) {
			if d.Equal() {
				continue
			}
			why := d.Why
			if why == "" {
				why = fmt.Sprintf("largest error %s", short(d.Metrics.MaxAbs))
			}
			c.report.Equal = false
			c.report.Outputs = append(c.report.Outputs, BatchRow{Output: p.name, Batch: batch, Why: "the original computes something else of the whole batch: " + why})
		}
	}
}

// tolerance is how far an element of an output may lie from its row's.
func (c *batchCheck) tolerance(p port) Tolerance {
	if c.byType {
		switch p.elem {
		case onnxpb.TensorProto_FLOAT16, onnxpb.TensorProto_BFLOAT16:
			return ToleranceFor(p.elem)
		}
	}
	return c.o.Tolerance
}

// withAxis gives the runs of the original the axis of the batch where it dropped that of its one row (Squeeze), and the changed model kept it.
func (c *batchCheck) withAxis(p port, axis int, batch int64, want []*onnxpb.Value, got *onnxpb.Value) []*onnxpb.Value {
	if c.step != 1 || got.Kind != onnxpb.KindTensor || axis >= len(got.Array.Dims) || got.Array.Dims[axis] != batch || p.ranked && (axis >= len(p.dims) || p.dims[axis] != c.batch) {
		return want
	}
	with := make([]*onnxpb.Value, len(want))
	for i, v := range want {
		if v.Kind != onnxpb.KindTensor || len(v.Array.Dims) != len(got.Array.Dims)-1 {
			return want
		}
		a := *v.Array
		a.Dims = slices.Insert(slices.Clone(a.Dims), axis, 1)
		with[i] = onnxpb.TensorVal(&a)
	}
	return with
}

// compare holds an output of the changed model to the runs of the original.
func (c *batchCheck) compare(p port, batch int64, want []*onnxpb.Value, got *onnxpb.Value) {
	row := BatchRow{Output: p.name, Batch: batch}
	defer func() {
		row.Equal = row.Why == "" && len(row.Differ) == 0
		c.report.Equal = c.report.Equal && row.Equal
		c.report.Outputs = append(c.report.Outputs, row)
	}()
	if len(want) == 0 || got == nil {
		row.Why = "the original has no such output"
		return
	}
	if got.Kind == onnxpb.KindTensor {
		row.Shape = shapeText(got.Array.Dims)
	}
	tell := func(k int64, d Difference) {
		if d.Metrics != nil {
			row.MaxAbs, row.MaxRel = max(row.MaxAbs, d.Metrics.MaxAbs), max(row.MaxRel, d.Metrics.MaxRel)
		}
		switch {
		case d.Equal():
		case d.Why != "" && row.Why == "":
			row.Why = fmt.Sprintf("row %d: %s", k, d.Why)
		case len(row.Differ) == 0 || row.Differ[len(row.Differ)-1] != k:
			row.Differ = append(row.Differ, k)
		}
	}
	axis := c.o.Axes[p.name]
	want = c.withAxis(p, axis, batch, want, got)
	first := want[0]
	hadRows := first.Kind == onnxpb.KindTensor && len(first.Array.Dims) > axis && first.Array.Dims[axis] == c.step
	// An output without rows has to be the same whatever the batch.
	if !hadRows || p.ranked && (!p.tensor || len(p.dims) <= axis || p.dims[axis] != c.batch) {
		for _, d := range CompareValues(want[0], got, c.tolerance(p)) {
			tell(0, d)
		}
		return
	}
	if got.Kind != onnxpb.KindTensor || len(got.Array.Dims) <= axis || got.Array.Dims[axis] != batch {
		row.Why = fmt.Sprintf("axis %d has not one element for each of the %d rows", axis, batch)
		return
	}
	for k := range batch {
		ref := want[k/c.step]
		a, err := rowsAlong(got.Array, axis, k, k+1)
		if err == nil {
			var b *onnxpb.Array
			if b, err = rowsAlong(ref.Array, axis, k%c.step, k%c.step+1); err == nil {
				for _, d := range CompareValues(onnxpb.TensorVal(b), onnxpb.TensorVal(a), c.tolerance(p)) {
					tell(k, d)
				}
			}
		}
		if err != nil {
			row.Why = err.Error()
			return
		}
	}
}

// WriteText prints a report for people: one line an output and batch.
func (r *BatchReport) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "output\tbatch\tshape\tmax abs\tmax rel\tverdict\n")
	for _, row := range r.Outputs {
		sayf(tw, "%s\t%d\t%s\t%s\t%s\t%s\n", row.Output, row.Batch, row.Shape, short(row.MaxAbs), short(row.MaxRel), verdict(row.Equal))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, row := range r.Outputs {
		switch {
		case row.Why != "":
			sayf(w, "%s at batch %d: %s\n", row.Output, row.Batch, row.Why)
		case !row.Equal:
			sayf(w, "%s at batch %d: rows %v are not what the original computes of them\n", row.Output, row.Batch, row.Differ)
		}
	}
	for _, n := range r.Notes {
		sayf(w, "note: %s\n", n)
	}
	answer := "every row is what the original computes of it"
	if !r.Equal {
		answer = "rows differ"
	}
	_, err := sayf(w, "%s: |got - want| <= %s + %s*|want|; seed %d; %s %s\n", answer, short(Number(r.Tolerance.Abs)), short(Number(r.Tolerance.Rel)), r.Seed,
		r.Engine.Name, r.Engine.Version)
	return err
}
