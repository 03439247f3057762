//go:build linux

// Command table measures onnxtool as a process (wall time, CPU time, peak memory) beside cp of the same bytes and Python's onnx doing the same, all in one run, and
// prints a Markdown table: medians, and ratios to cp. Python's column is empty where /usr/bin/python3 has no onnx.
//
//	go run ./internal/bench/table -tool bin/onnxtool -dir out/bench
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"onnxtool/examples/dmhead/standin"
	"onnxtool/internal/bench"
	"onnxtool/onnxpb"
)

func main() {
	tool := flag.String("tool", "bin/onnxtool", "the program to measure")
	dir := flag.String("dir", "out/bench", "folder for the models")
	rounds := flag.Int("rounds", 5, "runs of each, of which the median counts")
	only := flag.String("only", "", "measure the rows whose names hold this, such as nodes")
	making := flag.Bool("make", false, "write the models, and no more")
	flag.Parse()
	var err error
	if *making {
		err = writeModels(*dir)
	} else {
		err = run(*tool, *dir, *only, *rounds)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// job is one row of the table.
type job struct {
	name   string
	from   []string // the files that cp copies
	tool   []string // arguments; OUT stands for the target
	python string   // a program; sys.argv[1] is the target
}

func run(tool, dir, only string, rounds int) error {
	tool, err := filepath.Abs(tool)
	if err != nil {
		return err
	}
	// By a process of its own: the system counts as a child's peak what its parent held when it was started.
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if out, err := exec.Command(self, "-make", "-dir", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	six, whenet, big := filepath.Join(dir, "six.onnx"), filepath.Join(dir, "whenet.onnx"), filepath.Join(dir, "big.onnx")
	jobs := []job{
		{"onnxtool --help", nil, []string{"--help"}, ""},
		{"rename, 157 MB", []string{six}, []string{"rename", six, "--input", "input=x", "-o", "OUT"},
			load(six) + "\nfor n in m.graph.node:\n  for i,s in enumerate(n.input):\n    if s=='input': n.input[i]='x'\nm.graph.input[0].name='x'\nonnx.save(m,sys.argv[1])"},
		{"rename, 17 MB", []string{whenet}, []string{"rename", whenet, "--input", "image=x", "-o", "OUT"},
			load(whenet) + "\nfor n in m.graph.node:\n  for i,s in enumerate(n.input):\n    if s=='image': n.input[i]='x'\nm.graph.input[0].name='x'\nonnx.save(m,sys.argv[1])"},
		{"setbatch N, 157 MB", []string{six}, []string{"setbatch", "N", six, "-o", "OUT"}, load(six) + "\nm.graph.input[0].type.tensor_type.shape.dim[0].dim_param='N'\nonnx.save(m,sys.argv[1])"},
		{"setbatch N, 17 MB", []string{whenet}, []string{"setbatch", "N", whenet, "-o", "OUT"}, load(whenet) + "\nm.graph.input[0].type.tensor_type.shape.dim[0].dim_param='N'\nonnx.save(m,sys.argv[1])"},
		{"merge, 157 + 17 MB", []string{six, whenet}, []string{"merge", "six=" + six, "whenet=" + whenet, "--connect", "six:input=whenet:image", "-o", "OUT"},
			"from onnx import compose\na=compose.add_prefix(onnx.load('" + six + "'),'a/')\nb=compose.add_prefix(onnx.load('" + whenet + "'),'b/')\n" +
				"g=onnx.helper.make_graph(list(a.graph.node)+list(b.graph.node),'m',list(a.graph.input)+list(b.graph.input),list(a.graph.output)+list(b.graph.output),list(a.graph.initializer)+list(b.graph.initializer))\n" +
				"onnx.save(onnx.helper.make_model(g,opset_imports=a.opset_import),sys.argv[1])"},
		{"extract, 157 MB", []string{six}, []string{"extract", six, "--to", "six", "-o", "OUT"}, "onnx.utils.extract_model('" + six + "',sys.argv[1],['input'],['six'])"},
		{"extract, 17 MB", []string{whenet}, []string{"extract", whenet, "--to", "yaw", "-o", "OUT"}, "onnx.utils.extract_model('" + whenet + "',sys.argv[1],['image'],['yaw'])"},
		{"infer, 157 MB", []string{six}, []string{"infer", six, "-o", "OUT"}, load(six) + "\nonnx.save(onnx.shape_inference.infer_shapes(m),sys.argv[1])"},
		{"rename, 2 GB of external data", []string{filepath.Join(dir, "big.bin")}, []string{"rename", big, "--input", "x=image", "-o", "OUT"},
			load(big) + "\nfor n in m.graph.node:\n  for i,s in enumerate(n.input):\n    if s=='x': n.input[i]='image'\nm.graph.input[0].name='image'\n" +
				"onnx.save(m,sys.argv[1],save_as_external_data=True,location='python.bin')"},
	}
	for _, n := range chainSizes {
		jobs = append(jobs, chainJobs(dir, n)...)
	}
	havePython := exec.Command("/usr/bin/python3", "-c", "import onnx").Run() == nil
	fmt.Printf("%s/%s, %d cores, %s\n\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	fmt.Println("| | onnxtool | cp | Python's onnx | wall to cp | wall to Python |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, j := range jobs {
		if !strings.Contains(j.name, only) {
			continue
		}
		if err := j.row(tool, dir, rounds, havePython); err != nil {
			return fmt.Errorf("%s: %w", j.name, err)
		}
	}
	return nil
}

// writeModels writes the two stand-ins and the model of 2 GB.
func writeModels(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	if err := onnxpb.Save(standin.SixDRepNet(standin.B1g2, 1), filepath.Join(dir, "six.onnx"), onnxpb.SaveOptions{}); err != nil {
		return err
	}
	if err := onnxpb.Save(standin.WHENet(standin.B0, 2), filepath.Join(dir, "whenet.onnx"), onnxpb.SaveOptions{}); err != nil {
		return err
	}
	for _, n := range chainSizes {
		if err := onnxpb.Save(bench.Chain(n), chainPath(dir, n), onnxpb.SaveOptions{}); err != nil {
			return err
		}
	}
	return writeBig(dir, filepath.Join(dir, "big.onnx"))
}

func load(path string) string { return "m=onnx.load('" + path + "')" }

// writeBig writes a model of 16 products with weights of 128 MiB each, all zeros, in one file of external data.
func writeBig(dir, path string) error {
	const side, count = 1 << 23, 16
	data, err := os.Create(filepath.Join(dir, "big.bin"))
	if err != nil {
		return err
	}
	if err := data.Truncate(count * 4 * 4 * side); err != nil {
		return err
	}
	if err := data.Close(); err != nil {
		return err
	}
	dims := []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(4)}
	g := &onnxpb.GraphProto{Name: proto.String("big"), Input: []*onnxpb.ValueInfoProto{onnxpb.TensorValue("x", onnxpb.TensorProto_FLOAT, dims)}}
	for i := range count {
		w, y := fmt.Sprintf("w%d", i), fmt.Sprintf("y%d", i)
		entry := func(k, v string) *onnxpb.StringStringEntryProto {
			return &onnxpb.StringStringEntryProto{Key: &k, Value: &v}
		}
		g.Initializer = append(g.Initializer, &onnxpb.TensorProto{Name: &w, Dims: []int64{4, side}, DataType: proto.Int32(1),
			DataLocation: onnxpb.TensorProto_EXTERNAL.Enum(), ExternalData: []*onnxpb.StringStringEntryProto{
				entry("location", "big.bin"), entry("offset", fmt.Sprint(int64(i)*4*4*side)), entry("length", fmt.Sprint(4*4*side))}})
		g.Node = append(g.Node, onnxpb.Node("MatMul", "", []string{"x", w}, []string{y}))
		g.Output = append(g.Output, onnxpb.TensorValue(y, onnxpb.TensorProto_FLOAT, []onnxpb.Dim{onnxpb.Symbol("N"), onnxpb.Number(side)}))
	}
	m := &onnxpb.ModelProto{IrVersion: proto.Int64(8), OpsetImport: []*onnxpb.OperatorSetIdProto{onnxpb.Opset("", 15)}, Graph: g}
	return onnxpb.Save(m, path, onnxpb.SaveOptions{})
}

// cost is what a process took.
type cost struct {
	wall, cpu time.Duration
	peak      int64 // bytes
}

func (c cost) String() string {
	return fmt.Sprintf("%s, %s CPU, %d MiB", c.wall.Round(time.Millisecond), c.cpu.Round(time.Millisecond), c.peak>>20)
}

// row measures a job, in turns, so that what else the machine does falls on all alike.
func (j job) row(tool, dir string, rounds int, havePython bool) error {
	out := filepath.Join(dir, "out.onnx")
	args := slices.Clone(j.tool)
	for i, a := range args {
		if a == "OUT" {
			args[i] = out
		}
	}
	var ours, cp, python []cost
	for range rounds + 1 { // the first warms the caches, and does not count
		c, err := measure(out, tool, args...)
		if err != nil {
			return err
		}
		ours = append(ours, c)
		if j.from != nil {
			if c, err = measure(out, "cp", append(slices.Clone(j.from), copyTarget(j.from, dir, out))...); err != nil {
				return err
			}
			cp = append(cp, c)
		}
		if havePython && j.python != "" {
			if c, err = measure(out, "/usr/bin/python3", "-c", "import onnx,sys\nimport onnx.utils\n"+j.python, out); err != nil {
				return err
			}
			python = append(python, c)
		}
	}
	o := median(ours[1:])
	cells := []string{j.name, o.String(), "", "", "", ""}
	if cp != nil {
		c := median(cp[1:])
		cells[2], cells[4] = c.String(), fmt.Sprintf("%.2f", o.wall.Seconds()/c.wall.Seconds())
	}
	if python != nil {
		p := median(python[1:])
		cells[3], cells[5] = p.String(), fmt.Sprintf("%.3f", o.wall.Seconds()/p.wall.Seconds())
	}
	fmt.Println("| " + strings.Join(cells, " | ") + " |")
	return nil
}

// copyTarget is where cp copies to: a folder for several files.
func copyTarget(from []string, dir, out string) string {
	if len(from) == 1 {
		return out
	}
	folder := filepath.Join(dir, "copies")
	os.MkdirAll(folder, 0o777)
	return folder
}

// measure runs a process once, with its target out of the way.
func measure(out, name string, args ...string) (cost, error) {
	os.Remove(out)
	os.RemoveAll(filepath.Join(filepath.Dir(out), "copies"))
	if name == "cp" && len(args) > 2 {
		os.MkdirAll(args[len(args)-1], 0o777)
	}
	os.Remove(filepath.Join(filepath.Dir(out), "python.bin"))
	syscall.Sync() // what was written before is not this one's to wait for
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if err != nil {
		return cost{}, err
	}
	u := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return cost{wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), u.Maxrss << 10}, nil
}

// median takes the run with the middle wall time.
func median(c []cost) cost {
	c = slices.SortedFunc(slices.Values(c), func(a, b cost) int { return int(a.wall - b.wall) })
	return c[len(c)/2]
}
