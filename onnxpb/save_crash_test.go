package onnxpb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

// faultyFiles is a file system on which the n-th thing that Save asks for (from 0) does not come about: fault is called in its place. What is asked for after
// that works.
type faultyFiles struct {
	n     int
	fault func(what string) error
	hit   string   // what was asked for then
	asked []string // all that was asked for

	cannotMove bool // as on a system that gives a file its name by a link only
	cannotLink bool // as on a file system without hard links
}

func (s *faultyFiles) ask(what string) error {
	s.asked = append(s.asked, what)
	if len(s.asked)-1 != s.n {
		return nil
	}
	s.hit = what
	return s.fault(what)
}

func (s *faultyFiles) create(target string) (outFile, error) {
	if err := s.ask("create"); err != nil {
		return nil, err
	}
	f, err := stdFiles{}.create(target)
	return &faultyFile{f, s}, err
}

func (s *faultyFiles) rename(from, to string) error {
	if err := s.ask("rename"); err != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return s.ask("end")
}

func (s *faultyFiles) remove(name string) error { return os.Remove(name) }

func (s *faultyFiles) move(root *os.Root, from, to string) error {
	if s.cannotMove {
		return errors.ErrUnsupported
	}
	if err := s.ask("move"); err != nil {
		return err
	}
	return stdFiles{}.move(root, from, to)
}

func (s *faultyFiles) link(root *os.Root, from, to string) error {
	if s.cannotLink {
		return syscall.EPERM
	}
	if err := s.ask("link"); err != nil {
		return err
	}
	return stdFiles{}.link(root, from, to)
}

func (s *faultyFiles) linkFrom(path string, root *os.Root, to string) error {
	if s.cannotLink {
		return syscall.EPERM
	}
	if err := s.ask("link from"); err != nil {
		return err
	}
	return stdFiles{}.linkFrom(path, root, to)
}

func (s *faultyFiles) unlink(root *os.Root, name string) error {
	if err := s.ask("unlink"); err != nil {
		return err
	}
	return stdFiles{}.unlink(root, name)
}

type faultyFile struct {
	outFile
	files *faultyFiles
}

// Write writes half of the bytes before it fails.
func (f *faultyFile) Write(b []byte) (int, error) {
	if len(f.files.asked) == f.files.n {
		f.outFile.Write(b[:len(b)/2])
	}
	if err := f.files.ask("write"); err != nil {
		return len(b) / 2, err
	}
	return f.outFile.Write(b)
}

func (f *faultyFile) Chmod(m os.FileMode) error {
	if err := f.files.ask("chmod"); err != nil {
		return err
	}
	return f.outFile.Chmod(m)
}

func (f *faultyFile) Sync() error {
	if err := f.files.ask("sync"); err != nil {
		return err
	}
	return f.outFile.Sync()
}

func (f *faultyFile) Close() error {
	if err := f.files.ask("close"); err != nil {
		f.outFile.Close()
		return err
	}
	return f.outFile.Close()
}

// crashModels returns the model that stands in a file and the one that is to replace it.
func crashModels() (before, after *ModelProto) {
	before, after = weighty(7), weighty(7)
	after.Graph.Name = proto.String("edited")
	return before, after
}

// Whatever of the system fails during a save, the old file is whole or the new one is, nothing else is left, and the next save works.
func TestSaveOnAFailingSystem(t *testing.T) {
	before, after := crashModels()
	oldBytes, newBytes := mustMarshal(t, before), mustMarshal(t, after)
	seen := map[string]bool{}
	for _, replaces := range []bool{true, false} {
		for n := 0; ; n++ {
			dir := t.TempDir()
			path := filepath.Join(dir, "m.onnx")
			m := after
			if replaces { // from the map of the file that it goes over
				m = openFile(t, write(t, path, oldBytes)).Model
				m.Graph.Name = after.Graph.Name
			}
			s := &faultyFiles{n: n, fault: func(what string) error {
				if what == "end" {
					return nil // it is done by then
				}
				return syscall.ENOSPC
			}}
			files = s
			err := Save(m, path, SaveOptions{})
			files = stdFiles{}
			if s.hit == "" {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			seen[s.hit] = true
			if s.hit == "end" {
				continue
			}
			where := fmt.Sprintf("replaces %v, call %d (%s)", replaces, n, s.hit)
			if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v", where, err)
			}
			got, readErr := os.ReadFile(path)
			if replaces && !bytes.Equal(got, oldBytes) || !replaces && !errors.Is(readErr, os.ErrNotExist) {
				t.Errorf("%s: the file has %d bytes (%v)", where, len(got), readErr)
			}
			if left := listing(t, dir); replaces && len(left) != 1 || !replaces && len(left) != 0 {
				t.Errorf("%s: left behind: %v", where, left)
			}
			if err := Save(m, path, SaveOptions{}); err != nil {
				t.Errorf("%s: the next save: %v", where, err)
			}
			if got, _ := os.ReadFile(path); !bytes.Equal(got, newBytes) {
				t.Errorf("%s: the next save wrote other bytes", where)
			}
		}
	}
	for _, what := range []string{"create", "write", "chmod", "sync", "close", "rename"} {
		if !seen[what] {
			t.Errorf("no %s failed", what)
		}
	}
}

