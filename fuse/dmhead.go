package fuse

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/internal/headpose"
	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// The keys of the metadata that DMHead writes, for whoever holds its work to the models that it is made of.
const (
	MetadataGate      = "onnxtool.dmhead.gate"       // the rule: select, sum or published
	MetadataLimit     = "onnxtool.dmhead.limit"      // degrees
	MetadataOrder     = "onnxtool.dmhead.order"      // the columns of the output: yaw,roll,pitch
	MetadataFrontPose = "onnxtool.dmhead.front_pose" // the tensor [N,3], in that order and in degrees, that the gate takes from the front model
	MetadataRearPose  = "onnxtool.dmhead.rear_pose"  // the same of the rear model
)

// What DMHeadOptions.Expose may list.
const (
	ExposeFront  = "front"  // front_pose [N,3]: the front model's pose, in the order of the output, in degrees
	ExposeRear   = "rear"   // rear_pose [N,3]: the rear model's pose
	ExposeSource = "source" // source int64 [N,1]: who answered, 0 the front and 1 the rear (see Gate)
)

// The names of what can be exposed.
const (
	frontPose  = "front_pose"
	rearPose   = "rear_pose"
	sourceName = "source"
)

// DMHeadOptions say how DMHead joins two models. The zero value is good for models whose outputs tell what they are.
type DMHeadOptions struct {
	Gate  string     // Select (the default), Sum or Published
	Limit float64    // degrees; 0 is the gate's default: 75, and 90 for Published
	Batch onnxpb.Dim // the batch of the result; the zero Dim is the symbol N
	Order string     // the columns of the output; "" is DefaultOrder

	// FrontOrder and RearOrder say what the columns of three angles are, or the outputs of three logit heads, where names do not tell.
	FrontOrder, RearOrder string
	// FrontOutputs and RearOutputs name the outputs that are the pose, where several could be.
	FrontOutputs, RearOutputs []string
	// FrontNorm and RearNorm normalise the input of one model; nil leaves it as it is.
	FrontNorm, RearNorm *Norm
	// BinWidth is the width in degrees of the bins of logit heads; 0 is 3. Bin 0 begins where count bins lie about 0.
	BinWidth float64
	// Circular takes the mean of yaw bins along the circle.
	Circular bool

	InputName  string   // "" is input
	OutputName string   // "" is yaw_roll_pitch, or what Order makes of it
	Expose     []string // further outputs: ExposeFront, ExposeRear, ExposeSource, in the order wanted

	Data onnxpb.DataOptions // as of MergeOptions
}

// DMHead joins two head-pose models, one that is good for faces and one that knows every yaw, into one model with one input [N,...], of the
// models' own shape, and one output [N,3] in degrees: the pose of whichever the gate chooses. What each model gives is told by its outputs (see
// package headpose): a rotation matrix, six numbers, three logit heads or three angles.
//
// Both models are freed of a baked batch by surgery.SetBatch; parts (Normalize, Rotation6D, Euler, Bins, Reorder, Gate) are joined to them by Merge. The
// models given stay as they are. Their opsets, and the types and shapes of their inputs, must agree. The gate and the names of the inner
// poses are written into the metadata.
func DMHead(front, rear Input, o DMHeadOptions) (*onnxpb.ModelProto, *surgery.Report, error) {
	d := &dmhead{o: o, report: &surgery.Report{Edit: "dmhead"}}
	if err := d.fill(); err != nil {
		return nil, nil, err
	}
	sides := []*side{
		{name: "front", in: front, order: o.FrontOrder, outputs: o.FrontOutputs, norm: o.FrontNorm},
		{name: "rear", in: rear, order: o.RearOrder, outputs: o.RearOutputs, norm: o.RearNorm},
	}
	for _, s := range sides {
		if err := d.prepare(s); err != nil {
			return nil, nil, onnxpb.InFile(err, s.name)
		}
	}
	if err := d.agree(sides[0], sides[1]); err != nil {
		return nil, nil, err
	}
	for _, s := range sides {
		if err := d.graft(s); err != nil {
			return nil, nil, onnxpb.InFile(err, s.name)
		}
	}
	m, err := d.join(sides[0], sides[1])
	if err != nil {
		return nil, nil, err
	}
	return m, d.report, nil
}

// dmhead holds the state of one DMHead.
type dmhead struct {
	o       DMHeadOptions
	gate    GateOptions
	order   [3]string
	report  *surgery.Report
	part    PartOptions
	models  []Input
	connect []Connection
}

