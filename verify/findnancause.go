package verify

import (
	"fmt"
	"math"
	"slices"

	"onnxtool/onnxpb"
)

// made is a NaN or an infinity that a node makes, with what is known of the node's inputs.
type made struct {
	d *NaNFinding
	n *onnxpb.NodeProto
}

// cause guesses from the operator and the ranges of its inputs where a NaN or an infinity comes from.
func (f *nanFinder) cause(d *NaNFinding, n *onnxpb.NodeProto) string {
	for range n.Subgraphs() {
		return "it is made within a subgraph of the node, which counts as one"
	}
	for _, fn := range f.source.Model.GetFunctions() {
		if fn.GetName() == n.GetOpType() && onnxpb.NormalDomain(fn.GetDomain()) == onnxpb.NormalDomain(n.GetDomain()) {
			return "it is made within the function " + n.GetOpType() + ", which counts as one node"
		}
	}
	m := made{d, n}
	if d.FromInfinity {
		return m.ofInfinity()
	}
	if onnxpb.NormalDomain(n.GetDomain()) == "" {
		rule := causes[n.GetOpType()]
		if rule != nil {
			if text := rule(m); text != "" {
				return text
			}
		}
	}
	return m.other()
}

// stats returns what is known of an input of the node by its place; an empty one where nothing is.
func (m made) stats(i int) *Stats {
	if i < len(m.n.GetInput()) {
		for _, in := range m.d.Inputs {
			if in.Name == m.n.GetInput()[i] && in.Stats != nil {
				return in.Stats
			}
		}
	}
	return &Stats{}
}

func (m made) name(i int) string {
	if i < len(m.n.GetInput()) {
		return m.n.GetInput()[i]
	}
	return "?"
}

// isNaN tells whether it is a NaN, and not an infinity.
func (m made) isNaN() bool { return m.d.Makes == "NaN" }

// below tells whether an input has elements under a bound, and above whether it has some over one.
func (m made) below(i int, bound float64) bool {
	s := m.stats(i)
	return s.Moments != nil && float64(s.Min) < bound
}

func (m made) above(i int, bound float64) bool {
	s := m.stats(i)
	return s.Moments != nil && float64(s.Max) > bound
}

// low and high write the ends of an input's range.
func (m made) low(i int) string {
	return fmt.Sprintf("%s goes down to %s", m.name(i), digits(m.stats(i).Min))
}

func (m made) high(i int) string {
	return fmt.Sprintf("%s goes up to %s", m.name(i), digits(m.stats(i).Max))
}

func (m made) zeros(i int) string {
	if n := m.stats(i).Zeros; n != 1 {
		return fmt.Sprintf("%s has %d zeros", m.name(i), n)
	}
	return m.name(i) + " has one zero"
}

// largest returns the largest number of the type of what is made, or of complex numbers' parts; 0 where it is not known.
func (m made) largest() float64 {
	switch m.d.Type {
	case "float16":
		return 65504
	case "bfloat16":
		return math.Ldexp(255, 120)
	case "float32", "complex64":
		return math.MaxFloat32
	case "float64", "complex128":
		return math.MaxFloat64
	case "float8e5m2":
		return 57344
	case "float8e4m3fn":
		return 448
	case "float8e4m3fnuz":
		return 240
	}
	return 0
}

// overflow tells that a result passes the range of its type.
func (m made) overflow() string {
	if l := m.largest(); l > 0 {
		return fmt.Sprintf("overflow: a result passes the range of %s, which ends at %.6g", m.d.Type, l)
	}
	return "overflow: a result passes the range of " + m.d.Type
}

// other is the cause where no rule tells one.
func (m made) other() string {
	if !m.isNaN() {
		return m.overflow()
	}
	return fmt.Sprintf("%s makes it of finite inputs: a step within it has no number as its result (0/0, or infinities of both signs after an overflow)", m.n.GetOpType())
}

