package info

import (
	"strings"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
	"onnxtool/opset"
	"onnxtool/shape"
)

// unknownShape is why multiply-adds cannot be told.
const unknownShape = "the shapes are not known"

// macs counts the multiply-adds of a node; why is not "" where that cannot be done.
func (c *counting) macs(n *onnxpb.NodeProto, path string) (total expr.Expr, why string) {
	zero := expr.Int(0)
	dom := onnxpb.NormalDomain(n.GetDomain())
	if f := c.funcs[[3]string{dom, n.GetOpType(), n.GetOverload()}]; f != nil {
		return c.function(f, n)
	}
	if dom != "" && dom != "com.microsoft" && dom != "ai.onnx.ml" {
		if !opset.Known(dom) {
			return zero, "nothing is known of the operator"
		}
		return zero, ""
	}
	in := func(i int) []shape.Dim { return c.dims(n.GetInput(), i) }
	out := func(i int) []shape.Dim { return c.dims(n.GetOutput(), i) }
	switch n.GetOpType() {
	case "Conv", "FusedConv", "ConvInteger", "NhwcConv", "DeformConv":
		return convolution(out(0), in(1))
	case "QLinearConv":
		return convolution(out(0), in(3))
	case "ConvTranspose":
		return convolution(in(0), in(1))
	case "MatMul", "MatMulInteger", "FusedMatMul", "MatMulIntegerToFloat", "DynamicQuantizeMatMul", "QLinearMatMul":
		return matrix(in(0), out(0), n.AttrInt("transA", 0) != 0)
	case "Gemm", "FusedGemm", "QGemm":
		return matrix(in(0), out(0), n.AttrInt("transA", 0) != 0)
	case "MatMulNBits":
		return product(out(0), []shape.Dim{expr.Int(n.AttrInt("K", 0))})
	case "LSTM", "GRU", "RNN":
		x, w, r := in(0), in(1), in(2)
		if len(x) != 3 || len(w) != 3 || len(r) != 3 {
			return zero, unknownShape
		}
		each := w[0].Mul(w[1]).Mul(w[2]).Add(r[0].Mul(r[1]).Mul(r[2]))
		return x[0].Mul(x[1]).Mul(each), ""
	case "Einsum":
		return c.einsum(n)
	case "If", "Loop", "Scan":
		return c.control(n, path)
	case "Attention":
		if dom == "" {
			return attention(in(0), out(0), in(1), in(4), c.given(n, 4))
		}
		return c.packedAttention(n)
	case "MultiHeadAttention":
		if len(in(0)) == 3 && c.given(n, 1) {
			return attention(in(0), out(0), in(1), in(6), c.given(n, 6))
		}
		return zero, "the operator is not counted where queries, keys and values are packed"
	case "GroupQueryAttention", "PackedAttention", "PackedMultiHeadAttention", "QAttention", "LinearAttention", "FlexAttention", "SequenceMap", "MoE", "QMoE",
		"DecoderMaskedMultiHeadAttention", "SparseAttention", "LongformerAttention", "DFT", "STFT":
		return zero, "the operator is not counted"
	}
	if dom == "com.microsoft" && strings.Contains(n.GetOpType(), "MatMul") {
		return zero, "the operator is not counted"
	}
	return zero, ""
}

// given tells whether a node has an input.
func (c *counting) given(n *onnxpb.NodeProto, i int) bool {
	return i < len(n.GetInput()) && n.Input[i] != ""
}

// attention counts the two products of attention: each query with each key, and each of the results with each value. Keys lie along the last axis but one, those of the past too.
func attention(queries, out, keys, past []shape.Dim, hasPast bool) (expr.Expr, string) {
	if len(keys) < 2 || hasPast && len(past) < 2 {
		return expr.Int(0), unknownShape
	}
	each := keys[len(keys)-2]
	if hasPast {
		each = each.Add(past[len(past)-2])
	}
	scores, why := product(queries, []shape.Dim{each})
	if why != "" {
		return scores, why
	}
	sums, why := product(out, []shape.Dim{each})
	return scores.Add(sums), why
}

// packedAttention counts Attention of com.microsoft, which makes queries, keys and values of one input [B,S,C] by weights [C,3*H] first.
func (c *counting) packedAttention(n *onnxpb.NodeProto) (expr.Expr, string) {
	x, w, out := c.dims(n.GetInput(), 0), c.dims(n.GetInput(), 1), c.dims(n.GetOutput(), 0)
	switch {
	case c.given(n, 4) || n.Attr("qkv_hidden_sizes") != nil:
		return expr.Int(0), "the operator is not counted with a past or with sizes of its own"
	case len(x) != 3 || len(w) != 2:
		return expr.Int(0), unknownShape
	}
	made, why := product(x, w[1:])
	if why != "" {
		return made, why
	}
	rest, why := attention(out, out, x, nil, false)
	return made.Add(rest), why
}