// side is one of the two models.
type side struct {
	name    string // front or rear
	in      Input
	order   string
	outputs []string
	norm    *Norm
	head    *headpose.Head
	input   *onnxpb.ValueInfoProto
	takes   End // the input of the side, before its normalisation
	pose    End // the pose that the gate reads
}

// fill puts the defaults in and refuses options that make no sense, before any model is touched.
func (d *dmhead) fill() error {
	o := &d.o
	if o.Batch == (onnxpb.Dim{}) {
		o.Batch = onnxpb.Symbol("N")
	}
	order, err := parseOrder(o.Order)
	if err != nil {
		return err
	}
	d.order = order
	if o.InputName == "" {
		o.InputName = "input"
	}
	if o.OutputName == "" {
		o.OutputName = strings.Join(order[:], "_")
	}
	if slices.Contains([]string{o.OutputName, frontPose, rearPose, sourceName}, o.InputName) {
		return onnxpb.Errorf(onnxpb.Usage, "the input cannot be called %q: an output is", o.InputName)
	}
	for i, e := range o.Expose {
		if e != ExposeFront && e != ExposeRear && e != ExposeSource || slices.Contains(o.Expose[:i], e) {
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q cannot be exposed", e), Hint: "front, rear and source can, once each"}
		}
	}
	d.gate, _, err = GateOptions{Rule: o.Gate, Limit: o.Limit, Source: slices.Contains(o.Expose, ExposeSource)}.fill()
	return err
}

// prepare tells what a model is and frees its batch.
func (d *dmhead) prepare(s *side) error {
	if s.in.Model.GetGraph() == nil {
		return onnxpb.Errorf(onnxpb.Unfit, "the model has no graph")
	}
	if s.in.Name == "" {
		s.in.Name = s.name
	}
	var err error
	s.head, err = headpose.Detect(s.in.Model, headpose.Options{
		Order: s.order, Outputs: s.outputs, OrderFlag: "--" + s.name + "-order", OutputsFlag: "--" + s.name + "-outputs",
	})
	if err != nil {
		return err
	}
	work := onnxpb.Clone(s.in.Model)
	r, err := surgery.SetBatch(work, d.o.Batch)
	if err != nil {
		return err
	}
	for _, o := range s.head.Outputs {
		if r.Axes[o] != 0 {
			return &onnxpb.Error{Kind: onnxpb.Refused, Tensor: o, Msg: fmt.Sprintf("this output has the batch in axis %d, not in axis 0", r.Axes[o])}
		}
	}
	d.report.Note("%s: %s gives %s", s.name, strings.Join(s.head.Outputs, ", "), s.head.Kind)
	d.report.Note("%s: batch set to %s, %d changes", s.name, d.o.Batch, len(r.Changes))
	for _, n := range r.Notes {
		d.report.Note("%s: %s", s.name, n)
	}
	s.in.Model = work
	for _, v := range work.Graph.Input {
		if v.GetName() == s.head.Input {
			s.input = v
		}
	}
	return nil
}

// agree holds the two models to each other: opset, type and shape of the input.
func (d *dmhead) agree(front, rear *side) error {
	f, r := front.in.Model.OpsetVersion(""), rear.in.Model.OpsetVersion("")
	if f != r {
		older := front.name
		if r < f {
			older = rear.name
		}
		return &onnxpb.Error{Msg: fmt.Sprintf("the front model uses opset %d and the rear model opset %d", f, r),
			Hint: fmt.Sprintf("export or convert the %s model to opset %d", older, max(f, r))}
	}
	d.part = PartOptions{Opset: f, Batch: d.o.Batch, YawColumn: slices.Index(d.order[:], "yaw")}
	if _, err := d.part.fill(); err != nil {
		return &onnxpb.Error{Msg: fmt.Sprintf("both models use opset %d, for which no gate can be written", f), Err: err, Hint: "export or convert them to a newer opset"}
	}
	if ft, rt := front.input.ElemType(), rear.input.ElemType(); ft != rt {
		return &onnxpb.Error{Msg: fmt.Sprintf("the front model takes %s and the rear model %s", onnxpb.TypeName(ft), onnxpb.TypeName(rt)), Hint: "change one with onnxtool setinput --dtype"}
	}
	fs, fok := front.input.Shape()
	rs, rok := rear.input.Shape()
	if !fok || !rok {
		return nil
	}
	fits := len(fs) == len(rs)
	for i := 0; fits && i < len(fs); i++ {
		fits = !fs[i].Known || !rs[i].Known || fs[i].Value == rs[i].Value
	}
	if !fits {
		return &onnxpb.Error{Msg: fmt.Sprintf("the front model takes %s and the rear model %s", onnxpb.FormatShape(fs), onnxpb.FormatShape(rs)),
			Hint: "one input feeds both: bring both models to one size and layout with onnxtool setinput"}
	}
	return nil
}

