// Package diff tells what two models differ in: nodes, attributes, the content of initializers, interface, operator sets, functions and metadata. Nodes and
// values are matched by what they compute and where they stand in the graph, and by name only where that leaves a choice.
package diff
