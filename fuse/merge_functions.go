package fuse

import (
	"fmt"

	"google.golang.org/protobuf/reflect/protoreflect"

	"onnxtool/onnxpb"
)

// functionUnion unites the functions of all models.
type functionUnion struct {
	w        *merger
	taken    map[opKey]bool       // keys of functions and of operators that any model uses
	foreign  map[opKey]int        // calls of operators that the calling model has no function for, to the first such model
	variants map[opKey][]*variant // the functions united by now, by the key that they had
	used     map[opKey]bool       // keys that have been given out
}

// variant is a function of the merged model.
type variant struct {
	body *onnxpb.FunctionProto // under the name it had, with its calls as they are in the merged model
	name string                // the name that it has now
}

// uniteFunctions collects the functions of all models: those of the same domain, name and overload once where they are equal, the later one
// under a new name where they differ. A function whose name another model uses for an operator that is no function of its own is renamed too,
// as it would take that call over. Two functions are equal where their messages are, with the functions that they call.
func (w *merger) uniteFunctions() error {
	u := &functionUnion{w: w, taken: map[opKey]bool{}, foreign: map[opKey]int{}, variants: map[opKey][]*variant{}, used: map[opKey]bool{}}
	any := false
	for _, mb := range w.members {
		any = any || len(mb.m.Functions) > 0
	}
	if !any {
		return nil
	}
	for i, mb := range w.members {
		own := map[opKey]bool{}
		for _, f := range mb.m.Functions {
			own[keyOfFunction(f)] = true
			u.taken[keyOfFunction(f)] = true
		}
		allNodes(mb.m, func(n *onnxpb.NodeProto) {
			k := keyOfCall(n)
			u.taken[k] = true
			if _, ok := u.foreign[k]; !own[k] && !ok {
				u.foreign[k] = i
			}
		})
	}
	for _, mb := range w.members {
		if err := u.member(mb); err != nil {
			return err
		}
	}
	return nil
}

// member unites the functions of one model, and renames its calls.
func (u *functionUnion) member(mb *member) error {
	if len(mb.m.Functions) == 0 {
		return nil
	}
	ordered, err := calleesFirst(mb)
	if err != nil {
		return err
	}
	merged := map[*onnxpb.FunctionProto]*onnxpb.FunctionProto{}
	renamed := map[opKey]string{}
	rename := func(n *onnxpb.NodeProto) {
		if to, ok := renamed[keyOfCall(n)]; ok {
			n.OpType = &to
		}
	}
	for _, f := range ordered {
		if len(renamed) > 0 {
			eachNode(f.Node, rename)
		}
		k := keyOfFunction(f)
		name, added := u.place(mb, k, f)
		if name != f.GetName() {
			renamed[k] = name
		}
		merged[f] = added
	}
	for _, f := range mb.m.Functions {
		if added := merged[f]; added != nil {
			u.w.functions = append(u.w.functions, added)
		}
	}
	if len(renamed) > 0 {
		eachNode(mb.m.Graph.Node, rename)
		for _, t := range mb.m.TrainingInfo {
			eachNode(t.GetInitialization().GetNode(), rename)
			eachNode(t.GetAlgorithm().GetNode(), rename)
		}
	}
	return nil
}

// place finds a function among those that are there already, or makes it a new one of the merged model. It returns the name that the function has
// there, and the function where it is new.
func (u *functionUnion) place(mb *member, k opKey, f *onnxpb.FunctionProto) (name string, added *onnxpb.FunctionProto) {
	label := functionLabel(k)
	for _, v := range u.variants[k] {
		if onnxpb.Same(v.body, f) {
			u.w.report.Note("function %s of %s is one with the equal function of another model", label, mb.Name)
			return v.name, nil
		}
	}
	v := &variant{body: f, name: k.name}
	caller, foreign := u.foreign[k]
	if u.used[k] || foreign {
		prefix := mb.Name + "_"
		if mb.Prefix != nil && *mb.Prefix != "" {
			prefix = *mb.Prefix
		}
		v.name = prefix + k.name
		for n := 1; u.taken[opKey{k.domain, v.name, k.overload}]; n++ {
			v.name = fmt.Sprintf("%s%s_%d", prefix, k.name, n)
		}
		u.w.report.Add("renamed", "function", mb.Name+":"+label, k.name, v.name)
		if foreign {
			u.w.report.Note("model %s calls an operator %s that is no function of its own", u.w.members[caller].Name, label)
		}
	}
	key := opKey{k.domain, v.name, k.overload}
	u.taken[key], u.used[key] = true, true
	u.variants[k] = append(u.variants[k], v)
	if v.name == k.name {
		return v.name, f
	}
	// The variant keeps the old name, by which later models' functions are compared with it. The body is shared, not copied.
	added = shallowFunction(f)
	added.Name = &v.name
	return v.name, added
}

func functionLabel(k opKey) string {
	s := k.name
	if k.domain != "" {
		s = k.domain + "." + s
	}
	if k.overload != "" {
		s += "(" + k.overload + ")"
	}
	return s
}

// shallowFunction copies a function's own fields, but nothing below them.
func shallowFunction(f *onnxpb.FunctionProto) *onnxpb.FunctionProto {
	c := &onnxpb.FunctionProto{}
	src, dst := f.ProtoReflect(), c.ProtoReflect()
	src.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		dst.Set(fd, v)
		return true
	})
	dst.SetUnknown(src.GetUnknown())
	return c
}

// calleesFirst lists the functions of a model, each behind those that it calls and otherwise in order.
func calleesFirst(mb *member) ([]*onnxpb.FunctionProto, error) {
	own := map[opKey]*onnxpb.FunctionProto{}
	for _, f := range mb.m.Functions {
		own[keyOfFunction(f)] = f
	}
	const open, done = 1, 2
	state := map[opKey]int{}
	var ordered []*onnxpb.FunctionProto
	var visit func(f *onnxpb.FunctionProto) error
	visit = func(f *onnxpb.FunctionProto) error {
		k := keyOfFunction(f)
		switch state[k] {
		case done:
			return nil
		case open:
			return onnxpb.Errorf(onnxpb.Unfit, "model %q: function %s calls itself, directly or through others", mb.Name, functionLabel(k))
		}
		state[k] = open
		var err error
		eachNode(f.Node, func(n *onnxpb.NodeProto) {
			if callee := own[keyOfCall(n)]; callee != nil && err == nil {
				err = visit(callee)
			}
		})
		if err != nil {
			return err
		}
		state[k] = done
		ordered = append(ordered, f)
		return nil
	}
	for _, f := range mb.m.Functions {
		if err := visit(f); err != nil {
			return nil, err
		}
	}
	return ordered, nil
}
