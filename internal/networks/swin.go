package networks

import "onnxtool/onnxpb"

// swins are Swin transformers of an image of 16x16 in patches of 2x2: a stage of 8x8 tokens, 8 wide, with a block of 4 windows of 4x4 and one of shifted windows; patch merging;
// and a block of 4x4 tokens, 16 wide, which is one window.
func swins() []Network {
	return []Network{
		{Name: "swin", Fixed: swin(13, "1", 1, swinBlock(swinWritten), swinMerge), Free: swin(13, "N", 0, swinBlockFree(false), swinMergeFree)},
		{Name: "swin_counted", Fixed: swin(17, "1", 1, swinBlock(swinCounted), swinMerge), Free: swin(17, "N", 0, swinBlockFree(false), swinMergeFree)},
		{Name: "swin_cosine", Fixed: swin(13, "1", 1, swinBlock(swinCosine), swinMerge), Free: swin(13, "N", 0, swinBlockFree(true), swinMergeFree)},
		{Name: "swin_folded", Fixed: swin(18, "1", 1, swinBlock(swinFolded), swinMerge), Free: swin(18, "N", 0, swinBlockFree(false), swinMergeFree)},
	}
}

// swinSize is the size of a block: side*side tokens, width wide, windows of 4x4, shifted or not.
type swinSize struct {
	side, width, heads int64
	shifted            bool
}

// swin is what both forms have. rows is what stands for the batch in the targets of Reshape that lie at both ends.
func swin(opset int64, batch string, rows int64, block func(n *net, x, name string, s swinSize) string, merge func(n *net, x string) string) *onnxpb.ModelProto {
	n := newNet("swin", opset)
	n.stored = opset == 17
	x := n.conv(n.input("image", tFloat, "["+batch+",3,16,16]"), "patch", conv{from: 3, to: 8, kernel: 2, stride: 2})
	x = n.norm(n.transpose(n.reshape(x, rows, 8, 64), 0, 2, 1), "patch.norm", 8)
	x = block(n, x, "stage0.0", swinSize{8, 8, 2, false})
	x = block(n, x, "stage0.1", swinSize{8, 8, 2, true})
	x = n.matMul(n.norm(merge(n, x), "merge.norm", 32), "merge", 32, 16)
	x = n.norm(block(n, x, "stage1.0", swinSize{4, 16, 4, false}), "norm", 16)
	x = n.op("GlobalAveragePool", in{n.transpose(x, 0, 2, 1)})
	n.output(n.gemm(n.reshape(x, rows, 16), "head", 16, 5), "logits", "["+batch+",5]")
	return n.model()
}

// roll turns the two axes of the image by some tokens, as torch.roll is traced.
func (n *net) roll(x string, by int64) string {
	for _, axis := range []int64{1, 2} {
		x = n.concat(axis, n.slice(x, axis, by, last, 1), n.slice(x, axis, 0, by, 1))
	}
	return x
}

// positions is the relative position bias [heads,16,16], gathered from the table of 7x7 offsets.
func (n *net) positions(name string, heads int64) string {
	var index []int64
	for a := int64(0); a < 16; a++ {
		for b := int64(0); b < 16; b++ {
			index = append(index, (a/4-b/4+3)*7+a%4-b%4+3)
		}
	}
	t := n.op("Gather", in{n.weight(name+".table", 0.7, 49, heads), n.ints(index...)}, onnxpb.Int("axis", 0))
	return n.transpose(n.reshape(t, 16, 16, heads), 2, 0, 1)
}

// swinMask keeps the parts of a shifted window apart that do not lie together in the image: 0 or -100 for [4 windows,16,16].
func swinMask() []float32 {
	region := func(window, token int64) int64 {
		part := func(i int64) int64 {
			switch {
			case i < 4:
				return 0
			case i < 6:
				return 1
			}
			return 2
		}
		return part(window/2*4+token/4)*3 + part(window%2*4+token%4)
	}
	var v []float32
	for w := int64(0); w < 4; w++ {
		for a := int64(0); a < 16; a++ {
			for b := int64(0); b < 16; b++ {
				if region(w, a) == region(w, b) {
					v = append(v, 0)
				} else {
					v = append(v, -100)
				}
			}
		}
	}
	return v
}

// swinManner is how a trace has the number of windows: written into the targets; computed from the windows; written, with the mask folded into the positions for the windows of one
// row; or written, also where the lengths of q and k are expanded to divide them, as version 2 does.
type swinManner int

const (
	swinWritten swinManner = iota
	swinCounted
	swinFolded
	swinCosine
)

