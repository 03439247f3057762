package shape

import (
	"testing"

	"onnxtool/onnxpb"
)

func TestMicrosoftRules(t *testing.T) {
	const hidden = "float16[B,S,768] x"
	runNet(t, []netCase{
		{name: "FusedConv", inputs: "float[N,3,H,W] x, float[8,3,3,3] w", node: "y = com.microsoft.FusedConv<activation=\"Relu\", pads=[1,1,1,1]>(x, w)", want: "y float32[N,8,H,W]"},
		{name: "Gelu", inputs: hidden, node: "y = com.microsoft.Gelu(x)", want: "y float16[B,S,768]"},
		{name: "BiasGelu", inputs: hidden + ", float16[768] b", node: "y = com.microsoft.BiasGelu(x, b)", want: "y float16[B,S,768]"},
		{name: "BiasDropout", inputs: hidden + ", float16[768] b", node: "y, m = com.microsoft.BiasDropout(x, b)", want: "y float16[B,S,768]\nm bool[B,S,768]"},
		{name: "BiasSplitGelu", inputs: hidden + ", float16[768] b", node: "y = com.microsoft.BiasSplitGelu(x, b)", want: "y float16[B,S,384]"},
		{name: "SkipLayerNormalization", inputs: hidden + ", float16[1,S,768] s, float16[768] g", node: "y, \"\", \"\", z = com.microsoft.SkipLayerNormalization(x, s, g)",
			want: "y float16[B,S,768]\nz float16[B,S,768]"},
		{name: "SimplifiedLayerNormalization", inputs: hidden + ", float16[768] g", node: "y, v = SimplifiedLayerNormalization(x, g)", want: "y float16[B,S,768]\nv float32[B,S,1]"},
		{name: "EmbedLayerNormalization", inputs: "int32[B,S] i, int32[B,S] s, float[V,768] w, float[512,768] p, float[2,768] e, float[768] g, float[768] b, int32[B,S] m",
			node: "y, m2, z = com.microsoft.EmbedLayerNormalization(i, s, w, p, e, g, b, m)", want: "y float32[B,S,768]\nm2 int32[B]\nz float32[B,S,768]"},
		{name: "CropAndResize", inputs: "float[N,C,H,W] x, float[R,4] r, int32[R] b", inits: "int32[2] s = {7,5}", node: "y = com.microsoft.CropAndResize(x, r, b, s)",
			want: "y float32[R,C,7,5]"},
		{name: "ExpandDims", inputs: hidden, inits: "int32 a = {1}", node: "y = com.microsoft.ExpandDims(x, a)", want: "y float16[B,1,S,768]"},
		{name: "Rfft", inputs: "float[B,L] x", node: "y = com.microsoft.Rfft<onesided=1>(x)", want: "y float32[B,floor(L/2)+1,2]"},
		{name: "Irfft", inputs: "float[B,L,2] x", node: "y = com.microsoft.Irfft<onesided=1>(x)", want: "y float32[B,2*L-2]"},
		{name: "Pad", inputs: "float[N,C] x", inits: "int64[4] p = {0,1,2,0}", node: "y = com.microsoft.Pad(x, p)", want: "y float32[N+2,C+1]"},
		{name: "Unique", inputs: "int64[N] x", node: "y, i, n = com.microsoft.Unique(x)", want: "y int64[?]\ni int64[N]\nn int64[?]"},
		{name: "an operator that is not known", inputs: hidden, node: "y = com.microsoft.BeamSearch(x)", want: "y ?"},
	})
}

