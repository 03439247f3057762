//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"onnxtool/onnxpb"
)

// reduceChain writes a chain of Relu, Tanh and Erf, and returns its folder and its path.
func reduceChain(t *testing.T) (dir, path string) {
	t.Helper()
	dir = t.TempDir()
	path = filepath.Join(dir, "chain.onnx")
	n3 := []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(3)}
	m := smallModel("chain", []*onnxpb.NodeProto{onnxpb.Node("Relu", "", []string{"x"}, []string{"a"}), onnxpb.Node("Tanh", "", []string{"a"}, []string{"b"}),
		onnxpb.Node("Erf", "", []string{"b"}, []string{"c"})}, []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, n3)},
		onnxpb.TensorValue("c", onnxpb.TensorProto_FLOAT, n3))
	if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	return dir, path
}

// runReduceOn runs the command with its temporary folder in a folder of its own, which is to be empty afterwards.
func runReduceOn(t *testing.T, path, out string, args ...string) (code int, text string) {
	t.Helper()
	work := t.TempDir()
	cmd := exec.Command("onnxtool", append([]string{"reduce", path, "-o", out, "--work-dir", work}, args...)...)
	b, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	mustBeEmpty(t, work)
	return cmd.ProcessState.ExitCode(), string(b)
}

func mustBeEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v %v", left, err)
	}
}

// TestReduceCrash has a command that a signal ends where the model has an Erf: that is a failure, whatever exit codes are.
func TestReduceCrash(t *testing.T) {
	dir, path := reduceChain(t)
	out := filepath.Join(dir, "out.onnx")
	crash := `onnxtool info --json "$1" | grep -q Erf && kill -SEGV $$; exit 0`
	if code, text := runReduceOn(t, path, out, "--exit", "5", "--", "sh", "-c", crash, "sh", "{}"); code != 0 {
		t.Fatalf("exit code %d: %s", code, text)
	}
	f, err := onnxpb.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n := f.Model.Graph.Node; len(n) != 1 || n[0].GetOpType() != "Erf" {
		t.Errorf("left: %v", n)
	}
}

// TestReduceTimeout has a command that does not end, and which leaves a process behind that holds its outputs.
func TestReduceTimeout(t *testing.T) {
	dir, path := reduceChain(t)
	out := filepath.Join(dir, "out.onnx")
	for _, command := range [][]string{{"sh", "-c", "exec sleep 600"}, {"sh", "-c", "sleep 600 & sleep 600"}} {
		code, text := runReduceOn(t, path, out, append([]string{"--command-timeout", "100ms", "--"}, command...)...)
		if code != 1 || !strings.Contains(text, "did not end within 100ms") {
			t.Errorf("exit code %d: %s", code, text)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a model was written")
	}
	if code, text := runReduceOn(t, path, out, "--command-timeout", "100ms", "--timeout-fails", "--max-runs", "3", "--", "sh", "-c", "exec sleep 600"); code != 0 || !strings.Contains(text, "1 of 3 nodes") {
		t.Errorf("exit code %d: %s", code, text)
	}
}

// TestReduceInterrupted ends a reduction while its command runs: the command ends too, and nothing is left.
func TestReduceInterrupted(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		dir, path := reduceChain(t)
		work, pid := t.TempDir(), filepath.Join(dir, "pid")
		out := filepath.Join(dir, "out.onnx")
		cmd := exec.Command("onnxtool", "reduce", path, "-o", out, "--work-dir", work, "--", "sh", "-c", `echo $$ > "$1.tmp" && mv "$1.tmp" "$1"; exec sleep 600`, "sh", pid)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var command int
		for command == 0 {
			if b, err := os.ReadFile(pid); err == nil {
				if command, err = strconv.Atoi(strings.TrimSpace(string(b))); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(5 * time.Millisecond)
		}
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 128+int(s) {
			t.Errorf("%v: exit code %d", s, code)
		}
		mustBeEmpty(t, work)
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%v: a model was written", s)
		}
		// Killed; it may take whoever reaps orphans a moment to take it off the list.
		for i := 0; syscall.Kill(command, 0) == nil && !zombie(command); i++ {
			if i == 1000 {
				syscall.Kill(command, syscall.SIGKILL)
				t.Fatalf("%v: the command goes on", s)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// zombie tells whether a process has ended and was not reaped, as far as the system tells.
func zombie(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, state, ok := strings.Cut(string(b), ") ")
	return err == nil && ok && strings.HasPrefix(state, "Z")
}
