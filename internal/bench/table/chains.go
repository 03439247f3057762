//go:build linux

package main

import (
	"fmt"
	"path/filepath"
)

// chainSizes are the nodes of the chains that edits are measured on.
var chainSizes = []int{1_000, 10_000, 100_000}

func chainPath(dir string, n int) string { return filepath.Join(dir, fmt.Sprintf("chain%d.onnx", n)) }

// chainJobs are edits of a chain of n nodes, beside the nearest that is done with Python's onnx.
func chainJobs(dir string, n int) []job {
	path := chainPath(dir, n)
	const save = "\nonnx.save(m,sys.argv[1])"
	var jobs []job
	for _, j := range []struct {
		verb   string
		args   []string
		python string
	}{
		{"rename, all tensors and nodes", []string{"rename", path, "--tensor", "*=p/$1", "--node", "*=p/$1"}, "\nfrom onnx import compose\nm=compose.add_prefix(m,'p/')" + save},
		{"names", []string{"names", path, "--short", "nodes"}, "\nfor i,n in enumerate(m.graph.node): n.name='n%d'%i" + save},
		{"strip", []string{"strip", path, "--names"}, "\nfor n in m.graph.node: n.name=''" + save},
		{"infer", []string{"infer", path}, "\nm=onnx.shape_inference.infer_shapes(m)" + save},
		{"expand-dim", []string{"expand-dim", path, "--axis", "0"}, "\nfrom onnx import compose\nm=compose.expand_out_dim(m,0)" + save},
		{"addoutput, all", []string{"addoutput", path, "--all"}, "\nm=onnx.shape_inference.infer_shapes(m)\nm.graph.output.extend(m.graph.value_info)" + save},
		{"delete, every Identity", []string{"delete", path, "--op", "Identity"}, "\nto={n.output[0]:n.input[0] for n in m.graph.node if n.op_type=='Identity'}\nkept=[n for n in m.graph.node if n.op_type!='Identity']" +
			"\nfor n in kept:\n  for i,s in enumerate(n.input):\n    while s in to: s=to[s]\n    n.input[i]=s\ndel m.graph.node[:]\nm.graph.node.extend(kept)" + save},
		{"dedup", []string{"dedup", path}, "\nseen={}\nto={}\nfor t in m.graph.initializer: to[t.name]=seen.setdefault((t.data_type,tuple(t.dims),t.raw_data),t.name)" +
			"\nkept=[t for t in m.graph.initializer if to[t.name]==t.name]\nfor n in m.graph.node:\n  for i,s in enumerate(n.input): n.input[i]=to.get(s,s)\ndel m.graph.initializer[:]\nm.graph.initializer.extend(kept)" + save},
		{"setattr", []string{"setattr", path, "--op", "Add", "--set", "__note:int=1"}, "\nfor n in m.graph.node:\n  if n.op_type=='Add': n.attribute.append(onnx.helper.make_attribute('__note',1))" + save},
		{"inline", []string{"inline", path}, ""}, // Python's onnx of the time of IR version 8 has no inliner
		{"tidy", []string{"tidy", path}, ""},
	} {
		python := ""
		if j.python != "" {
			python = load(path) + j.python
		}
		jobs = append(jobs, job{fmt.Sprintf("%s, %d nodes", j.verb, n), []string{path}, append(j.args, "-o", "OUT"), python})
	}
	return jobs
}
