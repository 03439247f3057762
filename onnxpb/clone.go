package onnxpb

import "google.golang.org/protobuf/proto"

// payload is what a tensor's elements are stored in.
type payload struct {
	raw     []byte
	floats  []float32
	doubles []float64
	int32s  []int32
	int64s  []int64
	uint64s []uint64
	strings [][]byte
}

func takePayload(t *TensorProto) payload {
	p := payload{t.RawData, t.FloatData, t.DoubleData, t.Int32Data, t.Int64Data, t.Uint64Data, t.StringData}
	payload{}.put(t)
	return p
}

func (p payload) put(t *TensorProto) {
	t.RawData, t.FloatData, t.DoubleData, t.Int32Data = p.raw, p.floats, p.doubles, p.int32s
	t.Int64Data, t.Uint64Data, t.StringData = p.int64s, p.uint64s, p.strings
}

// Clone returns a copy of a model that shares the payloads of its tensors with the original: the cost follows the graph, not the weights. Whoever
// changes the values of a tensor of either replaces its slices, and never writes into them. Not safe beside other users of m.
func Clone(m *ModelProto) *ModelProto {
	var held []payload
	m.AllTensors(func(t *TensorProto) { held = append(held, takePayload(t)) })
	c := proto.Clone(m).(*ModelProto)
	i := 0
	m.AllTensors(func(t *TensorProto) { held[i].put(t); i++ })
	i = 0
	c.AllTensors(func(t *TensorProto) { held[i].put(t); i++ })
	return c
}

// Replace makes dst the model that src is; src is not to be used afterwards.
func Replace(dst, src *ModelProto) {
	proto.Reset(dst)
	dst.IrVersion = src.IrVersion
	dst.ProducerName, dst.ProducerVersion = src.ProducerName, src.ProducerVersion
	dst.Domain, dst.ModelVersion, dst.DocString = src.Domain, src.ModelVersion, src.DocString
	dst.Graph, dst.OpsetImport, dst.MetadataProps = src.Graph, src.OpsetImport, src.MetadataProps
	dst.TrainingInfo, dst.Functions, dst.Configuration = src.TrainingInfo, src.Functions, src.Configuration
	dst.ProtoReflect().SetUnknown(src.ProtoReflect().GetUnknown())
}
