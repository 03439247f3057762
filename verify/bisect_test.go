package verify_test

import (
	"fmt"
	"strings"
	"testing"

	"onnxtool/internal/testengine"
	"onnxtool/onnxpb"
	"onnxtool/verify"
)

// counting watches the bytes that an engine gives in one run.
type counting struct {
	verify.Engine
	most, opened, open, mostOpen int64
	values                       int
	levels                       []string
}

type countingSession struct {
	verify.Session
	c *counting
}

func (c *counting) Open(s verify.Source, o verify.SessionOptions) (verify.Session, error) {
	x, err := c.Engine.Open(s, o)
	c.opened++
	c.levels = append(c.levels, o.Optimization)
	c.open++
	c.mostOpen = max(c.mostOpen, c.open)
	return &countingSession{x, c}, err
}

func (s *countingSession) Close() error {
	s.c.open--
	return s.Session.Close()
}

func (s *countingSession) Run(in map[string]*onnxpb.Value, names ...string) (map[string]*onnxpb.Value, error) {
	out, err := s.Session.Run(in, names...)
	total := int64(0)
	for _, v := range out {
		total += int64(v.Array.Len()) * 4
		s.c.values++
	}
	s.c.most = max(s.c.most, total)
	return out, err
}

// Tensors are fetched in groups within the bound, with one model open at a time; the answer is the same.
func TestLayersMemory(t *testing.T) {
	ref := verify.Source{Model: randomNetwork(5, 60)}
	bad := onnxpb.Clone(ref.Model)
	for i := uint64(0); changeWeight(bad, newRand(i)) < 0; i++ {
	}
	model := verify.Source{Model: bad}
	whole := layers(t, ref, model, verify.LayerOptions{})
	const size = 4 * side * side * side // of each tensor; a pair counts three times
	for _, most := range []int64{1, 3 * size, 30 * size} {
		c := &counting{Engine: testengine.New(t)}
		r, err := verify.Layers(c, ref, model, verify.LayerOptions{Memory: most})
		if err != nil {
			t.Fatal(err)
		}
		fit := max(1, int(most/(3*size)))
		if n := (len(r.Tensors) + fit - 1) / fit; r.Sessions != n || c.opened != int64(2*n) || c.mostOpen != 1 {
			t.Errorf("%d bytes: %d groups, %d sessions, %d at once; %d groups were to be", most, r.Sessions, c.opened, c.mostOpen, n)
		}
		if c.most > max(size, most/3) {
			t.Errorf("%d bytes: %d were fetched at once", most, c.most)
		}
		if r.Blame.Node != whole.Blame.Node || len(r.Tensors) != len(whole.Tensors) || r.Differ != whole.Differ {
			t.Errorf("%d bytes: another answer", most)
		}
	}
	// A search in a long chain looks at a few tensors.
	c := &counting{Engine: testengine.New(t)}
	r, err := verify.Bisect(c, ref, model, verify.LayerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Blame.Node != whole.Blame.Node || c.opened != int64(2*r.Sessions) || c.values != 2*len(r.Tensors) || len(r.Tensors) >= len(whole.Tensors)*2/3 || c.mostOpen != 1 {
		t.Errorf("%d sessions, %d values for %d of %d tensors", c.opened, c.values, len(r.Tensors), len(whole.Tensors))
	}
}

// A difference that heals on one way and not on another: the search clears the node by the healed tensors, finds that its answer does not hold, and goes on.
func TestBisectHealed(t *testing.T) {
	var chain strings.Builder
	for i := range 40 {
		fmt.Fprintf(&chain, "h%d = Add(h%d, one)\n", i+1, i)
	}
	net := `g (float[1,3] x) => (float[1,3] y) <float[1] w = {%s}, float[1] one = {1}> {
  a = Mul(x, w)
  [heals] h0 = Sign(a)
` + chain.String() + `  z = Tanh(h40)  y = Add(z, a) }`
	ref, model := parsed(t, fmt.Sprintf(net, "2")), parsed(t, fmt.Sprintf(net, "3"))
	r, err := verify.Bisect(testengine.New(t), ref, model, verify.LayerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Blame == nil || r.Blame.Tensor.Reference != "a" || r.Method != "bisect" || r.Differ != 2 {
		t.Errorf("%+v is to blame, %d differ", r.Blame, r.Differ)
	}
	if r.Sessions > 5 {
		t.Errorf("%d runs", r.Sessions)
	}
	// No output tells: then there is nothing to search for, but Layers finds it.
	healed := strings.Replace(net, "y = Add(z, a)", "y = Neg(z)", 1)
	ref, model = parsed(t, fmt.Sprintf(healed, "2")), parsed(t, fmt.Sprintf(healed, "3"))
	if r, err = verify.Bisect(testengine.New(t), ref, model, verify.LayerOptions{}); err != nil || !r.Equal || r.Blame != nil || r.Sessions != 1 || len(r.Tensors) != 1 {
		t.Errorf("%v, %+v", err, r)
	}
	if r := layers(t, ref, model, verify.LayerOptions{}); r.Equal || r.Blame.Tensor.Reference != "a" || r.Differ != 1 {
		t.Errorf("%+v", r.Blame)
	}
}

// Of many branches that meet, the inputs of the node where they meet are looked at.
func TestBisectBranches(t *testing.T) {
	var text, names strings.Builder
	for i := range 100 {
		fmt.Fprintf(&text, "p%d = Mul(x, w%d) q%d = Neg(p%d)\n", i, i, i, i)
		fmt.Fprintf(&names, ", q%d", i)
	}
	net := func(bad int) verify.Source {
		var head strings.Builder
		for i := range 100 {
			v := float64(i) + 0.5
			if i == bad {
				v += 0.25
			}
			fmt.Fprintf(&head, ", float[1] w%d = {%g}", i, v)
		}
		return parsed(t, "g (float[1,3] x) => (float[1,N] y) <"+head.String()[2:]+"> {\n"+text.String()+"y = Concat<axis = 1>("+names.String()[2:]+") }")
	}
	r, err := verify.Bisect(testengine.New(t), net(-1), net(61), verify.LayerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Blame == nil || r.Blame.Tensor.Reference != "p61" || r.Sessions > 4 {
		t.Errorf("%+v is to blame after %d runs", r.Blame, r.Sessions)
	}
}
