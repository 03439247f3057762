//go:build cgo

package ort

import (
	"path/filepath"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// Engine runs models in ONNX Runtime. It implements verify.Engine.
type Engine struct {
	lib     Library
	version string
}

var _ verify.Engine = (*Engine)(nil)

// loaded is the one library that a process can have loaded: the binding keeps its environment in global variables.
var loaded struct {
	sync.Mutex
	engine *Engine
	real   string // the library's file with symbolic links resolved
}

// Default finds ONNX Runtime's library (see Find) and loads it.
func Default() (*Engine, error) {
	lib, err := Find("")
	if err != nil {
		return nil, err
	}
	return NewEngine(lib)
}

// NewEngine loads a library. A process can load one only; a second call with the same library returns the same engine. The errors are of kind
// Engine: the file is no library, it is too old or too new, or this process has loaded another.
func NewEngine(lib *Library) (*Engine, error) {
	if lib == nil || lib.Path == "" {
		return nil, &onnxpb.Error{Kind: onnxpb.Engine, Msg: "there is no ONNX Runtime library", Hint: Advice}
	}
	real, err := filepath.EvalSymlinks(lib.Path)
	if err != nil {
		return nil, &onnxpb.Error{Kind: onnxpb.Engine, File: lib.Path, Msg: "ONNX Runtime's library cannot be opened", Err: err}
	}
	loaded.Lock()
	defer loaded.Unlock()
	if e := loaded.engine; e != nil {
		if loaded.real == real {
			return e, nil
		}
		return nil, &onnxpb.Error{Kind: onnxpb.Engine, File: lib.Path, Msg: "this process has loaded another ONNX Runtime: " + e.lib.Path,
			Hint: "a process can use one only"}
	}
	if tooOld(lib.Version) {
		return nil, mismatch(lib)
	}
	if lib.crashesHere() {
		return nil, &onnxpb.Error{Kind: onnxpb.Engine, File: lib.Path, Msg: strings.Join(lib.Warnings(), "; ") + ", and this process has them",
			Hint: "give shorter arguments, or another library with --ort-lib"}
	}
	ort.SetSharedLibraryPath(real)
	// Kernels that fail write to the log as well as into the error that comes back: keep standard error for the latter.
	if err := ort.InitializeEnvironment(ort.WithLogLevelFatal()); err != nil {
		msg := err.Error()
		if strings.Contains(msg, "ORT API base") {
			return nil, mismatch(lib)
		}
		return nil, &onnxpb.Error{Kind: onnxpb.Engine, File: lib.Path, Msg: "ONNX Runtime's library cannot be loaded: " + loadError(msg, real),
			Hint: "see onnxtool doctor"}
	}
	loaded.real = real
	loaded.engine = &Engine{lib: *lib, version: ort.GetVersion()}
	return loaded.engine, nil
}

// mismatch is the error for a library whose interface is not the one that the binding was built for.
func mismatch(lib *Library) error {
	what := "its interface is not the one that is needed"
	if lib.Version != "" {
		what = "its version is " + lib.Version
	}
	return &onnxpb.Error{Kind: onnxpb.Engine, File: lib.Path, Msg: "this ONNX Runtime cannot be used: " + what,
		Hint: "version " + MinVersion + " or newer is needed, such as " + PinnedVersion}
}

// loadError takes off an error of loading what the binding adds, and the path that is told anyway.
func loadError(msg, path string) string {
	if i := strings.LastIndex(msg, "\": "); i >= 0 {
		return strings.TrimPrefix(msg[i+3:], path+": ")
	}
	return strings.TrimPrefix(msg, "Platform-specific initialization failed: ")
}

// Version returns the version that the loaded library tells, such as "1.27.0".
func (e *Engine) Version() string { return e.version }

// Library returns the library that the engine has loaded.
func (e *Engine) Library() Library { return e.lib }

// Open makes a session of a model.
func (e *Engine) Open(s verify.Source, o verify.SessionOptions) (verify.Session, error) {
	if s.Model.GetGraph() == nil {
		return nil, &onnxpb.Error{Kind: onnxpb.Unfit, File: s.Path, Msg: "the model has no graph"}
	}
	if err := checkOptions(o); err != nil {
		return nil, err
	}
	if err := weightsWithin(s.Model, o.Memory); err != nil {
		return nil, onnxpb.InFile(err, s.Path)
	}
	x := &session{source: s, options: o, ends: interfaceOf(s.Model), programs: map[string]*running{}}
	if _, err := x.program(x.defaultForms()); err != nil {
		x.Close()
		return nil, onnxpb.InFile(err, s.Path)
	}
	return x, nil
}

// start makes the binding's session of a program.
func start(p *program, s verify.Source, o verify.SessionOptions) (*running, error) {
	x, err := pack(p, s)
	if err != nil {
		return nil, err
	}
	return startPacked(p, x, o)
}

// startPacked is start for a program in the form that ONNX Runtime opens; temporary files of that form are removed.
func startPacked(p *program, x *packed, o verify.SessionOptions) (run *running, err error) {
	run = &running{program: p, timeout: o.Timeout}
	defer func() {
		// A file that is mapped cannot be removed on every system: try again when the session is closed.
		if x.remove() != nil {
			run.temporary = x.temporary
		}
		if err != nil {
			run = nil
		}
	}()
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, engineError(err)
	}
	defer options.Destroy()
	if err := setOptions(options, o, x.folder); err != nil {
		return nil, err
	}
	var in []string
	for _, s := range p.inputs {
		in = append(in, s.name)
	}
	if x.path != "" {
		run.session, err = ort.NewDynamicAdvancedSession(x.path, in, p.outputs, options)
	} else {
		run.session, err = ort.NewDynamicAdvancedSessionWithONNXData(x.data, in, p.outputs, options)
	}
	if err != nil {
		return nil, engineError(err)
	}
	return run, nil
}
