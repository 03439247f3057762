package opset

import (
	"fmt"
	"strings"

	"onnxtool/onnxpb"
)

// The kinds of fault, as Fault.Code tells them.
const (
	// The model.
	FaultIRVersion     = "ir-version"          // ir_version is missing, or does not go with the rest
	FaultOpsetImport   = "opset-import"        // operator sets are missing, twice there with different versions, or without a version
	FaultMetadata      = "metadata"            // a key twice
	FaultName          = "name"                // a name that must be there is empty
	FaultNameEncoding  = "name-encoding"       // a name or another string is not valid UTF-8
	FaultTooDeep       = "too-deep"            // subgraphs nested past MaxDepth
	FaultType          = "type"                // a graph input or output without a type, or with one that ONNX does not know
	FaultTypeMismatch  = "type-mismatch"       // an initializer is not what the input of its name is declared to be
	FaultDuplicate     = "duplicate-value"     // a value is made twice in one graph
	FaultShadowed      = "shadowed-value"      // a subgraph and a graph around it make values of one name
	FaultUndefined     = "undefined-value"     // a value is used that nothing makes
	FaultOrder         = "order"               // a value is used before the node that makes it
	FaultGraphOutput   = "graph-output"        // nothing makes a graph output, or it is listed twice
	FaultInitializer   = "initializer"         // an initializer that the graph does not allow
	FaultTensor        = "tensor"              // a tensor whose type, dimensions and data do not go together
	FaultExternalData  = "external-data"       // a reference to external data that makes no sense
	FaultSparse        = "sparse-tensor"       // a sparse tensor that is not well formed
	FaultEmptyNode     = "empty-node"          // a node without operator, or without inputs and outputs
	FaultDomain        = "unimported-domain"   // a node of a domain whose operator set is not imported
	FaultOperator      = "unknown-operator"    // an operator that its domain does not have
	FaultDeprecated    = "deprecated-operator" // an operator that its domain has no more
	FaultInputCount    = "input-count"         // more or fewer inputs than the operator takes
	FaultOutputCount   = "output-count"        // more or fewer outputs than the operator gives
	FaultMissingInput  = "missing-input"       // a required input is left empty
	FaultMissingOutput = "missing-output"      // a required output is left empty
	FaultSubgraph      = "subgraph-signature"  // inputs or outputs of a subgraph do not go with its node
	FaultAttribute     = "attribute"           // an attribute that is not well formed, or is there twice
	FaultAttributeName = "unknown-attribute"   // an attribute that the operator does not take
	FaultAttributeType = "attribute-type"      // an attribute of another type than the operator takes
	FaultAttributeGone = "missing-attribute"   // a required attribute is missing
	FaultAttributeRef  = "attribute-reference" // a reference to an attribute of a function, where there is none
	FaultFunction      = "function"            // a function that is not well formed, or is there twice
	FaultRecursion     = "recursive-function"  // a function that calls itself

	// Types and shapes, which package shape looks at.
	FaultInference = "inference"  // types or shapes that contradict each other, or what is declared
	FaultInputType = "input-type" // an input of a type that its operator does not take

	// What is only ever warned of.
	WarnNewer      = "newer"          // a version that this program does not know yet
	WarnOlderIR    = "older-ir"       // the IR version is older than the release of what the model holds
	WarnShape      = "no-shape"       // a graph input or output without a shape, or with a negative dimension
	WarnDuplicate  = "duplicate-name" // a node's name, a value_info or an opset import is there twice
	WarnStale      = "stale"          // a value_info or annotation of a value that is not there
	WarnExperiment = "experimental"   // an operator of the early days that was removed
	WarnOuter      = "outer-output"   // a subgraph gives back a value of an enclosing graph
)

// Fault is one thing that is wrong with a model, and its place. Every field but Code and Message may be empty.
type Fault struct {
	Code    string `json:"code"`              // the kind of fault: one of the constants
	Warning bool   `json:"warning,omitempty"` // whether the model is valid nonetheless
	Graph   string `json:"graph,omitempty"`   // the path to the subgraph or the function; "" is the main graph
	Node    string `json:"node,omitempty"`    // the node's label (see onnxpb's NodeProto.Label)
	Tensor  string `json:"tensor,omitempty"`  // the value
	Message string `json:"message"`
}

// String writes a fault as one line: graph, node and tensor, as far as they are known, then the message.
func (f Fault) String() string {
	var b strings.Builder
	if f.Warning {
		b.WriteString("warning: ")
	}
	if f.Graph != "" {
		fmt.Fprintf(&b, "in %s: ", onnxpb.Shortened(f.Graph, 1000))
	}
	if f.Node != "" {
		fmt.Fprintf(&b, "node %s: ", onnxpb.Quoted(f.Node))
	}
	if f.Tensor != "" {
		fmt.Fprintf(&b, "tensor %s: ", onnxpb.Quoted(f.Tensor))
	}
	b.WriteString(f.Message)
	return b.String()
}
