// Command dmhead writes the stand-ins of DMHead's two models, for the demonstration and for tests:
//
//	go run ./examples/dmhead -out out/dmhead [-small] [-seed 1]
//
// makes sixdrepnet.onnx (6DRepNet on RepVGG-B1g2, about 157 MB) and whenet.onnx (WHENet on EfficientNet-B0, about 17 MB), of the true
// architecture and size and with seeded weights; -small makes both small. The package standin says how their poses are steered.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"onnxtool/examples/dmhead/standin"
	"onnxtool/onnxpb"
)

func main() {
	out := flag.String("out", ".", "folder to write to")
	small := flag.Bool("small", false, "small networks of the same kind, for tests")
	seed := flag.Uint64("seed", 1, "seed of the weights")
	flag.Parse()
	if err := write(*out, *small, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "dmhead:", err)
		os.Exit(1)
	}
}

func write(dir string, small bool, seed uint64) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	vgg, eff := standin.B1g2, standin.B0
	if small {
		vgg, eff = standin.SmallRepVGG, standin.SmallEfficientNet
	}
	for _, f := range []struct {
		name  string
		model *onnxpb.ModelProto
	}{
		{"sixdrepnet.onnx", standin.SixDRepNet(vgg, seed)},
		{"whenet.onnx", standin.WHENet(eff, seed+1)},
	} {
		path := filepath.Join(dir, f.name)
		if err := onnxpb.Save(f.model, path, onnxpb.SaveOptions{}); err != nil {
			return err
		}
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		fmt.Printf("%s  %.1f MB\n", path, float64(st.Size())/1e6)
	}
	return nil
}
