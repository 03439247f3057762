//go:build cgo

package ort

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// session is a model that is ready to run, as one program or more.
type session struct {
	source  verify.Source
	options verify.SessionOptions
	ends    iface

	use    sync.RWMutex // held for reading over a run, for writing by Close
	closed bool

	making   sync.Mutex // held while a program is looked up or started
	programs map[string]*running
}

// running is a program with its session in ONNX Runtime.
type running struct {
	program   *program
	session   *ort.DynamicAdvancedSession
	temporary string // a directory to remove with it
	timeout   time.Duration
}

// defaultForms are the forms that inputs take by their declaration alone.
func (x *session) defaultForms() []form {
	forms := make([]form, len(x.ends.inputs))
	for i, p := range x.ends.inputs {
		t := p.typ.GetTensorType()
		switch {
		case p.hasDefault:
			forms[i] = omitted
		case t != nil && t.Shape != nil && len(t.Shape.Dim) == 0 && !hasScalar(onnxpb.TensorProto_DataType(t.GetElemType())):
			forms[i] = asScalar
		}
	}
	return forms
}

// program returns the program for inputs of these forms, which it starts if there is none yet.
func (x *session) program(forms []form) (*running, error) {
	var key strings.Builder
	for _, f := range forms {
		key.WriteString(string(f) + ",")
	}
	x.making.Lock()
	defer x.making.Unlock()
	if r := x.programs[key.String()]; r != nil {
		return r, nil
	}
	p, err := rewrite(x.source.Model, forms)
	if err != nil {
		return nil, err
	}
	o := x.options
	if n := len(x.programs); n > 0 && o.Profile != "" { // two files of one second would have one name
		o.Profile += "-" + strconv.Itoa(n+1)
	}
	r, err := start(p, x.source, o)
	if err != nil {
		return nil, err
	}
	p.model = nil // the session has what it needs
	x.programs[key.String()] = r
	return r, nil
}

// Run computes outputs from inputs.
func (x *session) Run(inputs map[string]*onnxpb.Value, outputs ...string) (map[string]*onnxpb.Value, error) {
	x.use.RLock()
	defer x.use.RUnlock()
	if x.closed {
		return nil, onnxpb.InFile(&onnxpb.Error{Kind: onnxpb.Engine, Msg: "the session is closed"}, x.source.Path)
	}
	result, err := x.run(inputs, outputs)
	return result, onnxpb.InFile(err, x.source.Path)
}

func (x *session) run(inputs map[string]*onnxpb.Value, outputs []string) (map[string]*onnxpb.Value, error) {
	if err := x.ends.checkInputs(inputs); err != nil {
		return nil, err
	}
	asked, err := x.ends.selectOutputs(outputs)
	if err != nil {
		return nil, err
	}
	forms := make([]form, len(x.ends.inputs))
	for i, p := range x.ends.inputs {
		v, ok := inputs[p.name]
		if forms[i], err = formOf(v); err != nil {
			return nil, tensorError(err, p.name)
		}
		if p.hasDefault && !ok {
			forms[i] = omitted
		} else if p.hasDefault && forms[i] == asIs {
			forms[i] = given
		}
	}
	r, err := x.program(forms)
	if err != nil {
		return nil, err
	}
	got, err := r.run(inputs)
	if err != nil {
		return nil, err
	}
	defer destroy(got)
	result := map[string]*onnxpb.Value{}
	for i, p := range x.ends.outputs {
		for _, n := range asked {
			if n != p.name || result[n] != nil {
				continue
			}
			if result[n], err = r.program.takes[i].value(got); err != nil {
				return nil, tensorError(err, n)
			}
		}
	}
	return result, nil
}

// run runs the session in ONNX Runtime and returns its outputs, which the caller destroys.
func (r *running) run(inputs map[string]*onnxpb.Value) ([]ort.Value, error) {
	var pins runtime.Pinner // ONNX Runtime reads the inputs where they lie
	defer pins.Unpin()
	defer runtime.KeepAlive(inputs)
	args := make([]ort.Value, 0, len(r.program.inputs))
	defer func() { destroy(args) }()
	for _, s := range r.program.inputs {
		v, err := s.hand(inputs, &pins)
		if err != nil {
			return nil, tensorError(err, s.input)
		}
		args = append(args, v)
	}
	got := make([]ort.Value, len(r.program.outputs))
	if err := r.call(args, got); err != nil {
		destroy(got)
		var own *onnxpb.Error
		if errors.As(err, &own) {
			return nil, err
		}
		return nil, engineError(err)
	}
	for _, v := range got {
		if !isThere(v) {
			destroy(got)
			return nil, engineError(errors.New("the binding cannot take over an output"))
		}
	}
	return got, nil
}

// call runs the session. The binding panics on some values that it cannot convert (scalars in a sequence among them).
func (r *running) call(args, got []ort.Value) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the binding cannot take over an output: %v", p)
		}
	}()
	if r.timeout > 0 {
		return r.callInTime(args, got)
	}
	return r.session.Run(args, got)
}

// callInTime runs the session and stops it when its time is over.
func (r *running) callInTime(args, got []ort.Value) error {
	o, err := ort.NewRunOptions()
	if err != nil {
		return err
	}
	defer o.Destroy()
	stopped := make(chan error, 1)
	timer := time.AfterFunc(r.timeout, func() { stopped <- o.Terminate() })
	err = r.session.RunWithOptions(args, got, o)
	if timer.Stop() {
		return err
	}
	// The options must not go before the timer has used them. A run that was over just then is whole.
	if failed := <-stopped; err == nil || failed != nil {
		return err
	}
	return &onnxpb.Error{Kind: onnxpb.Engine, Msg: fmt.Sprintf("the run was stopped after %v, the time that it was given", r.timeout), Err: engineError(err)}
}

func destroy(values []ort.Value) {
	for _, v := range values {
		if isThere(v) {
			v.Destroy()
		}
	}
}

// isThere tells whether a value is one: the binding puts a nil tensor where it could not take over an output.
func isThere(v ort.Value) bool {
	if v == nil {
		return false
	}
	p := reflect.ValueOf(v)
	return p.Kind() != reflect.Pointer || !p.IsNil()
}

// Close frees the session's programs.
func (x *session) Close() error {
	x.use.Lock()
	defer x.use.Unlock()
	if x.closed {
		return nil
	}
	x.closed = true
	var errs []error
	for _, r := range x.programs {
		errs = append(errs, r.session.Destroy())
		if r.temporary != "" {
			errs = append(errs, os.RemoveAll(r.temporary))
		}
	}
	x.programs = nil
	if err := errors.Join(errs...); err != nil {
		return engineError(err)
	}
	return nil
}

// tensorError adds the name of a value to an error.
func tensorError(err error, name string) error {
	var e *onnxpb.Error
	if errors.As(err, &e) && error(e) == err && e.Tensor == "" {
		c := *e
		c.Tensor = name
		return &c
	}
	return err
}