// dims returns the shape of the value at a place of a list; nil where it is not known.
func (c *counting) dims(names []string, i int) []shape.Dim {
	if i >= len(names) || names[i] == "" {
		return nil
	}
	v := c.value(names[i])
	if v == nil || !v.Ranked {
		return nil
	}
	if v.Dims == nil {
		return []shape.Dim{}
	}
	return v.Dims
}

// product multiplies dimensions; nil lists are not known.
func product(lists ...[]shape.Dim) (expr.Expr, string) {
	total := expr.Int(1)
	for _, l := range lists {
		if l == nil {
			return expr.Int(0), unknownShape
		}
		for _, d := range l {
			total = total.Mul(d)
		}
	}
	return total, ""
}

// convolution counts a convolution: one value of the weights of each group for every element of what it makes; of a transposed one, of what it reads.
func convolution(each, weights []shape.Dim) (expr.Expr, string) {
	if len(each) < 2 || len(weights) < 2 {
		return expr.Int(0), unknownShape
	}
	return product(each, weights[1:])
}

// matrix counts a matrix product: as many as the inner dimension for every element of the result.
func matrix(a, out []shape.Dim, transposed bool) (expr.Expr, string) {
	if len(a) == 0 || out == nil {
		return expr.Int(0), unknownShape
	}
	inner := a[len(a)-1]
	if transposed && len(a) > 1 {
		inner = a[len(a)-2]
	}
	return product(out, []shape.Dim{inner})
}

// einsum counts a contraction of two operands: one multiply-add for each combination of the letters.
func (c *counting) einsum(n *onnxpb.NodeProto) (expr.Expr, string) {
	a := n.Attr("equation")
	if a == nil {
		return expr.Int(0), "the equation is missing"
	}
	terms, _, _ := strings.Cut(strings.ReplaceAll(string(a.S), " ", ""), "->")
	operands := strings.Split(terms, ",")
	if len(operands) == 1 {
		return expr.Int(0), "" // sums and transpositions
	}
	if len(operands) > 2 || strings.Contains(terms, ".") {
		return expr.Int(0), "equations with ... or more than two operands are not counted"
	}
	total := expr.Int(1)
	seen := map[rune]bool{}
	for i, term := range operands {
		dims := c.dims(n.GetInput(), i)
		if dims == nil || len(dims) != len([]rune(term)) {
			return expr.Int(0), unknownShape
		}
		for k, letter := range []rune(term) {
			if !seen[letter] {
				seen[letter] = true
				total = total.Mul(dims[k])
			}
		}
	}
	return total, ""
}

// control counts the subgraphs of a node.
func (c *counting) control(n *onnxpb.NodeProto, path string) (expr.Expr, string) {
	inner := func(attr string) expr.Expr {
		g := n.Attr(attr).GetG()
		p := n.Label() + "." + attr
		if path != "" {
			p = path + "/" + p
		}
		return c.graph(g, p)
	}
	if n.GetOpType() == "If" {
		return expr.Max(inner("then_branch"), inner("else_branch")), ""
	}
	body := inner("body")
	if v, ok := body.Const(); ok && v == 0 {
		return body, ""
	}
	if n.GetOpType() == "Loop" {
		isFalse := func(v *shape.Value) bool {
			if v == nil || len(v.Ints) != 1 {
				return false
			}
			k, ok := v.Ints[0].Const()
			return ok && k == 0
		}
		if in := n.GetInput(); len(in) > 1 && in[1] != "" && isFalse(c.value(in[1])) {
			return expr.Int(0), "" // it ends before the first pass
		}
		if g := n.Attr("body").GetG(); len(g.GetOutput()) > 0 && isFalse(c.shapes.Of(g, g.GetOutput()[0].GetName())) {
			return body, "" // and here behind it
		}
		if in := n.GetInput(); len(in) > 0 && in[0] != "" {
			if v := c.value(in[0]); v != nil && len(v.Ints) == 1 && v.Ints[0].Known() {
				return body.Mul(v.Ints[0]), ""
			}
		}
		return body, "how often the body runs is not known"
	}
	states := len(n.GetInput()) - int(n.AttrInt("num_scan_inputs", 0))
	axis := 0
	if a := n.Attr("scan_input_axes"); a != nil && len(a.Ints) > 0 {
		axis = int(a.Ints[0])
	}
	dims := c.dims(n.GetInput(), states)
	if axis < 0 {
		axis += len(dims)
	}
	if states < 0 || axis < 0 || axis >= len(dims) {
		return body, "how often the body runs is not known"
	}
	return body.Mul(dims[axis]), ""
}
