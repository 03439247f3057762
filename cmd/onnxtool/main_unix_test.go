//go:build unix

package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/onnxpb/onnxjson"
)

// TestSignals has a command that waits on standard input ended by a signal. It is to end by itself, with the code that a shell gives for the signal, so
// that it can take its temporary files away; and one that it was started to ignore it is to ignore.
func TestSignals(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		if code := signalled(t, s, exec.Command("onnxtool", "info", "-")); code != 128+int(s) {
			t.Errorf("%v: exit code %d", s, code)
		}
	}
	if code := signalled(t, syscall.SIGHUP, exec.Command("sh", "-c", `trap "" HUP; exec onnxtool info -`)); code != 3 {
		t.Errorf("ignored: exit code %d, for what is no model", code)
	}
}

// signalled starts a command, sends it a signal when it reads its input, ends that input, and returns its exit code: -1 where it ended by the signal itself.
func signalled(t *testing.T, s syscall.Signal, cmd *exec.Cmd) int {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(make([]byte, 1<<20)); err != nil { // more than a pipe holds
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	if cmd.Args[0] == "sh" {
		in.Close()
	}
	<-ended
	return cmd.ProcessState.ExitCode()
}

// TestFileCutShort cuts a model short while its JSON is written.
func TestFileCutShort(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("files are mapped in another way here")
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	w := onnxpb.TensorOf("w", []int64{1 << 20}, make([]float32, 1<<20))
	m := &onnxpb.ModelProto{IrVersion: proto.Int64(8), Graph: &onnxpb.GraphProto{Initializer: []*onnxpb.TensorProto{w}}}
	if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	f, err := onnxpb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = guarded(func() error {
		return onnxpb.WriteTo(filepath.Join(dir, "m.json"), func(to io.Writer) error {
			if err := os.Truncate(path, 1<<16); err != nil {
				t.Fatal(err)
			}
			_, err := onnxjson.Format(to, f.Model, onnxjson.Options{})
			return err
		})
	})
	if err == nil || !strings.Contains(err.Error(), "cut short") {
		t.Errorf("got %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	defer func() {
		if recover() == nil {
			t.Error("other panics are hidden")
		}
	}()
	guarded(func() error { panic("a fault of its own") })
}

// TestFullStandardOutput has commands print on a full disk, as text and as JSON.
func TestFullStandardOutput(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no /dev/full")
	}
	defer full.Close()
	model := filepath.Join(t.TempDir(), "add.onnx")
	if out, err := exec.Command("onnxtool", "op", "Add", "--input", "a:float32:[N]", "--input", "b:float32:[N]", "-o", model).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, args := range []string{"info M", "info --json M", "check M", "json M", "text M", "tidy M -o -", "tidy M --in-place", "data check M", "help", "completion bash"} {
		var said strings.Builder
		cmd := exec.Command("onnxtool", strings.Fields(strings.ReplaceAll(args, "M", model))...)
		cmd.Stdout, cmd.Stderr = full, &said
		if err := cmd.Run(); cmd.ProcessState.ExitCode() != 3 || !strings.Contains(said.String(), "no space left") {
			t.Errorf("%s: %v, %s", args, err, said.String())
		}
	}
}
