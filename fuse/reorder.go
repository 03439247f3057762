package fuse

import (
	"fmt"
	"strings"

	"onnxtool/onnxpb"
)

// Reorder makes a model that picks and orders the columns of a matrix by their names. Input: pose [N,len(from)], whose columns are called from.
// Output: reordered [N,len(to)]. A name in to may be preceded by - to turn the sign of that column, and may come twice; columns that to does not name are
// dropped.
func Reorder(from, to []string, o PartOptions) (*onnxpb.ModelProto, error) {
	at := map[string]int64{}
	for i, name := range from {
		if name == "" || name[0] == '-' {
			return nil, onnxpb.Errorf(onnxpb.Usage, "column %d: %q is not a name for a column", i, name)
		}
		if _, twice := at[name]; twice {
			return nil, onnxpb.Errorf(onnxpb.Usage, "column %q comes twice", name)
		}
		at[name] = int64(i)
	}
	if len(from) == 0 || len(to) == 0 {
		return nil, onnxpb.Errorf(onnxpb.Usage, "the names of the columns are missing")
	}
	index := make([]int64, len(to))
	sign := make([]float32, len(to))
	turned := false
	for i, name := range to {
		bare, minus := strings.CutPrefix(name, "-")
		c, ok := at[bare]
		if !ok {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("there is no column %q", bare), Hint: suggest(bare, from)}
		}
		index[i], sign[i] = c, 1
		if minus {
			sign[i], turned = -1, true
		}
	}
	p, err := newPart("reorder", o)
	if err != nil {
		return nil, err
	}
	pose := p.input("pose", int64(len(from)))
	p.output("reordered", int64(len(to)))
	indices := []string{pose, p.ints("index", index...)}
	axis := onnxpb.Int("axis", 1)
	if turned {
		picked := p.node("picked", "Gather", indices, axis)
		p.write("reordered", "Mul", []string{picked, p.floats("sign", []int64{1, int64(len(to))}, sign...)})
	} else {
		p.write("reordered", "Gather", indices, axis)
	}
	return p.model(fmt.Sprintf("reordered = (%s) of the columns (%s) of pose.", strings.Join(to, ", "), strings.Join(from, ", "))), nil
}
