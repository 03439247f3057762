package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"onnxtool/internal/headpose"
	"onnxtool/onnxpb"
)

// The metadata of a fused head-pose model that VerifyHead reads; fuse.DMHead writes it.
const (
	metaGate  = "onnxtool.dmhead.gate"
	metaLimit = "onnxtool.dmhead.limit"
	metaOrder = "onnxtool.dmhead.order"
	metaFront = "onnxtool.dmhead.front_pose"
	metaRear  = "onnxtool.dmhead.rear_pose"
)

// DefaultHeadAtol is the tolerance in degrees that VerifyHead takes where none is given.
const DefaultHeadAtol = 1e-3

// DefaultHeadSamples is how many images VerifyHead compares where no number is given.
const DefaultHeadSamples = 24

// HeadOptions say what a fused head-pose model is to be held to. What is zero is read from the model's metadata where that tells it.
type HeadOptions struct {
	Gate  string   // GateSelect (the default), GateSum or GatePublished
	Limit *float64 // degrees; the default is 75, and 90 for GatePublished
	Order string   // the columns of the fused model's output; the default is yaw,roll,pitch

	// FrontOrder and RearOrder tell the order of three angles, or of three logit heads, where names do not tell; FrontOutputs and RearOutputs name the
	// outputs that are the pose, where several could be.
	FrontOrder, RearOrder     string
	FrontOutputs, RearOutputs []string
	// FrontNorm and RearNorm are the normalisations that were grafted before the models; nil is none.
	FrontNorm, RearNorm *Norm
	// BinWidth is the width in degrees of the bins of logit heads; 0 is 3. Circular takes the mean of yaw bins along the circle.
	BinWidth float64
	Circular bool

	// Batches are the batches at which the fused model runs; none: 1, 2 and 7, or the number that it fixes.
	Batches []int64
	Seed    uint64
	// Samples is how many images are compared; 0 is DefaultHeadSamples. Images from Files are compared all, and count.
	Samples int
	// Files give images: an array [n,...] of the input's shape.
	Files []InputFile
	// Range is where generated pixels lie; nil: what suits the input (see imageRange).
	Range *Range
	// Dims give numbers to free dimensions of the image, as Options.Dims.
	Dims map[string]int64
	// Atol is the tolerance in degrees; 0 is DefaultHeadAtol.
	Atol float64
	// Output names the fused model's pose; "" is its first output of shape [N,3].
	Output string
	// FrontPose and RearPose name the tensors that the gate reads, [N,3] in the output's order and in degrees.
	FrontPose, RearPose string
	// Near accepts a model of which the choice cannot be proven exact because the names of these tensors are not known.
	Near bool
	// RequireCoverage makes it a failure if the images do not cover both sides of the limit and its neighbourhood.
	RequireCoverage bool
	Session         SessionOptions
}

// VerifyHead runs two head-pose models and the model that was fused of them on the same images, combines the poses of the originals in plain
// float64 arithmetic, and holds the fused model to it:
//
//   - near: every row lies within Atol degrees of the pose that the oracle chooses. Where the judge lies within Atol of the limit, either choice will do
//     (rounding decides which), and the row is counted as ambiguous.
//   - exact: in a copy of the fused model that gives out the two poses that its gate reads, and is otherwise the same, each row equals what the gate
//     makes of these poses in float32, bit for bit but for the sign of 0; these poses lie within Atol of the originals'; and giving them out changes
//     no bit of the output.
//   - coverage: the images are searched so that both sides answer and that judges come close to the limit from both sides; what was
//     reached is told.
//
// That the model does not hold is no error: it is the HeadReport's answer. Errors are of kind Unfit where the models do not fit each other or the options,
// Usage where the options make no sense, Engine where the engine fails.
func VerifyHead(e Engine, fused, frontModel, rearModel Source, o HeadOptions) (*HeadReport, error) {
	h, err := newHeadCheck(e, fused, [2]Source{frontModel, rearModel}, o)
	if err != nil {
		return nil, err
	}
	images, err := h.searchImages()
	if err != nil {
		return nil, err
	}
	if err := h.runOriginal(front, images); err != nil {
		return nil, err
	}
	h.report.Images = len(images)
	h.report.ImagesSHA256 = hashImages(images)
	h.report.Coverage.measure(h.gate, images)
	if err := h.compare(images); err != nil {
		return nil, err
	}
	h.conclude()
	return h.report, nil
}

// headCheck is the state of one VerifyHead.
type headCheck struct {
	engine    Engine
	o         HeadOptions
	fused     Source
	originals [2]*original
	gate      gate
	order     [3]int // the angle that each column of the output is
	atol      float64
	input     port   // of the fused model
	output    string // of the fused model
	inner     [2]string
	tail      []int64 // the shape of an image
	pixels    Range
	given     []*headImage
	batches   []int64
	report    *HeadReport
}

