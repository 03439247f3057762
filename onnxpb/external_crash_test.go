package onnxpb

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// dataCommands are the ways in which data files get their names, as the command line calls them on the model m.onnx in a directory. Each returns the path of its
// result.
var dataCommands = map[string]func(dir string) (string, error){
	"copy": func(dir string) (string, error) {
		return saved(dir, filepath.Join(dir, "to", "m.onnx"), DataOptions{})
	},
	"pack": func(dir string) (string, error) {
		return saved(dir, filepath.Join(dir, "to", "m.onnx"), DataOptions{Mode: DataFile, File: "all.bin"})
	},
	"pack in place": func(dir string) (string, error) {
		return saved(dir, filepath.Join(dir, "m.onnx"), DataOptions{Mode: DataFile, File: "all.bin"})
	},
	"move": func(dir string) (string, error) { return movedTo(dir, "new.bin") },
	"move down": func(dir string) (string, error) {
		return movedTo(dir, filepath.Join("to", "new.bin"))
	},
}

func saved(dir, path string, o DataOptions) (string, error) {
	f, err := Open(filepath.Join(dir, "m.onnx"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	return path, Save(f.Model, path, SaveOptions{SourceDir: dir, Data: o})
}

func movedTo(dir, to string) (string, error) {
	path := filepath.Join(dir, "m.onnx")
	f, err := Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	_, err = MoveData(f.Model, path, Unfinished(f.Model, path, to), to)
	return path, err
}

// crash says what a process does until it ends.
type crash struct {
	Command, Dir           string
	CannotMove, CannotLink bool
	At                     int
}

func (c crash) files() *faultyFiles {
	return &faultyFiles{n: c.At, cannotMove: c.CannotMove, cannotLink: c.CannotLink, fault: func(string) error { os.Exit(33); return nil }}
}

// A process that ends at any moment while a data file gets its name leaves nothing that the same command, called again, does not put in order: the model it makes
// has its data, readers take it, and nothing else is left.
func TestDataOfAProcessThatEnds(t *testing.T) {
	if s := os.Getenv("ONNXTOOL_TEST_DATA_CRASH"); s != "" { // the process that ends
		var c crash
		if err := json.Unmarshal([]byte(s), &c); err != nil {
			t.Fatal(err)
		}
		files = c.files()
		if _, err := dataCommands[c.Command](c.Dir); err != nil {
			t.Fatal(err)
		}
		os.Exit(0)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { files = stdFiles{} }()
	for command, again := range dataCommands {
		for _, system := range []crash{{}, {CannotMove: true}, {CannotLink: true}} {
			ends := 0
			for n := 0; ; n++ {
				where := fmt.Sprintf("%s, %+v, call %d", command, system, n)
				dir := t.TempDir()
				if err := os.Mkdir(filepath.Join(dir, "to"), 0o777); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(dir, "w.bin"), rawFloats(weights(1000, 5)...))
				m := withExternal(externalTensor("w", []int64{1000}, "w.bin", "0", "4000"))
				write(t, filepath.Join(dir, "m.onnx"), mustMarshal(t, m))
				c := system
				c.Command, c.Dir, c.At = command, dir, n
				s, err := json.Marshal(c)
				if err != nil {
					t.Fatal(err)
				}
				cmd := exec.Command(exe, "-test.run", "^TestDataOfAProcessThatEnds$")
				cmd.Env = append(os.Environ(), "ONNXTOOL_TEST_DATA_CRASH="+string(s))
				out, err := cmd.CombinedOutput()
				code := cmd.ProcessState.ExitCode()
				if code != 33 && code != 0 {
					t.Fatalf("%s: %v\n%s", where, err, out)
				}
				makeOld(t, dir)
				c.At = -1
				files = c.files()
				path, err := again(dir)
				if err != nil {
					t.Fatalf("%s: the next run: %v", where, err)
				}
				got := mustOpen(t, path)
				if r := InspectData(got, filepath.Dir(path), false); len(r.Faults) > 0 {
					t.Errorf("%s: after the next run: %v", where, r.Faults)
				} else if v := values(t, got, filepath.Dir(path)); !reflect.DeepEqual(v["w"], weights(1000, 5)) {
					t.Errorf("%s: other weights", where)
				}
				// The model itself may stay as it was, and its data with it.
				if r := InspectData(mustOpen(t, filepath.Join(dir, "m.onnx")), dir, false); len(r.Faults) > 0 {
					t.Errorf("%s: the model: %v", where, r.Faults)
				}
				if left := temporariesIn(t, dir); code != 0 && len(left) > 0 {
					t.Errorf("%s: left behind: %v", where, left)
				}
				// Where there are no hard links the old name may be a file of its own, which is in nobody's way.
				if strings.HasPrefix(command, "move") && !c.CannotLink && exists(filepath.Join(dir, "w.bin")) {
					t.Errorf("%s: the old name is there", where)
				}
				if code == 0 {
					break
				}
				ends++
			}
			if ends < 7 {
				t.Errorf("%s: ended only %d times", command, ends)
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// temporariesIn lists the temporary files in a directory and in those below.
func temporariesIn(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{".onnxtool-*", "*/.onnxtool-*"} {
		list, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, list...)
	}
	return all
}

// makeOld has the temporary files in a directory be some minutes old.
func makeOld(t *testing.T, dir string) {
	t.Helper()
	old := time.Now().Add(-5 * time.Minute)
	for _, path := range temporariesIn(t, dir) {
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
}

// A temporary name that an earlier version left on a data file is taken away by whoever meets it; any other second name stays, and is refused.
func TestStaleSecondName(t *testing.T) {
	for _, c := range []struct {
		others  []string
		refused bool
	}{
		{[]string{".onnxtool-1234567.tmp"}, false},
		{[]string{".onnxtool-w.bin.tmp", ".onnxtool-99.tmp"}, false},
		{[]string{"backup.bin"}, true},
		{[]string{".onnxtool-1234567.tmp", "backup.bin"}, true},
		{[]string{".onnxtool-other"}, true},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "w.bin"), rawFloats(1, 2, 3, 4))
		for _, o := range c.others {
			if err := os.Link(filepath.Join(dir, "w.bin"), filepath.Join(dir, o)); err != nil {
				t.Skip("no hard links here: ", err)
			}
		}
		_, err := Decode(externalTensor("w", []int64{4}, "w.bin", "", ""), dir)
		if (err != nil) != c.refused {
			t.Errorf("%v: %v", c.others, err)
		}
		want := []string{"w.bin"}
		for _, o := range c.others {
			if !isTemporaryName(o) {
				want = append(want, o)
			}
		}
		slices.Sort(want)
		if got := listing(t, dir); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: there is %v, want %v", c.others, got, want)
		}
	}
}

// Unfinished is not to take for the rest of a move what somebody has made on purpose.
func TestUnfinished(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	write(t, filepath.Join(dir, "new.bin"), rawFloats(1, 2, 3, 4))
	write(t, filepath.Join(dir, "copy.bin"), rawFloats(1, 2, 3, 4))
	m := withExternal(externalTensor("w", []int64{4}, "./new.bin", "", ""))
	link := func(name string) {
		t.Helper()
		if err := os.Link(filepath.Join(dir, "new.bin"), filepath.Join(dir, name)); err != nil {
			t.Skip("no hard links here: ", err)
		}
	}
	if got := Unfinished(m, path, "new.bin"); got != "" {
		t.Errorf("of one name: %q", got)
	}
	link("old.bin")
	if got := Unfinished(m, path, "new.bin"); got != "old.bin" {
		t.Errorf("of two names: %q", got)
	}
	if got := Unfinished(m, path, "old.bin"); got != "" {
		t.Errorf("to a name that the model does not refer to: %q", got)
	}
	both := withExternal(externalTensor("w", []int64{4}, "new.bin", "", ""), externalTensor("v", []int64{4}, "old.bin", "", ""))
	if got := Unfinished(both, path, "new.bin"); got != "" {
		t.Errorf("where the model refers to both: %q", got)
	}
	link("third.bin")
	if got := Unfinished(m, path, "new.bin"); got != "" {
		t.Errorf("of three names: %q", got)
	}
}

// To move data whose name is a symbolic link leaves a model that readers take, and the file that it leads to where it is.
func TestMoveDataOfALink(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "store", "blob"), rawFloats(1, 2, 3, 4))
	if err := os.Symlink(filepath.Join("store", "blob"), filepath.Join(dir, "w.bin")); err != nil {
		t.Skip("no symbolic links here: ", err)
	}
	path := filepath.Join(dir, "m.onnx")
	m := withExternal(externalTensor("w", []int64{4}, "w.bin", "", ""))
	write(t, path, mustMarshal(t, m))
	if _, err := MoveData(m, path, "", "new.bin"); err != nil {
		t.Fatal(err)
	}
	if v := values(t, mustOpen(t, path), dir); !reflect.DeepEqual(v["w"], []float32{1, 2, 3, 4}) {
		t.Errorf("%v", v)
	}
	if got := listing(t, dir); !reflect.DeepEqual(got, []string{"m.onnx", "new.bin", "store"}) || !exists(filepath.Join(dir, "store", "blob")) {
		t.Errorf("there is %v", got)
	}
}
