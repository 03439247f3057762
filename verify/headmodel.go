package verify

import (
	"fmt"
	"math"
	"slices"

	"onnxtool/internal/headpose"
	"onnxtool/onnxpb"
)

// headImage is an image and what the original models see in it.
type headImage struct {
	pixels []float32
	poses  [2]*pose // by side; nil where it was not asked
	file   bool     // from a file
}

// hashImages hashes images in their order, each as a line of pixels.
func hashImages(images []*headImage) string {
	var fed fedHashes
	for _, im := range images {
		fed.add("", onnxpb.TensorVal(onnxpb.ArrayOf([]int64{int64(len(im.pixels))}, im.pixels)))
	}
	return fed.of("")
}

// original is one of the two models that were fused.
type original struct {
	side    int
	source  Source
	head    oracleHead
	norm    *Norm
	input   port
	step    int // the rows of one run: the batch that the model fixes, else 1
	session Session
}

func newOriginal(side int, src Source, o HeadOptions) (*original, error) {
	m := &original{side: side, source: src, norm: o.FrontNorm, step: 1}
	ho := headpose.Options{Order: o.FrontOrder, Outputs: o.FrontOutputs}
	if side == rear {
		m.norm = o.RearNorm
		ho = headpose.Options{Order: o.RearOrder, Outputs: o.RearOutputs}
	}
	ho.OrderFlag, ho.OutputsFlag = "--"+sideNames[side]+"-order", "--"+sideNames[side]+"-outputs"
	head, err := headpose.Detect(src.Model, ho)
	if err != nil {
		return nil, err
	}
	m.head = oracleHead{Head: head, binWidth: o.BinWidth, circular: o.Circular}
	if m.head.binWidth == 0 {
		m.head.binWidth = 3
	}
	if !(m.head.binWidth > 0) || math.IsInf(m.head.binWidth, 0) {
		return nil, onnxpb.Errorf(onnxpb.Usage, "a bin width of %v degrees makes no sense", o.BinWidth)
	}
	for _, p := range inputsOf(src.Model) {
		if p.name == head.Input {
			m.input = p
		}
	}
	if d, ok := leading(m.input); ok && d.Known {
		if d.Value < 1 || d.Value > 1<<16 {
			return nil, &onnxpb.Error{Tensor: m.input.name, Msg: fmt.Sprintf("a batch of %d cannot be run", d.Value)}
		}
		m.step = int(d.Value)
	}
	return m, nil
}

// open makes the session; close frees it.
func (m *original) open(e Engine, o SessionOptions) (err error) {
	if m.session == nil {
		if m.session, err = e.Open(m.source, o); err != nil {
			return onnxpb.InFile(err, m.source.Path)
		}
	}
	return nil
}

func (m *original) close() {
	if m.session != nil {
		m.session.Close()
		m.session = nil
	}
}

// run computes the poses of images that have none of this side yet: row by row, or as many rows at once as the model fixes, the last repeated
// where there are too few.
func (m *original) run(h *headCheck, images []*headImage) error {
	var todo []*headImage
	for _, im := range images {
		if im.poses[m.side] == nil {
			todo = append(todo, im)
		}
	}
	for at := 0; at < len(todo); at += m.step {
		group := make([]*headImage, m.step)
		for k := range group {
			group[k] = todo[min(at+k, len(todo)-1)]
		}
		poses, err := m.poses(h, group)
		if err != nil {
			return onnxpb.InFile(err, m.source.Path)
		}
		for k := range poses {
			group[k].poses[m.side] = &poses[k]
		}
	}
	return nil
}

func (m *original) poses(h *headCheck, group []*headImage) ([]pose, error) {
	a, err := h.array(group)
	if err != nil {
		return nil, err
	}
	if a, err = m.norm.apply(a); err != nil {
		return nil, err
	}
	out, err := m.session.Run(map[string]*onnxpb.Value{m.input.name: onnxpb.TensorVal(a)}, m.head.Outputs...)
	if err != nil {
		return nil, err
	}
	return m.head.read(out, len(group))
}

// runOriginal computes one side's poses of images.
func (h *headCheck) runOriginal(side int, images []*headImage) error {
	m := h.originals[side]
	if !slices.ContainsFunc(images, func(im *headImage) bool { return im.poses[side] == nil }) {
		return nil
	}
	if err := m.open(h.engine, h.o.Session); err != nil {
		return err
	}
	defer m.close()
	return m.run(h, images)
}

// array puts images under each other, in the element type of the input.
func (h *headCheck) array(images []*headImage) (*onnxpb.Array, error) {
	dims := append([]int64{int64(len(images))}, h.tail...)
	var all []float32
	for _, im := range images {
		all = append(all, im.pixels...)
	}
	if h.input.elem == onnxpb.TensorProto_FLOAT {
		return onnxpb.ArrayOf(dims, all), nil
	}
	v := make([]float64, len(all))
	for i, x := range all {
		v[i] = float64(x)
	}
	return fromFloats(h.input.name, h.input.elem, dims, v)
}

// readImages reads the images that files give.
func (h *headCheck) readImages() error {
	pair := []portPair{{h.input, h.originals[front].input}}
	for _, f := range h.o.Files {
		values, err := readInputs([]InputFile{f}, pair)
		if err != nil {
			return err
		}
		v := values[h.input.name]
		if v == nil || v.Kind != onnxpb.KindTensor || len(v.Array.Dims) == 0 || !equalDims(v.Array.Dims[1:], h.tail) {
			return &onnxpb.Error{File: f.Path, Msg: fmt.Sprintf("the file gives no images of shape %s", shapeText(append([]int64{1}, h.tail...)))}
		}
		if v.Array.Type != h.input.elem {
			return &onnxpb.Error{File: f.Path, Msg: fmt.Sprintf("the file gives %s, the input takes %s", onnxpb.TypeName(v.Array.Type), onnxpb.TypeName(h.input.elem))}
		}
		all, err := v.Array.Float64s()
		if err != nil {
			return onnxpb.InFile(err, f.Path)
		}
		size := len(all) / max(int(v.Array.Dims[0]), 1)
		for row := 0; row < int(v.Array.Dims[0]); row++ {
			im := &headImage{pixels: make([]float32, size), file: true}
			for i := range im.pixels {
				im.pixels[i] = float32(all[row*size+i])
			}
			h.given = append(h.given, im)
		}
	}
	return nil
}
