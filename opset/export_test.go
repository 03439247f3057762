package opset

import "onnxtool/onnxpb"

// Spoiled is a model with one thing done to it.
type Spoiled struct {
	Name  string
	Model *onnxpb.ModelProto
}

// SpoiledModels returns the models of the cases of TestEveryFault.
func SpoiledModels() []Spoiled {
	list := []Spoiled{{"nothing done", good()}}
	for _, c := range allCases() {
		m := good()
		c.spoil(m)
		list = append(list, Spoiled{c.name, m})
	}
	return list
}