// ofInfinity is the cause of a NaN that is made of infinite inputs.
func (m made) ofInfinity() string {
	switch m.n.GetOpType() {
	case "Softmax", "LogSoftmax":
		return "a row of nothing but -Inf (a mask that leaves nothing over), or one that holds Inf"
	case "Add", "Sub", "Sum", "Mean", "ReduceSum", "ReduceMean", "CumSum":
		return "an infinity less an infinity"
	case "Div":
		return "an infinity divided by an infinity"
	case "Mul":
		return "0 times an infinity"
	case "MatMul", "Gemm", "Conv", "ConvTranspose", "Einsum":
		return "0 times an infinity, or an infinity less an infinity, within a sum of products"
	case "Sin", "Cos", "Tan", "Mod":
		return m.n.GetOpType() + " of an infinity"
	}
	return "an infinity that comes in becomes a NaN here"
}

// causes are the operators of which the ranges of the inputs tell more than that a result is no finite number.
var causes = map[string]func(made) string{
	"Log":          func(m made) string { return m.log("Log") },
	"ReduceLogSum": func(m made) string { return m.log("the logarithm of a sum") },
	"Sqrt": func(m made) string {
		if m.isNaN() && m.below(0, 0) {
			return "Sqrt of a negative number: " + m.low(0)
		}
		return ""
	},
	"Div": func(m made) string {
		switch {
		case m.stats(1).Zeros > 0 && m.isNaN():
			return "0 divided by 0: " + m.zeros(1)
		case m.stats(1).Zeros > 0:
			return "division by 0: " + m.zeros(1)
		}
		return ""
	},
	"Reciprocal": func(m made) string {
		if m.stats(0).Zeros > 0 {
			return "division by 0: " + m.zeros(0)
		}
		return ""
	},
	"Mod": func(m made) string {
		if m.stats(1).Zeros > 0 {
			return "Mod by 0: " + m.zeros(1)
		}
		return ""
	},
	"Exp":             made.exp,
	"Sinh":            made.exp,
	"Cosh":            made.exp,
	"ReduceLogSumExp": made.exp,
	"Softmax":         made.exp,
	"LogSoftmax":      made.exp,
	"Pow":             made.pow,
	"Acos":            made.arc,
	"Asin":            made.arc,
	"Atanh":           made.arc,
	"Acosh": func(m made) string {
		if m.below(0, 1) {
			return "Acosh of less than 1: " + m.low(0)
		}
		return ""
	},
	"Cast":     made.cast,
	"CastLike": made.cast,
	"BatchNormalization": func(m made) string {
		if m.below(4, 0) {
			return "the root of a negative variance: " + m.low(4)
		}
		if m.stats(4).Zeros > 0 {
			return "the variance is 0, and epsilon does not make up for it: " + m.zeros(4)
		}
		return ""
	},
	"LpNormalization":           func(made) string { return "division by the norm of a row of zeros" },
	"InstanceNormalization":     made.deviation,
	"LayerNormalization":        made.deviation,
	"GroupNormalization":        made.deviation,
	"MeanVarianceNormalization": made.deviation,
	"RMSNormalization":          made.deviation,
	"ReduceMean":                made.nothing,
	"ReduceMax":                 made.nothing,
	"ReduceMin":                 made.nothing,
	"GlobalAveragePool":         made.nothing,
	"GlobalMaxPool":             made.nothing,
	"AveragePool":               made.nothing,
	"MaxPool":                   made.nothing,
}

func (m made) log(what string) string {
	switch {
	case m.isNaN() && m.below(0, 0):
		return what + " of a negative number: " + m.low(0)
	case !m.isNaN() && m.stats(0).Zeros > 0:
		return what + " of 0: " + m.zeros(0)
	}
	return ""
}

func (m made) exp() string {
	limit := math.Log(m.largest())
	if m.largest() > 0 && (m.above(0, limit) || m.n.GetOpType() != "Exp" && m.below(0, -limit)) {
		return fmt.Sprintf("overflow: the exponential of more than %.4g passes the range of %s: %s", limit, m.d.Type, m.high(0))
	}
	return ""
}

func (m made) pow() string {
	switch {
	case m.isNaN() && m.below(0, 0):
		return "a negative number to a power that is no integer: " + m.low(0)
	case !m.isNaN() && m.stats(0).Zeros > 0 && m.below(1, 0):
		return fmt.Sprintf("0 to a negative power: %s, %s", m.zeros(0), m.low(1))
	}
	return ""
}

