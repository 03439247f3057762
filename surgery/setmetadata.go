package surgery

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// MetadataChanges say what SetMetadata changes. Nil pointers leave a field as it is; a pointer to "" takes it out.
type MetadataChanges struct {
	Set    []MetadataEntry // entries of the model's metadata_props that are changed, or added behind the others
	Remove []string        // keys that go: names, globs or re: and a regular expression
	// What the model says of itself.
	Producer, ProducerVersion, Domain, Doc *string
	ModelVersion                           *int64
	// What its graph says; the name cannot be taken out.
	GraphName, GraphDoc *string
}

// MetadataEntry is a key of metadata_props with its value.
type MetadataEntry struct{ Key, Value string }

// SetMetadata changes what a model says of itself: the entries of its metadata_props, producer, domain, version and doc string, and the name and the doc string of its graph. What it computes stays.
//
// Where the model has a key twice, which no valid model has, an entry that is set takes the place of the first and the others go; the report has a note.
//
// Errors of kind Unfit: a key to remove that is not there (with the nearest ones), and a value that is to name a tensor (onnxtool.dmhead.front_pose) that the main graph does not have. Of kind Usage: nothing to
// change, an empty key, a key that is given twice or both set and removed, text that is not UTF-8, a graph without a name.
func SetMetadata(m *onnxpb.ModelProto, c MetadataChanges) (*Report, error) {
	return atomically(m, func(m *onnxpb.ModelProto) (*Report, error) {
		r := &Report{Edit: "setmeta"}
		if err := c.check(); err != nil {
			return nil, err
		}
		if err := c.removeKeys(m, r); err != nil {
			return nil, err
		}
		for _, e := range c.Set {
			if err := setEntry(m, e, r); err != nil {
				return nil, err
			}
		}
		c.fields(m, r)
		return r, nil
	})
}

// check refuses what makes no sense for any model.
func (c MetadataChanges) check() error {
	usage := func(hint, format string, args ...any) error {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf(format, onnxpb.ShortenedArgs(args)...), Hint: hint}
	}
	texts := []*string{c.Producer, c.ProducerVersion, c.Domain, c.Doc, c.GraphName, c.GraphDoc}
	asked := len(c.Set)+len(c.Remove) > 0 || c.ModelVersion != nil
	seen := map[string]bool{}
	for _, e := range c.Set {
		if e.Key == "" {
			return usage("give the entry a name", "a key of the metadata is empty")
		}
		if seen[e.Key] {
			return usage("give it one value", "the key %q is set twice", e.Key)
		}
		seen[e.Key] = true
		texts = append(texts, &e.Key, &e.Value)
	}
	for _, s := range texts {
		asked = asked || s != nil
		if s != nil && !utf8.ValidString(*s) {
			return usage("metadata are text: write bytes as base64, say", "%q is not UTF-8, as strings of a model have to be", *s)
		}
	}
	if !asked {
		return usage("set or remove an entry, or give producer, domain, version, name or doc string", "nothing is to be changed")
	}
	if c.GraphName != nil && *c.GraphName == "" {
		return usage("give it one", "a graph has to have a name")
	}
	return nil
}

// removeKeys removes entries of the metadata.
func (c MetadataChanges) removeKeys(m *onnxpb.ModelProto, r *Report) error {
	var keys []string
	for _, e := range m.GetMetadataProps() {
		keys = append(keys, e.GetKey())
	}
	exists := func(key string) bool { return slices.Contains(keys, key) }
	hits, err := chosen(c.Remove, keys, exists, func(text string, exact bool) error {
		e := &onnxpb.Error{Msg: fmt.Sprintf("the metadata of the model have no key %q", text), Hint: suggest("metadata", text, unique(slices.Clone(keys)))}
		if !exact {
			e.Msg = fmt.Sprintf("no key of the model's metadata matches %q", text)
		}
		return e
	})
	if err != nil {
		return err
	}
	gone := map[string]bool{}
	for _, key := range hits {
		gone[key] = true
	}
	for _, e := range c.Set {
		if gone[e.Key] {
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the key %q is both set and removed", e.Key), Hint: "leave one of the two out"}
		}
	}
	entries := map[any]bool{}
	for _, e := range m.MetadataProps {
		if gone[e.GetKey()] {
			entries[e] = true
			r.Add("removed", "metadata", e.GetKey(), metaText(e.GetValue()), "")
		}
	}
	dropped(&m.MetadataProps, entries)
	return nil
}

