package fuse

import (
	"math"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/opset"
)

// MinPartOpset is the oldest version of the default operator set that parts can be written for: the one that brought Where.
const MinPartOpset = 9

// DefaultPartOpset is the version of the default operator set that a part uses where none is asked for.
const DefaultPartOpset = 17

// PartOptions are what all parts have in common. The zero value is good: opset 17, batch N, yaw in the first column.
type PartOptions struct {
	// Opset is the version of the default operator set, from MinPartOpset up; 0 is DefaultPartOpset. A part that is to be merged with a
	// model needs the version of that model.
	Opset int64
	// Batch is the first dimension of every input and output: a symbol or a number that is not negative; the zero Dim is the symbol N.
	Batch onnxpb.Dim
	// YawColumn is the column of a pose [N,3] that holds the yaw, for the parts that judge by it (masks and gates).
	YawColumn int
}

// fill puts the defaults in and refuses what no part can be made for.
func (o PartOptions) fill() (PartOptions, error) {
	if o.Opset == 0 {
		o.Opset = DefaultPartOpset
	}
	if newest := opset.Newest(""); o.Opset < MinPartOpset || o.Opset > newest {
		return o, onnxpb.Errorf(onnxpb.Usage, "opset %d: parts are written for opsets %d to %d", o.Opset, MinPartOpset, newest)
	}
	if o.Batch == (onnxpb.Dim{}) {
		o.Batch = onnxpb.Symbol("N")
	}
	if o.Batch.Known && o.Batch.Value < 0 {
		return o, onnxpb.Errorf(onnxpb.Usage, "batch %d is negative", o.Batch.Value)
	}
	if o.YawColumn < 0 || o.YawColumn > 2 {
		return o, onnxpb.Errorf(onnxpb.Usage, "yaw column %d: a pose has the columns 0, 1 and 2", o.YawColumn)
	}
	return o, nil
}

// part is a small model under construction. Inputs and outputs have plain names; all else is named after the part, so that names seldom collide
// when it is merged.
type part struct {
	PartOptions
	name string
	g    *onnxpb.GraphProto
}

// toolName is the producer of what this package makes.
const toolName = "onnxtool"

// newPart begins a part. Its name is the name of the graph and the prefix of inner names.
func newPart(name string, o PartOptions) (*part, error) {
	o, err := o.fill()
	if err != nil {
		return nil, err
	}
	return &part{PartOptions: o, name: name, g: &onnxpb.GraphProto{Name: proto.String(name)}}, nil
}

// model ends a part: doc says what it computes, in which units.
func (p *part) model(doc string) *onnxpb.ModelProto {
	return &onnxpb.ModelProto{
		IrVersion:    proto.Int64(opset.MinIR("", p.Opset)),
		ProducerName: proto.String(toolName),
		DocString:    proto.String(doc),
		OpsetImport:  []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", p.Opset)},
		Graph:        p.g,
	}
}

// dims is the shape [batch, rest...].
func (p *part) dims(rest ...int64) []onnxpb.Dim {
	return append([]onnxpb.Dim{p.Batch}, onnxpb.Numbers(rest...)...)
}

// input declares a float32 input of shape [batch, rest...].
func (p *part) input(name string, rest ...int64) string {
	return p.inputShaped(name, p.dims(rest...))
}

// inputShaped declares a float32 input of any shape.
func (p *part) inputShaped(name string, dims []onnxpb.Dim) string {
	p.g.Input = append(p.g.Input, onnxpb.TensorValue(name, onnxpb.TensorProto_FLOAT, dims))
	return name
}

// output declares a float32 output of shape [batch, rest...]. A node must write it.
func (p *part) output(name string, rest ...int64) { p.outputShaped(name, p.dims(rest...)) }

func (p *part) outputShaped(name string, dims []onnxpb.Dim) {
	p.outputTyped(name, onnxpb.TensorProto_FLOAT, dims)
}

