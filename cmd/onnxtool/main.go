// Command onnxtool edits, joins and proves ONNX models.
package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"

	"onnxtool/onnxpb"
)

func main() { os.Exit(realMain()) }

// realMain is main with the exit code as its result, so that command tests can call it.
func realMain() int {
	asChild()
	code := mainCode()
	inOrder()
	return code
}

// mainCode runs the command line, and answers signals.
func mainCode() int {
	collectLater()
	interrupts := make(chan os.Signal, 1)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) { // as nohup has it, and a shell for what it runs behind
			signal.Notify(interrupts, s)
		}
	}
	go func() {
		s := <-interrupts
		onnxpb.RemoveTemporaries()
		if n, ok := s.(syscall.Signal); ok {
			os.Exit(128 + int(n))
		}
		os.Exit(130)
	}()
	return run(os.Args, os.Stdout, os.Stderr)
}

// collectLater has the first garbage collection at 16 MiB, and all that follow when they are due: of most models no more than that is ever in memory, and to
// collect it takes a good part of what the command itself does.
func collectLater() {
	if os.Getenv("GOGC") != "" {
		return // somebody knows better
	}
	usual := debug.SetGCPercent(400)
	first := new([16]byte)
	runtime.SetFinalizer(first, func(*[16]byte) { debug.SetGCPercent(usual) })
}

// longestError is how much of an error is printed. It tells names of models from elsewhere, which may have megabytes.
const longestError = 8 << 10

// run runs a command line and returns its exit code.
func run(args []string, stdout, stderr *os.File) int {
	results := &writer{to: stdout}
	app := newApp(results, stderr)
	args, err := reorder(app, splitSteps(app, args))
	if err == nil && len(args) > 2 && (args[1] == "help" || args[1] == "h") && app.Command(args[2]) == nil {
		err = unknownVerb(app, args[2])
	}
	if err == nil {
		err = guarded(func() error { return app.Run(args) })
	}
	if err == nil && results.err != nil {
		err = fmt.Errorf("what was printed is not whole: %w", results.err)
	}
	if err == nil {
		return 0
	}
	if msg := err.Error(); msg != "" {
		fmt.Fprintf(stderr, "onnxtool: %s\n", errorText(err))
	}
	return exitCode(err)
}

// errorText writes an error for a terminal, in one line; errors that were joined one a line.
func errorText(err error) string {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var lines, plain []string
		for _, one := range all.Unwrap() {
			lines, plain = append(lines, errorText(one)), append(plain, one.Error())
		}
		if strings.Join(plain, "\n") == err.Error() {
			return onnxpb.Shortened(strings.Join(lines, "\n"), longestError)
		}
	}
	return onnxpb.Visible(onnxpb.Shortened(err.Error(), longestError))
}

// writer keeps the first error of what it writes to, as few that print look at it: a result that is not there must not end with exit code 0.
type writer struct {
	to  io.Writer
	err error
}

func (w *writer) Write(b []byte) (int, error) {
	n, err := w.to.Write(b)
	if w.err == nil {
		w.err = err
	}
	return n, err
}

// guarded runs fn, and makes an error of what reading a map of a file gives where the file has been cut short: without that the program would end at once,
// with a stack trace, and leave its temporary files behind.
func guarded(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if fault, ok := r.(interface{ Addr() uintptr }); !ok || fault.Addr() == 0 {
			panic(r) // a fault of the program itself
		}
		onnxpb.RemoveTemporaries()
		err = &onnxpb.Error{Msg: "a file that the model is read from was cut short meanwhile", Hint: "run the command again when nothing else writes it"}
	}()
	return fn()
}
