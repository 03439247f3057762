package main

import (
	"bytes"
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
	"onnxtool/onnxpb/onnxtext"
)

// endless writes a model that never ends, with a data set recorded for it.
func endless(t *testing.T, dir string) string {
	t.Helper()
	m, err := onnxtext.Parse(`<ir_version: 8, opset_import: ["": 17]>
endless (float[N] x) => (float[N] y) {
  go = Constant <value = bool {1}> ()
  often = Constant <value = int64 {9000000000000000000}> ()
  y = Loop (often, go, x) <body = body (int64 i, bool c, float[N] s) => (bool d, float[N] t) { d = Identity (c)  t = Neg (s) }>
}`)
	if err != nil {
		t.Fatal(err)
	}
	set := filepath.Join(dir, "test_data_set_0")
	if err := os.MkdirAll(set, 0o777); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "model.onnx")
	if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	recorded := []byte("\x08\x01\x10\x01\x4a\x04\x00\x00\x80\x3f") // one float32
	for _, name := range []string{"input_0.pb", "output_0.pb"} {
		if err := os.WriteFile(filepath.Join(set, name), recorded, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// childOf waits for the one process that another has started to be busy, which it is with the model.
func childOf(t *testing.T, pid int) int {
	t.Helper()
	for range 600 {
		time.Sleep(50 * time.Millisecond)
		children, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(pid) + "/children")
		list := strings.Fields(string(children))
		if err != nil || len(list) != 1 {
			// The thread that has started it need not be the first one.
			list = nil
			tasks, _ := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
			for _, task := range tasks {
				some, _ := os.ReadFile(task)
				list = append(list, strings.Fields(string(some))...)
			}
		}
		if len(list) != 1 {
			continue
		}
		stat, err := os.ReadFile("/proc/" + list[0] + "/stat")
		if err != nil {
			continue
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if ticks, _ := strconv.Atoi(fields[11]); ticks > 100 { // a second of it: it is in the loop
			child, _ := strconv.Atoi(list[0])
			return child
		}
	}
	t.Fatal("there is no process that runs the model")
	return 0
}

// A crash in the process that runs the models, which Go's runtime makes a dump and an exit code 2 of, is one line and exit code 4.
func TestIsolatedCrash(t *testing.T) {
	cache := os.Getenv("ONNXTOOL_CACHE")
	if cache == "" {
		var err error
		if cache, err = filepath.Abs("../../.cache"); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("ONNXTOOL_CACHE", cache)
	if out, err := exec.Command("onnxtool", "doctor").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "" && strings.Contains(string(out), "not found") {
			t.Skipf("ONNX Runtime's library is not on this machine: %s", out)
		}
		t.Fatalf("onnxtool doctor: %v: %s", err, out)
	}
	dir := t.TempDir()
	model := endless(t, filepath.Join(dir, "zoo"))
	for _, c := range []struct {
		signal     syscall.Signal
		args, says string
	}{
		{syscall.SIGSEGV, "run MODEL --isolate --dims N=2", "ended by itself (SIGSEGV: segmentation violation)"},
		{syscall.SIGABRT, "verify MODEL MODEL --isolate --dims N=2 --quiet", "ended by itself (SIGABRT: abort)"},
		{syscall.SIGKILL, "run MODEL --timeout 5m --dims N=2 --json", "ended by itself (signal: killed)"},
		{syscall.SIGSEGV, "test ZOO --isolate", "its process ended by itself (SIGSEGV: segmentation violation)"},
		{syscall.SIGKILL, "test ZOO --case-timeout 5m", "its process ended by itself (signal: killed)"},
	} {
		var out, said bytes.Buffer
		cmd := exec.Command("onnxtool", strings.Fields(strings.NewReplacer("MODEL", model, "ZOO", dir).Replace(c.args))...)
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(childOf(t, cmd.Process.Pid), c.signal); err != nil {
			t.Fatal(err)
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 4 {
			t.Errorf("%s, %v: %v", c.args, c.signal, err)
		}
		text := said.String()
		if strings.HasPrefix(c.args, "test") {
			text = out.String()
		} else if strings.Count(text, "\n") != 1 {
			t.Errorf("%s: more than one line: %.500s", c.args, text)
		}
		if !strings.Contains(text, c.says) || strings.Contains(said.String()+out.String(), "goroutine") {
			t.Errorf("%s, %v: %.500s; %.500s", c.args, c.signal, said.String(), out.String())
		}
	}
}
