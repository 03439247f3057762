package verify

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"onnxtool/onnxpb"
	"onnxtool/surgery"
)

// Pair names an input or an output of the reference and its counterpart in the other model.
type Pair struct {
	Reference string `json:"reference"`
	Model     string `json:"model"`
}

// ParsePair reads A=B: A in the reference, B in the other model. Where a name holds =, A==B does, or names in double quotes, as Go writes them. Errors are of kind Usage.
func ParsePair(s string) (Pair, error) {
	no := func(why string) (Pair, error) {
		return Pair{}, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no pair of names%s", s, why), Hint: `write NAME_IN_REFERENCE=NAME_IN_MODEL; where a name holds =, write == between them, or names in quotes: "a=b"="c"`}
	}
	var p Pair
	var rest string
	if quoted, err := strconv.QuotedPrefix(s); err == nil && quoted[0] == '"' && strings.HasPrefix(s[len(quoted):], "=") {
		p.Reference, _ = strconv.Unquote(quoted)
		rest = s[len(quoted)+1:]
	} else {
		between := "="
		if strings.Contains(s, "==") {
			between = "=="
		}
		switch parts := strings.Split(s, between); {
		case len(parts) == 2:
			p.Reference, rest = parts[0], parts[1]
		case len(parts) > 2 && strings.HasSuffix(s, `"`) && strings.Contains(s, between+`"`): // only the last is in quotes
			at := strings.Index(s, between+`"`)
			p.Reference, rest = s[:at], s[at+len(between):]
		case len(parts) > 2:
			return no(": which = stands between them cannot be told")
		default:
			return no("")
		}
	}
	p.Model = rest
	if quoted, err := strconv.QuotedPrefix(rest); err == nil && quoted == rest && rest[0] == '"' {
		p.Model, _ = strconv.Unquote(rest)
	}
	if p.Reference == "" || p.Model == "" {
		return no("")
	}
	return p, nil
}

// portPair is a matched pair.
type portPair struct{ ref, got port }

// match pairs the ports of two models: by the given pairs, then by equal names, then the only one of each whatever their names. What stays
// alone is an error of kind Unfit. used tells which of the given pairs applied; notes tells what was matched otherwise than by name.
func match(what string, ref, got []port, given []Pair, used map[Pair]bool) (pairs []portPair, notes []string, err error) {
	refAt, gotAt := index(ref), index(got)
	toGot := make([]int, len(ref))
	for i := range toGot {
		toGot[i] = -1
	}
	taken := make([]bool, len(got))
	for _, p := range given {
		i, okRef := refAt[p.Reference]
		j, okGot := gotAt[p.Model]
		if !okRef || !okGot {
			continue
		}
		if toGot[i] >= 0 || taken[j] {
			return nil, nil, onnxpb.Errorf(onnxpb.Usage, "--map %s=%s: %s %s is mapped twice", p.Reference, p.Model, what, p.Reference)
		}
		toGot[i], taken[j], used[p] = j, true, true
	}
	for i, p := range ref {
		if j, ok := gotAt[p.name]; ok && toGot[i] < 0 && !taken[j] {
			toGot[i], taken[j] = j, true
		}
	}
	if len(ref) == 1 && len(got) == 1 && toGot[0] < 0 {
		toGot[0], taken[0] = 0, true
		notes = append(notes, fmt.Sprintf("%s %s of the reference was matched with %s: each model has one", what, ref[0].name, got[0].name))
	}
	var lonelyRef, lonelyGot []string
	for i, p := range ref {
		if toGot[i] < 0 {
			lonelyRef = append(lonelyRef, p.name)
			continue
		}
		pairs = append(pairs, portPair{p, got[toGot[i]]})
	}
	for j, p := range got {
		if !taken[j] {
			lonelyGot = append(lonelyGot, p.name)
		}
	}
	if len(lonelyRef)+len(lonelyGot) > 0 {
		return nil, nil, unmatched(what, lonelyRef, lonelyGot)
	}
	return pairs, notes, nil
}

