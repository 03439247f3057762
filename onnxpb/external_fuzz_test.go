//go:build unix

package onnxpb

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzExternalData has models with any entries of external data saved in each way: what is outside of the target's directory stays as it is, and what was
// saved can be read.
func FuzzExternalData(f *testing.F) {
	for _, a := range attacks() {
		x := map[string]string{}
		for _, e := range a.tensor.ExternalData {
			x[e.GetKey()] = e.GetValue()
		}
		if len(x["location"])+len(x["offset"]) < 1000 {
			f.Add(x["location"], x["offset"], x["length"], a.tensor.Dims[0], uint8(0))
		}
	}
	for mode := range uint8(6) {
		f.Add("sub/w.bin", "4", "8", int64(2), mode)
		f.Add("./w.bin", "", "", int64(4), mode)
	}
	modes := []DataMode{DataAuto, DataKeep, DataCopy, DataLink, DataInline, DataFile}
	f.Fuzz(func(t *testing.T, location, offset, length string, dim int64, mode uint8) {
		outer := t.TempDir()
		dir, to := filepath.Join(outer, "model"), t.TempDir()
		for _, name := range []string{"secret", "model/w.bin", "model/sub/w.bin"} {
			write(t, filepath.Join(outer, name), rawFloats(1, 2, 3, 4))
		}
		if err := os.Symlink("../secret", filepath.Join(dir, "l")); err != nil {
			t.Fatal(err)
		}
		before := snapshot(t, outer)
		m := withExternal(externalTensor("w", []int64{dim}, location, offset, length))
		path := filepath.Join(to, "m.onnx")
		o := DataOptions{Mode: modes[int(mode)%len(modes)]}
		err := Save(m, path, SaveOptions{SourceDir: dir, Data: o})
		if err != nil {
			if got := listing(t, to); len(got) > 0 {
				t.Errorf("%v left %v", err, got)
			}
		} else {
			opened, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer opened.Close()
			if o.Mode != DataLink {
				opened.Model.AllTensors(func(p *TensorProto) {
					if _, err := Decode(p, to); err != nil {
						t.Errorf("saved, but %v", err)
					}
				})
			}
		}
		if o.Mode == DataLink && err == nil {
			return // another link is what was asked for
		}
		if got := snapshot(t, outer); got != before {
			t.Errorf("files before:\n%s\nafter:\n%s", before, got)
		}
	})
}
