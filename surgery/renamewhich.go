package surgery

import (
	"fmt"
	"regexp"
	"strings"

	"onnxtool/onnxpb"
)

// whichTensor asks which tensor is meant by a name, and no pattern, that stands in several subgraphs side by side. Its path tells: choose/then_branch/name is taken here for the name in that
// subgraph, where no tensor is called so.
func (c *candidates) whichTensor(rule *RenameRule, frames func() map[*onnxpb.GraphProto]*frame) error {
	hits := c.byName[rule.From]
	if rule.Kind != KindTensor || rule.Part || len(hits) == 1 || len(hits) == 0 && !strings.Contains(rule.From, "/") {
		return nil
	}
	where := frames()
	if len(hits) > 1 {
		var paths []string
		for _, d := range hits {
			if f := where[d.in.graph]; f.values[d.name] != nil { // and is not only named there
				paths = append(paths, f.String()+"/"+d.name)
			}
		}
		if len(paths) < 2 {
			return nil
		}
		return &onnxpb.Error{Tensor: rule.From, Msg: fmt.Sprintf("%d graphs have a tensor of this name", len(paths)),
			Hint: "which is meant: " + someNames(paths) + "? A pattern, such as re:" + regexp.QuoteMeta(rule.From) + ", means them all"}
	}
	for i := len(rule.From) - 1; i > 0; i-- {
		if rule.From[i] != '/' {
			continue
		}
		for _, d := range c.byName[rule.From[i+1:]] {
			if where[d.in.graph].String() == rule.From[:i] {
				hits = append(hits, d)
			}
		}
	}
	if len(hits) == 1 {
		c.byName[rule.From] = hits
	}
	return nil
}
