package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/urfave/cli/v2"

	"onnxtool/internal/expr"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// engineQuestion asks ONNX Runtime whether a model fails.
type engineQuestion struct {
	engine verify.Engine
	dir    string
	o      verify.Options
	ask    func(*engineQuestion, verify.Source) (bool, error)

	whole   bool   // the whole model has been asked about
	message string // what ONNX Runtime said of it
	became  string
}

// engineQuestionOf reads a question to ONNX Runtime.
func engineQuestionOf(c *cli.Context, kind string) (func(*onnxpb.File) (question, error), error) {
	q := &engineQuestion{o: verify.Options{Seed: c.Uint64("seed")}}
	var err error
	if q.o.Session, err = sessionOptions(c); err != nil {
		return nil, err
	}
	if q.o.Dims, err = dims(c); err != nil {
		return nil, err
	}
	if q.o.Ranges, err = ranges(c); err != nil {
		return nil, err
	}
	q.ask = map[string]func(*engineQuestion, verify.Source) (bool, error){"--opt-levels": (*engineQuestion).differs, "--load": (*engineQuestion).refused, "--nan": (*engineQuestion).notFinite}[kind]
	if kind == "--opt-levels" {
		if err := verifyRules(c, &q.o); err != nil {
			return nil, err
		}
		q.o.ReferenceSession = &verify.SessionOptions{Optimization: verify.OptimizeNone}
	}
	return func(f *onnxpb.File) (question, error) {
		q.dir = f.Dir()
		q.engine, err = engine(c)
		return q, err
	}, nil
}

func (q *engineQuestion) last() string { return q.became }
func (q *engineQuestion) close()       {}

// fails asks about one model. That a part of the model cannot be run is no failure; that the whole one cannot be is an error.
func (q *engineQuestion) fails(m *onnxpb.ModelProto) (bool, error) {
	failed, err := q.ask(q, verify.Source{Model: m, Dir: q.dir})
	if err != nil && q.whole {
		failed, err = false, nil
	}
	q.whole = true
	return failed, err
}

// options are those of a comparison, as far as they fit a part of the model.
func (q *engineQuestion) options(m *onnxpb.ModelProto) verify.Options {
	o := q.o
	if !q.whole {
		return o // what does not fit the whole model is wrong usage
	}
	o.Dims = dimsOf(m, q.o.Dims)
	o.Ranges = map[string]verify.Range{}
	for _, i := range m.GetGraph().GetInput() {
		if r, ok := q.o.Ranges[i.GetName()]; ok {
			o.Ranges[i.GetName()] = r
		}
	}
	if r, ok := q.o.Ranges[""]; ok {
		o.Ranges[""] = r
	}
	return o
}

// dimsOf gives the free dimensions of a model's inputs their numbers: those that were asked for, also where an inner tensor has an expression of them.
func dimsOf(m *onnxpb.ModelProto, asked map[string]int64) map[string]int64 {
	out := map[string]int64{}
	for _, i := range m.GetGraph().GetInput() {
		list, _ := i.Shape()
		for axis, d := range list {
			key := fmt.Sprintf("%s[%d]", i.GetName(), axis)
			if v, ok := asked[key]; ok && !d.Known {
				out[key] = v
			}
			if d.Param == "" {
				continue
			}
			if v, ok := asked[d.Param]; ok {
				out[d.Param] = v
			} else if e, err := expr.Parse(d.Param); err == nil {
				if v, ok := e.Eval(asked); ok && v >= 0 {
					out[d.Param] = v
				}
			}
		}
	}
	return out
}

// differs tells whether the model computes something else with all optimisations than with none.
func (q *engineQuestion) differs(s verify.Source) (bool, error) {
	r, err := verify.Models(q.engine, s, s, q.options(s.Model))
	if err != nil {
		return false, err
	}
	q.became = "with all optimisations it computes what it does without, within the tolerance"
	return !r.Equal, nil
}

// refused tells whether ONNX Runtime refuses the model for the reason that it refuses the whole one for.
func (q *engineQuestion) refused(s verify.Source) (bool, error) {
	session, err := q.engine.Open(s, q.o.Session)
	if err == nil {
		session.Close()
		q.became = "ONNX Runtime takes it"
		return false, nil
	}
	if onnxpb.KindOf(err) != onnxpb.Engine {
		return false, err
	}
	message, _, _ := strings.Cut(err.Error(), "\n")
	if !q.whole {
		q.message = message
	}
	return message == q.message, nil
}

// notFinite tells whether an output of the model holds a NaN or an infinity.
func (q *engineQuestion) notFinite(s verify.Source) (bool, error) {
	e := &finiteEngine{Engine: q.engine}
	if _, err := verify.Models(e, s, s, q.options(s.Model)); err != nil {
		return false, err
	}
	q.became = "every element of its outputs is finite"
	return e.found, nil
}

// finiteEngine looks at all that an engine computes. A comparison of a model with itself makes the inputs and runs it.
type finiteEngine struct {
	verify.Engine
	found bool
}

func (e *finiteEngine) Open(s verify.Source, o verify.SessionOptions) (verify.Session, error) {
	session, err := e.Engine.Open(s, o)
	if err != nil {
		return nil, err
	}
	return &finiteSession{session, e}, nil
}

type finiteSession struct {
	verify.Session
	engine *finiteEngine
}

func (s *finiteSession) Run(inputs map[string]*onnxpb.Value, outputs ...string) (map[string]*onnxpb.Value, error) {
	got, err := s.Session.Run(inputs, outputs...)
	for _, v := range got {
		s.engine.found = s.engine.found || hasNotFinite(v)
	}
	return got, err
}

// hasNotFinite tells whether a value holds a NaN or an infinity.
func hasNotFinite(v *onnxpb.Value) bool {
	if v == nil {
		return false
	}
	for _, x := range v.Elems {
		if hasNotFinite(x) {
			return true
		}
	}
	if v.Array == nil || v.Array.Type == onnxpb.TensorProto_STRING {
		return false
	}
	numbers, err := v.Array.Float64s()
	if err != nil {
		return false
	}
	for _, n := range numbers {
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return true
		}
	}
	return false
}
