package opset

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a model, and its place. Every field but Code and Message may be empty.
type Fault struct {
	Code    string `json:"code"`             // the kind of fault, such as undefined-value
	Graph   string `json:"graph,omitempty"`  // the path to the subgraph or the function; "" is the main graph
	Node    string `json:"node,omitempty"`   // the node's label
	Tensor  string `json:"tensor,omitempty"` // the value, initializer, attribute's tensor
	Message string `json:"message"`
}

// String writes a fault as one line: graph, node and tensor, as far as they are known, then the message.
func (f Fault) String() string {
	var b strings.Builder
	if f.Graph != "" {
		fmt.Fprintf(&b, "in %s: ", f.Graph)
	}
	if f.Node != "" {
		fmt.Fprintf(&b, "node %q: ", f.Node)
	}
	if f.Tensor != "" {
		fmt.Fprintf(&b, "tensor %q: ", f.Tensor)
	}
	return b.String() + f.Message
}
