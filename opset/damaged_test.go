package opset

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"onnxtool/internal/corpus"
	"onnxtool/onnxpb"
)

// Whatever bytes a file holds: if they can be read as a model, the checker answers.
func TestDamagedFiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	cases := corpus.Cases(t)
	read := 0
	for range 4000 {
		data, err := os.ReadFile(cases[rng.IntN(len(cases))].Model)
		if err != nil {
			t.Fatal(err)
		}
		if len(data) > 100_000 {
			continue
		}
		for range 1 + rng.IntN(4) {
			data[rng.IntN(len(data))] = byte(rng.IntN(256))
		}
		m, err := onnxpb.Parse(data)
		if err != nil {
			continue
		}
		read++
		for _, f := range Check(m, CheckOptions{Warnings: true, Dir: t.TempDir()}) {
			if f.Code == "" || f.Message == "" || strings.Contains(f.Message, "%!") {
				t.Errorf("%+v", f)
			}
		}
	}
	if read < 500 {
		t.Errorf("only %d damaged files could be read", read)
	}
}

// Where the directory is known, external data is looked for there.
func TestExternalDataIsThere(t *testing.T) {
	dir := t.TempDir()
	m := good()
	outside(initializer(m, "t"), "location", "sub/t.bin", "offset", "4")
	check := func(want string) {
		t.Helper()
		f := Check(m, CheckOptions{Dir: dir})
		if want == "" {
			if len(f) > 0 {
				t.Error(f)
			}
			return
		}
		if len(f) != 1 || f[0].Code != FaultExternalData || f[0].Tensor != "t" || !strings.Contains(f[0].Message, want) {
			t.Errorf("%v, want %q", f, want)
		}
	}
	check("no such file")
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "sub", "t.bin")
	write := func(n int) {
		t.Helper()
		if err := os.WriteFile(file, make([]byte, n), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(19)
	check("has 19 bytes")
	write(20)
	check("")
	// A link out of the directory is not followed.
	away := filepath.Join(t.TempDir(), "away.bin")
	if err := os.Rename(file, away); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(away, file); err != nil {
		t.Skip(err)
	}
	check("cannot be read")
}
