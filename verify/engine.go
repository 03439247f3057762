// Package verify runs models and compares what they compute.
package verify

import (
	"time"

	"onnxtool/onnxpb"
)

// Source is a model to run.
type Source struct {
	// Model is the model. An engine reads it and leaves it as it is.
	Model *onnxpb.ModelProto
	// Dir is the directory that locations of external data are relative to; "" where the model has no file, and then no external data.
	Dir string
	// Path is the file that Model was opened from, if Model is unchanged since; else "". With it an engine can read large weights from the file
	// itself.
	Path string
	// Weights is the file of a model whose weights Model has, where Path is "" as something else of it was changed; else "". With it an engine can read from there those large weights
	// that are still the same.
	Weights string
}

// changed is a model that was made of that of s, with some of its weights.
func (s Source) changed(m *onnxpb.ModelProto) Source {
	c := Source{Model: m, Dir: s.Dir, Weights: s.Weights}
	if s.Path != "" {
		c.Weights = s.Path
	}
	return c
}

// Levels of graph optimisation, for SessionOptions.Optimization.
const (
	OptimizeAll      = "all"      // the default
	OptimizeExtended = "extended" // basic and fusions
	OptimizeBasic    = "basic"    // what keeps the graph made of ONNX's own operators
	OptimizeNone     = "none"     // the graph as it is written
)

// SessionOptions are settings of a session; the zero value is the default.
type SessionOptions struct {
	// Optimization is one of the levels above; "" is OptimizeAll.
	Optimization string
	// Threads is the number of threads that one operator may use; 0 leaves it to the engine.
	Threads int
	// Parallel runs nodes that do not need each other at the same time; else they run one after the other.
	Parallel bool
	// InterOpThreads is the number of threads that nodes are spread over where Parallel is set; 0 leaves it to the engine.
	InterOpThreads int
	// NoSpin lets the engine's threads sleep as soon as a run ends. By default they spin for a while and wait for the next, which makes that quicker
	// to start, and takes processors from whatever else runs.
	NoSpin bool
	// NoArena has memory of the processor given back after each use, not kept for the next.
	NoArena bool
	// NoMemPattern has memory taken piece by piece, not by a plan made in the first run at a shape.
	NoMemPattern bool
	// Memory bounds the bytes that the engine takes from the processor's memory, if it is above 0: those of values, of all sessions of the process together, so that all must state the same; and those of the
	// model's weights, by themselves. A run, or the opening of a model, that needs more is an error of kind Engine. What the engine keeps of the graph, and memory of other devices, do not count. NoArena has no
	// effect with it.
	Memory int64
	// Providers are what runs nodes, best first; nodes that none of them takes run on the processor (provider CPU), as all do where there are none.
	Providers []Provider
	// Timeout is how long one run may take, if it is above 0: then it is stopped at the end of the node that it is at, and is an error of kind Engine.
	Timeout time.Duration
	// Profile, if not empty, starts the name of a file that the time of every node in every run is written to, for ReadProfile. Its directory must
	// be there. The engine adds the date and .json, and the file is whole when the session is closed. A session that runs a model in more
	// than one form (with and without an optional input) writes one for each.
	Profile string
}

// Provider is an execution provider of the engine: what runs nodes on some device.
type Provider struct {
	// Name is what ONNX Runtime calls it, with or without "ExecutionProvider" at its end: CPU, CUDA, TensorRT, CoreML, DML, OpenVINO, XNNPACK, QNN, WebGPU and
	// others. Letters may be upper or lower case.
	Name string `json:"name"`
	// Options are the provider's own settings, such as device_id for CUDA.
	Options map[string]string `json:"options,omitempty"`
}

// Engine runs models. It is safe for concurrent use.
type Engine interface {
	// Open makes a session of a model. The error is an *onnxpb.Error of kind Engine where the engine refuses the model.
	Open(s Source, o SessionOptions) (Session, error)
	// Version returns the engine's own version, such as "1.27.0".
	Version() string
}

// Session is a model ready to run. Run may be called from several goroutines at once; Close may be called while runs are going on and waits
// for them.
type Session interface {
	// Run computes the named outputs, all where none is named, from the inputs by name. Inputs that an initializer gives a default may be left
	// out. Every input is checked against the model's declaration first: an unknown or missing name, another type or another shape is an error
	// of kind Unfit that tells what was expected and what came. An optional output that holds nothing is a value of kind KindNone.
	Run(inputs map[string]*onnxpb.Value, outputs ...string) (map[string]*onnxpb.Value, error)
	// Close frees the session. A second Close does nothing.
	Close() error
}
