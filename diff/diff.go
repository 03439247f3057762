package diff

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
)

// Parts are what a comparison can leave out, and what each is.
var Parts = []struct{ Name, Means string }{
	{"names", "the names of nodes, tensors, inputs, outputs, graphs and dimensions; what is named alike must still be alike"},
	{"docs", "doc strings"},
	{"metadata", "metadata_props, of the model and of everything in it"},
	{"value_info", "the declared types of inner values"},
	{"data", "the elements of tensors: types and dimensions are compared, files of external data are not read"},
	{"producer", "ir_version, producer, domain and version of the model"},
	{"opsets", "the imported operator sets"},
	{"training", "training information"},
}

// Options say how two models are compared.
type Options struct {
	// Ignore lists the Parts that do not count.
	Ignore []string
	// DirA and DirB are the directories of the models' files, which their external data is relative to.
	DirA, DirB string
}

// Difference is one thing in which two models differ. Fields that do not apply are empty.
type Difference struct {
	Action string `json:"action"`          // added (only the second model has it), removed (only the first has it), changed, renamed
	What   string `json:"what"`            // node, attribute, node_input, initializer, input, output, tensor, value_info, opset, function, metadata, doc, ...
	Graph  string `json:"graph,omitempty"` // the path to the subgraph or function; "" is the main graph, or the model
	Node   string `json:"node,omitempty"`  // the node that it is about, as the first model calls it (the second, where it is added)
	Name   string `json:"name,omitempty"`  // what it is called in the first model (the second, where it is added)
	From   string `json:"from,omitempty"`  // what it is in the first model
	To     string `json:"to,omitempty"`    // what it is in the second model
}

// String writes a difference as one line.
func (d Difference) String() string {
	var b strings.Builder
	b.WriteString(d.Action)
	if d.Graph != "" {
		b.WriteString(" in " + d.Graph + ":")
	}
	if d.Node != "" {
		b.WriteString(" node " + strconv.Quote(d.Node))
	}
	b.WriteString(" " + d.What)
	if d.Name != "" {
		b.WriteString(" " + strconv.Quote(d.Name))
	}
	switch {
	case d.From != "" && d.To != "":
		b.WriteString(": " + d.From + " -> " + d.To)
	case d.From != "" || d.To != "":
		b.WriteString(": " + d.From + d.To)
	}
	return b.String()
}

// Models compares two models and returns what they differ in, in the order of the first one's graph with what was added behind; nothing means that they are the same
// but for the order of nodes, initializers, attributes and of entries whose order means nothing. It reads every tensor once, in pieces, and is
// linear in nodes and edges.
//
// Nodes are matched by a hash of all that they are computed from (operators, attributes, content of constants), and by one of all that is computed from them; what
// that leaves, by the same hashes without the content of constants, by neighbours that are matched, and by name. A tensor or node that is matched
// and is called otherwise is renamed; two inputs of the models are the same where they have one name, or the same type at the same place among those without a partner.
//
// An error means that the models could not be compared: a part to ignore that there is not (kind Usage), or external data that cannot be read (kind Unfit).
func Models(a, b *onnxpb.ModelProto, o Options) ([]Difference, error) {
	d := &differ{ignore: map[string]bool{}, dims: [2]map[string]string{{}, {}}}
	for _, name := range o.Ignore {
		if !slices.ContainsFunc(Parts, func(p struct{ Name, Means string }) bool { return p.Name == name }) {
			all := make([]string, len(Parts))
			for i, p := range Parts {
				all[i] = p.Name
			}
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no part of a model that can be ignored", name), Hint: "these are: " + strings.Join(all, ", ")}
		}
		d.ignore[name] = true
	}
	for i, m := range []*onnxpb.ModelProto{a, b} {
		s := &side{index: i, model: m, dir: []string{o.DirA, o.DirB}[i], noData: d.ignore["data"], digests: map[*onnxpb.TensorProto]hash{}}
		d.sides[i] = s
		if err := s.digestAll(); err != nil {
			return nil, err
		}
	}
	d.model(a, b)
	return d.found, nil
}

// differ is one comparison.
type differ struct {
	ignore map[string]bool
	sides  [2]*side
	found  []Difference
	dims   [2]map[string]string // where names are ignored: which symbol of the other model a symbol of each stands for
	pairs  uint64               // how many values were matched
}

// side is one of the two models.
type side struct {
	index   int // 0 is the first
	model   *onnxpb.ModelProto
	dir     string
	noData  bool
	digests map[*onnxpb.TensorProto]hash
}

func (d *differ) add(x Difference) { d.found = append(d.found, x) }

// text notes a text that is another one; what may be ignored under a name.
func (d *differ) text(at Difference, from, to string) {
	if from == to {
		return
	}
	at.Action = "changed"
	switch {
	case from == "":
		at.Action = "added"
	case to == "":
		at.Action = "removed"
	}
	at.From, at.To = quoted(from), quoted(to)
	d.add(at)
}

// quoted quotes a text, cut where it is long; "" stays.
func quoted(s string) string {
	if s == "" {
		return ""
	}
	return onnxpb.Quoted(s)
}

// doc compares two doc strings.
func (d *differ) doc(at Difference, from, to string) {
	if !d.ignore["docs"] {
		at.What = "doc"
		d.text(at, from, to)
	}
}

// metadata compares two lists of metadata.
func (d *differ) metadata(at Difference, from, to []*onnxpb.StringStringEntryProto) {
	if !d.ignore["metadata"] {
		at.What = "metadata"
		d.entries(at, from, to)
	}
}

// entries compares two lists of keys with values, whatever their order. A key that is there twice counts with its values in order.
func (d *differ) entries(at Difference, from, to []*onnxpb.StringStringEntryProto) {
	of := func(list []*onnxpb.StringStringEntryProto) (keys []string, values map[string][]string) {
		values = map[string][]string{}
		for _, e := range list {
			if values[e.GetKey()] == nil {
				keys = append(keys, e.GetKey())
			}
			values[e.GetKey()] = append(values[e.GetKey()], e.GetValue())
		}
		return keys, values
	}
	keysA, a := of(from)
	keysB, b := of(to)
	list := func(values []string) string {
		q := make([]string, len(values))
		for i, v := range values {
			q[i] = onnxpb.Quoted(v)
		}
		return strings.Join(q, ", ")
	}
	for _, k := range keysA {
		at.Name = k
		switch {
		case b[k] == nil:
			at.Action, at.From, at.To = "removed", list(a[k]), ""
			d.add(at)
		case !slices.Equal(a[k], b[k]):
			at.Action, at.From, at.To = "changed", list(a[k]), list(b[k])
			d.add(at)
		}
	}
	for _, k := range keysB {
		if a[k] == nil {
			at.Name, at.Action, at.From, at.To = k, "added", "", list(b[k])
			d.add(at)
		}
	}
}
