package onnxpb

import "google.golang.org/protobuf/proto"

// Node builds a node of operator op. Attributes that are nil are left out.
func Node(op, name string, inputs, outputs []string, attrs ...*AttributeProto) *NodeProto {
	n := &NodeProto{OpType: proto.String(op), Input: inputs, Output: outputs}
	if name != "" {
		n.Name = proto.String(name)
	}
	for _, a := range attrs {
		if a != nil {
			n.Attribute = append(n.Attribute, a)
		}
	}
	return n
}

// Int builds an attribute that holds an integer.
func Int(name string, v int64) *AttributeProto {
	return &AttributeProto{Name: &name, Type: AttributeProto_INT.Enum(), I: &v}
}

// Ints builds an attribute that holds a list of integers.
func Ints(name string, v ...int64) *AttributeProto {
	return &AttributeProto{Name: &name, Type: AttributeProto_INTS.Enum(), Ints: v}
}

// Float builds an attribute that holds a float.
func Float(name string, v float32) *AttributeProto {
	return &AttributeProto{Name: &name, Type: AttributeProto_FLOAT.Enum(), F: &v}
}

// Floats builds an attribute that holds a list of floats.
func Floats(name string, v ...float32) *AttributeProto {
	return &AttributeProto{Name: &name, Type: AttributeProto_FLOATS.Enum(), Floats: v}
}

// Str builds an attribute that holds a string.
func Str(name, v string) *AttributeProto {
	return &AttributeProto{Name: &name, Type: AttributeProto_STRING.Enum(), S: []byte(v)}
}

// Strs builds an attribute that holds a list of strings.
func Strs(name string, v ...string) *AttributeProto {
	a := &AttributeProto{Name: &name, Type: AttributeProto_STRINGS.Enum()}
	for _, s := range v {
		a.Strings = append(a.Strings, []byte(s))
	}
	return a
}

// TensorAttr builds an attribute that holds a tensor.
func TensorAttr(name string, t *TensorProto) *AttributeProto {
	return &AttributeProto{Name: &name, Type: AttributeProto_TENSOR.Enum(), T: t}
}

// GraphAttr builds an attribute that holds a subgraph.
func GraphAttr(name string, g *GraphProto) *AttributeProto {
	return &AttributeProto{Name: &name, Type: AttributeProto_GRAPH.Enum(), G: g}
}

// Attr returns the attribute of that name of a node, or nil.
func (x *NodeProto) Attr(name string) *AttributeProto {
	for _, a := range x.GetAttribute() {
		if a.GetName() == name {
			return a
		}
	}
	return nil
}

// AttrInt returns an integer attribute of a node, or def where it has none.
func (x *NodeProto) AttrInt(name string, def int64) int64 {
	if a := x.Attr(name); a != nil && a.I != nil {
		return *a.I
	}
	return def
}

// Label names a node for people: its name, or its operator and first output where it has none.
func (x *NodeProto) Label() string {
	if n := x.GetName(); n != "" {
		return n
	}
	for _, o := range x.GetOutput() {
		if o != "" {
			return x.GetOpType() + " -> " + o
		}
	}
	return x.GetOpType()
}

// NormalDomain writes the default operator domain one way: "ai.onnx" is "", every other domain is itself.
func NormalDomain(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

// OpsetVersion returns the version of a domain's operator set that the model imports, and 0 where it imports none. Models before IR version
// 3 have no imports: they use version 1 of the default domain.
func (x *ModelProto) OpsetVersion(domain string) int64 {
	for _, o := range x.GetOpsetImport() {
		if NormalDomain(o.GetDomain()) == NormalDomain(domain) {
			return o.GetVersion()
		}
	}
	if NormalDomain(domain) == "" && len(x.GetOpsetImport()) == 0 {
		return 1
	}
	return 0
}

// Opset builds an import of an operator set.
func Opset(domain string, version int64) *OperatorSetIdProto {
	return &OperatorSetIdProto{Domain: &domain, Version: &version}
}
