package onnxtext

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"onnxtool/onnxpb"
)

// Lost is something that a model holds and its text does not.
type Lost struct {
	What  string // a field, such as "NodeProto.doc_string", or "unknown fields of NodeProto"
	Count int    // how many messages of the model have it
}

// String writes what is lost, and how often where that is more than once.
func (l Lost) String() string {
	if l.Count == 1 {
		return l.What
	}
	return fmt.Sprintf("%s (%d times)", l.What, l.Count)
}

// held lists the fields that the text holds, by message. What is not listed is told as lost: a field that onnx.proto gains cannot vanish without a word.
// The fields of attributes depend on the attribute's type: see attrHeld.
var held = func() map[protoreflect.FullName]map[protoreflect.Name]bool {
	table := map[protoreflect.FullName]map[protoreflect.Name]bool{}
	for _, h := range []struct {
		m      proto.Message
		fields string
	}{
		{&onnxpb.ModelProto{}, "ir_version producer_name producer_version domain model_version doc_string graph opset_import metadata_props functions"},
		{&onnxpb.GraphProto{}, "node name initializer input output value_info sparse_initializer"},
		{&onnxpb.NodeProto{}, "input output name op_type attribute domain overload"},
		{&onnxpb.FunctionProto{}, "name input output attribute node doc_string opset_import domain attribute_proto value_info overload"},
		{&onnxpb.TensorProto{}, "dims data_type float_data int32_data string_data int64_data name raw_data double_data uint64_data external_data data_location"},
		{&onnxpb.SparseTensorProto{}, "values indices dims"},
		{&onnxpb.ValueInfoProto{}, "name type"},
		{&onnxpb.TensorShapeProto{}, "dim"},
		{&onnxpb.TensorShapeProto_Dimension{}, "dim_value dim_param"},
		{&onnxpb.TypeProto{}, "tensor_type sequence_type map_type opaque_type sparse_tensor_type optional_type"},
		{&onnxpb.TypeProto_Tensor{}, "elem_type shape"},
		{&onnxpb.TypeProto_Sequence{}, "elem_type"},
		{&onnxpb.TypeProto_Map{}, "key_type value_type"},
		{&onnxpb.TypeProto_Optional{}, "elem_type"},
		{&onnxpb.TypeProto_SparseTensor{}, "elem_type shape"},
		{&onnxpb.TypeProto_Opaque{}, "domain name"},
		{&onnxpb.StringStringEntryProto{}, "key value"},
		{&onnxpb.OperatorSetIdProto{}, "domain version"},
	} {
		table[h.m.ProtoReflect().Descriptor().FullName()] = fieldSet(h.fields)
	}
	return table
}()

func fieldSet(fields string) map[protoreflect.Name]bool {
	set := map[protoreflect.Name]bool{}
	for _, f := range strings.Fields(fields) {
		set[protoreflect.Name(f)] = true
	}
	return set
}

// attrHeld lists the fields of an attribute that the text holds, by its type; a reference to an attribute of the function has no value.
var attrHeld = map[onnxpb.AttributeProto_AttributeType]map[protoreflect.Name]bool{
	onnxpb.AttributeProto_UNDEFINED:      fieldSet("name type ref_attr_name"),
	onnxpb.AttributeProto_FLOAT:          fieldSet("name type f"),
	onnxpb.AttributeProto_INT:            fieldSet("name type i"),
	onnxpb.AttributeProto_STRING:         fieldSet("name type s"),
	onnxpb.AttributeProto_TENSOR:         fieldSet("name type t"),
	onnxpb.AttributeProto_GRAPH:          fieldSet("name type g"),
	onnxpb.AttributeProto_FLOATS:         fieldSet("name type floats"),
	onnxpb.AttributeProto_INTS:           fieldSet("name type ints"),
	onnxpb.AttributeProto_STRINGS:        fieldSet("name type strings"),
	onnxpb.AttributeProto_TENSORS:        fieldSet("name type tensors"),
	onnxpb.AttributeProto_GRAPHS:         fieldSet("name type graphs"),
	onnxpb.AttributeProto_SPARSE_TENSOR:  fieldSet("name type sparse_tensor"),
	onnxpb.AttributeProto_SPARSE_TENSORS: fieldSet("name type sparse_tensors"),
	onnxpb.AttributeProto_TYPE_PROTO:     fieldSet("name type tp"),
	onnxpb.AttributeProto_TYPE_PROTOS:    fieldSet("name type type_protos"),
}

// note counts the fields of a message that the text does not hold. An empty string or list of bytes says nothing and is not counted.
func (p *printer) note(m proto.Message) {
	r := m.ProtoReflect()
	p.noteFields(r, held[r.Descriptor().FullName()])
}

func (p *printer) noteFields(r protoreflect.Message, fields map[protoreflect.Name]bool) {
	r.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if !fields[fd.Name()] && !(fd.Kind() == protoreflect.StringKind && !fd.IsList() && v.String() == "") {
			p.lose(string(r.Descriptor().Name()) + "." + string(fd.Name()))
		}
		return true
	})
	if len(r.GetUnknown()) > 0 {
		p.lose("unknown fields of " + string(r.Descriptor().Name()))
	}
}

func (p *printer) lose(what string) {
	if i, ok := p.lostAt[what]; ok {
		p.lost[i].Count++
		return
	}
	if p.lostAt == nil {
		p.lostAt = map[string]int{}
	}
	p.lostAt[what] = len(p.lost)
	p.lost = append(p.lost, Lost{what, 1})
}
