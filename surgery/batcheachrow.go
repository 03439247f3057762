package surgery

import (
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/shape"
)

// eachRow frees the batch of a model that is made for one row by having the operator Scan run it on each row by itself: what depends on the rows becomes the body
// of one Scan, everything else stays beside it and is computed once. That is right for whatever the operators do, as no operator ever sees two rows; it is slow, as the rows are computed
// one after the other. refused is why the batch could not be followed.
func eachRow(m *onnxpb.ModelProto, batch onnxpb.Dim, o BatchOptions, refused error) (*Report, error) {
	in, err := batchInputs(m, o)
	if err != nil {
		return nil, err
	}
	if err := in.check(m, batch); err != nil {
		return nil, err
	}
	var why *onnxpb.Error
	if errors.As(refused, &why) {
		short := *why
		short.Hint = "" // it would tell of what is being tried
		refused = &short
	}
	refuse := func(hint, format string, args ...any) error {
		return &onnxpb.Error{Kind: onnxpb.Refused, Msg: "the rows cannot be run each by itself: " + fmt.Sprintf(format, args...), Hint: hint, Err: refused}
	}
	if v := m.OpsetVersion(""); v < 9 {
		return nil, refuse("convert the model to opset 9 or newer", "Scan of opset %d is another operator", v)
	}
	if len(m.GetTrainingInfo()) > 0 {
		return nil, refuse("drop the training information first", "the training information names values of the graph")
	}
	for _, n := range in.numbers {
		if n != 1 {
			return nil, refuse(batchHint, "the model is made for %d rows at once", n)
		}
	}
	subst := map[string]onnxpb.Dim{}
	for s := range in.symbols {
		subst[s] = onnxpb.Number(1)
	}
	SubstituteDims(m, subst)
	for _, v := range in.order {
		onnxpb.Number(1).Set(v.ShapeProto().GetDim()[in.axis[v.GetName()]])
	}
	e := &rowScan{m: m, in: in, batch: batch, names: NewNames(m), types: shape.Infer(m, shape.Options{}), report: &Report{Edit: "setbatch", Axes: map[string]int{}}, outAxis: o.outputAxes,
		moved: map[string]bool{}, inner: map[string]string{}, body: &onnxpb.GraphProto{Name: proto.String("row")}}
	e.split()
	e.inputs()
	if err := e.outputs(); err != nil {
		return nil, refuse("take that output off the graph with onnxtool extract, or run the model row by row", "%v", err)
	}
	e.assemble()
	dropStaleMetadata(m, e.report)
	e.report.Note("each row is run by itself, one after the other, by a Scan, as the batch cannot be followed: %v", refused)
	return e.report, nil
}

// rowScan builds the Scan that runs a graph on each row.
type rowScan struct {
	m      *onnxpb.ModelProto
	in     *batchInputsOf
	batch  onnxpb.Dim
	names  *Names
	types  *shape.Result
	report *Report

	outAxis map[string]int // where outputs are to have the batch, where that was told
	behind  bool           // some input has the batch in another axis than 0

	moved       map[string]bool // values that depend on the rows, which go into the body
	stays, goes []*onnxpb.NodeProto
	inner       map[string]string // the names in the body of inputs and outputs of the graph
	body        *onnxpb.GraphProto

	scanned, made      []string // inputs and outputs of the Scan
	inAxes, outAxes    []int64
	unsqueeze, squeeze []*onnxpb.NodeProto
}

// split parts the nodes into those that depend on the rows, and those that do not.
func (e *rowScan) split() {
	for name := range e.in.names {
		e.moved[name] = true
	}
	for _, n := range e.m.GetGraph().GetNode() {
		depends := func(name string) bool { return e.moved[name] }
		if !slices.ContainsFunc(n.GetInput(), depends) && !slices.ContainsFunc(captured(n), depends) {
			e.stays = append(e.stays, n)
			continue
		}
		e.goes = append(e.goes, n)
		for _, o := range n.GetOutput() {
			if o != "" {
				e.moved[o] = true
			}
		}
	}
}

