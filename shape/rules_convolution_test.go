package shape

import "testing"

func TestConvolutionRules(t *testing.T) {
	const image = "float[N,3,H,W] x"
	runNet(t, []netCase{
		{name: "a stride of 2", inputs: image + ", float[64,3,7,7] w", node: "y = Conv<pads=[3,3,3,3], strides=[2,2]>(x, w)",
			want: "y float32[N,64,floor((H+1)/2),floor((W+1)/2)]"},
		{name: "as long as before", inputs: image + ", float[8,3,3,3] w", node: "y = Conv<pads=[1,1,1,1]>(x, w)", want: "y float32[N,8,H,W]"},
		{name: "dilated and in groups", inputs: "float[2,6,20,20] x, float[8,3,3,3] w", node: "y = Conv<dilations=[2,3], group=2>(x, w)", want: "y float32[2,8,16,14]"},
		{name: "padded to the same", inputs: image + ", float[8,3,5,5] w", node: "y = Conv<auto_pad=\"SAME_UPPER\", strides=[2,3]>(x, w)",
			want: "y float32[N,8,floor((H+1)/2),floor((W+2)/3)]"},
		{name: "valid", inputs: "float[1,3,9,9] x, float[8,3,3,3] w", node: "y = Conv<auto_pad=\"VALID\", strides=[2,2], pads=[1,1,1,1]>(x, w)", want: "y float32[1,8,4,4]"},
		{name: "one axis", inputs: "float[N,80,T] x, float[512,80,3] w", node: "y = Conv<kernel_shape=[3], strides=[2], pads=[1,1]>(x, w)",
			want: "y float32[N,512,floor((T+1)/2)]"},
		{name: "weights of unknown size", inputs: image + ", float[M,3,K,K] w", node: "y = Conv(x, w)", want: "y float32[N,M,H-K+1,W-K+1]"},
		{name: "weights of unknown rank", inputs: image + ", float[] w", node: "y = Conv<kernel_shape=[3,3]>(x, w)", want: "y float32[N,?,H-2,W-2]"},
		{name: "data of unknown rank", inputs: "float[] x, float[8,3,3,3] w", node: "y = Conv(x, w)", want: "y float32[?,8,?,?]"},
		{name: "channels do not fit", inputs: "float[N,4,H,W] x, float[8,3,3,3] w", node: "y = Conv(x, w)", want: "y float32[N,8,H-2,W-2]",
			fault: "the channels of the data and those of the weights times the groups are 4 and 3"},
		{name: "kernels do not fit", inputs: image + ", float[8,3,3,3] w", node: "y = Conv<kernel_shape=[5,5]>(x, w)", fault: "kernel_shape"},
		{name: "ranks do not fit", inputs: "float[N,3,H] x, float[8,3,3,3] w", node: "y = Conv(x, w)", want: "y float32[...]", fault: "rank 3 and 4"},
		{name: "too many pads", inputs: image + ", float[8,3,3,3] w", node: "y = Conv<pads=[1,1,1]>(x, w)", want: "y float32[...]", fault: "pads has 3 numbers"},
		{name: "a kernel larger than the image", inputs: "float[1,3,4,4] x, float[8,3,7,7] w", node: "y = Conv(x, w)", want: "y float32[1,8,?,?]", fault: "reaches over 7"},
		{name: "no groups", inputs: image + ", float[8,3,3,3] w", node: "y = Conv<group=0>(x, w)", want: "y float32[...]", fault: "group is 0"},
		{name: "integers", opset: 13, inputs: "uint8[N,3,H,W] x, uint8[8,3,3,3] w", node: "y = ConvInteger(x, w)", want: "y int32[N,8,H-2,W-2]"},
		{name: "quantized", opset: 13, inputs: "uint8[N,3,H,W] x, float s, uint8 z, int8[8,3,3,3] w, int8 z2", node: "y = QLinearConv(x, s, z, w, s, z2, s, z)",
			want: "y uint8[N,8,H-2,W-2]"},
		{name: "transposed", inputs: "float[N,64,H,W] x, float[64,16,4,4] w", node: "y = ConvTranspose<strides=[2,2], pads=[1,1,1,1], group=2>(x, w)",
			want: "y float32[N,32,2*H,2*W]"},
		{name: "transposed with an output padding", inputs: "float[N,64,H,W] x, float[64,16,3,3] w",
			node: "y = ConvTranspose<strides=[2,2], pads=[1,1,1,1], output_padding=[1,0]>(x, w)", want: "y float32[N,16,2*H,2*W-1]"},
		{name: "transposed to a shape", inputs: "float[N,64,H,W] x, float[64,16,3,3] w", node: "y = ConvTranspose<strides=[2,2], output_shape=[10,11]>(x, w)",
			want: "y float32[N,16,10,11]"},
		{name: "transposed to the same", inputs: "float[N,64,H,W] x, float[64,16,3,1] w", node: "y = ConvTranspose<strides=[2,2], auto_pad=\"SAME_LOWER\">(x, w)",
			want: "y float32[N,16,2*H,2*W-1]"},
		{name: "deformed", inputs: image + ", float[8,3,3,3] w, float[N,18,P,Q] o", node: "y = DeformConv<pads=[1,1,1,1]>(x, w, o)", want: "y float32[N,8,H,W]"},
		{name: "causal", opset: 27, inputs: "float[B,C,L] x, float[C,1,4] w", node: "y, s = CausalConvWithState(x, w)", want: "y float32[B,C,L]\ns float32[B,C,3]"},
		{name: "columns to an image", inputs: "float[N,C,L] x", inits: "int64[2] i = {5,5}, int64[2] b = {1,5}", node: "y = Col2Im(x, i, b)",
			want: "y float32[N,floor(C/5),5,5]"},
		{name: "columns that are too many", inputs: "float[N,10,7] x", inits: "int64[2] i = {5,5}, int64[2] b = {1,5}", node: "y = Col2Im(x, i, b)",
			want: "y float32[N,2,5,5]", fault: "the columns and the places"},
	})
}

