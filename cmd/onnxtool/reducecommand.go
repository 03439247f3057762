package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"onnxtool/onnxpb"
)

// commandQuestion asks a command whether a model fails.
type commandQuestion struct {
	argv           []string
	codes          []int // the exit codes that are failures; none: all but 0
	stdout, stderr *regexp.Regexp
	limit          time.Duration
	timeoutFails   bool

	from   *onnxpb.File
	dir    string // the temporary folder
	name   string // the model's name in it
	became string

	mu      sync.Mutex // held while files are made and a process is started, and by an interrupt to the end
	process *exec.Cmd
}

// findCommand sees that there is such a command.
func (q *commandQuestion) findCommand() error {
	path, err := exec.LookPath(q.argv[0])
	if err != nil {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the command cannot be started", Err: err}
	}
	q.argv = slices.Clone(q.argv)
	q.argv[0] = path
	if !slices.ContainsFunc(q.argv[1:], func(a string) bool { return strings.Contains(a, "{}") }) {
		q.argv = append(q.argv, "{}")
	}
	return nil
}

// open makes the temporary folder, which an interrupt takes away.
func (q *commandQuestion) open(f *onnxpb.File, in string) error {
	q.from, q.name = f, filepath.Base(f.Path)
	if f.Path == "-" || strings.HasPrefix(q.name, "-") {
		q.name = "model.onnx"
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.onInterrupt()
	dir, err := os.MkdirTemp(in, "onnxtool-reduce-")
	if err == nil {
		q.dir = dir
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		q.clear()
		return &onnxpb.Error{Kind: onnxpb.Unfit, Msg: "no temporary folder can be made", Err: err, Hint: "give another with --work-dir"}
	}
	q.dir = dir
	return nil
}

// onInterrupt has an interrupt end the command, and take the folder away. It stands in for what main does on one, which it does too.
func (q *commandQuestion) onInterrupt() {
	interrupts := make(chan os.Signal, 1)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Reset(s)
			signal.Notify(interrupts, s)
		}
	}
	go func() {
		s := <-interrupts
		q.mu.Lock() // for good: nothing is made or started any more
		if q.process != nil {
			killGroup(q.process.Process)
		}
		q.clear()
		onnxpb.RemoveTemporaries()
		if n, ok := s.(syscall.Signal); ok {
			os.Exit(128 + int(n))
		}
		os.Exit(130)
	}()
}

func (q *commandQuestion) clear() {
	if q.dir != "" {
		os.RemoveAll(q.dir)
	}
}

func (q *commandQuestion) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.clear()
}

func (q *commandQuestion) last() string { return q.became }

// fails writes a model, with its external data, and runs the command on it.
func (q *commandQuestion) fails(m *onnxpb.ModelProto) (bool, error) {
	cmd, out, errs, err := q.start(m)
	if err != nil {
		return false, err
	}
	var late atomic.Bool
	if q.limit > 0 {
		timer := time.AfterFunc(q.limit, func() {
			late.Store(true)
			killGroup(cmd.Process)
		})
		defer timer.Stop()
	}
	cmd.Wait() // its error tells no more than the state does
	q.mu.Lock()
	defer q.mu.Unlock()
	q.process = nil
	return q.judge(cmd.ProcessState, late.Load(), out, errs), nil
}

// start starts the command on a model in a folder that nothing else is in.
func (q *commandQuestion) start(m *onnxpb.ModelProto) (*exec.Cmd, *head, *head, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	folder := filepath.Join(q.dir, "model")
	err := os.RemoveAll(folder)
	if err == nil {
		err = os.Mkdir(folder, 0o700)
	}
	if err != nil {
		return nil, nil, nil, &onnxpb.Error{Msg: "the temporary folder cannot be used", Err: err}
	}
	path := filepath.Join(folder, q.name)
	if err := onnxpb.Save(m, path, onnxpb.SaveOptions{SourceDir: q.from.Dir(), Perm: q.from.Perm()}); err != nil {
		return nil, nil, nil, err
	}
	args := make([]string, len(q.argv)-1)
	for i, a := range q.argv[1:] {
		args[i] = strings.ReplaceAll(a, "{}", path)
	}
	cmd := exec.Command(q.argv[0], args...)
	out, errs := &head{}, &head{}
	cmd.Stdout, cmd.Stderr = out, errs
	ownGroup(cmd)
	cmd.WaitDelay = time.Second // a process that the command left behind may hold its outputs open
	if err := cmd.Start(); err != nil {
		return nil, nil, nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the command cannot be started", Err: bareError(err)}
	}
	q.process = cmd
	return cmd, out, errs, nil
}

func bareError(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return fmt.Errorf("%s: %w", pe.Path, pe.Err)
	}
	return err
}

// judge tells whether the outcome of a command is a failure.
func (q *commandQuestion) judge(state *os.ProcessState, late bool, out, errs *head) bool {
	var failed bool
	switch {
	case late && !state.Success():
		failed, q.became = q.timeoutFails, fmt.Sprintf("the command did not end within %v", q.limit)
	case !state.Exited():
		failed, q.became = true, "the command ended by itself ("+state.String()+")"
	default:
		code := state.ExitCode()
		failed, q.became = slices.Contains(q.codes, code) || len(q.codes) == 0 && code != 0, fmt.Sprintf("the command ended with exit code %d", code)
	}
	for _, x := range []struct {
		what string
		re   *regexp.Regexp
		text *head
	}{{"its output", q.stdout, out}, {"what it printed to standard error", q.stderr, errs}} {
		if x.re != nil && failed && !x.re.Match(x.text.buf.Bytes()) {
			failed = false
			q.became += fmt.Sprintf(", and %s does not match %s", x.what, x.re)
		}
	}
	return failed
}

// head keeps the beginning of what is written to it.
type head struct{ buf bytes.Buffer }

// mostOutput is how much of a command's output is looked at.
const mostOutput = 16 << 20

func (h *head) Write(b []byte) (int, error) {
	if room := mostOutput - h.buf.Len(); room > 0 {
		h.buf.Write(b[:min(room, len(b))])
	}
	return len(b), nil
}
