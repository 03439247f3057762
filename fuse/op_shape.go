package fuse

import (
	"strings"

	"onnxtool/onnxpb"
)

// unary lists operators whose output has the shape of their first input.
var unary = words(`Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Cast CastLike Ceil Celu Clip Cos Cosh CumSum Elu Erf Exp Floor Gelu HardSigmoid
	HardSwish Hardmax Identity IsInf IsNaN LeakyRelu Log LogSoftmax Mish Neg Not Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softmax
	Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu`)

// broadcasting lists operators whose output has the shape that all their inputs broadcast to.
var broadcasting = words(`Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Equal Greater GreaterOrEqual Less LessOrEqual Max Mean Min Mod Mul Or Pow
	Sub Sum Where Xor`)

func words(s string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(s) {
		set[w] = true
	}
	return set
}

// elementwiseShape returns the shape of the output of an operator that works element by element, nil for others and where it is not known.
func elementwiseShape(op string, inputs []OpValue) []onnxpb.Dim {
	switch {
	case unary[op] && len(inputs) > 0:
		return inputs[0].Shape
	case broadcasting[op] && len(inputs) > 0:
		shape := inputs[0].Shape
		for _, in := range inputs[1:] {
			shape = broadcast(shape, in.Shape)
		}
		return shape
	}
	return nil
}

// broadcast returns the shape that two shapes broadcast to; a dimension that cannot be told is unknown. Nil is an unknown rank.
func broadcast(a, b []onnxpb.Dim) []onnxpb.Dim {
	if a == nil || b == nil {
		return nil
	}
	if len(a) < len(b) {
		a, b = b, a
	}
	out := append([]onnxpb.Dim{}, a...)
	off := len(a) - len(b)
	one := onnxpb.Number(1)
	for i, d := range b {
		switch x := a[off+i]; {
		case d == one || d == x && d != onnxpb.Dim{}:
		case x == one:
			out[off+i] = d
		case d.Known: // a number other than 1 wins over a symbol, which can only be it or 1
			if x.Known {
				out[off+i] = onnxpb.Dim{} // they disagree: the runtime will tell
			} else {
				out[off+i] = d
			}
		case x.Known:
		default:
			out[off+i] = onnxpb.Dim{}
		}
	}
	return out
}
