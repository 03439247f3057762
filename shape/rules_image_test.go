package shape

import (
	"testing"

	"onnxtool/onnxpb"
)

func TestImageRules(t *testing.T) {
	const image = "float[N,C,H,W] x"
	runNet(t, []netCase{
		{name: "doubled", inputs: image, inits: "float[4] s = {1,1,2,2}", node: "y = Resize<mode=\"nearest\">(x, , s)", want: "y float32[N,C,2*H,2*W]"},
		{name: "of version 10", opset: 10, inputs: image, inits: "float[4] s = {1,1,0.5,1.5}", node: "y = Resize(x, s)", want: "y float32[N,C,floor(H/2),W+floor(W/2)]"},
		{name: "empty sizes", opset: 11, inputs: image, inits: "float[0] r = {}, float[4] s = {1,1,2,2}, int64[0] z = {}", node: "y = Resize(x, r, s, z)",
			want: "y float32[N,C,2*H,2*W]"},
		{name: "by a third", inputs: "float[1,C,3,W] x", inits: "float[4] s = {1,1,1.6666666,0.33333334}", node: "y = Resize(x, , s)", want: "y float32[1,C,5,?]"},
		{name: "to sizes", inputs: image + ", int64[4] z", node: "y = Resize(x, , , z)", given: map[string]*Value{"z": elements(t, "N", "C", "2*H", "?")}, want: "y float32[N,C,2*H,?]"},
		{name: "to sizes with empty factors", opset: 13, inputs: image, inits: "float[0] s = {}, int64[4] z = {1,3,8,9}", node: "y = Resize(x, s, s, z)", want: "y float32[1,3,8,9]"},
		{name: "to sizes that nobody knows", inputs: image + ", int64[4] z", node: "y = Resize(x, , , z)", want: "y float32[?,?,?,?]"},
		{name: "along axes", inputs: image, inits: "int64[2] z = {8,9}", node: "y = Resize<axes=[-1,2]>(x, , , z)", want: "y float32[N,C,9,8]"},
		{name: "along axes, not known", inputs: image + ", float[2] s", node: "y = Resize<axes=[2,3]>(x, , s)", want: "y float32[N,C,?,?]"},
		{name: "no larger", inputs: "float[N,C,2,4] x", inits: "int64[2] z = {7,8}", node: "y = Resize<axes=[2,3], keep_aspect_ratio_policy=\"not_larger\">(x, , , z)",
			want: "y float32[N,C,4,8]"},
		{name: "no smaller", inputs: "float[N,C,2,4] x", inits: "int64[2] z = {7,8}", node: "y = Resize<axes=[2,3], keep_aspect_ratio_policy=\"not_smaller\">(x, , , z)",
			want: "y float32[N,C,7,14]"},
		{name: "no smaller, symbolic", inputs: image, inits: "int64[2] z = {7,8}", node: "y = Resize<axes=[2,3], keep_aspect_ratio_policy=\"not_smaller\">(x, , , z)",
			want: "y float32[N,C,?,?]"},
		{name: "neither", inputs: image, node: "y = Resize(x)", want: "y float32[...]", fault: "neither factors nor sizes"},
		{name: "too few", inputs: image, inits: "float[2] s = {2,2}", node: "y = Resize(x, , s)", want: "y float32[...]", fault: "2 factors are given for 4 axes"},
		{name: "cropped", inputs: image, inits: "float[4] s = {1,1,2,2}, float[8] r = {0,0,0,0,1,1,0.5,0.5}",
			node: "y = Resize<coordinate_transformation_mode=\"tf_crop_and_resize\">(x, r, s)", want: "y float32[?,?,?,?]"},
		{name: "unknown rank", inputs: "float[] x", inits: "int64[4] z = {1,3,8,9}", node: "y = Resize(x, , , z)", want: "y float32[1,3,8,9]"},
		{name: "upsampled by attribute", opset: 7, inputs: image, node: "y = Upsample<scales=[1.0,1.0,2.0,3.0]>(x)", want: "y float32[N,C,2*H,3*W]"},
		{name: "upsampled by input", opset: 9, inputs: image, inits: "float[4] s = {1,1,2,2}", node: "y = Upsample(x, s)", want: "y float32[N,C,2*H,2*W]"},
		{name: "upsampled in version 1", opset: 6, inputs: image, node: "y = Upsample<height_scale=2.0, width_scale=1.0>(x)", want: "y float32[N,C,2*H,W]"},
		{name: "sampled", inputs: image + ", float[N,P,Q,2] g", node: "y = GridSample(x, g)", want: "y float32[N,C,P,Q]"},
		{name: "sampled with 3 coordinates", inputs: image + ", float[N,P,Q,3] g", node: "y = GridSample(x, g)", want: "y float32[N,C,P,Q]", fault: "coordinates"},
		{name: "a grid", inputs: "float[N,2,3] t, int64[4] s", node: "y = AffineGrid(t, s)", given: map[string]*Value{"s": elements(t, "N", "C", "H", "2*W")},
			want: "y float32[N,H,2*W,2]"},
		{name: "a grid of unknown size", inputs: "float[N,3,4] t, int64[k] s", node: "y = AffineGrid(t, s)", want: "y float32[N,?,?,?,3]"},
		{name: "aligned regions", inputs: image + ", float[R,4] r, int64[R] b", node: "y = RoiAlign<output_height=7, output_width=5>(x, r, b)", want: "y float32[R,C,7,5]"},
		{name: "regions of 5 numbers", inputs: image + ", float[R,5] r, int64[R] b", node: "y = RoiAlign(x, r, b)", want: "y float32[R,C,1,1]", fault: "numbers of a region"},
		{name: "cropped at the centre", inputs: image, inits: "int64[2] s = {10,7}", node: "y = CenterCropPad<axes=[3,-2]>(x, s)", want: "y float32[N,C,7,10]"},
		{name: "depth to space", inputs: "float[N,12,H,W] x", node: "y = DepthToSpace<blocksize=2>(x)", want: "y float32[N,3,2*H,2*W]"},
		{name: "depth to space, not whole", inputs: "float[N,10,H,W] x", node: "y = DepthToSpace<blocksize=2>(x)", want: "y float32[N,?,2*H,2*W]", fault: "4 does not divide"},
		{name: "space to depth", inputs: image, node: "y = SpaceToDepth<blocksize=2>(x)", want: "y float32[N,4*C,floor(H/2),floor(W/2)]"},
		{name: "decoded", inputs: "uint8[L] x", node: "y = ImageDecoder<pixel_format=\"Grayscale\">(x)", want: "y uint8[?,?,1]"},
		{name: "chosen boxes", inputs: "float[B,K,4] b, float[B,C,K] s", node: "y = NonMaxSuppression(b, s)", want: "y int64[?,3]"},
		{name: "boxes without scores", inputs: "float[B,5,4] b, float[B,C,6] s", node: "y = NonMaxSuppression(b, s)", want: "y int64[?,3]", fault: "the boxes and their scores are 5 and 6"},
	})
}