// A process that ends at any call of a save leaves the old file whole or the new one, and what else it leaves is in nobody's way.
func TestSaveOfAProcessThatEnds(t *testing.T) {
	before, after := crashModels()
	if path := os.Getenv("ONNXTOOL_TEST_CRASH"); path != "" { // the process that ends
		var n int
		fmt.Sscan(os.Getenv("ONNXTOOL_TEST_CRASH_AT"), &n)
		f, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		f.Model.Graph.Name = after.Graph.Name
		files = &faultyFiles{n: n, fault: func(string) error { os.Exit(33); return nil }}
		if err := Save(f.Model, path, SaveOptions{}); err != nil {
			t.Fatal(err)
		}
		os.Exit(0)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	oldBytes, newBytes := mustMarshal(t, before), mustMarshal(t, after)
	dir := t.TempDir()
	olds, news := 0, 0
	for n := 0; ; n++ {
		if n == 100 {
			t.Fatal("it never comes to an end")
		}
		path := write(t, filepath.Join(dir, "m.onnx"), oldBytes)
		cmd := exec.Command(exe, "-test.run", "^TestSaveOfAProcessThatEnds$")
		cmd.Env = append(os.Environ(), "ONNXTOOL_TEST_CRASH="+path, fmt.Sprint("ONNXTOOL_TEST_CRASH_AT=", n))
		out, err := cmd.CombinedOutput()
		code := cmd.ProcessState.ExitCode()
		if code != 33 && code != 0 {
			t.Fatalf("call %d: %v\n%s", n, err, out)
		}
		switch got, _ := os.ReadFile(path); {
		case bytes.Equal(got, oldBytes) && code != 0:
			olds++
		case bytes.Equal(got, newBytes):
			news++
		default:
			t.Errorf("call %d: the file has %d bytes and is neither the old nor the new one", n, len(got))
		}
		nextRun(t, path, after, newBytes)
		if code == 0 {
			break
		}
	}
	if olds < 6 || news < 2 {
		t.Errorf("%d times the old file, %d times the new one", olds, news)
	}
}

// nextRun opens the file, writes it anew, and looks at what lies beside it.
func nextRun(t *testing.T, path string, m *ModelProto, want []byte) {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatalf("the next run: %v", err)
	}
	defer f.Close()
	f.Model.Graph.Name = m.Graph.Name
	if err := Save(f.Model, path, SaveOptions{}); err != nil {
		t.Errorf("the next run: %v", err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, want) {
		t.Error("the next run wrote other bytes")
	}
	for _, name := range listing(t, filepath.Dir(path)) {
		if name != filepath.Base(path) && !(strings.HasPrefix(name, ".onnxtool-") && strings.HasSuffix(name, ".tmp")) {
			t.Errorf("left behind: %s", name)
		}
	}
}

// A process that is killed while it saves over and over leaves one of the files that it has written.
func TestSaveOfAKilledProcess(t *testing.T) {
	before, after := crashModels()
	if path := os.Getenv("ONNXTOOL_TEST_KILL"); path != "" { // the process that is killed
		fmt.Println("begins")
		for {
			for _, m := range []*ModelProto{after, before} {
				if err := Save(m, path, SaveOptions{}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if runtime.GOOS == "windows" {
		t.Skip("there is no SIGKILL")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	oldBytes, newBytes := mustMarshal(t, before), mustMarshal(t, after)
	rng := rand.New(rand.NewPCG(8, 9))
	dir := t.TempDir()
	path := write(t, filepath.Join(dir, "m.onnx"), oldBytes)
	for i := range 15 {
		cmd := exec.Command(exe, "-test.run", "^TestSaveOfAKilledProcess$")
		cmd.Env = append(os.Environ(), "ONNXTOOL_TEST_KILL="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		io.ReadFull(out, make([]byte, 6))
		time.Sleep(time.Duration(rng.IntN(40_000)) * time.Microsecond)
		cmd.Process.Kill()
		cmd.Wait()
		if got, _ := os.ReadFile(path); !bytes.Equal(got, oldBytes) && !bytes.Equal(got, newBytes) {
			t.Fatalf("kill %d: the file has %d bytes and is neither the old nor the new one", i, len(got))
		}
		nextRun(t, path, after, newBytes)
	}
}

func TestSaveToAFullDevice(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("there is no /dev/full")
	}
	if err := Save(weighty(9), "/dev/full", SaveOptions{}); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "/dev/full: cannot be written") {
		t.Errorf("%v", err)
	}
}
