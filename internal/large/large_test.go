//go:build large && linux

package large

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"onnxtool/onnxpb"
	"onnxtool/verify"
	"onnxtool/verify/ort"
)

const (
	columns = 1024
	row     = 4 * columns // bytes
	// maxMemory is what a command may take, whatever the size of the weights.
	maxMemory = 64 << 20
)

// gather makes y = Gather(w, x) for w of so many rows; its weights come later.
func gather(rows int64) *onnxpb.ModelProto {
	n := []onnxpb.Dim{onnxpb.Symbol("N")}
	return &onnxpb.ModelProto{
		IrVersion:   proto.Int64(8),
		OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 17)},
		Graph: &onnxpb.GraphProto{
			Name:   proto.String("large"),
			Node:   []*onnxpb.NodeProto{onnxpb.Node("Gather", "pick", []string{"w", "x"}, []string{"y"})},
			Input:  []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_INT64, n)},
			Output: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("y", onnxpb.TensorProto_FLOAT, append(n, onnxpb.Number(columns)))},
			Initializer: []*onnxpb.TensorProto{{Name: proto.String("w"), DataType: proto.Int32(int32(onnxpb.TensorProto_FLOAT)),
				Dims: []int64{rows, columns}}},
		},
	}
}

// picked are the rows that hold something, each its own number in every column; all others are holes.
func picked(rows int64) []int64 { return []int64{0, 1, rows / 3, rows / 2, rows - 2, rows - 1} }

// writeRows writes the weights into a file, from an offset on.
func writeRows(t *testing.T, f *os.File, at, rows int64) {
	t.Helper()
	if err := f.Truncate(at + rows*row); err != nil {
		t.Fatal(err)
	}
	for _, r := range picked(rows) {
		var b []byte
		for range columns {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(r+1)))
		}
		if _, err := f.WriteAt(b, at+r*row); err != nil {
			t.Fatal(err)
		}
	}
}

// tool builds the command and returns a function that runs it, holds its memory to the limit and returns its exit code and all that it wrote.
func tool(t *testing.T) func(args ...string) (code int, out string) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "onnxtool")
	if out, err := exec.Command("go", "build", "-o", bin, "onnxtool/cmd/onnxtool").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return func(args ...string) (int, string) {
		t.Helper()
		cmd := exec.Command(bin, args...)
		start := time.Now()
		out, err := cmd.CombinedOutput()
		took := time.Since(start)
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		peak := cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10
		t.Logf("onnxtool %s: exit code %d, %.2f s, %d MiB", strings.Join(args, " "), cmd.ProcessState.ExitCode(), took.Seconds(), peak>>20)
		if peak > maxMemory {
			t.Errorf("took %d MiB of memory", peak>>20)
		}
		return cmd.ProcessState.ExitCode(), string(out)
	}
}

// mustRun runs the tool and wants it to do well.
func mustRun(t *testing.T, run func(...string) (int, string), args ...string) string {
	t.Helper()
	code, out := run(args...)
	if code != 0 {
		t.Fatalf("onnxtool %v: exit code %d: %s", args, code, out)
	}
	return out
}