// inputs gives the body a row of each input that holds the batch, with the axis of the batch put back.
func (e *rowScan) inputs() {
	for _, v := range e.in.order {
		name, axis := v.GetName(), e.in.axis[v.GetName()]
		dims, _ := v.Shape()
		row := e.names.Value(name + "_row")
		e.inner[name] = e.names.Value(name + "_batch")
		e.body.Input = append(e.body.Input, onnxpb.TensorValue(row, v.ElemType(), slices.Delete(dims, axis, axis+1)))
		e.scanned, e.inAxes = append(e.scanned, name), append(e.inAxes, int64(axis))
		e.unsqueeze = append(e.unsqueeze, e.axisNode("Unsqueeze", row, e.inner[name], axis))
		e.behind = e.behind || axis != 0
		before := typeShape(v)
		e.batch.Set(v.ShapeProto().GetDim()[axis])
		e.report.Add("changed", "input", name, before, typeShape(v))
		e.report.Axes[name] = axis
	}
}

// axisNode is a Squeeze or an Unsqueeze of one axis.
func (e *rowScan) axisNode(op, from, to string, axis int) *onnxpb.NodeProto {
	if e.m.OpsetVersion("") < 13 {
		return onnxpb.Node(op, e.names.Node(op+"_"+to), []string{from}, []string{to}, onnxpb.Ints("axes", int64(axis)))
	}
	axes := e.names.Value(to + "_axes")
	e.m.Graph.Initializer = append(e.m.Graph.Initializer, onnxpb.TensorOf(axes, []int64{1}, []int64{int64(axis)}))
	return onnxpb.Node(op, e.names.Node(op+"_"+to), []string{from, axes}, []string{to})
}

// outputs has the body hand out what each output is for one row. The axis of the batch is the axis 0 of an output, or the only one, that has the size 1 for one row; an output without such an axis gets one.
func (e *rowScan) outputs() error {
	for _, v := range e.m.GetGraph().GetOutput() {
		name := v.GetName()
		if axis, input := e.in.axis[name]; input && e.in.names[name] {
			e.batch.Set(v.ShapeProto().GetDim()[axis])
			e.report.Axes[name] = axis
			continue
		}
		if !e.moved[name] {
			e.report.Note("output %q does not depend on the batch and stays as it is", name)
			continue
		}
		x := e.types.Value(name)
		switch {
		case x == nil || x.Kind != shape.Tensor || x.Elem == onnxpb.TensorProto_UNDEFINED:
			return fmt.Errorf("output %q is no tensor, or none whose element type is known, and Scan joins only those", name)
		case !x.Ranked:
			return fmt.Errorf("the rank of output %q is not known", name)
		}
		var ones []int
		for i, d := range x.Dims {
			if n, ok := d.Const(); ok && n == 1 {
				ones = append(ones, i)
			}
		}
		one := onnxpb.TensorValue(e.names.Value(name+"_row"), x.Elem, nil)
		one.Type = x.Proto()
		dims := &one.Type.GetTensorType().Shape.Dim
		want, asked := e.outAxis[name]
		axis, _ := normAxis(int64(want), len(x.Dims))
		e.inner[name] = one.GetName()
		switch {
		case !asked && len(ones) == 0:
			e.report.Note("output %q has no axis of one row: axis 0 is new, and counts the rows", name)
		case asked && !slices.Contains(ones, axis):
			return fmt.Errorf("axis %d of output %q, %s, is asked for and is not one row", want, name, x)
		case !asked && len(ones) > 1 && (ones[0] != 0 || e.behind):
			return fmt.Errorf("the batch may be any of the axes %v of output %q: say which with --axis %s=AXIS", ones, name, name)
		default:
			if !asked {
				axis = ones[0]
			}
			if axis != 0 {
				e.report.Note("output %q has the batch in axis %d", name, axis)
			}
			e.inner[name] = e.names.Value(name + "_batch")
			e.squeeze = append(e.squeeze, e.axisNode("Squeeze", e.inner[name], one.GetName(), axis))
			*dims = slices.Delete(*dims, axis, axis+1)
		}
		e.body.Output = append(e.body.Output, one)
		e.made, e.outAxes = append(e.made, name), append(e.outAxes, int64(axis))
		e.report.Axes[name] = axis

		before := typeShape(v)
		if s := v.ShapeProto(); s == nil || len(s.GetDim()) != len(x.Dims) {
			v.Type = x.Proto()
		}
		all := &v.Type.GetTensorType().Shape.Dim
		if len(*dims) == len(*all) {
			*all = slices.Insert(*all, axis, &onnxpb.TensorShapeProto_Dimension{})
		}
		e.batch.Set((*all)[axis])
		e.report.Add("changed", "output", name, before, typeShape(v))
	}
	if len(e.made) == 0 {
		return fmt.Errorf("no output depends on the rows")
	}
	return nil
}

