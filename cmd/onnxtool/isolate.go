package main

import (
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
	if pipe := os.NewFile(3, "parent"); pipe != nil {
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
	cmd, done, err := child(ctx, os.Args[1:])
	if err != nil {
		return err
	}
	defer done()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return &onnxpb.Error{Kind: onnxpb.Engine, Msg: fmt.Sprintf("it did not end within %v, and was stopped", limit), Hint: "give it longer with --timeout, or smaller inputs"}
	case errors.As(err, &exit) && exit.Exited():
		return exitWith(exit.ExitCode())
	case errors.As(err, &exit):
		return &onnxpb.Error{Kind: onnxpb.Engine, Msg: fmt.Sprintf("the process that ran the models ended by itself (%s)", exit.ProcessState),
			Hint: "that is a fault of ONNX Runtime, or memory ran out: onnxtool reduce finds the smallest model that shows it; --opt none may avoid it"}
	}
	return noProcess(err)
}

// child is this program with other arguments, to be run as the process that runs models. done is to be called when it has ended.
func child(ctx context.Context, args []string) (cmd *exec.Cmd, done func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, noProcess(err)
	}
	cmd = exec.CommandContext(ctx, self, args...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), isolatedMark+"=1")
	if runtime.GOOS == "windows" {
		return cmd, func() {}, nil
	}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, nil, noProcess(err)
	}
	cmd.ExtraFiles = []*os.File{theirs}                                      // the file 3 there
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // it may have temporary files to remove
	cmd.WaitDelay = 2 * time.Second
	return cmd, func() { theirs.Close(); ours.Close() }, nil
}

func noProcess(err error) error {
	return &onnxpb.Error{Kind: onnxpb.Engine, Msg: "no other process can be started", Err: err}
}
