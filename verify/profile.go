package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
	"text/tabwriter"

	"onnxtool/onnxpb"
)

// Profile is where the time of a model's runs went, as ONNX Runtime's profiling tells it. Times are milliseconds of a run, in the mean over the runs that were
// counted. ONNX Runtime writes whole microseconds and cuts off the rest, so that nodes that take less look like nothing.
type Profile struct {
	Model   string `json:"model,omitempty"` // set by Bench, as are the next two
	Batch   int64  `json:"batch,omitempty"`
	Threads int    `json:"threads,omitempty"`

	Runs int     `json:"runs"`   // that were counted
	MS   float64 `json:"run_ms"` // a run, with profiling going on
	// Other is what of a run no node took: checks, and going from node to node. Where nodes run at the same time it means nothing, and is 0 if it would be less.
	Other float64 `json:"other_ms"`
	// Operators are the operator types, the longest first.
	Operators []OperatorTime `json:"operators"`
	// Nodes are the nodes that took longest, the longest first.
	Nodes []NodeTime `json:"nodes"`
	// Cut tells that the file ends in the middle; the runs before are counted.
	Cut bool `json:"cut,omitempty"`
}

// OperatorTime is the time of all nodes of one operator type.
type OperatorTime struct {
	Type     string  `json:"type"`
	Provider string  `json:"provider,omitempty"` // that ran them: CPU, CUDA, ...
	Calls    float64 `json:"calls"`              // in a run
	MS       float64 `json:"ms"`
	Share    float64 `json:"share"` // of the time of all nodes: 0..1
}

// NodeTime is the time of one node. The names are those of the graph that ONNX Runtime made, in which nodes may be fused; a node without a name is named by its
// type and place there.
type NodeTime struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	Provider string  `json:"provider,omitempty"`
	Calls    float64 `json:"calls"` // in a run: more than 1 in a Loop
	MS       float64 `json:"ms"`
	Share    float64 `json:"share"`
	Output   string  `json:"output,omitempty"` // types and shapes of its outputs, when it last ran
}

// ProfileOptions say how a profile is read.
type ProfileOptions struct {
	// Skip is how many runs at the begin are not counted: warm-up.
	Skip int
	// Join is how many runs of the file are one: the parts of a batch. 0 is 1.
	Join int
	// Top is how many nodes are listed; 0: all.
	Top int
}

// ReadProfileFile is ReadProfile for a file.
func ReadProfileFile(path string, o ProfileOptions) (*Profile, error) {
	f, err := os.Open(path)
	if err != nil {
		var pe *os.PathError
		if errors.As(err, &pe) {
			err = pe.Err
		}
		return nil, &onnxpb.Error{File: path, Err: err}
	}
	defer f.Close()
	p, err := ReadProfile(f, o)
	return p, onnxpb.InFile(err, path)
}

// ReadProfile reads a profile that ONNX Runtime has written: a list of trace events in JSON, which is not held in memory. Events of other kinds and fields that
// are not known are passed over, and the list may be cut off. The time of a node that runs a subgraph (If, Loop, Scan) is its own, without that of the nodes
// in it. The error is of kind Unfit where this is no such file, or it has no run beyond those to skip.
func ReadProfile(r io.Reader, o ProfileOptions) (*Profile, error) {
	c := &profileReader{skip: o.Skip, nodes: map[nodeKey]*nodeSum{}, pending: map[nodeKey]*nodeSum{}, open: map[int64][]traceEvent{}}
	d := json.NewDecoder(r)
	if err := toEvents(d); err != nil {
		return nil, err
	}
	cut := false
	for d.More() {
		var e traceEvent
		err := d.Decode(&e)
		var wrongType *json.UnmarshalTypeError
		if errors.As(err, &wrongType) {
			continue // an event of another form; the decoder has read past it
		}
		if errors.Is(err, io.ErrUnexpectedEOF) {
			cut = true
			break
		}
		if err != nil {
			return nil, &onnxpb.Error{Msg: "this is no profile of ONNX Runtime", Err: err}
		}
		c.add(e)
	}
	if !cut {
		_, err := d.Token()
		cut = err != nil
	}
	if c.runs == 0 {
		return nil, onnxpb.Errorf(onnxpb.Unfit, "the profile has no run beyond the %d that are passed over", o.Skip)
	}
	p := c.profile(max(o.Join, 1), o.Top)
	p.Cut = cut
	return p, nil
}

// toEvents goes to the first event: in the list that the file is, or in the field of an object that other writers of this form put it in.
func toEvents(d *json.Decoder) error {
	bad := func(err error) error {
		return &onnxpb.Error{Msg: "this is no profile of ONNX Runtime", Err: err, Hint: "it is a list of trace events in JSON"}
	}
	t, err := d.Token()
	if err != nil {
		return bad(err)
	}
	if t == json.Delim('[') {
		return nil
	}
	if t != json.Delim('{') {
		return bad(nil)
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return bad(err)
		}
		if key == "traceEvents" {
			if t, err = d.Token(); err != nil || t != json.Delim('[') {
				return bad(err)
			}
			return nil
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return bad(err)
		}
	}
	return bad(nil)
}

// traceEvent is an event as ONNX Runtime writes it. They come in the order in which they ended, so that the nodes of a subgraph come before the node that ran it.
type traceEvent struct {
	Category string  `json:"cat"`
	Name     string  `json:"name"`
	Thread   int64   `json:"tid"`
	Start    float64 `json:"ts"`  // microseconds
	Duration float64 `json:"dur"` // microseconds
	Args     struct {
		Operator string                       `json:"op_name"`
		Provider string                       `json:"provider"`
		Outputs  []map[string]json.RawMessage `json:"output_type_shape"`
	} `json:"args"`
}

