// Command optable turns operators.json, the list of every version of every operator of ONNX, into the compact table that package opset
// embeds:
//
//	optable operators.json operators.txt
//
// The table has one line a type set (the types that a constraint stands for, shared by many operators), one a domain, and one an operator
// version, in this form, the fields apart by tabs:
//
//	#K  type|type|...                                  type set number K
//	@domain  newest
//	Name  since[!]  min-max  min-max  inputs  outputs  T=K ...  attributes
//
// A ! after the version marks a deprecated one; no maximum is *; a formal is name:type, with ? before it where it is optional and * where it
// is variadic; an attribute is name:type, with ! after it where it is required, or with =default behind it. Attributes are apart by semicolons.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"sort"
	"strings"
)

type operator struct {
	Domain     string `json:"domain"`
	Name       string `json:"name"`
	Since      int64  `json:"since_version"`
	Deprecated bool   `json:"deprecated"`
	Attributes []struct {
		Name     string  `json:"name"`
		Type     string  `json:"type"`
		Required bool    `json:"required"`
		Default  *string `json:"default"`
	} `json:"attributes"`
	Inputs     []formal            `json:"inputs"`
	Outputs    []formal            `json:"outputs"`
	MinInputs  int                 `json:"min_inputs"`
	MaxInputs  *int                `json:"max_inputs"`
	MinOutputs int                 `json:"min_outputs"`
	MaxOutputs *int                `json:"max_outputs"`
	Types      map[string][]string `json:"type_constraints"`
}

type formal struct {
	Name   string `json:"name"`
	Option string `json:"option"`
	Type   string `json:"type"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("optable: ")
	if len(os.Args) != 3 {
		log.Fatal("usage: optable operators.json operators.txt")
	}
	data, err := os.ReadFile(os.Args[1])
	if errors.Is(err, fs.ErrNotExist) {
		log.Printf("%s is not on this machine: the table stays as it is", os.Args[1])
		return
	}
	if err != nil {
		log.Fatal(err)
	}
	out, err := table(data)
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile(os.Args[2], out, 0o666); err != nil {
		log.Fatal(err)
	}
}

// table makes the table from the bytes of operators.json.
func table(data []byte) ([]byte, error) {
	var ops []operator
	if err := json.Unmarshal(data, &ops); err != nil {
		return nil, err
	}
	sort.SliceStable(ops, func(i, j int) bool {
		a, b := ops[i], ops[j]
		if a.Domain != b.Domain {
			return a.Domain < b.Domain
		}
		if a.Name != b.Name {
			return a.Name < b.Name
		}
		return a.Since < b.Since
	})
	newest := map[string]int64{}
	sets := map[string]int{}
	var types, lines bytes.Buffer
	for _, op := range ops {
		newest[op.Domain] = max(newest[op.Domain], op.Since)
	}
	domain := ""
	for _, op := range ops {
		if op.Domain != domain {
			domain = op.Domain
			fmt.Fprintf(&lines, "@%s\t%d\n", domain, newest[domain])
		}
		since := fmt.Sprint(op.Since)
		if op.Deprecated {
			since += "!"
		}
		fields := []string{op.Name, since, span(op.MinInputs, op.MaxInputs), span(op.MinOutputs, op.MaxOutputs), formals(op.Inputs), formals(op.Outputs)}

		var vars []string
		for v := range op.Types {
			vars = append(vars, v)
		}
		sort.Strings(vars)
		for i, v := range vars {
			set := strings.Join(op.Types[v], "|")
			if _, ok := sets[set]; !ok {
				sets[set] = len(sets)
				fmt.Fprintf(&types, "#%d\t%s\n", sets[set], set)
			}
			vars[i] = fmt.Sprintf("%s=%d", v, sets[set])
		}
		var attrs []string
		for _, a := range op.Attributes {
			s := a.Name + ":" + a.Type
			if a.Required {
				s += "!"
			}
			if a.Default != nil {
				s += "=" + *a.Default
			}
			attrs = append(attrs, s)
		}
		fields = append(fields, strings.Join(vars, " "), strings.Join(attrs, ";"))
		for _, f := range fields {
			if strings.ContainsAny(f, "\t\n") {
				return nil, fmt.Errorf("%s %d: a field holds a tab or a line end", op.Name, op.Since)
			}
		}
		lines.WriteString(strings.Join(fields, "\t") + "\n")
	}
	return append(types.Bytes(), lines.Bytes()...), nil
}

func span(lo int, hi *int) string {
	if hi == nil {
		return fmt.Sprintf("%d-*", lo)
	}
	return fmt.Sprintf("%d-%d", lo, *hi)
}

func formals(list []formal) string {
	out := make([]string, len(list))
	for i, f := range list {
		mark := map[string]string{"single": "", "optional": "?", "variadic": "*"}[f.Option]
		out[i] = mark + f.Name + ":" + f.Type
	}
	return strings.Join(out, " ")
}
