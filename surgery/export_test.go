package surgery

import "onnxtool/onnxpb"

// RunEachRow is what SetBatchOf does with EachRow where the batch cannot be followed.
func RunEachRow(m *onnxpb.ModelProto, batch onnxpb.Dim, o BatchOptions) (*Report, error) {
	o = o.partAxes(m)
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		return eachRow(m, batch, o, onnxpb.Errorf(onnxpb.Refused, "not tried"))
	})
}

// RichModel is the model that the laws of surgery are tried on.
var RichModel = richModel
