package main

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"onnxtool/internal/readback"
	"onnxtool/onnxpb"
)

// secondReader reads the models that scripts have written with onnx-go, code that nobody here wrote, and compares the operators, attributes and edges that it sees.
type secondReader struct {
	sync.Mutex
	compared int
	limits   map[string]int // what onnx-go does not read, and how often
	wrong    []string
}

// after looks at the .onnx files that are left when a script ends.
func (s *secondReader) after(e *testscript.Env) {
	e.Defer(func() {
		filepath.WalkDir(e.WorkDir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() && strings.HasSuffix(path, ".onnx") {
				s.read(path)
			}
			return nil
		})
	})
}

func (s *secondReader) read(path string) {
	data, err := os.ReadFile(path)
	if err != nil {
		return
	}
	m, err := onnxpb.Parse(data)
	if err != nil {
		return // scripts make files that are no models
	}
	rec, err := readback.Read(data)
	var limit *readback.Limit
	s.Lock()
	defer s.Unlock()
	switch {
	case errors.As(err, &limit):
		s.limits[limit.Reason]++
		return
	case err == nil:
		err = readback.Compare(m, rec)
	}
	s.compared++
	if err != nil {
		s.wrong = append(s.wrong, filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path)+": "+err.Error())
	}
}

// report fails where a model was read otherwise, or where next to none was read at all.
func (s *secondReader) report(t *testing.T) {
	t.Logf("onnx-go read %d models alike; %v were beyond it", s.compared, s.limits)
	for _, w := range s.wrong {
		t.Error(w)
	}
	some := strings.Contains(flag.Lookup("test.run").Value.String(), "/") // one script alone
	if s.compared < 100 && !some && !t.Failed() {
		t.Errorf("onnx-go read %d models only", s.compared)
	}
}
