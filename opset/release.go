package opset

import "onnxtool/onnxpb"

// NewestIR is the newest IR version that this program knows.
const NewestIR = 13

// release says from which version of an operator set on a model needs an IR version.
type release struct{ version, ir int64 }

// releases lists, for each domain, the operator sets whose ONNX release brought a newer IR version, ascending (ONNX 1.0 to 1.22).
var releases = map[string][]release{
	"":                         {{1, 3}, {9, 4}, {10, 5}, {11, 6}, {12, 7}, {15, 8}, {19, 9}, {21, 10}, {23, 11}, {24, 12}, {25, 13}},
	"ai.onnx.ml":               {{1, 3}, {2, 6}, {3, 8}, {4, 9}, {5, 10}},
	"ai.onnx.preview.training": {{1, 7}},
	"ai.onnx.preview":          {{1, 13}},
}

// MinIR returns the lowest IR version of the ONNX release that brought a version of a domain's operator set; 1 where the domain is not
// known. A version newer than the table gets the newest IR version of its domain. Readers of ONNX do not insist on it; writers keep to it.
func MinIR(domain string, version int64) int64 {
	ir := int64(1)
	for _, r := range releases[onnxpb.NormalDomain(domain)] {
		if version >= r.version {
			ir = r.ir
		}
	}
	return ir
}
