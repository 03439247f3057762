//go:build !cgo

package ort

import (
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// Engine runs models in ONNX Runtime. This build has no cgo, and so none can be made.
type Engine struct{ lib Library }

var _ verify.Engine = (*Engine)(nil)

func noCgo() error {
	return &onnxpb.Error{Kind: onnxpb.Engine, Msg: "this program was built without cgo and cannot load ONNX Runtime",
		Hint: "build it with CGO_ENABLED=1 and a C compiler; every edit works without"}
}

// Default returns an error of kind Engine: this build has no cgo.
func Default() (*Engine, error) { return nil, noCgo() }

// NewEngine returns an error of kind Engine: this build has no cgo.
func NewEngine(*Library) (*Engine, error) { return nil, noCgo() }

// Version returns "".
func (e *Engine) Version() string { return "" }

// Library returns the library that the engine was made for.
func (e *Engine) Library() Library { return e.lib }

// Open returns an error of kind Engine: this build has no cgo.
func (e *Engine) Open(verify.Source, verify.SessionOptions) (verify.Session, error) {
	return nil, noCgo()
}