// assemble puts the nodes into the body, with what is declared of their values, and the Scan in their place.
func (e *rowScan) assemble() {
	top := e.m.GetGraph()
	rename := nameVisitor{value: mapper(func(name string) string {
		if to, ok := e.inner[name]; ok {
			return to
		}
		return name
	})}
	for _, n := range e.goes {
		rename.oneNode(n)
	}
	e.body.Node = slices.Concat(e.unsqueeze, e.goes, e.squeeze)
	goes := func(name string) bool { return e.moved[name] && !e.in.names[name] && e.inner[name] == "" }
	top.ValueInfo = slices.DeleteFunc(top.ValueInfo, func(v *onnxpb.ValueInfoProto) bool {
		if goes(v.GetName()) {
			e.body.ValueInfo = append(e.body.ValueInfo, v)
			return true
		}
		return false
	})
	top.QuantizationAnnotation = slices.DeleteFunc(top.QuantizationAnnotation, func(a *onnxpb.TensorAnnotation) bool {
		if goes(a.GetTensorName()) {
			e.body.QuantizationAnnotation = append(e.body.QuantizationAnnotation, a)
			return true
		}
		return false
	})
	e.bringSmall()
	scan := onnxpb.Node("Scan", e.names.Node("each_row"), e.scanned, e.made, onnxpb.GraphAttr("body", e.body), onnxpb.Int("num_scan_inputs", int64(len(e.scanned))),
		onnxpb.Ints("scan_input_axes", e.inAxes...), onnxpb.Ints("scan_output_axes", e.outAxes...))
	top.Node = append(e.stays, scan)
	e.report.Add("added", "node", scan.GetName(), "", fmt.Sprintf("Scan over the rows, with %d of %d nodes in its body", len(e.goes), len(e.goes)+len(e.stays)))
}

// bringSmall moves the small constants that only the body reads into it, where optimisers look for the numbers of shapes; weights stay outside.
func (e *rowScan) bringSmall() {
	top := e.m.GetGraph()
	outside := map[string]bool{}
	for _, v := range slices.Concat(top.GetInput(), top.GetOutput()) {
		outside[v.GetName()] = true
	}
	for _, a := range top.GetQuantizationAnnotation() {
		for _, p := range a.GetQuantParameterTensorNames() {
			outside[p.GetValue()] = true
		}
	}
	for _, n := range e.stays {
		for _, name := range slices.Concat(n.GetInput(), captured(n)) {
			outside[name] = true
		}
	}
	top.Initializer = slices.DeleteFunc(top.Initializer, func(t *onnxpb.TensorProto) bool {
		n, err := onnxpb.Count(t.GetDims())
		if err != nil || n > maxFloats || outside[t.GetName()] || t.GetDataLocation() == onnxpb.TensorProto_EXTERNAL {
			return false
		}
		e.body.Initializer = append(e.body.Initializer, t)
		return true
	})
}
