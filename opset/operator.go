package opset

// Operator is one version of an operator: its signature as ONNX's change log lists it.
type Operator struct {
	Domain       string // "" is ai.onnx
	Name         string
	SinceVersion int64 // the version of the domain's operator set that brought this signature
	Deprecated   bool  // not to be used from SinceVersion on
	Attributes   []Attribute
	Inputs       []Formal
	Outputs      []Formal
	MinInputs    int
	MaxInputs    int // -1: no maximum
	MinOutputs   int
	MaxOutputs   int                 // -1: no maximum
	Types        map[string][]string // type constraints: a type variable such as T to the types it stands for, such as tensor(float)
}

// Attribute is an attribute that an operator takes.
type Attribute struct {
	Name     string
	Type     string // int, float, string, tensor, graph, sparse_tensor, type_proto, list of ints, list of floats, list of strings
	Required bool
	Default  string // as the change log prints it; "" where there is none
}

// Formal is a formal input or output of an operator.
type Formal struct {
	Name   string
	Option string // single, optional, variadic
	Type   string // a type variable, or a type such as tensor(int64)
}