func (m made) arc() string {
	op := m.n.GetOpType()
	switch {
	case m.below(0, -1):
		return op + " of less than -1: " + m.low(0)
	case m.above(0, 1):
		return op + " of more than 1: " + m.high(0)
	case op == "Atanh":
		return "Atanh of 1 or -1"
	}
	return ""
}

func (m made) cast() string {
	for _, in := range m.d.Inputs {
		if in.Name == m.name(0) && in.Type == "string" {
			return "a text that reads as a NaN or an infinity"
		}
	}
	s := m.stats(0)
	if s.Moments == nil || m.isNaN() {
		return ""
	}
	return fmt.Sprintf("overflow: %s goes from %s to %s, and %s ends at %.6g", m.name(0), digits(s.Min), digits(s.Max), m.d.Type, m.largest())
}

func (m made) deviation() string {
	if m.isNaN() || m.stats(0).Moments == nil {
		return "division by a deviation of 0, which epsilon does not keep apart from 0, or a square that passes the range of " + m.d.Type
	}
	return ""
}

func (m made) nothing() string {
	if m.stats(0).Elements == 0 {
		return m.n.GetOpType() + " over no elements at all"
	}
	return ""
}

// byElement are the operators of which an element of the result comes of the elements in the same place of the inputs.
var byElement = []string{"Abs", "Acos", "Acosh", "Add", "Asin", "Asinh", "Atan", "Atanh", "Cast", "Ceil", "Celu", "Clip", "Cos", "Cosh", "Div", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid",
	"HardSwish", "Identity", "LeakyRelu", "Log", "Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Pow", "PRelu", "Reciprocal", "Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus",
	"Softsign", "Sqrt", "Sub", "Sum", "Tan", "Tanh", "ThresholdedRelu", "Where"}

// explainFirst explains the first finding, which stands among the nodes too.
func (f *nanFinder) explainFirst() {
	r := f.report
	if r.First == nil || r.First.Kind != "node" {
		return
	}
	f.explain(r.First, f.source.Model.GetGraph().GetNode()[r.First.Position])
	r.Nodes[0] = *r.First
}

// explain runs the node that is to blame once more with all that it reads in view: the ranges of integers become known, and the elements that the bad one comes of.
func (f *nanFinder) explain(d *NaNFinding, n *onnxpb.NodeProto) {
	var names []string
	for _, name := range f.reads[d.Position] {
		if !f.skipped[name] {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	got, err := f.values(names)
	if err != nil {
		return // the finding stands without it
	}
	f.report.Runs++
	d.Inputs = nil
	for _, name := range f.reads[d.Position] {
		list, err := leavesOf(got[name])
		if err != nil {
			list = f.seen[name]
		}
		for _, l := range list {
			d.Inputs = append(d.Inputs, NaNInput{Name: name, Path: l.path, Type: l.typ, Shape: l.shape, Stats: l.stats})
		}
	}
	d.Cause = f.cause(d, n)
	if onnxpb.NormalDomain(n.GetDomain()) != "" || !slices.Contains(byElement, n.GetOpType()) || d.Path != "" {
		return
	}
	for _, name := range n.GetInput() {
		if v := got[name]; name != "" && v != nil && v.Kind == onnxpb.KindTensor {
			if at, ok := broadcastPlace(v.Array, d.Element.Index); ok {
				d.Operands = append(d.Operands, NaNOperand{Name: name, Element: *(&gatherer{dims: v.Array.Dims, piece: v.Array}).elementAt(at)})
			}
		}
	}
}

// broadcastPlace returns the element of an array that stands against an element of the result.
func broadcastPlace(a *onnxpb.Array, index []int64) (int, bool) {
	skip := len(index) - len(a.Dims)
	if skip < 0 {
		return 0, false
	}
	at := int64(0)
	for axis, d := range a.Dims {
		i := index[skip+axis]
		if d == 1 {
			i = 0
		}
		if i >= d {
			return 0, false
		}
		at = at*d + i
	}
	return int(at), true
}