func (p *part) outputTyped(name string, elem onnxpb.TensorProto_DataType, dims []onnxpb.Dim) {
	p.g.Output = append(p.g.Output, onnxpb.TensorValue(name, elem, dims))
}

// inner is the name of an inner value.
func (p *part) inner(name string) string { return p.name + "/" + name }

// node adds a node that writes the inner value name, and returns that value's full name.
func (p *part) node(name, op string, in []string, attrs ...*onnxpb.AttributeProto) string {
	return p.write(p.inner(name), op, in, attrs...)
}

// write adds a node that writes a value of exactly this name: an output of the part.
func (p *part) write(value, op string, in []string, attrs ...*onnxpb.AttributeProto) string {
	node := value
	if node == "" || len(node) < len(p.name) || node[:len(p.name)] != p.name {
		node = p.inner(value)
	}
	p.g.Node = append(p.g.Node, onnxpb.Node(op, node, in, []string{value}, attrs...))
	return value
}

// floats adds a constant; nil dims make it a scalar.
func (p *part) floats(name string, dims []int64, v ...float32) string {
	p.g.Initializer = append(p.g.Initializer, onnxpb.TensorOf(p.inner(name), dims, v))
	return p.inner(name)
}

// scalar adds a constant scalar.
func (p *part) scalar(name string, v float32) string { return p.floats(name, nil, v) }

// ints adds a constant list of integers.
func (p *part) ints(name string, v ...int64) string {
	p.g.Initializer = append(p.g.Initializer, onnxpb.TensorOf(p.inner(name), []int64{int64(len(v))}, v))
	return p.inner(name)
}

// bools adds a constant row [1,len(v)] of truth values.
func (p *part) bools(name string, v ...bool) string {
	p.g.Initializer = append(p.g.Initializer, onnxpb.TensorOf(p.inner(name), []int64{1, int64(len(v))}, v))
	return p.inner(name)
}

// columns picks columns of a matrix [N,K] and gives [N,len(v)].
func (p *part) columns(name, x string, v ...int64) string {
	return p.node(name, "Gather", []string{x, p.ints(name+"_index", v...)}, onnxpb.Int("axis", 1))
}

// rowSum sums a matrix [N,K] along its rows and gives [N,1]. ReduceSum takes its axes as an input from opset 13 on.
func (p *part) rowSum(name, x string) string {
	keep := onnxpb.Int("keepdims", 1)
	if p.Opset >= 13 {
		return p.node(name, "ReduceSum", []string{x, p.ints(name+"_axes", 1)}, keep)
	}
	return p.node(name, "ReduceSum", []string{x}, onnxpb.Ints("axes", 1), keep)
}

// unsqueeze puts a dimension of 1 in. Unsqueeze takes its axes as an input from opset 13 on.
func (p *part) unsqueeze(name, x string, axis int64) string {
	if p.Opset >= 13 {
		return p.node(name, "Unsqueeze", []string{x, p.ints(name+"_axes", axis)})
	}
	return p.node(name, "Unsqueeze", []string{x}, onnxpb.Ints("axes", axis))
}

// atMost tells where x <= limit, for each element; NaN is not. LessOrEqual came with opset 12; before it, x <= limit is x < the next float.
func (p *part) atMost(name, x string, limit float32) string {
	if p.Opset >= 12 {
		return p.node(name, "LessOrEqual", []string{x, p.scalar(name+"_limit", limit)})
	}
	return p.node(name, "Less", []string{x, p.scalar(name+"_limit", math.Nextafter32(limit, float32(math.Inf(1))))})
}

// clip bounds x to [low, high]. Clip takes its bounds as inputs from opset 11 on.
func (p *part) clip(name, x string, low, high float32) string {
	if p.Opset >= 11 {
		return p.node(name, "Clip", []string{x, p.scalar(name+"_low", low), p.scalar(name+"_high", high)})
	}
	return p.node(name, "Clip", []string{x}, onnxpb.Float("min", low), onnxpb.Float("max", high))
}
