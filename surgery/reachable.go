package surgery

import "onnxtool/onnxpb"

// reachable finds the functions that the graphs of a model call, themselves or by way of others.
func reachable(m *onnxpb.ModelProto) map[functionID]bool {
	bodies := map[functionID]*onnxpb.FunctionProto{}
	for _, f := range m.GetFunctions() {
		bodies[functionOf(f)] = f
	}
	seen := map[functionID]bool{}
	var todo []*onnxpb.FunctionProto
	var walk func(nodes []*onnxpb.NodeProto)
	walk = func(nodes []*onnxpb.NodeProto) {
		for _, n := range nodes {
			if id := callOf(n); bodies[id] != nil && !seen[id] {
				seen[id] = true
				todo = append(todo, bodies[id])
			}
			for g := range n.Subgraphs() {
				walk(g.GetNode())
			}
		}
	}
	walk(m.GetGraph().GetNode())
	for _, t := range m.GetTrainingInfo() {
		walk(t.GetInitialization().GetNode())
		walk(t.GetAlgorithm().GetNode())
	}
	for len(todo) > 0 {
		f := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		walk(f.GetNode())
	}
	return seen
}
