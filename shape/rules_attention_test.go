package shape

import "testing"

func TestAttentionRules(t *testing.T) {
	runNet(t, []netCase{
		{name: "with heads apart", opset: 23, inputs: "float[B,8,S,64] q, float[B,2,T,64] k, float[B,2,T,32] v, float[B,2,P,64] pk, float[B,2,P,32] pv",
			node: "y, a, b, c = Attention(q, k, v, , pk, pv)", want: "y float32[B,8,S,32]\na float32[B,2,P+T,64]\nb float32[B,2,P+T,32]\nc float32[B,8,S,P+T]"},
		{name: "with heads in one axis", opset: 24, inputs: "float[B,S,512] q, float[B,T,128] k, float[B,T,64] v",
			node: "y, a, b, c = Attention<q_num_heads=8, kv_num_heads=2>(q, k, v)", want: "y float32[B,S,256]\na float32[B,2,T,64]\nb float32[B,2,T,32]\nc float32[B,8,S,T]"},
		{name: "of different ranks", opset: 23, inputs: "float[B,S,512] q, float[B,2,T,64] k, float[B,2,T,64] v", node: "y = Attention(q, k, v)", want: "y float32[...]", fault: "rank"},
		{name: "heads that are not shared out", opset: 23, inputs: "float[B,8,S,64] q, float[B,3,T,64] k, float[B,3,T,64] v", node: "y = Attention(q, k, v)", fault: "do not divide"},
		{name: "without numbers of heads", opset: 23, inputs: "float[B,S,512] q, float[B,T,512] k, float[B,T,512] v", node: "y = Attention(q, k, v)", want: "y float32[B,S,?]"},
		{name: "with as many heads everywhere", opset: 23, inputs: "float[B,S,D] q, float[B,T,D] k, float[B,T,D] v",
			node: "y, a = Attention<q_num_heads=8, kv_num_heads=8>(q, k, v)", want: "y float32[B,S,D]\na float32[B,8,T,floor(D/8)]"},
		{name: "linear", opset: 27, inputs: "float[B,T,512] q, float[B,T,128] k, float[B,T,64] v",
			node: "y, s = LinearAttention<q_num_heads=8, kv_num_heads=2, update_rule=\"linear\">(q, k, v)", want: "y float32[B,T,256]\ns float32[B,2,64,32]"},
		{name: "rotary", opset: 23, inputs: "float[B,H,S,64] x, float[M,32] c, float[M,32] s", node: "y = RotaryEmbedding(x, c, s)", want: "y float32[B,H,S,64]"},
		{name: "scattered", opset: 24, inputs: "float[B,H,1024,64] c, float[B,H,S,64] u", node: "y = TensorScatter(c, u)", want: "y float32[B,H,1024,64]"},
		{name: "scattered, of another width", opset: 24, inputs: "float[B,H,1024,64] c, float[B,H,S,32] u", node: "y = TensorScatter(c, u)", want: "y float32[B,H,1024,64]",
			fault: "64 and 32"},
	})
}

func TestQuantizationRules(t *testing.T) {
	runNet(t, []netCase{
		{name: "with a zero point", opset: 13, inputs: "float[N,C,H] x, float s, int8 z", node: "y = QuantizeLinear(x, s, z)", want: "y int8[N,C,H]"},
		{name: "without", opset: 10, inputs: "float[N,C,H] x, float s", node: "y = QuantizeLinear(x, s)", want: "y uint8[N,C,H]"},
		{name: "to a type", opset: 21, inputs: "float[N,C,H] x, float s", node: "y = QuantizeLinear<output_dtype=22>(x, s)", want: "y int4[N,C,H]"},
		{name: "to two types", opset: 21, inputs: "float[N,C,H] x, float s, int8 z", node: "y = QuantizeLinear<output_dtype=22>(x, s, z)", want: "y int8[N,C,H]", fault: "output_dtype"},
		{name: "along an axis", opset: 13, inputs: "int8[N,C,H] x, float[16] s", node: "y = DequantizeLinear(x, s)", want: "y float32[N,16,H]"},
		{name: "along an axis of another length", opset: 13, inputs: "int8[N,8,H] x, float[16] s", node: "y = DequantizeLinear(x, s)", want: "y float32[N,8,H]", fault: "8 and 16"},
		{name: "half", opset: 21, inputs: "int8[N,C] x, float16 s", node: "y = DequantizeLinear(x, s)", want: "y float16[N,C]"},
		{name: "in blocks", opset: 23, inputs: "uint4[64,128] x, float16[64,4] s", node: "y = DequantizeLinear<axis=1, block_size=32, output_dtype=1>(x, s)", want: "y float32[64,128]"},
		{name: "in too few blocks", opset: 23, inputs: "uint4[64,128] x, float16[64,3] s", node: "y = DequantizeLinear<axis=1, block_size=32>(x, s)", want: "y float16[64,128]",
			fault: "3 and 4"},
		{name: "dynamically", opset: 13, inputs: "float[N,C] x", node: "y, s, z = DynamicQuantizeLinear(x)", want: "y uint8[N,C]\ns float32[]\nz uint8[]"},
	})
}
