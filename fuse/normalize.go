package fuse

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// Norm is the normalisation of an image: (x*Scale - Mean)/Std, channel by channel.
type Norm struct {
	Mean, Std []float64 // one number for each channel, or one for all; none is 0 and 1
	Scale     float64   // 0 is 1
}

// ImageNet returns the normalisation by ImageNet's mean and deviation of an RGB image whose values lie within 0..1; scale 1/255 for one within
// 0..255.
func ImageNet(scale float64) Norm {
	return Norm{Mean: []float64{0.485, 0.456, 0.406}, Std: []float64{0.229, 0.224, 0.225}, Scale: scale}
}

// ParseNorm reads a normalisation as the command line writes it: imagenet (RGB within 0..1), imagenet255 (RGB within 0..255), or any of mean=, std= and
// scale= joined by semicolons, such as "mean=127.5;std=128" or "mean=0.5,0.5,0.5;std=0.25,0.25,0.25;scale=1/255".
func ParseNorm(s string) (Norm, error) {
	switch s {
	case "imagenet":
		return ImageNet(1), nil
	case "imagenet255":
		return ImageNet(1.0 / 255), nil
	}
	var n Norm
	for _, f := range strings.Split(s, ";") {
		key, value, _ := strings.Cut(f, "=")
		list, err := ParseNumbers(value)
		switch {
		case err != nil:
			return n, fmt.Errorf("normalisation %q: %w", s, err)
		case key == "mean":
			n.Mean = list
		case key == "std":
			n.Std = list
		case key == "scale" && len(list) == 1:
			n.Scale = list[0]
		default:
			return n, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is not a normalisation", s),
				Hint: "write imagenet, imagenet255, or mean=...;std=...;scale=... with what is needed of them"}
		}
	}
	return n, nil
}

// ParseNumbers reads numbers joined by commas; 1/255 is a number too.
func ParseNumbers(s string) ([]float64, error) {
	var list []float64
	for _, f := range strings.Split(s, ",") {
		over, under, isRatio := strings.Cut(strings.TrimSpace(f), "/")
		v, err := strconv.ParseFloat(over, 64)
		if err == nil && isRatio {
			var d float64
			d, err = strconv.ParseFloat(under, 64)
			v /= d
		}
		if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, onnxpb.Errorf(onnxpb.Usage, "%q is not a number", f)
		}
		list = append(list, v)
	}
	return list, nil
}

// Normalize makes a model that normalises an image:
//
//	normalized = (image*Scale - Mean)/Std
//
// Input: image, and output: normalized, both of the shape [N, shape...], [N,3,H,W] where shape is nil. The channels are dimension axis of it, 1 where axis is 0
// (NCHW); for NHWC axis is 3. Mean and Std hold as many numbers as there are channels, or one. They are rounded to float32, in which the arithmetic runs
// in the order written; a multiplication by 1 and a subtraction of 0 are left out.
func Normalize(n Norm, shape []onnxpb.Dim, axis int, o PartOptions) (*onnxpb.ModelProto, error) {
	p, err := newPart("normalize", o)
	if err != nil {
		return nil, err
	}
	if shape == nil {
		shape = []onnxpb.Dim{onnxpb.Number(3), onnxpb.Symbol("H"), onnxpb.Symbol("W")}
	}
	dims := append(p.dims(), shape...)
	if axis == 0 {
		axis = 1
	}
	if n, err = n.fill(dims, axis); err != nil {
		return nil, err
	}
	x := p.inputShaped("image", dims)
	p.outputShaped("normalized", dims)
	// constant is a number for each channel, in a shape that spreads over what follows the channels.
	constant := func(name string, v []float64) string {
		list := make([]float32, len(v))
		for i := range v {
			list[i] = float32(v[i])
		}
		if len(v) == 1 {
			return p.scalar(name, list[0])
		}
		spread := []int64{int64(len(v))}
		for range dims[axis+1:] {
			spread = append(spread, 1)
		}
		return p.floats(name, spread, list...)
	}
	type step struct {
		value, op, constant string
		numbers             []float64
		nothing             float64
	}
	var steps []step
	for _, s := range []step{
		{"scaled", "Mul", "scale", []float64{n.Scale}, 1}, {"centred", "Sub", "mean", n.Mean, 0}, {"normalized", "Div", "std", n.Std, 1},
	} {
		if !all(s.numbers, s.nothing) {
			steps = append(steps, s)
		}
	}
	for i, s := range steps {
		in := []string{x, constant(s.constant, s.numbers)}
		if i == len(steps)-1 {
			p.write("normalized", s.op, in)
			break
		}
		x = p.node(s.value, s.op, in)
	}
	if len(steps) == 0 {
		p.write("normalized", "Identity", []string{x})
	}
	return p.model(fmt.Sprintf("normalized = (image*%v - mean)/std by channel, mean %v, std %v.", n.Scale, n.Mean, n.Std)), nil
}

// fill puts the defaults in and holds the numbers to the channels.
func (n Norm) fill(dims []onnxpb.Dim, axis int) (Norm, error) {
	if n.Scale == 0 {
		n.Scale = 1
	}
	if len(n.Mean) == 0 {
		n.Mean = []float64{0}
	}
	if len(n.Std) == 0 {
		n.Std = []float64{1}
	}
	if axis < 1 || axis >= len(dims) {
		return n, onnxpb.Errorf(onnxpb.Usage, "channel axis %d does not fit the shape %s", axis, onnxpb.FormatShape(dims))
	}
	channels := dims[axis]
	for _, v := range []struct {
		name string
		list []float64
	}{{"mean", n.Mean}, {"std", n.Std}} {
		if c := int64(len(v.list)); c != 1 && (!channels.Known || channels.Value != c) {
			return n, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%s has %d numbers, and the shape %s has %s channels", v.name, c, onnxpb.FormatShape(dims), channels),
				Hint: "give a number for each channel, or one for all"}
		}
	}
	for _, v := range append(append([]float64{n.Scale}, n.Mean...), n.Std...) {
		if math.IsNaN(v) || math.IsInf(float64(float32(v)), 0) {
			return n, onnxpb.Errorf(onnxpb.Usage, "%v is not a number for a normalisation", v)
		}
	}
	for _, v := range n.Std {
		if float32(v) == 0 {
			return n, onnxpb.Errorf(onnxpb.Usage, "a deviation (std) is 0")
		}
	}
	return n, nil
}

func all(list []float64, v float64) bool {
	for _, x := range list {
		if x != v {
			return false
		}
	}
	return true
}