func TestMicrosoftMatrixRules(t *testing.T) {
	runNet(t, []netCase{
		{name: "FusedMatMul", inputs: "float[B,1,K,S] a, float[B,H,T,K] b", node: "y = com.microsoft.FusedMatMul<transA=1, transB=1>(a, b)", want: "y float32[B,H,S,T]"},
		{name: "of a vector", inputs: "float[K] a, float[B,K,T] b", node: "y = com.microsoft.TransposeMatMul(a, b)", want: "y float32[B,T]"},
		{name: "that does not fit", inputs: "float[B,7] a, float[6,5] b", node: "y = com.microsoft.FusedMatMul(a, b)", want: "y float32[B,5]", fault: "7 and 6"},
		{name: "whose batches may be 1", inputs: "float[B,S,K] a, float[C,K,T] b", node: "y = com.microsoft.FusedMatMul(a, b)", want: "y float32[?,S,T]"},
		{name: "FusedGemm", inputs: "float[K,M] a, float[N,K] b", node: "y = com.microsoft.FusedGemm<transA=1, transB=1>(a, b)", want: "y float32[M,N]"},
		{name: "MatMulNBits", inputs: "float16[B,S,4096] a, uint8[11008,128,16] b, float16[z] s", node: "y = com.microsoft.MatMulNBits<K=4096, N=11008, bits=4, block_size=32>(a, b, s)",
			want: "y float16[B,S,11008]"},
		{name: "MatMulNBits of another K", inputs: "float16[B,S,4095] a, uint8[11008,128,16] b, float16[z] s", node: "y = com.microsoft.MatMulNBits<K=4096, N=11008, block_size=32>(a, b, s)",
			want: "y float16[B,S,11008]", fault: "4095 and 4096"},
		{name: "MatMulIntegerToFloat", inputs: "uint8[B,S,K] a, int8[K,N] b, float s", node: "y = com.microsoft.MatMulIntegerToFloat(a, b, s, s)", want: "y float32[B,S,N]"},
		{name: "DynamicQuantizeMatMul", inputs: "float[B,S,K] a, int8[K,N] b, float s", node: "y = com.microsoft.DynamicQuantizeMatMul(a, b, s)", want: "y float32[B,S,N]"},
		{name: "QLinearAdd", inputs: "uint8[N,C,H,W] a, float s, uint8 z, uint8[C,1,1] b", node: "y = com.microsoft.QLinearAdd(a, s, z, b, s, z, s, z)", want: "y uint8[N,C,H,W]"},
		{name: "QLinearSigmoid", inputs: "int8[N,C] a, float s, int8 z", node: "y = com.microsoft.QLinearSigmoid(a, s, z, s, z)", want: "y int8[N,C]"},
		{name: "QLinearConcat", inputs: "uint8[N,3,H] a, float s, uint8 z, uint8[N,C,H] b", node: "y = com.microsoft.QLinearConcat<axis=1>(s, z, a, s, z, b, s, z)", want: "y uint8[N,C+3,H]"},
		{name: "QLinearAveragePool", inputs: "uint8[N,H,W,C] a, float s, uint8 z", node: "y = com.microsoft.QLinearAveragePool<kernel_shape=[2,2], strides=[2,2], channels_last=1>(a, s, z, s, z)",
			want: "y uint8[N,floor(H/2),floor(W/2),C]"},
		{name: "QLinearGlobalAveragePool", inputs: "uint8[N,H,W,C] a, float s, uint8 z", node: "y = com.microsoft.QLinearGlobalAveragePool<channels_last=1>(a, s, z, s, z)", want: "y uint8[N,1,1,C]"},
		{name: "QLinearConv", inputs: "uint8[N,H,W,3] a, float s, uint8 z, int8[8,3,3,3] w, int8 v", node: "y = com.microsoft.QLinearConv<channels_last=1>(a, s, z, w, s, v, s, z)",
			want: "y uint8[N,H-2,W-2,8]"},
		{name: "QGemm", inputs: "uint8[M,K] a, float s, uint8 z, int8[N,K] b, int8 v", node: "y = com.microsoft.QGemm<transB=1>(a, s, z, b, s, v)", want: "y float32[M,N]"},
		{name: "QGemm, quantized", inputs: "uint8[M,K] a, float s, uint8 z, int8[N,K] b, int8 v", node: "y = com.microsoft.QGemm<transB=1>(a, s, z, b, s, v, , s, v)", want: "y int8[M,N]"},
		{name: "QuantizeLinear", inputs: "float[N,C] a, float s, uint16 z", node: "y = com.microsoft.QuantizeLinear(a, s, z)", want: "y uint16[N,C]"},
		{name: "DequantizeLinear", inputs: "uint16[N,C] a, float s, uint16 z", node: "y = com.microsoft.DequantizeLinear(a, s, z)", want: "y float32[N,C]"},
		{name: "DynamicQuantizeLSTM", inputs: "float[T,B,10] x, int8[1,10,80] w, int8[1,20,80] r, float[1] s, int8[1] z",
			node: "y, h, c = com.microsoft.DynamicQuantizeLSTM<hidden_size=20>(x, w, r, , , , , , s, z, s, z)", want: "y float32[T,1,B,20]\nh float32[1,B,20]\nc float32[1,B,20]"},
	})
}

