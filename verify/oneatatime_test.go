package verify

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"onnxtool/onnxpb"
)

// lonelyEngine fails the test where two of its sessions are open at once.
type lonelyEngine struct {
	t testing.TB
	fakeEngine
	open, most, opened int
}

func (e *lonelyEngine) Open(s Source, o SessionOptions) (Session, error) {
	x, err := e.fakeEngine.Open(s, o)
	if err != nil {
		return nil, err
	}
	e.open++
	e.opened++
	e.most = max(e.most, e.open)
	return &lonelySession{Session: x, e: e}, nil
}

type lonelySession struct {
	Session
	e      *lonelyEngine
	closed bool
}

func (s *lonelySession) Run(in map[string]*onnxpb.Value, outputs ...string) (map[string]*onnxpb.Value, error) {
	if s.closed {
		s.e.t.Error("a closed session is run")
	}
	return s.Session.Run(in, outputs...)
}

func (s *lonelySession) Close() error {
	if !s.closed {
		s.closed = true
		s.e.open--
	}
	return s.Session.Close()
}

// One after the other the models give the same report as side by side, byte for byte, wherever what the reference gives is kept.
func TestOneAtATime(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	half := func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		out := linear(2, 1)(in)
		out["y"].Data.([]float32)[0] += 0.25
		return out
	}
	refuses := func(in map[string]*onnxpb.Array) map[string]*onnxpb.Array {
		for _, v := range in["x"].Data.([]float32) {
			if v != v { // the corner with a NaN
				return nil
			}
		}
		return linear(2, 1)(in)
	}
	free, fixed := []string{"x:float32:[N,3]"}, []string{"x:float32:[2,3]"}
	for name, c := range map[string]struct {
		ref, got []string
		engine   fakeEngine
	}{
		"equal":        {free, free, fakeEngine{"ref": linear(2, 1), "got": linear(2, 1)}},
		"different":    {free, free, fakeEngine{"ref": linear(2, 1), "got": half}},
		"in parts":     {fixed, free, fakeEngine{"ref": linear(2, 1), "got": half}},
		"refuses some": {free, free, fakeEngine{"ref": refuses, "got": linear(2, 1)}},
	} {
		out := func(in []string) []string { return []string{"y" + in[0][1:]} }
		a, b := declare(t, "ref", c.ref, out(c.ref)), declare(t, "got", c.got, out(c.got))
		var want []byte
		for i, o := range []Options{{}, {OneAtATime: true}, {OneAtATime: true, Memory: 1}, {OneAtATime: true, Memory: 100}} {
			e := &lonelyEngine{t: t, fakeEngine: c.engine}
			o.Batches, o.Samples, o.Corners, o.Tolerance = []int64{2, 4}, 3, true, DefaultTolerance
			r, err := Models(e, a, b, o)
			if err != nil {
				t.Fatalf("%s, %d: %v", name, i, err)
			}
			got, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				want = got
			}
			if !bytes.Equal(want, got) {
				t.Errorf("%s, %d:\n%s\n%s", name, i, got, want)
			}
			if e.open != 0 || e.opened != 2 || o.OneAtATime && e.most != 1 {
				t.Errorf("%s, %d: %d sessions, %d at once, %d left", name, i, e.opened, e.most, e.open)
			}
		}
	}
	// What fails leaves nothing open, and no file.
	a, b := declare(t, "ref", free, []string{"y:float32:[N,3]"}), declare(t, "got", free, []string{"y:float32:[N,3]"})
	for _, c := range []fakeEngine{{}, {"ref": linear(2, 1)}, {"ref": refuses, "got": func(map[string]*onnxpb.Array) map[string]*onnxpb.Array { return nil }}} {
		e := &lonelyEngine{t: t, fakeEngine: c}
		if _, err := Models(e, a, b, Options{OneAtATime: true, Memory: 1}); err == nil || e.open != 0 {
			t.Errorf("%v, %d open", err, e.open)
		}
	}
	if left, _ := os.ReadDir(temp); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