func TestRecurrentRules(t *testing.T) {
	runNet(t, []netCase{
		{name: "LSTM", inputs: "float[T,B,10] x, float[1,80,10] w, float[1,80,20] r", node: "y, h, c = LSTM<hidden_size=20>(x, w, r)",
			want: "y float32[T,1,B,20]\nh float32[1,B,20]\nc float32[1,B,20]"},
		{name: "both ways, batch first", inputs: "float[B,T,10] x, float[2,60,10] w, float[2,60,20] r", node: "y, h = GRU<direction=\"bidirectional\", layout=1>(x, w, r)",
			want: "y float32[B,T,2,20]\nh float32[B,2,20]"},
		{name: "only the last state", inputs: "float[T,B,10] x, float[1,I,10] w, float[1,I,H] r", node: "\"\", h = RNN(x, w, r)", want: "h float32[1,B,H]"},
		{name: "by the initial state", inputs: "float[] x, float[1,20,10] w, float[] r, float[1,B,20] i", node: "y, h = RNN(x, w, r, , , i)",
			want: "y float32[?,1,B,20]\nh float32[1,B,20]"},
		{name: "by the rows of W", inputs: "float[T,B,10] x, float[1,80,10] w, float[] r", node: "y = LSTM(x, w, r)", want: "y float32[T,1,B,20]"},
		{name: "the wrong gates", inputs: "float[T,B,10] x, float[1,60,10] w, float[1,60,20] r", node: "y = LSTM<hidden_size=20>(x, w, r)", want: "y float32[T,1,B,20]",
			fault: "the rows of W are 80 and 60"},
		{name: "another direction", inputs: "float[T,B,10] x, float[1,60,10] w, float[1,60,20] r", node: "y = GRU<direction=\"up\">(x, w, r)", fault: "direction"},
	})
}

func TestSignalRules(t *testing.T) {
	runNet(t, []netCase{
		{name: "one side", inputs: "float[B,L,1] x", node: "y = DFT<onesided=1>(x)", want: "y float32[B,floor(L/2)+1,2]"},
		{name: "and back", inputs: "float[B,L,2] x", node: "y = DFT<onesided=1, inverse=1>(x)", want: "y float32[B,2*L-2,1]"},
		{name: "along another axis", inputs: "float[B,L,K,2] x", inits: "int64 n = {16}, int64 a = {1}", node: "y = DFT(x, n, a)", want: "y float32[B,16,K,2]"},
		{name: "along an axis that is not known", inputs: "float[B,L,K,2] x, int64 a", inits: "int64 n = {16}", node: "y = DFT(x, n, a)", want: "y float32[?,?,?,2]"},
		{name: "of version 17", opset: 17, inputs: "float[B,L,K,1] x", node: "y = DFT<axis=2>(x)", want: "y float32[B,L,K,2]"},
		{name: "along the last axis", opset: 17, inputs: "float[B,L,1] x", node: "y = DFT<axis=2>(x)", want: "y float32[...]", fault: "complex"},
		{name: "short-time", inputs: "float[B,L,1] x", inits: "int64 s = {160}, int64 n = {400}", node: "y = STFT(x, s, , n)",
			want: "y float32[B,floor((L+80)/160)-2,201,2]"},
		{name: "short-time by the window", inputs: "float[1,1000,1] x, float[400] w", inits: "int64 s = {160}", node: "y = STFT<onesided=0>(x, s, w)", want: "y float32[1,4,400,2]"},
		{name: "a window", inputs: "int64 n", node: "y = HannWindow<output_datatype=11>(n)", given: map[string]*Value{"n": scalarOf(t, onnxpb.TensorProto_INT64, "2*L")}, want: "y float64[2*L]"},
		{name: "mel", inputs: "float a", inits: "int64 b = {80}, int64 n = {400}, int64 r = {16000}", node: "y = MelWeightMatrix(b, n, r, a, a)", want: "y float32[201,80]"},
	})
}