func TestPoolRules(t *testing.T) {
	const image = "float[N,C,H,W] x"
	runNet(t, []netCase{
		{name: "halves", inputs: image, node: "y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x)", want: "y float32[N,C,floor(H/2),floor(W/2)]"},
		{name: "with indices", inputs: image, node: "y, i = MaxPool<kernel_shape=[3,3], strides=[2,2], pads=[1,1,1,1]>(x)",
			want: "y float32[N,C,floor((H+1)/2),floor((W+1)/2)]\ni int64[N,C,floor((H+1)/2),floor((W+1)/2)]"},
		{name: "rounded up", inputs: image, node: "y = MaxPool<kernel_shape=[2,3], strides=[2,2], ceil_mode=1>(x)", want: "y float32[N,C,floor((H+1)/2),floor(W/2)]"},
		{name: "no window begins in the padding", inputs: "float[1,1,2,2] x", node: "y = AveragePool<kernel_shape=[1,1], strides=[2,2], pads=[0,0,0,0], ceil_mode=1>(x)",
			want: "y float32[1,1,1,1]"},
		{name: "no window begins in the padding, of 4", inputs: "float[1,1,4,4] x", node: "y = MaxPool<kernel_shape=[3,3], strides=[3,3], pads=[1,1,1,1], ceil_mode=1>(x)",
			want: "y float32[1,1,2,2]"},
		{name: "where that depends on the size", inputs: "float[1,1,H,6] x", node: "y = MaxPool<kernel_shape=[3,3], strides=[3,3], pads=[1,1,1,1], ceil_mode=1>(x)",
			want: "y float32[1,1,floor(H/3)+1,3]"},
		{name: "rounded up and valid", inputs: "float[1,1,7,8] x", node: "y = MaxPool<kernel_shape=[3,3], strides=[2,2], auto_pad=\"VALID\", ceil_mode=1>(x)",
			want: "y float32[1,1,3,?]"},
		{name: "rounded up from a part of a window", inputs: "float[1,1,1,4] x", node: "y = MaxPool<kernel_shape=[2,2], strides=[2,2], ceil_mode=1>(x)", want: "y float32[1,1,1,2]"},
		{name: "smaller than the window", inputs: "float[1,1,1,4] x", node: "y = MaxPool<kernel_shape=[2,2], strides=[2,2]>(x)", want: "y float32[1,1,?,2]", fault: "reaches over 2"},
		{name: "to the same, dilated", inputs: image, node: "y = MaxPool<kernel_shape=[3,3], dilations=[2,1], auto_pad=\"SAME_UPPER\">(x)", want: "y float32[N,C,?,W]"},
		{name: "to the same", inputs: image, node: "y = AveragePool<kernel_shape=[3,3], strides=[2,1], auto_pad=\"SAME_LOWER\">(x)", want: "y float32[N,C,floor((H+1)/2),W]"},
		{name: "of unknown rank", inputs: "float[] x", node: "y = LpPool<kernel_shape=[3,3]>(x)", want: "y float32[?,?,?,?]"},
		{name: "without a batch", inputs: "float[C] x", node: "y = LpPool<kernel_shape=[3,3]>(x)", want: "y float32[...]", fault: "rank 1"},
		{name: "global", inputs: "float[N,C,D,H,W] x", node: "y = GlobalAveragePool(x)", want: "y float32[N,C,1,1,1]"},
		{name: "unpooled", inputs: image + ", int64[N,C,H,W] i", node: "y = MaxUnpool<kernel_shape=[2,2], strides=[2,2]>(x, i)", want: "y float32[N,C,2*H,2*W]"},
		{name: "unpooled to a shape", inputs: image + ", int64[N,C,H,W] i, int64[4] s", node: "y = MaxUnpool<kernel_shape=[2,2], strides=[2,2]>(x, i, s)",
			given: map[string]*Value{"s": elements(t, "N", "C", "9", "?")}, want: "y float32[N,C,9,?]"},
		{name: "regions", inputs: image + ", float[R,5] r", node: "y = MaxRoiPool<pooled_shape=[7,6]>(x, r)", want: "y float32[R,C,7,6]"},
	})
}