// computes lets ONNX Runtime pick rows by the model in a file.
func computes(t *testing.T, path, input string, rows int64) {
	t.Helper()
	engine, err := ort.Default()
	if err != nil {
		t.Logf("ONNX Runtime is not on this machine: %v", err)
		return
	}
	f, err := onnxpb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := engine.Open(verify.Source{Model: f.Model, Dir: f.Dir(), Path: path}, verify.SessionOptions{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := picked(rows)
	out, err := s.Run(map[string]*onnxpb.Value{input: onnxpb.TensorVal(onnxpb.ArrayOf([]int64{int64(len(want))}, want))})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range out["y"].Array.Data.([]float32) {
		if w := float32(want[i/columns] + 1); v != w {
			t.Fatalf("row %d holds %v, want %v", want[i/columns], v, w)
		}
	}
}

// TestExternal3GB makes a model with 3 GiB of external data, and renames, copies, packs and checks it.
func TestExternal3GB(t *testing.T) {
	const rows = 3 << 30 / row
	run := tool(t)
	dir, other := t.TempDir(), t.TempDir()
	f, err := os.Create(filepath.Join(dir, "w.bin"))
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, f, 0, rows)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	m := gather(rows)
	w := m.Graph.Initializer[0]
	w.DataLocation = onnxpb.TensorProto_EXTERNAL.Enum()
	w.ExternalData = []*onnxpb.StringStringEntryProto{{Key: proto.String("location"), Value: proto.String("w.bin")}}
	path := filepath.Join(dir, "m.onnx")
	if err := onnxpb.Save(m, path, onnxpb.SaveOptions{}); err != nil {
		t.Fatal(err)
	}
	renamed := filepath.Join(dir, "renamed.onnx")
	mustRun(t, run, "rename", path, "--input", "x=rows", "-o", renamed)
	computes(t, renamed, "rows", rows)
	copied := filepath.Join(other, "copied.onnx")
	mustRun(t, run, "rename", path, "--input", "x=rows", "-o", copied)
	computes(t, copied, "rows", rows)
	mustRun(t, run, "data", "check", copied)
	mustRun(t, run, "data", "pack", path, "-o", filepath.Join(other, "packed.onnx"), "--align", "65536")
	computes(t, filepath.Join(other, "packed.onnx"), "x", rows)
	merged := filepath.Join(other, "merged.onnx")
	mustRun(t, run, "merge", "a="+path, "b="+filepath.Join(other, "packed.onnx"), "-o", merged)
	mustRun(t, run, "data", "check", merged)
	mustRun(t, run, "data", "move", filepath.Join(other, "packed.onnx"), "moved.bin", "--force")
	if code, out := run("data", "unpack", path, "-o", filepath.Join(other, "no.onnx")); code != 3 || !strings.Contains(out, "2 GiB") {
		t.Errorf("unpacked: exit code %d: %s", code, out)
	}
}

// TestInline2500MB makes a model of one file of 2.5 GiB, which others cannot read, and renames it: the weights go to a file of their own.
func TestInline2500MB(t *testing.T) {
	const rows = 5 << 29 / row
	run := tool(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "m.onnx")
	writeInline(t, path, rows)
	if f, err := onnxpb.Open(path); err != nil {
		t.Fatal(err)
	} else {
		raw := f.Model.Graph.Initializer[0].RawData
		for _, r := range picked(rows) {
			if got := math.Float32frombits(binary.LittleEndian.Uint32(raw[r*row:])); got != float32(r+1) {
				t.Errorf("row %d holds %v", r, got)
			}
		}
		f.Close()
	}
	mustRun(t, run, "info", path)
	renamed := filepath.Join(dir, "renamed.onnx")
	if out := mustRun(t, run, "rename", path, "--input", "x=rows", "-o", renamed); !strings.Contains(out, "the model would pass 2 GiB") || !strings.Contains(out, "renamed.onnx.data") {
		t.Errorf("not told: %s", out)
	}
	mustRun(t, run, "data", "check", renamed)
	computes(t, renamed, "rows", rows)
}

// writeInline writes a model whose raw_data is all within its file, a hole for the most part.
func writeInline(t *testing.T, path string, rows int64) {
	t.Helper()
	m := gather(rows)
	tensor := m.Graph.Initializer[0]
	m.Graph.Initializer = nil
	graph := m.Graph
	m.Graph = nil
	encode := func(x proto.Message) []byte {
		t.Helper()
		b, err := proto.Marshal(x)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	size := uint64(rows * row)
	head := protowire.AppendVarint(protowire.AppendTag(encode(tensor), 9, protowire.BytesType), size)                                  // raw_data
	head = append(protowire.AppendVarint(protowire.AppendTag(encode(graph), 5, protowire.BytesType), uint64(len(head))+size), head...) // initializer
	head = append(protowire.AppendVarint(protowire.AppendTag(encode(m), 7, protowire.BytesType), uint64(len(head))+size), head...)     // graph
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Write(head); err != nil {
		t.Fatal(err)
	}
	writeRows(t, f, int64(len(head)), rows)
	if st, err := f.Stat(); err != nil || st.Size() <= 1<<31 {
		t.Fatal(fmt.Sprint(st, err))
	}
}
