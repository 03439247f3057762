package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// isolatedMark tells a process that it is the one that runs the models.
const isolatedMark = "ONNXTOOL_ISOLATED"

// isolateFlags are those of commands whose models can be run in a process of their own.
func isolateFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "isolate", Usage: "run the models in a process of their own, so that a crash of ONNX Runtime is an error like others"},
		&cli.DurationFlag{Name: "timeout", Usage: "end after so long a `TIME`, such as 90s or 5m, with exit code 4 (implies --isolate)"},
	}
}

// isolated wraps an action: where it is asked for, the same command line is run in another process, and what becomes of that is the outcome.
func isolated(action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		limit, err := timeLimit(c, "timeout")
		switch {
		case err != nil:
			return err
		case isIsolated():
			endWithParent()
			return action(c)
		case !c.Bool("isolate") && limit == 0:
			return action(c)
		}
		if err := reportFiles(c, []string{"junit"}, c.Args().Slice()...); err != nil {
			return err
		}
		err = inProcess(limit)
		var known exitWith
		if file := c.String("junit"); file != "" && err != nil && !errors.As(err, &known) {
			j := &verify.JUnit{}
			j.Fail(strings.Join(c.Args().Slice(), " "), err)
			if e := writeReport(file, j.Write); e != nil {
				return e
			}
		}
		return err
	}
}

// isIsolated tells whether this process is the one that runs the models.
func isIsolated() bool { return os.Getenv(isolatedMark) != "" }

// timeLimit reads a time that must be above 0; 0 where it is not given.
func timeLimit(c *cli.Context, flag string) (time.Duration, error) {
	limit := c.Duration(flag)
	if limit < 0 || c.IsSet(flag) && limit == 0 {
		return 0, usagef("--%s %v: the time must be above 0", flag, limit)
	}
	return limit, nil
}

// endWithParent ends this process when the one that has started it is gone, however that ended: it holds the other end of a pipe.
func endWithParent() {
	if runtime.GOOS == "windows" {
		return
	}
	if pipe := os.NewFile(parentFile, "parent"); pipe != nil {
		go func() {
			// Anything but the end of the pipe says that there is none: the variable was set by somebody else.
			if _, err := pipe.Read(make([]byte, 1)); errors.Is(err, io.EOF) {
				onnxpb.RemoveTemporaries()
				os.Exit(130)
			}
		}()
	}
}

// exitWith ends a command with the exit code of another process, which has told why itself.
type exitWith int

func (exitWith) Error() string { return "" }

// inProcess runs this command line in another process.
func inProcess(limit time.Duration) error {
	ctx := context.Background()
	if limit > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, limit)
		defer stop()
	}
	x, err := newChild(ctx, os.Args[1:])
	if err != nil {
		return err
	}
	defer x.close()
	said := &caught{}
	x.cmd.Stdin, x.cmd.Stdout = os.Stdin, os.Stdout
	x.standardError(os.Stderr, said)
	err = x.cmd.Run()
	crash := &onnxpb.Error{Kind: onnxpb.Engine, Msg: "the process that ran the models ended by itself",
		Hint: "that is a fault of ONNX Runtime, or memory ran out: onnxtool reduce finds the smallest model that shows it; --opt none may avoid it"}
	var exit *exec.ExitError
	switch {
	case err == nil:
		os.Stderr.Write(said.text.Bytes())
		return nil
	case ctx.Err() != nil:
		return &onnxpb.Error{Kind: onnxpb.Engine, Msg: fmt.Sprintf("it did not end within %v, and was stopped", limit), Hint: "give it longer with --timeout, or smaller inputs"}
	case !errors.As(err, &exit):
		return noProcess(err)
	case x.crashed(exit):
		crash.Msg += " (" + said.why(exit) + ")"
		return crash
	}
	os.Stderr.Write(said.text.Bytes())
	return exitWith(exit.ExitCode())
}

// child is this program with other arguments, run as the process that runs models.
type child struct {
	cmd  *exec.Cmd
	ends []*os.File
	done *os.File // where it says that it has ended in good order; nil where it cannot
}

// The files that a child has beside the three that all have.
const (
	parentFile = 3 // the end of a pipe of which the parent has the other
	doneFile   = 4
	errorFile  = 5 // standard error, where file 2 is caught
)

func newChild(ctx context.Context, args []string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, noProcess(err)
	}
	x := &child{cmd: exec.CommandContext(ctx, self, args...)}
	x.cmd.Args[0] = os.Args[0]
	x.cmd.Env = append(os.Environ(), isolatedMark+"=1")
	if runtime.GOOS == "windows" { // it takes no more files
		return x, nil
	}
	for i := range 2 {
		r, w, err := os.Pipe()
		if err != nil {
			x.close()
			return nil, noProcess(err)
		}
		x.ends = append(x.ends, r, w)
		x.cmd.ExtraFiles = append(x.cmd.ExtraFiles, []*os.File{r, w}[i])
	}
	x.done = x.ends[2]
	x.cmd.Cancel = func() error { return x.cmd.Process.Signal(syscall.SIGTERM) } // it may have temporary files to remove
	x.cmd.WaitDelay = 2 * time.Second
	return x, nil
}

// standardError has what the program itself tells go to a file, and what comes past it, of ONNX Runtime, and of Go's own when it crashes, be caught.
func (x *child) standardError(to *os.File, past *caught) {
	if x.done == nil {
		x.cmd.Stderr = to
		return
	}
	x.cmd.Stderr = past
	x.cmd.ExtraFiles = append(x.cmd.ExtraFiles, to)
}

// crashed tells whether a child that has ended with an exit code other than 0 did not end in good order. Go itself ends a program that crashes, in C++ too, with an exit code that means something
// else here; so a child leaves a mark at its end.
func (x *child) crashed(exit *exec.ExitError) bool {
	code := exit.ExitCode()
	if !exit.Exited() || code < 0 || code > 255 {
		return true
	}
	if x.done == nil || code > 128 { // ended by a signal, which it has taken itself
		return false
	}
	x.ends[3].Close()
	n, _ := x.done.Read(make([]byte, 1))
	return n == 0
}

func (x *child) close() {
	for _, f := range x.ends {
		f.Close()
	}
}

// asChild takes the place of a child's standard error, where file 2 is caught.
func asChild() {
	if !isIsolated() || runtime.GOOS == "windows" {
		return
	}
	if f := os.NewFile(errorFile, "/dev/stderr"); f != nil {
		if _, err := f.Stat(); err == nil {
			os.Stderr = f
		}
	}
}

// inOrder leaves the mark that a child has ended in good order.
func inOrder() {
	if !isIsolated() || runtime.GOOS == "windows" {
		return
	}
	if f := os.NewFile(doneFile, "done"); f != nil {
		f.Write([]byte{1}) // where there is no such file, nobody asks
	}
}

// caught holds the beginning of what is written to it.
type caught struct{ text bytes.Buffer }

func (c *caught) Write(p []byte) (int, error) {
	const most = 64 << 10
	c.text.Write(p[:min(len(p), max(0, most-c.text.Len()))])
	return len(p), nil
}

// why says in a few words why a process crashed: the first line that it left.
func (c *caught) why(exit *exec.ExitError) string {
	for line := range strings.Lines(c.text.String()) {
		if line = strings.TrimSpace(line); line != "" {
			return onnxpb.Shortened(onnxpb.Visible(line), 200)
		}
	}
	return exit.String()
}

func noProcess(err error) error {
	return &onnxpb.Error{Kind: onnxpb.Engine, Msg: "no other process can be started", Err: err}
}
