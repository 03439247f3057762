package surgery

import "onnxtool/onnxpb"

// Types finds the types of the values of a main graph, those that no declaration tells as far as the signatures of operators do.
type Types struct{ e elemTypes }

// NewTypes returns the types of the values of an indexed graph.
func NewTypes(g *Graph) *Types { return &Types{elemTypes{index: g}} }

// Of returns the type of a value: as it is declared, or else its element type without a shape, where the operators between it and what is declared tell
// it. Nil where they do not. All calls together cost no more than one pass over the graph.
func (t *Types) Of(name string) *onnxpb.TypeProto {
	if d := t.e.index.ValueType(name); typeKnown(d) {
		return d
	}
	return t.e.of(name)
}