// add takes a model into the merge.
func (d *dmhead) add(name string, m *onnxpb.ModelProto) {
	m.DocString, m.ProducerName = nil, nil // the whole has its own
	d.models = append(d.models, Input{Name: name, Model: m})
}

// graft puts the normalisation before a model, and behind it what makes a pose in degrees of its outputs.
func (d *dmhead) graft(s *side) error {
	own := s.in.Name
	d.models = append(d.models, s.in)
	s.takes = End{own, s.head.Input}
	if s.norm != nil {
		if err := d.graftNorm(s); err != nil {
			return err
		}
	}
	s.pose = End{own, s.head.Outputs[0]}
	if s.head.Kind == headpose.Angles && s.head.Order == d.order {
		return nil
	}
	p, err := newPart(s.name+"_pose", d.part)
	if err != nil {
		return err
	}
	inputs, err := d.writePose(p, s.head)
	if err != nil {
		return err
	}
	d.add(p.name, p.model(""))
	for i, in := range inputs {
		d.connect = append(d.connect, Connection{End{own, s.head.Outputs[i]}, End{p.name, in}})
	}
	s.pose = End{p.name, "pose"}
	return nil
}

// writePose writes pose, in the order of the output, of what a model gives; it returns the inputs that the model's outputs feed.
func (d *dmhead) writePose(p *part, h *headpose.Head) ([]string, error) {
	defer p.output("pose", 3)
	switch h.Kind {
	case headpose.Rotation:
		in := p.input("rotation", 3, 3)
		p.writeEuler(in, d.order)
		return []string{in}, nil
	case headpose.SixD:
		in := p.input("six", 6)
		p.writeRotation6D(in, p.inner("rotation"))
		p.writeEuler(p.inner("rotation"), d.order)
		return []string{in}, nil
	case headpose.Angles:
		in := p.input("angles", 3)
		var index []int64
		for _, a := range d.order {
			index = append(index, int64(slices.Index(h.Order[:], a)))
		}
		p.write("pose", "Gather", []string{in, p.ints("index", index...)}, onnxpb.Int("axis", 1))
		return []string{in}, nil
	}
	var inputs []string
	angle := map[string]string{}
	for i, a := range [3]string{"yaw", "roll", "pitch"} {
		b, err := BinOptions{Count: h.Counts[i], Width: d.o.BinWidth, Circular: d.o.Circular && a == "yaw"}.fill()
		if err != nil {
			return nil, err
		}
		in := p.input(a+"_logits", b.Count)
		angle[a] = p.inner(a)
		p.writeBins(a+"_", angle[a], in, b)
		inputs = append(inputs, in)
	}
	p.write("pose", "Concat", []string{angle[d.order[0]], angle[d.order[1]], angle[d.order[2]]}, onnxpb.Int("axis", 1))
	return inputs, nil
}

// graftNorm puts a normalisation before a model.
func (d *dmhead) graftNorm(s *side) error {
	dims, ok := s.input.Shape()
	if !ok || len(dims) < 2 {
		return &onnxpb.Error{Tensor: s.head.Input, Msg: "the shape of the input is not known: its channels cannot be normalised", Hint: "declare it with onnxtool setinput --shape"}
	}
	if t := s.input.ElemType(); t != onnxpb.TensorProto_FLOAT {
		return &onnxpb.Error{Tensor: s.head.Input, Msg: "only float32 can be normalised, the input is " + onnxpb.TypeName(t), Hint: "graft a Cast with onnxtool setinput --dtype float32"}
	}
	norm, err := Normalize(*s.norm, dims[1:], channelAxis(dims, *s.norm), d.part)
	if err != nil {
		return err
	}
	name := s.name + "_norm"
	d.add(name, norm)
	d.connect = append(d.connect, Connection{End{name, "normalized"}, s.takes})
	s.takes = End{name, "image"}
	return nil
}

// channelAxis is 1, or the last where only that has as many channels as the normalisation has numbers (NHWC).
func channelAxis(dims []onnxpb.Dim, n Norm) int {
	channels := int64(max(len(n.Mean), len(n.Std)))
	last := len(dims) - 1
	if channels > 1 && dims[1] != onnxpb.Number(channels) && dims[last] == onnxpb.Number(channels) {
		return last
	}
	return 1
}