func TestMicrosoftAttentionRules(t *testing.T) {
	runNet(t, []netCase{
		{name: "Attention", inputs: "float[B,S,768] x, float[768,2304] w, float[2304] b, int32[B,T] m, float[2,B,12,P,64] p",
			node: "y, z = com.microsoft.Attention<num_heads=12>(x, w, b, m, p)", want: "y float32[B,S,768]\nz float32[2,B,12,P+S,64]"},
		{name: "Attention with sizes", inputs: "float[B,S,768] x, float[768,1000] w, float[1000] b",
			node: "y = com.microsoft.Attention<num_heads=4, qkv_hidden_sizes=[400,400,200]>(x, w, b)", want: "y float32[B,S,200]"},
		{name: "QAttention", inputs: "uint8[B,S,768] x, int8[768,2304] w, float[2304] b, float s", node: "y = com.microsoft.QAttention<num_heads=12>(x, w, b, s, s)", want: "y float32[B,S,768]"},
		{name: "MultiHeadAttention", inputs: "float[B,S,512] q, float[B,T,512] k, float[B,T,256] v, float[B,8,P,64] p, float[B,8,P,32] r",
			node: "y, a, b = com.microsoft.MultiHeadAttention<num_heads=8>(q, k, v, , , , p, r)", want: "y float32[B,S,256]\na float32[B,8,P+T,64]\nb float32[B,8,P+T,32]"},
		{name: "MultiHeadAttention, packed", inputs: "float[B,S,8,3,64] q", node: "y = com.microsoft.MultiHeadAttention<num_heads=8>(q)", want: "y float32[B,S,512]"},
		{name: "MultiHeadAttention over another sequence", inputs: "float[B,S,512] q, float[B,8,T,64] k, float[B,8,T,64] v",
			node: "y = com.microsoft.MultiHeadAttention<num_heads=8>(q, k, v)", want: "y float32[B,S,512]"},
		{name: "GroupQueryAttention", inputs: "float16[B,S,4096] q, float16[B,S,1024] k, float16[B,S,1024] v, float16[B,8,P,128] p, float16[B,8,P,128] r, int32[B] l, int32 t",
			node: "y, a, b = com.microsoft.GroupQueryAttention<num_heads=32, kv_num_heads=8>(q, k, v, p, r, l, t)", given: map[string]*Value{"t": scalarOf(t, onnxpb.TensorProto_INT32, "P+S")},
			want: "y float16[B,S,4096]\na float16[B,8,P+S,128]\nb float16[B,8,P+S,128]"},
		{name: "GroupQueryAttention, packed, of unknown length", inputs: "float16[B,S,6144] q, float16[B,8,P,128] p, float16[B,8,P,128] r, int32[B] l, int32 t",
			node: "y, a, b = com.microsoft.GroupQueryAttention<num_heads=32, kv_num_heads=8>(q, , , p, r, l, t)",
			want: "y float16[B,S,4096]\na float16[B,8,?,128]\nb float16[B,8,?,128]"},
		{name: "PackedMultiHeadAttention", inputs: "float[T,512] q, float[T,512] k, float[T,256] v, int32[B,S] o, int32[C] c",
			node: "y = com.microsoft.PackedMultiHeadAttention<num_heads=8>(q, k, v, , o, c)", want: "y float32[T,256]"},
		{name: "RotaryEmbedding", inputs: "float[B,S,512] x, int64[1] p, float[M,32] c, float[M,32] s", node: "y = com.microsoft.RotaryEmbedding(x, p, c, s)", want: "y float32[B,S,512]"},
		{name: "RemovePadding", inputs: "float[B,S,512] x, int32[B] l", node: "y, o, c, m = com.microsoft.RemovePadding(x, l)",
			want: "y float32[?,512]\no int32[B,S]\nc int32[B+1]\nm int32[1]"},
	})
}
