package networks

import "onnxtool/onnxpb"

// recurrents are taggers and an encoder of sequences. The operators have the time in the first axis and the batch in the second, states have the layers and directions before the batch.
func recurrents() []Network {
	return []Network{
		{Name: "lstm", Fixed: lstm(), Free: lstmFree()},
		{Name: "gru", Fixed: gru(), Free: gruFree()},
		{Name: "gru_first", Fixed: gruFirst(), Free: gruFirstFree(), Axes: map[string]int{"steps": 1, "state": 1}},
	}
}

// recurrent adds a layer of LSTM (of 4 gates) or GRU (of 3), 5 wide; its outputs are Y [t,dirs,N,5], Y_h [dirs,N,5] and, of an LSTM, Y_c. more are
// the lengths of the sequences, which may be "", and the first states.
func (n *net) recurrent(kind, x, name string, from, dirs int64, more ...string) []string {
	gates, outputs := int64(3), 2
	attrs := []*onnxpb.AttributeProto{onnxpb.Int("hidden_size", 5)}
	if kind == "LSTM" {
		gates, outputs = 4, 3
	} else {
		attrs = append(attrs, onnxpb.Int("linear_before_reset", 1))
	}
	if dirs == 2 {
		attrs = append(attrs, onnxpb.Str("direction", "bidirectional"))
	}
	inputs := in{x, n.weight(name+".W", 0.6, dirs, gates*5, from), n.weight(name+".R", 0.6, dirs, gates*5, 5), n.weight(name+".B", 0.3, dirs, gates*10)}
	return n.ops(kind, outputs, append(inputs, more...), attrs...)
}

// embed makes tokens [N,6] vectors [N,6,8].
func (n *net) embed(tokens string) string {
	return n.op("Gather", in{n.weight("embedding", 1, 10, 8), tokens})
}

// lstm is a tagger of two layers in both directions of sequences that are padded, whose first states are zeros [4,1,5], cut for the layers.
func lstm() *onnxpb.ModelProto {
	n := newNet("lstm", 11)
	x := n.transpose(n.embed(n.input("tokens", tInt64, "[1,6]")), 1, 0, 2)
	lengths := n.op("Cast", in{n.input("lengths", tInt64, "[1]")}, onnxpb.Int("to", int64(onnxpb.TensorProto_INT32)))
	h0, c0 := n.zeros("h0", 4, 1, 5), n.zeros("c0", 4, 1, 5)
	a := n.recurrent("LSTM", x, "layer0", 8, 2, lengths, n.slice(h0, 0, 0, 2, 1), n.slice(c0, 0, 0, 2, 1))
	x = n.reshape(n.transpose(a[0], 0, 2, 1, 3), 0, 0, -1)
	b := n.recurrent("LSTM", x, "layer1", 10, 2, lengths, n.slice(h0, 0, 2, 4, 1), n.slice(c0, 0, 2, 4, 1))
	x = n.reshape(n.transpose(b[0], 0, 2, 1, 3), 6, 1, 10)
	n.output(n.linear(n.transpose(x, 1, 0, 2), "tags", 10, 7), "tags", "[1,6,7]")
	n.output(n.concat(0, a[1], b[1]), "hidden", "[4,1,5]")
	n.output(n.concat(0, a[2], b[2]), "cell", "[4,1,5]")
	return n.model()
}

// lstmFree gives no first states: they are zeros then.
func lstmFree() *onnxpb.ModelProto {
	n := newNet("lstm", 11)
	x := n.transpose(n.embed(n.input("tokens", tInt64, "[N,6]")), 1, 0, 2)
	lengths := n.op("Cast", in{n.input("lengths", tInt64, "[N]")}, onnxpb.Int("to", int64(onnxpb.TensorProto_INT32)))
	a := n.recurrent("LSTM", x, "layer0", 8, 2, lengths)
	x = n.reshape(n.transpose(a[0], 0, 2, 1, 3), 0, 0, 10)
	b := n.recurrent("LSTM", x, "layer1", 10, 2, lengths)
	x = n.transpose(b[0], 2, 0, 1, 3)
	n.output(n.linear(n.reshape(x, 0, 6, 10), "tags", 10, 7), "tags", "[N,6,7]")
	n.output(n.concat(0, a[1], b[1]), "hidden", "[4,N,5]")
	n.output(n.concat(0, a[2], b[2]), "cell", "[4,N,5]")
	return n.model()
}

