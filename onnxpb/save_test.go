package onnxpb

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
)

func TestSaveIsDeterministic(t *testing.T) {
	m := full(4)
	a, b := mustMarshal(t, m), mustMarshal(t, proto.Clone(m).(*ModelProto))
	if !bytes.Equal(a, b) {
		t.Error("the same model gives other bytes")
	}
}

func TestSaveReplacesWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	if err := Save(small(), path, SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := os.Create(filepath.Join(dir, "plain")) // a new file has the permissions that any program's has
	if err != nil {
		t.Fatal(err)
	}
	want, _ := plain.Stat()
	plain.Close()
	os.Remove(plain.Name())
	if st.Mode() != want.Mode() {
		t.Errorf("a new file has mode %v, want %v", st.Mode(), want.Mode())
	}
	// An old reader keeps what it has open; a new one sees the new file, with the old file's permissions.
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	m := small()
	m.DocString = proto.String(strings.Repeat("new ", 1000))
	if err := Save(m, path, SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	old, _ := io.ReadAll(reader)
	if !bytes.Equal(old, mustMarshal(t, small())) {
		t.Error("the old file was written into")
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o640 && runtime.GOOS != "windows" {
		t.Errorf("the mode became %v", st.Mode())
	}
	f, err := Open(path)
	if err != nil || !proto.Equal(f.Model, m) {
		t.Errorf("%v %v", f, err)
	}
	if got := listing(t, dir); !reflect.DeepEqual(got, []string{"m.onnx"}) {
		t.Errorf("left behind: %v", got)
	}
}

func TestSaveKeepsSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	target := write(t, filepath.Join(dir, "real", "m.onnx"), []byte("old"))
	link := filepath.Join(dir, "link.onnx")
	if err := os.Symlink(filepath.Join("real", "m.onnx"), link); err != nil {
		t.Skip("this file system has no symbolic links: " + err.Error())
	}
	if err := Save(small(), link, SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v (%v)", st.Mode(), err)
	}
	if f, err := Open(target); err != nil || !proto.Equal(f.Model, small()) {
		t.Errorf("%v %v", f, err)
	}
	if got := listing(t, dir); len(got) != 2 {
		t.Errorf("left behind: %v", got)
	}
}

func TestSaveRefuses(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "file"), []byte("x"))
	for path, want := range map[string]string{
		dir:                             "directory",
		filepath.Join(dir, "no", "m"):   "no such file",
		filepath.Join(file, "m.onnx"):   "not a directory",
		filepath.Join(dir, "bad\x00\n"): "invalid",
	} {
		err := Save(small(), path, SaveOptions{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: %v does not tell %q", path, err, want)
		}
	}
	if got := listing(t, dir); !reflect.DeepEqual(got, []string{"file"}) {
		t.Errorf("left behind: %v", got)
	}
}

func TestSaveToReadOnlyDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("the superuser may write into every directory")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o700)
	err := Save(small(), filepath.Join(dir, "m.onnx"), SaveOptions{})
	if err == nil || !strings.Contains(err.Error(), "permission denied") {
		t.Errorf("%v", err)
	}
	if got := listing(t, dir); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

// A write that fails halfway (here by the limit on the size of files, as it would on a full disk) leaves the old file and nothing else.
func TestFailedWriteLeavesTheOldFile(t *testing.T) {
	if path := os.Getenv("ONNXTOOL_TEST_WRITE"); path != "" { // the process under the limit
		err := WriteFile(path, make([]byte, 1<<20))
		if err == nil {
			t.Fatal("there is no limit")
		}
		t.Logf("told: %v", err)
		return
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, existing := range []bool{true, false} {
		dir := t.TempDir()
		path := filepath.Join(dir, "m.onnx")
		var want []string
		if existing {
			write(t, path, []byte("old"))
			want = []string{"m.onnx"}
		}
		cmd := exec.Command(sh, "-c", `trap "" XFSZ; ulimit -f 16; exec "$0" -test.run '^TestFailedWriteLeavesTheOldFile$' -test.v`, exe)
		cmd.Env = append(os.Environ(), "ONNXTOOL_TEST_WRITE="+path)
		out, _ := cmd.CombinedOutput() // with -cover it fails at its end: the limit is on the coverage data too
		if !strings.Contains(string(out), "m.onnx: cannot be written: file too large") {
			t.Fatalf("%s", out)
		}
		if got := listing(t, dir); !reflect.DeepEqual(got, want) {
			t.Errorf("left: %v, want %v", got, want)
		}
		if data, _ := os.ReadFile(path); existing && string(data) != "old" {
			t.Errorf("the old file became %d bytes", len(data))
		}
	}
}

func TestSaveToStandardOutput(t *testing.T) {
	old := os.Stdout
	defer func() { os.Stdout = old }()
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	os.Stdout = out
	err = Save(small(), "-", SaveOptions{})
	os.Stdout = old
	data, _ := os.ReadFile(out.Name())
	if err != nil || !bytes.Equal(data, mustMarshal(t, small())) {
		t.Errorf("%v, %d bytes", err, len(data))
	}
}

func TestRemoveTemporaries(t *testing.T) {
	dir := t.TempDir()
	f, err := createTemporary(filepath.Join(dir, "m.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if len(listing(t, dir)) != 1 {
		t.Fatal("no temporary file")
	}
	RemoveTemporaries()
	if got := listing(t, dir); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	forget(f.Name())
}

func TestSaveThroughDanglingLinks(t *testing.T) {
	dir := t.TempDir()
	link := func(name, to string) string {
		t.Helper()
		p := filepath.Join(dir, name)
		if err := os.Symlink(to, p); err != nil {
			t.Skip("this file system has no symbolic links: " + err.Error())
		}
		return p
	}
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o777); err != nil {
		t.Fatal(err)
	}
	link("two", filepath.Join("real", "m.onnx"))
	one := link("one", "two")
	if err := WriteFile(one, []byte("model")); err != nil {
		t.Fatal(err)
	}
	for name, isLink := range map[string]bool{"one": true, "two": true, "real/m.onnx": false} {
		st, err := os.Lstat(filepath.Join(dir, name))
		if err != nil || st.Mode()&os.ModeSymlink != 0 != isLink {
			t.Errorf("%s: %v, %v", name, st, err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(dir, "real", "m.onnx")); err != nil || string(b) != "model" {
		t.Errorf("%q, %v", b, err)
	}
	link("circle1", "circle2")
	circle := link("circle2", "circle1")
	if err := WriteFile(circle, []byte("model")); err == nil || !strings.Contains(err.Error(), "too many levels of symbolic links") {
		t.Errorf("a circle of links: %v", err)
	}
	if st, err := os.Lstat(circle); err != nil || st.Mode()&os.ModeSymlink == 0 {
		t.Errorf("a circle of links was replaced: %v, %v", st, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".onnxtool-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