// join merges all that was gathered, names the ends, and writes the metadata.
func (d *dmhead) join(front, rear *side) (*onnxpb.ModelProto, error) {
	gate, err := Gate(d.gate, d.part)
	if err != nil {
		return nil, err
	}
	d.add("gate", gate)
	d.connect = append(d.connect,
		Connection{front.takes, rear.takes},
		Connection{front.pose, End{"gate", "front"}},
		Connection{rear.pose, End{"gate", "rear"}})
	// The inner poses are asked for as outputs to give them their names, and are taken back below where they are not exposed.
	exposed := map[string]OutputSpec{
		ExposeFront:  {front.pose, frontPose},
		ExposeRear:   {rear.pose, rearPose},
		ExposeSource: {End{"gate", "source"}, sourceName},
	}
	outputs := []OutputSpec{{End{"gate", "pose"}, d.o.OutputName}}
	names := slices.Clone(d.o.Expose)
	for _, e := range []string{ExposeFront, ExposeRear} {
		if !slices.Contains(names, e) {
			names = append(names, e)
		}
	}
	for _, e := range names {
		outputs = append(outputs, exposed[e])
	}
	// Only the batch is one: other symbols of the two models may have the same name by chance, as those that converters invent do.
	var same []string
	if d.o.Batch.Param != "" {
		same = []string{d.o.Batch.Param}
	}
	m, r, err := Merge(d.models, MergeOptions{Connect: d.connect, Outputs: outputs, SameDims: same, Name: "dmhead", Doc: d.doc(front, rear), Data: d.o.Data})
	if err != nil {
		return nil, err
	}
	d.report.Merge(r)
	if err := d.nameInput(m); err != nil {
		return nil, err
	}
	given := func(spec OutputSpec) string { return m.Graph.Output[slices.Index(outputs, spec)].GetName() }
	d.metadata(m, map[string]string{
		MetadataGate:      d.gate.Rule,
		MetadataLimit:     strconv.FormatFloat(d.gate.Limit, 'g', -1, 64),
		MetadataOrder:     strings.Join(d.order[:], ","),
		MetadataFrontPose: given(exposed[ExposeFront]),
		MetadataRearPose:  given(exposed[ExposeRear]),
	})
	keep := 1 + len(d.o.Expose)
	m.Graph.ValueInfo = append(m.Graph.ValueInfo, m.Graph.Output[keep:]...)
	m.Graph.Output = m.Graph.Output[:keep:keep]
	return m, nil
}

// nameInput gives the one input its name; an inner tensor that has it gets another.
func (d *dmhead) nameInput(m *onnxpb.ModelProto) error {
	h, err := headInput(m)
	if err != nil || h == d.o.InputName {
		return err
	}
	names := surgery.NewNames(m)
	other := names.Value(d.o.InputName)
	surgery.MapNames(m, surgery.NameMap{Value: func(s string) string {
		switch s {
		case h:
			return d.o.InputName
		case d.o.InputName:
			return other
		}
		return s
	}})
	d.report.Add("renamed", "input", h, h, d.o.InputName)
	if other != d.o.InputName {
		d.report.Add("renamed", "tensor", d.o.InputName, d.o.InputName, other)
	}
	return nil
}

// headInput returns the name of the one input of the whole.
func headInput(m *onnxpb.ModelProto) (string, error) {
	constant := map[string]bool{}
	for _, t := range m.Graph.Initializer {
		constant[t.GetName()] = true
	}
	for _, t := range m.Graph.SparseInitializer {
		constant[t.GetValues().GetName()] = true
	}
	for _, v := range m.Graph.Input {
		if !constant[v.GetName()] {
			return v.GetName(), nil
		}
	}
	return "", onnxpb.Errorf(onnxpb.Unfit, "the joined model has no input")
}

// metadata sets entries, in the order of their keys.
func (d *dmhead) metadata(m *onnxpb.ModelProto, entries map[string]string) {
	m.MetadataProps = slices.DeleteFunc(m.MetadataProps, func(e *onnxpb.StringStringEntryProto) bool { return entries[e.GetKey()] != "" })
	for _, k := range []string{MetadataGate, MetadataLimit, MetadataOrder, MetadataFrontPose, MetadataRearPose} {
		m.MetadataProps = append(m.MetadataProps, &onnxpb.StringStringEntryProto{Key: proto.String(k), Value: proto.String(entries[k])})
		d.report.Add("added", "metadata", k, "", entries[k])
	}
}

// doc says what the whole computes.
func (d *dmhead) doc(front, rear *side) string {
	return fmt.Sprintf("Head pose (%s) in degrees of two models: front (%s) and rear (%s), gate %s: %s; limit %v.",
		strings.Join(d.order[:], ", "), front.head.Kind, rear.head.Kind, d.gate.Rule, gateRules[d.gate.Rule].formula, float32(d.gate.Limit))
}