func unmatched(what string, ref, got []string) error {
	var parts []string
	if len(ref) > 0 {
		parts = append(parts, fmt.Sprintf("%s %s of the reference has no counterpart", what, strings.Join(ref, ", ")))
	}
	if len(got) > 0 {
		parts = append(parts, fmt.Sprintf("%s %s of the model has no counterpart in the reference", what, strings.Join(got, ", ")))
	}
	e := &onnxpb.Error{Msg: strings.Join(parts, "; ")}
	if len(ref) > 0 && len(got) > 0 {
		with := got[0]
		if near := surgery.Nearest(ref[0], got, 1); len(near) > 0 {
			with = near[0]
		}
		e.Hint = fmt.Sprintf("say which belong together: --map %s=%s", ref[0], with)
	} else if what == "output" {
		e.Hint = "--only NAME compares these outputs of the reference alone"
	}
	return e
}

// matchAll pairs the inputs and the outputs of two models. only, where it is not empty, names the outputs of the reference to compare; the others of
// both models are then left alone.
func matchAll(ref, got *onnxpb.ModelProto, given []Pair, only []string) (inputs, outputs []portPair, notes []string, err error) {
	used := map[Pair]bool{}
	inputs, notes, err = match("input", inputsOf(ref), inputsOf(got), given, used)
	if err != nil {
		return nil, nil, nil, err
	}
	refOut, gotOut := outputsOf(ref), outputsOf(got)
	if len(only) > 0 {
		if refOut, gotOut, err = restrict(refOut, gotOut, given, only); err != nil {
			return nil, nil, nil, err
		}
	}
	outputs, more, err := match("output", refOut, gotOut, given, used)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(outputs) == 0 {
		return nil, nil, nil, onnxpb.Errorf(onnxpb.Unfit, "the models have no outputs to compare")
	}
	for _, p := range given {
		if !used[p] {
			if err := badPair(p, ref, got); err != nil {
				return nil, nil, nil, err
			}
		}
	}
	return inputs, outputs, append(notes, more...), nil
}

// badPair tells what is wrong with a given pair that matched nothing; nil where it is about outputs that are not compared.
func badPair(p Pair, ref, got *onnxpb.ModelProto) error {
	refNames := append(portNames(inputsOf(ref)), portNames(outputsOf(ref))...)
	gotNames := append(portNames(inputsOf(got)), portNames(outputsOf(got))...)
	for _, side := range []struct {
		name, where string
		names       []string
	}{{p.Reference, "the reference", refNames}, {p.Model, "the model", gotNames}} {
		if !contains(side.names, side.name) {
			return noSuch(fmt.Sprintf("--map %s=%s: %s has no input or output %q", p.Reference, p.Model, side.where, side.name), side.name, side.names)
		}
	}
	isInput := contains(portNames(inputsOf(ref)), p.Reference)
	if isInput != contains(portNames(inputsOf(got)), p.Model) {
		return onnxpb.Errorf(onnxpb.Unfit, "--map %s=%s joins an input and an output", p.Reference, p.Model)
	}
	return nil
}

// restrict keeps the outputs that only names, and their counterparts.
func restrict(ref, got []port, given []Pair, only []string) (keptRef, keptGot []port, err error) {
	refAt, gotAt := index(ref), index(got)
	for k, name := range only {
		if contains(only[:k], name) {
			continue
		}
		i, ok := refAt[name]
		if !ok {
			return nil, nil, noSuch(fmt.Sprintf("--only %s: the reference has no such output", name), name, portNames(ref))
		}
		keptRef = append(keptRef, ref[i])
		other := name
		for _, p := range given {
			if p.Reference == name {
				other = p.Model
			}
		}
		j, ok := gotAt[other]
		if !ok && len(ref) == 1 && len(got) == 1 {
			j, ok = 0, true
		}
		if !ok {
			return nil, nil, noSuch(fmt.Sprintf("--only %s: the model has no output %q", name, other), other, portNames(got))
		}
		keptGot = append(keptGot, got[j])
	}
	return keptRef, keptGot, nil
}

// noSuch is the error for a name that does not exist, with the nearest that do.
func noSuch(msg, name string, names []string) error {
	e := &onnxpb.Error{Msg: msg}
	if near := surgery.Nearest(name, names, 3); len(near) > 0 {
		e.Hint = "did you mean " + strings.Join(near, ", ") + "?"
	} else {
		sorted := append([]string(nil), names...)
		sort.Strings(sorted)
		if len(sorted) > 10 {
			sorted = append(sorted[:10], "...")
		}
		e.Hint = "there are: " + strings.Join(sorted, ", ")
	}
	return e
}

func index(ports []port) map[string]int {
	at := make(map[string]int, len(ports))
	for i, p := range ports {
		at[p.name] = i
	}
	return at
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}