// swinBlock merges windows with rows, and cuts them apart where the mask is added.
func swinBlock(manner swinManner) func(n *net, x, name string, s swinSize) string {
	return func(n *net, x, name string, s swinSize) string {
		across := s.side / 4
		windows, head := across*across, s.width/s.heads
		h := n.reshape(n.norm(x, name+".norm1", s.width), 1, s.side, s.side, s.width)
		if s.shifted {
			h = n.roll(h, 2)
		}
		h = n.transpose(n.reshape(h, 1, across, 4, across, 4, s.width), 0, 1, 3, 2, 4, 5)
		h = n.reshape(n.reshape(h, -1, 4, 4, s.width), -1, 16, s.width)
		heads := n.ints(windows, 16, 3, s.heads, head)
		if manner == swinCounted {
			heads = n.concat(0, n.size(h, 0), n.size(h, 1), n.ints(3, s.heads, head))
		}
		qkv := n.op("Reshape", in{n.linear(h, name+".qkv", s.width, 3*s.width), heads})
		qkv = n.transpose(qkv, 2, 0, 3, 1, 4)
		q, k := n.gather(qkv, 0, 0), n.gather(qkv, 0, 1)
		if manner == swinCosine {
			shape := n.ints(windows, s.heads, 16, head)
			q, k = n.mul(n.normalize(q, shape), n.number(4)), n.normalize(k, shape)
		}
		h = n.attend(q, k, n.gather(qkv, 0, 2), 4, head, func(a string) string {
			positions := n.unsqueeze(n.positions(name, s.heads), 0)
			if !s.shifted {
				return n.add(a, positions)
			}
			mask := n.floats(name+".mask", swinMask(), 4, 16, 16)
			if manner == swinFolded {
				return n.add(a, n.add(positions, n.unsqueeze(mask, 1)))
			}
			apart := n.ints(1, windows, s.heads, 16, 16)
			if manner == swinCounted { // B_ // nW
				rows := n.op("Div", in{n.op("Gather", in{n.op("Shape", in{a}), n.scalar(0)}), n.scalar(windows)})
				apart = n.concat(0, n.unsqueeze(rows, 0), n.ints(windows, s.heads, 16, 16))
			}
			a = n.op("Reshape", in{n.add(a, positions), apart})
			return n.reshape(n.add(a, n.unsqueeze(n.unsqueeze(mask, 1), 0)), -1, s.heads, 16, 16)
		})
		h = n.linear(n.reshape(n.transpose(h, 0, 2, 1, 3), windows, 16, s.width), name+".proj", s.width, s.width)
		h = n.reshape(h, -1, 4, 4, s.width)
		if manner == swinCounted { // int(windows.shape[0] / (H * W / 4 / 4))
			all := n.op("Cast", in{n.op("Gather", in{n.op("Shape", in{h}), n.scalar(0)})}, onnxpb.Int("to", int64(tFloat)))
			rows := n.op("Cast", in{n.op("Div", in{all, n.number(float32(windows))})}, onnxpb.Int("to", int64(tInt64)))
			h = n.op("Reshape", in{h, n.concat(0, n.unsqueeze(rows, 0), n.ints(across, across, 4, 4, -1))})
		} else {
			h = n.reshape(h, 1, across, across, 4, 4, -1)
		}
		h = n.reshape(n.transpose(h, 0, 1, 3, 2, 4, 5), 1, s.side, s.side, -1)
		if s.shifted {
			h = n.roll(h, s.side-2)
		}
		x = n.add(x, n.reshape(h, 1, s.side*s.side, s.width))
		return n.add(x, n.mlp(n.norm(x, name+".norm2", s.width), name+".mlp", s.width, 2*s.width))
	}
}

// swinBlockFree keeps the rows in an axis of their own, before that of the windows.
func swinBlockFree(cosine bool) func(n *net, x, name string, s swinSize) string {
	return func(n *net, x, name string, s swinSize) string {
		across := s.side / 4
		windows, head := across*across, s.width/s.heads
		h := n.reshape(n.norm(x, name+".norm1", s.width), 0, s.side, s.side, s.width)
		if s.shifted {
			h = n.roll(h, 2)
		}
		h = n.transpose(n.reshape(h, 0, across, 4, across, 4, s.width), 0, 1, 3, 2, 4, 5)
		qkv := n.linear(n.reshape(h, 0, windows, 16, s.width), name+".qkv", s.width, 3*s.width)
		part := func(i int64) string {
			p := n.slice(qkv, 3, i*s.width, (i+1)*s.width, 1)
			return n.transpose(n.reshape(p, 0, 0, 0, s.heads, head), 0, 1, 3, 2, 4)
		}
		q, k := part(0), part(1)
		if cosine {
			q, k = n.mul(n.normalize(q, ""), n.number(4)), n.normalize(k, "")
		}
		h = n.attend(q, k, part(2), 5, head, func(a string) string {
			a = n.add(a, n.positions(name, s.heads))
			if s.shifted {
				a = n.add(a, n.floats(name+".mask", swinMask(), 1, 4, 1, 16, 16))
			}
			return a
		})
		h = n.linear(n.reshape(n.transpose(h, 0, 1, 3, 2, 4), 0, 0, 0, s.width), name+".proj", s.width, s.width)
		h = n.transpose(n.reshape(h, 0, across, across, 4, 4, s.width), 0, 1, 3, 2, 4, 5)
		h = n.reshape(h, 0, s.side, s.side, s.width)
		if s.shifted {
			h = n.roll(h, s.side-2)
		}
		x = n.add(x, n.reshape(h, 0, s.side*s.side, s.width))
		return n.add(x, n.mlp(n.norm(x, name+".norm2", s.width), name+".mlp", s.width, 2*s.width))
	}
}

// quarters takes every second token of every second line, from each of the four places.
func (n *net) quarters(x string) string {
	var parts []string
	for _, at := range [][2]int64{{0, 0}, {1, 0}, {0, 1}, {1, 1}} {
		parts = append(parts, n.slice(n.slice(x, 1, at[0], last, 2), 2, at[1], last, 2))
	}
	return n.concat(-1, parts...)
}

func swinMerge(n *net, x string) string {
	return n.reshape(n.quarters(n.reshape(x, 1, 8, 8, 8)), 1, -1, 32)
}

func swinMergeFree(n *net, x string) string {
	return n.reshape(n.quarters(n.reshape(x, 0, 8, 8, 8)), 0, 16, 32)
}