func newHeadCheck(e Engine, fused Source, sources [2]Source, o HeadOptions) (*headCheck, error) {
	h := &headCheck{engine: e, o: o, fused: fused, atol: o.Atol}
	if h.atol == 0 {
		h.atol = DefaultHeadAtol
	}
	if !(h.atol > 0) || h.atol > 180 {
		return nil, onnxpb.Errorf(onnxpb.Usage, "a tolerance of %v degrees makes no sense", o.Atol)
	}
	h.report = &HeadReport{Schema: HeadSchema, Seed: o.Seed, Atol: h.atol, Optimization: optimization(o.Session)}
	if err := h.readRule(); err != nil {
		return nil, err
	}
	if err := h.readFused(); err != nil {
		return nil, onnxpb.InFile(err, fused.Path)
	}
	for side, src := range sources {
		m, err := newOriginal(side, src, o)
		if err != nil {
			return nil, onnxpb.InFile(err, src.Path)
		}
		h.originals[side] = m
	}
	if err := h.fitShapes(); err != nil {
		return nil, err
	}
	if err := h.chooseBatches(); err != nil {
		return nil, onnxpb.InFile(err, fused.Path)
	}
	h.pixels = h.imageRange()
	if err := h.readImages(); err != nil {
		return nil, err
	}
	return h, h.describe(sources)
}

// meta returns an entry of the fused model's metadata, "" where there is none.
func (h *headCheck) meta(key string) string {
	for _, p := range h.fused.Model.GetMetadataProps() {
		if p.GetKey() == key {
			return p.GetValue()
		}
	}
	return ""
}

// readRule settles gate, limit and order: what the caller says, else what the metadata says, else the default. It notes where the two differ.
func (h *headCheck) readRule() error {
	setting := func(what, said, key, none string) string {
		meta := h.meta(key)
		switch {
		case said == "" && meta == "":
			return none
		case said == "":
			return meta
		case meta != "" && meta != said:
			h.warn("the fused model's metadata says %s %s, it is held to %s", what, meta, said)
		}
		return said
	}
	rule := setting("gate", h.o.Gate, metaGate, GateSelect)
	said := ""
	if h.o.Limit != nil {
		said = strconv.FormatFloat(*h.o.Limit, 'g', -1, 64)
	}
	text := setting("limit", said, metaLimit, strconv.FormatFloat(defaultLimit(rule), 'g', -1, 64))
	limit, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return &onnxpb.Error{File: h.fused.Path, Msg: fmt.Sprintf("the metadata's limit %q is no number", text), Hint: "give --limit"}
	}
	if h.gate, err = newGate(rule, limit); err != nil {
		return err
	}
	names, err := headpose.ParseOrder(setting("order", strings.ReplaceAll(h.o.Order, " ", ""), metaOrder, "yaw,roll,pitch"))
	if err != nil {
		return err
	}
	for i, n := range names {
		h.order[i] = angleIndex(n)
	}
	h.report.Gate, h.report.Limit, h.report.Order = h.gate.rule, h.gate.limit, names
	return nil
}

// readFused finds the fused model's input, its output and the tensors that its gate reads.
func (h *headCheck) readFused() error {
	m := h.fused.Model
	inputs := inputsOf(m)
	if len(inputs) != 1 {
		return onnxpb.Errorf(onnxpb.Unfit, "the fused model has %d inputs (%s), and one was expected", len(inputs), strings.Join(portNames(inputs), ", "))
	}
	h.input = inputs[0]
	if !h.input.tensor {
		return &onnxpb.Error{Tensor: h.input.name, Msg: "the input is no tensor"}
	}
	outputs := outputsOf(m)
	at := slices.IndexFunc(outputs, func(p port) bool {
		if h.o.Output != "" {
			return p.name == h.o.Output
		}
		return p.tensor && len(p.dims) == 2 && (!p.dims[1].Known || p.dims[1].Value == 3)
	})
	switch {
	case at < 0 && h.o.Output != "":
		return noSuch(fmt.Sprintf("the fused model has no output %q", h.o.Output), h.o.Output, portNames(outputs))
	case at < 0:
		return &onnxpb.Error{Msg: "the fused model has no output of shape [N,3]", Hint: "name the pose with --output"}
	case outputs[at].elem != onnxpb.TensorProto_FLOAT:
		return &onnxpb.Error{Tensor: outputs[at].name, Msg: "the pose is " + onnxpb.TypeName(outputs[at].elem) + ", and float32 was expected"}
	}
	h.output = outputs[at].name
	h.inner = [2]string{h.o.FrontPose, h.o.RearPose}
	for side, key := range []string{metaFront, metaRear} {
		if h.inner[side] == "" {
			h.inner[side] = h.meta(key)
		}
	}
	return nil
}

