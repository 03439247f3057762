// Package networks gives tests whole networks, small ones, each written twice with the same weights: at batch 1 as PyTorch's exporter writes a trace, and by hand with the
// batch N. The second is the truth for what frees the first. Where it can be it is built otherwise: rows keep an axis of their own where a trace merges them with
// heads or windows, and what a trace bakes is computed from the input, or not needed at all. Only what works on each row by itself and names no batch, such as
// convolutions and layers over the last axis, is written once for both.
package networks

import (
	"slices"

	"onnxtool/onnxpb"
)

// Network is one network in both forms. Their inputs and outputs have the same names.
type Network struct {
	Name string
	// Fixed has 1 where Free has the symbol N.
	Fixed, Free *onnxpb.ModelProto
	// Axes are the axes of the batch in the inputs where it is not axis 0.
	Axes map[string]int
}

// All makes every network, of its own for each call.
func All() []Network {
	return slices.Concat(vits(), swins(), detrs(), recurrents(), berts(), shuffleNets(), uNets(), yolos(), mixers(), deformables())
}