// gru is a tagger of two layers in one direction, whose first states are made by ConstantOfShape; the last step is classified too.
func gru() *onnxpb.ModelProto {
	n := newNet("gru", 20)
	x := n.transpose(n.input("steps", tFloat, "[1,6,4]"), 1, 0, 2)
	h0 := n.filled(n.listed(2, 1, 5), onnxpb.TensorOf("", []int64{1}, []float32{0}))
	x = n.squeeze(n.recurrent("GRU", x, "layer0", 4, 1, "", n.slice(h0, 0, 0, 1, 1))[0], 1)
	b := n.recurrent("GRU", x, "layer1", 5, 1, "", n.slice(h0, 0, 1, 2, 1))
	x = n.transpose(n.squeeze(b[0], 1), 1, 0, 2)
	n.output(n.linear(x, "tags", 5, 7), "tags", "[1,6,7]")
	n.output(n.gemm(n.gather(x, 1, -1), "class", 5, 3), "class", "[1,3]")
	return n.model()
}

func gruFree() *onnxpb.ModelProto {
	n := newNet("gru", 20)
	x := n.transpose(n.input("steps", tFloat, "[N,6,4]"), 1, 0, 2)
	x = n.squeeze(n.recurrent("GRU", x, "layer0", 4, 1)[0], 1)
	b := n.recurrent("GRU", x, "layer1", 5, 1)
	n.output(n.linear(n.squeeze(n.transpose(b[0], 2, 0, 1, 3), 2), "tags", 5, 7), "tags", "[N,6,7]")
	n.output(n.gemm(n.gather(b[1], 0, 0), "class", 5, 3), "class", "[N,3]")
	return n.model()
}

// gruFirst has the sequence first outside too. Its first layer starts from a state that is given, its second from a learned one, which was expanded to one row.
func gruFirst() *onnxpb.ModelProto {
	n := newNet("gru_first", 17)
	x, state := n.input("steps", tFloat, "[6,1,4]"), n.input("state", tFloat, "[2,1,5]")
	a := n.recurrent("GRU", x, "layer0", 4, 2, "", state)
	x = n.reshape(n.transpose(a[0], 0, 2, 1, 3), 6, 1, 10)
	b := n.recurrent("GRU", x, "layer1", 10, 2, "", n.op("Expand", in{n.weight("learned", 0.5, 2, 1, 5), n.ints(2, 1, 5)}))
	x = n.linear(n.reshape(n.transpose(b[0], 0, 2, 1, 3), 0, 0, -1), "out", 10, 3)
	n.output(x, "y", "[6,1,3]")
	n.output(n.concat(0, a[1], b[1]), "states", "[4,1,5]")
	h := n.reshape(n.transpose(b[1], 1, 0, 2), 1, 10)
	n.output(n.gemm(h, "class", 10, 3), "class", "[1,3]")
	return n.model()
}

func gruFirstFree() *onnxpb.ModelProto {
	n := newNet("gru_first", 17)
	x, state := n.input("steps", tFloat, "[6,N,4]"), n.input("state", tFloat, "[2,N,5]")
	a := n.recurrent("GRU", x, "layer0", 4, 2, "", state)
	x = n.reshape(n.transpose(a[0], 0, 2, 1, 3), 0, 0, 10)
	learned := n.op("Expand", in{n.weight("learned", 0.5, 2, 1, 5), n.op("Shape", in{state})})
	b := n.recurrent("GRU", x, "layer1", 10, 2, "", learned)
	x = n.linear(n.reshape(n.transpose(b[0], 0, 2, 1, 3), 0, 0, 10), "out", 10, 3)
	n.output(x, "y", "[6,N,3]")
	n.output(n.concat(0, a[1], b[1]), "states", "[4,N,5]")
	both := n.concat(1, n.gather(b[1], 0, 0), n.gather(b[1], 0, 1))
	n.output(n.gemm(both, "class", 10, 3), "class", "[N,3]")
	return n.model()
}
