package surgery

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"onnxtool/onnxpb"
)

// RenameKinds lists the kinds of things that can be renamed.
func RenameKinds() []RenameKind {
	return []RenameKind{KindInput, KindOutput, KindTensor, KindNode, KindDim, KindDomain, KindFunction}
}

// Flag returns the kind as its command-line flag is called, and as ParseRenameKind lists it.
func (k RenameKind) Flag() string {
	if k == KindDim {
		return "dim"
	}
	return k.String()
}

// ParseRenameKind reads a kind by its Flag; dimension is dim too.
func ParseRenameKind(s string) (RenameKind, error) {
	var names []string
	for _, k := range RenameKinds() {
		if s == k.Flag() || s == k.String() {
			return k, nil
		}
		names = append(names, k.Flag())
	}
	return 0, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is nothing that can be renamed", s), Hint: "these are: " + strings.Join(names, ", ")}
}

// ParseRenames reads a file of names: JSON ({"old": "new"} for tensors, or {"node": {"old": "new"}, "tensor": {...}}), CSV (lines of old,new for tensors, or
// kind,old,new; quotes where a name holds a comma), or lines of old=new, parted at the last =, for tensors, and behind a line [node] for nodes, and so on.
// What begins with { is JSON; isCSV tells CSV from plain lines. Errors are of kind Usage and tell the line.
func ParseRenames(data []byte, isCSV bool) ([]RenameRule, error) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch trimmed := bytes.TrimSpace(data); {
	case len(trimmed) == 0:
		return nil, onnxpb.Errorf(onnxpb.Usage, "the file of names is empty")
	case trimmed[0] == '{':
		return renamesOfJSON(trimmed)
	case isCSV:
		return renamesOfCSV(data)
	}
	kind := KindTensor
	var rules []RenameRule
	for i, line := range strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n") {
		at := strings.LastIndexByte(line, '=')
		switch {
		case strings.TrimSpace(line) == "":
		case at > 0:
			rules = append(rules, RenameRule{Kind: kind, From: line[:at], To: line[at+1:]})
		case at < 0 && strings.HasPrefix(line, "[") && strings.HasSuffix(line, "]"):
			k, err := ParseRenameKind(line[1 : len(line)-1])
			if err != nil {
				return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("line %d", i+1), Err: err}
			}
			kind = k
		default:
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("line %d of the file of names, %s, is not OLD=NEW", i+1, onnxpb.Quoted(line)), Hint: "a file of OLD,NEW ends in .csv"}
		}
	}
	return rules, nil
}

func renamesOfCSV(data []byte) ([]RenameRule, error) {
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	records, err := r.ReadAll()
	if err != nil {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the file of names is no CSV", Err: err}
	}
	var rules []RenameRule
	for i, f := range records {
		switch len(f) {
		case 2:
			rules = append(rules, RenameRule{Kind: KindTensor, From: f[0], To: f[1]})
		case 3:
			k, err := ParseRenameKind(f[0])
			if err != nil {
				return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("record %d of the file of names", i+1), Err: err}
			}
			rules = append(rules, RenameRule{Kind: k, From: f[1], To: f[2]})
		default:
			return nil, onnxpb.Errorf(onnxpb.Usage, "record %d of the file of names has %d fields: OLD,NEW or KIND,OLD,NEW is meant", i+1, len(f))
		}
	}
	return rules, nil
}

func renamesOfJSON(data []byte) ([]RenameRule, error) {
	var top map[string]json.RawMessage
	if err := json.Unmarshal(data, &top); err != nil {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the file of names is no JSON object", Err: err}
	}
	var rules []RenameRule
	for _, key := range sortedKeys(top) {
		var to string
		if json.Unmarshal(top[key], &to) == nil {
			rules = append(rules, RenameRule{Kind: KindTensor, From: key, To: to})
			continue
		}
		k, err := ParseRenameKind(key)
		if err != nil {
			return nil, err
		}
		var names map[string]string
		if err := json.Unmarshal(top[key], &names); err != nil {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q of the file of names is no object of names", key), Err: err}
		}
		for _, from := range sortedKeys(names) {
			rules = append(rules, RenameRule{Kind: k, From: from, To: names[from]})
		}
	}
	return rules, nil
}

func sortedKeys[T any](m map[string]T) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
