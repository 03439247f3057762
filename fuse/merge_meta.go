package fuse

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
)

// uniteConfigurations collects the device configurations: equal ones of the same name once, different ones under a new name in the later
// model, whose nodes follow.
func (w *merger) uniteConfigurations() error {
	byName := map[string]*onnxpb.DeviceConfigurationProto{}
	taken := map[string]bool{}
	for _, mb := range w.members {
		for _, c := range mb.m.Configuration {
			taken[c.GetName()] = true
		}
	}
	for _, mb := range w.members {
		renamed := map[string]string{}
		for _, c := range mb.m.Configuration {
			old := byName[c.GetName()]
			if old != nil && proto.Equal(old, c) {
				continue
			}
			if old != nil {
				from := c.GetName()
				to := mb.Name + "_" + from
				for n := 1; taken[to]; n++ {
					to = fmt.Sprintf("%s_%s_%d", mb.Name, from, n)
				}
				taken[to] = true
				renamed[from] = to
				c.Name = &to
				w.report.Add("renamed", "device configuration", mb.Name+":"+from, from, to)
			}
			byName[c.GetName()] = c
			w.configs = append(w.configs, c)
		}
		if len(renamed) == 0 {
			continue
		}
		allNodes(mb.m, func(n *onnxpb.NodeProto) {
			for _, c := range n.DeviceConfigurations {
				if to, ok := renamed[c.GetConfigurationId()]; ok {
					c.ConfigurationId = &to
				}
			}
		})
	}
	return nil
}

// describe unites what the models say about themselves.
func (w *merger) describe() {
	m, g := w.merged, w.merged.Graph
	name := w.o.Name
	if name == "" {
		names := make([]string, len(w.members))
		for i, mb := range w.members {
			names[i] = mb.Name
		}
		name = strings.Join(names, "_")
	}
	g.Name = &name
	g.DocString = w.uniteDocs("graph", func(mb *member) *string { return mb.m.Graph.DocString })
	m.DocString = w.uniteDocs("model", func(mb *member) *string { return mb.m.DocString })
	if w.o.Doc != "" {
		if m.DocString != nil {
			w.report.Add("changed", "doc string", name, *m.DocString, w.o.Doc)
		}
		m.DocString = proto.String(w.o.Doc)
	}
	model, graph := w.newEntries("metadata"), w.newEntries("metadata of the graph")
	for _, mb := range w.members {
		model.add(mb, mb.m.MetadataProps)
		graph.add(mb, mb.m.Graph.MetadataProps)
	}
	w.uniteProducers(model)
	m.Domain = firstString(w, "domain", func(m *onnxpb.ModelProto) *string { return m.Domain })
	for _, mb := range w.members {
		switch v := mb.m.ModelVersion; {
		case v == nil:
		case m.ModelVersion == nil:
			m.ModelVersion = v
		case *m.ModelVersion != *v:
			w.report.Note("the model version of %s is %d; that of the merged model stays %d", mb.Name, *v, *m.ModelVersion)
		}
	}
	m.MetadataProps, g.MetadataProps = model.list, graph.list
	var ofModel, ofGraph unknownFields
	for _, mb := range w.members {
		ofModel.add(mb.m.ProtoReflect().GetUnknown())
		ofGraph.add(mb.m.Graph.ProtoReflect().GetUnknown())
	}
	m.ProtoReflect().SetUnknown(ofModel.all)
	g.ProtoReflect().SetUnknown(ofGraph.all)
}

// uniteDocs keeps a doc string that all models with one share, and joins different ones with the models' names before them.
func (w *merger) uniteDocs(what string, of func(*member) *string) *string {
	type doc struct{ name, text string }
	var docs []doc
	same := true
	for _, mb := range w.members {
		if s := of(mb); s != nil && *s != "" {
			docs = append(docs, doc{mb.Name, *s})
			same = same && docs[0].text == *s
		}
	}
	if len(docs) == 0 {
		return nil
	}
	if same {
		return &docs[0].text
	}
	lines := make([]string, len(docs))
	for i, d := range docs {
		lines[i] = d.name + ": " + d.text
	}
	w.report.Note("the doc strings of %d %ss differ: all are kept, with the models' names", len(docs), what)
	return proto.String(strings.Join(lines, "\n"))
}

// uniteProducers keeps a producer that all models share. Otherwise the producer is this tool, and each model's own stands in the metadata.
func (w *merger) uniteProducers(meta *entries) {
	producer := func(m *onnxpb.ModelProto) string {
		return strings.TrimSpace(m.GetProducerName() + " " + m.GetProducerVersion())
	}
	first := w.members[0].m
	same := true
	for _, mb := range w.members {
		same = same && mb.m.GetProducerName() == first.GetProducerName() && mb.m.GetProducerVersion() == first.GetProducerVersion()
	}
	if same {
		w.merged.ProducerName, w.merged.ProducerVersion = first.ProducerName, first.ProducerVersion
		return
	}
	w.merged.ProducerName = proto.String(toolName)
	for _, mb := range w.members {
		// What this tool made itself, such as a part, needs no mention.
		if p := producer(mb.m); p != "" && p != toolName {
			meta.put(mb, mb.Name+".producer", p)
		}
	}
	w.report.Note("the models come from different producers, which are kept in the metadata")
}

// firstString keeps the first model's string, and tells the others that differ.
func firstString(w *merger, what string, of func(*onnxpb.ModelProto) *string) *string {
	var kept *string
	for _, mb := range w.members {
		switch s := of(mb.m); {
		case s == nil || *s == "":
		case kept == nil:
			kept = s
		case *kept != *s:
			w.report.Note("the %s of %s is %q; that of the merged model stays %q", what, mb.Name, *s, *kept)
		}
	}
	return kept
}

// entries unites lists of metadata.
type entries struct {
	w     *merger
	what  string
	list  []*onnxpb.StringStringEntryProto
	value map[string]string
}

func (w *merger) newEntries(what string) *entries {
	return &entries{w: w, what: what, value: map[string]string{}}
}

// add takes a model's entries: one that another model has too once, one that another model has with another value under the model's name.
func (e *entries) add(mb *member, list []*onnxpb.StringStringEntryProto) {
	own := map[string]bool{}
	for _, p := range list {
		key := p.GetKey()
		old, known := e.value[key]
		switch {
		case !known || own[key]: // A key that one model has twice stays as it is.
			own[key] = true
			e.value[key] = p.GetValue()
			e.list = append(e.list, p)
		case old != p.GetValue():
			e.put(mb, mb.Name+"."+key, p.GetValue())
		}
	}
}

// put adds an entry under a key that no other has.
func (e *entries) put(mb *member, key, value string) {
	name := key
	for n := 1; ; n++ {
		old, known := e.value[name]
		if !known {
			break
		}
		if old == value {
			return
		}
		name = fmt.Sprintf("%s_%d", key, n)
	}
	e.value[name] = value
	e.list = append(e.list, &onnxpb.StringStringEntryProto{Key: &name, Value: &value})
	e.w.report.Add("added", e.what, name, "", value)
}

// unknownFields collects fields of a newer specification, equal ones once.
type unknownFields struct {
	all  []byte
	seen map[string]bool
}

func (u *unknownFields) add(b []byte) {
	if len(b) == 0 || u.seen[string(b)] {
		return
	}
	if u.seen == nil {
		u.seen = map[string]bool{}
	}
	u.seen[string(b)] = true
	u.all = append(u.all, b...)
}