// setEntry sets one entry of the metadata.
func setEntry(m *onnxpb.ModelProto, e MetadataEntry, r *Report) error {
	if tensorMetadata[e.Key] {
		var names []string
		for name := range definitions(m.GetGraph()) {
			names = append(names, name)
		}
		if !slices.Contains(names, e.Value) {
			return &onnxpb.Error{Msg: fmt.Sprintf("%s names a tensor of the main graph, and there is no tensor %q", e.Key, onnxpb.Shortened(e.Value, 1000)), Hint: suggest("tensor", e.Value, unique(names))}
		}
	}
	var first *onnxpb.StringStringEntryProto
	again := map[any]bool{}
	for _, have := range m.GetMetadataProps() {
		switch {
		case have.GetKey() != e.Key:
		case first == nil:
			first = have
		default:
			again[have] = true
			r.Add("removed", "metadata", e.Key, metaText(have.GetValue()), "")
		}
	}
	if len(again) > 0 {
		dropped(&m.MetadataProps, again)
		r.Note("the key %q was there %d times, with %s first: it is there once now", e.Key, len(again)+1, metaText(first.GetValue()))
	}
	switch {
	case first == nil:
		m.MetadataProps = append(m.MetadataProps, &onnxpb.StringStringEntryProto{Key: &e.Key, Value: &e.Value})
		r.Add("added", "metadata", e.Key, "", metaText(e.Value))
	case first.GetValue() != e.Value:
		r.Add("changed", "metadata", e.Key, metaText(first.GetValue()), metaText(e.Value))
		first.Value = &e.Value
	}
	return nil
}

// fields sets what is no entry of the metadata.
func (c MetadataChanges) fields(m *onnxpb.ModelProto, r *Report) {
	g := m.GetGraph()
	for _, f := range []struct {
		what string
		to   *string
		at   **string
	}{
		{"producer_name", c.Producer, &m.ProducerName}, {"producer_version", c.ProducerVersion, &m.ProducerVersion}, {"domain", c.Domain, &m.Domain},
		{"doc_string", c.Doc, &m.DocString}, {"graph name", c.GraphName, &g.Name}, {"graph doc_string", c.GraphDoc, &g.DocString},
	} {
		if f.to == nil {
			continue
		}
		old := ""
		if *f.at != nil {
			old = **f.at
		}
		switch {
		case *f.to == old:
		case *f.to == "":
			*f.at = nil
			r.Add("removed", f.what, "model", metaText(old), "")
		default:
			*f.at = proto.String(*f.to)
			setField(r, f.what, old, *f.to)
		}
	}
	if v := c.ModelVersion; v != nil && *v != m.GetModelVersion() {
		r.Add("changed", "model_version", "model", strconv.FormatInt(m.GetModelVersion(), 10), strconv.FormatInt(*v, 10))
		m.ModelVersion = proto.Int64(*v)
	}
}

func setField(r *Report, what, old, now string) {
	if old == "" {
		r.Add("added", what, "model", "", metaText(now))
		return
	}
	r.Add("changed", what, "model", metaText(old), metaText(now))
}

// metaText writes a text on one line of a report: as it is where it is short and plain.
func metaText(s string) string {
	const longest = 200
	if s != "" && len(s) <= longest && !strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return s
	}
	return strconv.Quote(onnxpb.Shortened(s, longest))
}