// fitShapes settles the shape of an image, on which the three models must agree.
func (h *headCheck) fitShapes() error {
	p := h.originals
	ports := []struct {
		who string
		port
	}{{"the fused model", h.input}, {"the front model", p[front].input}, {"the rear model", p[rear].input}}
	rank := 0
	for _, q := range ports {
		if q.elem != h.input.elem {
			return onnxpb.Errorf(onnxpb.Unfit, "the fused model takes %s, %s %s", onnxpb.TypeName(h.input.elem), q.who, onnxpb.TypeName(q.elem))
		}
		if q.ranked {
			if rank != 0 && rank != len(q.dims) || len(q.dims) == 0 {
				return onnxpb.Errorf(onnxpb.Unfit, "%s takes images of shape %s, which does not fit the others", q.who, onnxpb.FormatShape(q.dims))
			}
			rank = len(q.dims)
		}
	}
	used := map[string]bool{}
	var missing []string
	for axis := 1; axis < rank; axis++ {
		value, known := int64(0), false
		names := []string{fmt.Sprintf("%s[%d]", h.input.name, axis)}
		for _, q := range ports {
			if axis >= len(q.dims) {
				continue
			}
			d := q.dims[axis]
			if d.Param != "" {
				names = append(names, d.Param)
			}
			if !d.Known {
				continue
			}
			if known && d.Value != value {
				return onnxpb.Errorf(onnxpb.Unfit, "%s takes images of shape %s, in which dimension %d is %d elsewhere", q.who, onnxpb.FormatShape(q.dims), axis, value)
			}
			value, known = d.Value, true
		}
		for _, n := range names {
			if v, ok := h.o.Dims[n]; ok && !known {
				value, known = v, true
			}
			used[n] = true
		}
		if !known {
			missing = append(missing, names[len(names)-1])
		}
		h.tail = append(h.tail, value)
	}
	if len(missing) > 0 {
		return &onnxpb.Error{Tensor: h.input.name, Msg: "the image has dimensions without a number: " + strings.Join(missing, ", "), Hint: "give them: --dims " + missing[0] + "=..."}
	}
	for _, k := range sortedKeys(h.o.Dims) {
		if !used[k] {
			return noSuch(fmt.Sprintf("--dims %s: the image has no such free dimension", k), k, sortedKeys(used))
		}
	}
	if n, err := onnxpb.Count(h.tail); err != nil || n == 0 || n > 1<<28 {
		return &onnxpb.Error{Tensor: h.input.name, Msg: fmt.Sprintf("images of shape %s cannot be made", shapeText(h.tail))}
	}
	return nil
}

// chooseBatches settles the batches at which the fused model runs.
func (h *headCheck) chooseBatches() error {
	h.batches = h.o.Batches
	d, ok := leading(h.input)
	if fixed := ok && d.Known; fixed {
		if len(h.batches) == 0 {
			h.batches = []int64{d.Value}
		}
		for _, b := range h.batches {
			if b != d.Value {
				return &onnxpb.Error{Tensor: h.input.name, Msg: fmt.Sprintf("the fused model's batch is fixed to %d: batch %d cannot be run", d.Value, b), Hint: "free it with onnxtool setbatch N"}
			}
		}
	}
	if len(h.batches) == 0 {
		h.batches = []int64{1, 2, 7}
	}
	for _, b := range h.batches {
		if b < 1 {
			return onnxpb.Errorf(onnxpb.Usage, "batch %d: it must be 1 or more", b)
		}
	}
	return nil
}

// imageRange is where generated pixels lie: what the caller says; else 0..255 for uint8, and for a model before which a normalisation was grafted
// that is meant for such pixels; 0..1 for other normalisations; else -2..2, about what ImageNet's normalisation makes of an image.
func (h *headCheck) imageRange() Range {
	if h.o.Range != nil {
		return *h.o.Range
	}
	if exactType(h.input.elem) {
		return Range{0, 255}
	}
	for _, n := range []*Norm{h.o.FrontNorm, h.o.RearNorm} {
		if n == nil {
			continue
		}
		large := n.Scale != 0 && n.Scale < 0.1
		for _, m := range n.Mean {
			large = large || m > 1
		}
		if large {
			return Range{0, 255}
		}
		return Range{0, 1}
	}
	return Range{-2, 2}
}

func (h *headCheck) describe(sources [2]Source) (err error) {
	r := h.report
	if r.Fused, err = describe(h.fused); err != nil {
		return err
	}
	for side, info := range []*HeadModel{&r.Front, &r.Rear} {
		if info.ModelInfo, err = describe(sources[side]); err != nil {
			return err
		}
		info.Gives = h.originals[side].head.Kind.String()
		info.Outputs = h.originals[side].head.Outputs
	}
	r.Engine = EngineInfo{Name: "ONNX Runtime", Version: h.engine.Version()}
	r.Range = h.pixels
	return nil
}

func (h *headCheck) warn(format string, args ...any) {
	h.report.Warnings = append(h.report.Warnings, fmt.Sprintf(format, args...))
}

// conclude sums up.
func (h *headCheck) conclude() {
	r := h.report
	r.Near = true
	for _, b := range r.Batches {
		r.Near = r.Near && b.Beyond == 0
	}
	if !r.Coverage.Covered {
		h.warn("the images do not cover the gate: %s", strings.Join(r.Coverage.Missing, "; "))
	}
	proven := r.Exact == ExactProven || r.Exact == ExactNotProven && h.o.Near
	r.Holds = r.Near && proven && (r.Coverage.Covered || !h.o.RequireCoverage)
}
