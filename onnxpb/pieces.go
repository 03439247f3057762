package onnxpb

// pieceSize is how much of a large tensor is decoded at a time by those who need not have it all at once.
const pieceSize = 4 << 20

// Pieces parts a tensor whose elements are more than a few megabytes of raw_data into tensors of one dimension that together have the same elements, in order: all
// but the last have as many. They share its bytes. A tensor that is small, or whose elements stand elsewhere, is its only piece.
func Pieces(t *TensorProto) []*TensorProto {
	raw := t.GetRawData()
	bits := ElemBits(TensorProto_DataType(t.GetDataType()))
	if len(raw) <= pieceSize || bits < 8 || t.GetDataLocation() == TensorProto_EXTERNAL || CheckData(t, "") != nil {
		return []*TensorProto{t}
	}
	size := bits / 8
	var list []*TensorProto
	for len(raw) > 0 {
		n := min(len(raw), pieceSize/size*size)
		list = append(list, &TensorProto{Name: t.Name, DataType: t.DataType, Dims: []int64{int64(n / size)}, RawData: raw[:n:n]})
		raw = raw[n:]
	}
	return list
}