type nodeKey struct{ name, operator, provider string }

type nodeSum struct {
	calls  int
	us     float64
	output string
}

// profileReader adds up events. What a run's nodes took is put aside until the event of the run itself comes, and then counted or not.
type profileReader struct {
	skip    int
	runs    int
	us      float64
	nodes   map[nodeKey]*nodeSum
	pending map[nodeKey]*nodeSum
	open    map[int64][]traceEvent // by thread: nodes that ended and may lie within one that is still to end
}

func (c *profileReader) add(e traceEvent) {
	if e.Category == "Session" && e.Name == "model_run" {
		c.endRun(e)
		return
	}
	name, isKernel := strings.CutSuffix(e.Name, "_kernel_time")
	if e.Category != "Node" || !isKernel {
		return
	}
	self := e.Duration
	stack := c.open[e.Thread]
	for len(stack) > 0 && stack[len(stack)-1].Start >= e.Start {
		self -= stack[len(stack)-1].Duration
		stack = stack[:len(stack)-1]
	}
	c.open[e.Thread] = append(stack, e)
	key := nodeKey{name, e.Args.Operator, strings.TrimSuffix(e.Args.Provider, "ExecutionProvider")}
	s := c.pending[key]
	if s == nil {
		s = &nodeSum{}
		c.pending[key] = s
	}
	s.calls++
	s.us += max(self, 0)
	s.output = outputsText(e.Args.Outputs)
}

func (c *profileReader) endRun(e traceEvent) {
	clear(c.open)
	if c.skip > 0 {
		c.skip--
		clear(c.pending)
		return
	}
	c.runs++
	c.us += e.Duration
	for key, s := range c.pending {
		sum := c.nodes[key]
		if sum == nil {
			sum = &nodeSum{}
			c.nodes[key] = sum
		}
		sum.calls += s.calls
		sum.us += s.us
		sum.output = s.output
	}
	clear(c.pending)
}

// outputsText writes types and shapes: ONNX Runtime names types as C does.
func outputsText(list []map[string]json.RawMessage) string {
	var parts []string
	for _, m := range list {
		for _, typ := range sortedKeys(m) {
			shape := strings.Join(strings.Fields(string(m[typ])), "")
			switch typ {
			case "float":
				typ = "float32"
			case "double":
				typ = "float64"
			}
			parts = append(parts, typ+shape)
		}
	}
	return strings.Join(parts, " ")
}

// profile makes the answer of the sums; join runs of the file are one.
func (c *profileReader) profile(join, top int) *Profile {
	runs := float64(c.runs) / float64(join)
	p := &Profile{Runs: int(runs), MS: c.us / 1000 / runs, Operators: []OperatorTime{}, Nodes: []NodeTime{}}
	total := 0.0
	for _, s := range c.nodes {
		total += s.us
	}
	share := func(us float64) float64 {
		if total == 0 {
			return 0
		}
		return us / total
	}
	types := map[nodeKey]*nodeSum{}
	for k, s := range c.nodes {
		p.Nodes = append(p.Nodes, NodeTime{Name: k.name, Type: k.operator, Provider: k.provider, Calls: float64(s.calls) / runs, MS: s.us / 1000 / runs, Share: share(s.us),
			Output: s.output})
		t := types[nodeKey{"", k.operator, k.provider}]
		if t == nil {
			t = &nodeSum{}
			types[nodeKey{"", k.operator, k.provider}] = t
		}
		t.calls += s.calls
		t.us += s.us
	}
	for k, s := range types {
		p.Operators = append(p.Operators, OperatorTime{Type: k.operator, Provider: k.provider, Calls: float64(s.calls) / runs, MS: s.us / 1000 / runs, Share: share(s.us)})
	}
	sort.Slice(p.Operators, func(i, j int) bool {
		a, b := p.Operators[i], p.Operators[j]
		if a.MS != b.MS {
			return a.MS > b.MS
		}
		return a.Type+a.Provider < b.Type+b.Provider
	})
	sort.Slice(p.Nodes, func(i, j int) bool {
		a, b := p.Nodes[i], p.Nodes[j]
		if a.MS != b.MS {
			return a.MS > b.MS
		}
		return a.Name < b.Name
	})
	if top > 0 && len(p.Nodes) > top {
		p.Nodes = p.Nodes[:top]
	}
	p.Other = max(0, p.MS-total/1000/runs)
	return p
}

// WriteText prints a profile for people: the operator types, then the slowest nodes.
func (p *Profile) WriteText(w io.Writer) error {
	of := ""
	if p.Model != "" {
		of = fmt.Sprintf(" of %s at batch %d%s", p.Model, p.Batch, threadsText(p.Threads))
	}
	sayf(w, "profile%s: a run takes %s ms, in the mean of %d\n", of, msText(p.MS), p.Runs)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "  operator\tprovider\tcalls\tms\tshare\n")
	for _, o := range p.Operators {
		sayf(tw, "  %s\t%s\t%s\t%s\t%s\n", o.Type, o.Provider, callsText(o.Calls), msText(o.MS), percent(o.Share))
	}
	sayf(tw, "  (between nodes)\t\t\t%s\t\n", msText(p.Other))
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprint(tw, "  slowest nodes\toperator\tcalls\tms\tshare\toutput\n")
	for _, n := range p.Nodes {
		sayf(tw, "  %s\t%s\t%s\t%s\t%s\t%s\n", n.Name, n.Type, callsText(n.Calls), msText(n.MS), percent(n.Share), n.Output)
	}
	return tw.Flush()
}

func callsText(n float64) string { return strings.TrimSuffix(fmt.Sprintf("%.1f", n), ".0") }

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }
