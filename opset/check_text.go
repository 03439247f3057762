package opset

import (
	"unicode/utf8"

	"onnxtool/onnxpb"
)

// Every string of a model must be UTF-8, not the names of what is used alone: protobuf's own readers refuse a model for any other, and JSON cannot hold it. The names
// that values, nodes, operators, attributes and domains are found by are looked at where they are read; the functions here look at the rest.

// text checks the encoding of a string that is of a value, or of none where tensor is "".
func (c *checker) text(at *place, tensor, what, s string) {
	if s != "" && !utf8.ValidString(s) {
		c.fail(at, FaultNameEncoding, tensor, "%s %q is not valid UTF-8", what, s)
	}
}

// entries checks the encoding of pairs of strings.
func (c *checker) entries(at *place, tensor, what string, list []*onnxpb.StringStringEntryProto) {
	for _, e := range list {
		c.text(at, tensor, what, e.GetKey())
		c.text(at, tensor, what, e.GetValue())
	}
}

func (c *checker) modelText(at *place) {
	m := c.m
	c.text(at, "", "the producer's name", m.GetProducerName())
	c.text(at, "", "the producer's version", m.GetProducerVersion())
	c.text(at, "", "the model's domain", m.GetDomain())
	c.text(at, "", "the doc string", m.GetDocString())
	c.entries(at, "", "an entry of the metadata", m.GetMetadataProps())
	for _, d := range m.GetConfiguration() {
		c.text(at, "", "a device configuration", d.GetName())
		for _, s := range d.GetDevice() {
			c.text(at, "", "a device", s)
		}
	}
	for _, t := range m.GetTrainingInfo() {
		c.entries(at, "", "a binding of the training information", t.GetInitializationBinding())
		c.entries(at, "", "a binding of the training information", t.GetUpdateBinding())
	}
}

// graphText checks what a graph has beside nodes and tensors. The values that are made in it are defined by then.
func (c *checker) graphText(s *scope, at *place, g *onnxpb.GraphProto) {
	c.text(at, "", "the graph's doc string", g.GetDocString())
	c.entries(at, "", "an entry of the graph's metadata", g.GetMetadataProps())
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetOutput(), g.GetValueInfo()} {
		for _, v := range list {
			c.valueText(s, at, v)
		}
	}
	for _, q := range g.GetQuantizationAnnotation() {
		c.valueName(s, at, "the tensor of a quantisation annotation", q.GetTensorName())
		c.entries(at, "", "an entry of a quantisation annotation", q.GetQuantParameterTensorNames())
	}
}

// valueName checks the encoding of a name of a value where it is not looked at otherwise: as no node, input or initializer makes it.
func (c *checker) valueName(s *scope, at *place, what, name string) {
	if _, made := s.body.visible[name]; !made {
		c.text(at, "", what, name)
	}
}

func (c *checker) valueText(s *scope, at *place, v *onnxpb.ValueInfoProto) {
	name := v.GetName()
	c.valueName(s, at, "the value", name)
	c.text(at, name, "the doc string", v.GetDocString())
	c.entries(at, name, "an entry of the metadata", v.GetMetadataProps())
	c.typeText(at, name, v.GetType())
}

func (c *checker) typeText(at *place, name string, t *onnxpb.TypeProto) {
	for ; t != nil; t = innerType(t) {
		c.text(at, name, "the denotation of the type", t.GetDenotation())
		var shape *onnxpb.TensorShapeProto
		switch v := t.GetValue().(type) {
		case *onnxpb.TypeProto_TensorType:
			shape = v.TensorType.GetShape()
		case *onnxpb.TypeProto_SparseTensorType:
			shape = v.SparseTensorType.GetShape()
		case *onnxpb.TypeProto_OpaqueType:
			c.text(at, name, "the domain of the type", v.OpaqueType.GetDomain())
			c.text(at, name, "the name of the type", v.OpaqueType.GetName())
		}
		for _, d := range shape.GetDim() {
			c.text(at, name, "the dimension", d.GetDimParam())
			c.text(at, name, "the denotation of a dimension", d.GetDenotation())
		}
	}
}

// innerType returns the type that a type holds, or nil.
func innerType(t *onnxpb.TypeProto) *onnxpb.TypeProto {
	switch v := t.GetValue().(type) {
	case *onnxpb.TypeProto_SequenceType:
		return v.SequenceType.GetElemType()
	case *onnxpb.TypeProto_OptionalType:
		return v.OptionalType.GetElemType()
	case *onnxpb.TypeProto_MapType:
		return v.MapType.GetValueType()
	}
	return nil
}

func (c *checker) nodeText(at *place, n *onnxpb.NodeProto) {
	c.text(at, "", "the overload", n.GetOverload())
	c.text(at, "", "the node's doc string", n.GetDocString())
	c.entries(at, "", "an entry of the node's metadata", n.GetMetadataProps())
	for _, d := range n.GetDeviceConfigurations() {
		c.text(at, "", "a device configuration", d.GetConfigurationId())
		for _, s := range d.GetShardingSpec() {
			c.text(at, "", "the tensor of a sharding", s.GetTensorName())
			for _, sharded := range s.GetShardedDim() {
				for _, simple := range sharded.GetSimpleSharding() {
					c.text(at, "", "the dimension of a sharding", simple.GetDimParam())
				}
			}
		}
	}
}

func (c *checker) attributeText(at *place, a *onnxpb.AttributeProto) {
	c.text(at, "", "the attribute's doc string", a.GetDocString())
	c.text(at, "", "the attribute of a function", a.GetRefAttrName())
	c.typeText(at, "", a.GetTp())
	for _, t := range a.GetTypeProtos() {
		c.typeText(at, "", t)
	}
}

func (c *checker) functionText(s *scope, at *place, f *onnxpb.FunctionProto) {
	c.text(at, "", "the overload", f.GetOverload())
	c.text(at, "", "the function's doc string", f.GetDocString())
	c.entries(at, "", "an entry of the function's metadata", f.GetMetadataProps())
	for _, a := range f.GetAttribute() {
		c.text(at, "", "the attribute", a)
	}
	for _, a := range f.GetAttributeProto() {
		c.text(at, "", "the attribute", a.GetName())
	}
	for _, v := range f.GetValueInfo() {
		c.valueText(s, at, v)
	}
}

// tensorText checks the strings of a tensor that is called name. Those of an initializer are the names of values.
func (c *checker) tensorText(at *place, t *onnxpb.TensorProto, name string) {
	c.text(at, name, "the tensor's doc string", t.GetDocString())
	c.entries(at, name, "an entry of the tensor's metadata", t.GetMetadataProps())
	for _, e := range t.GetExternalData() {
		c.text(at, name, "a key of the external data", e.GetKey())
		if e.GetKey() != "location" { // which has a check of its own
			c.text(at, name, "a value of the external data", e.GetValue())
		}
	}
}
