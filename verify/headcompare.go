package verify

import (
	"fmt"
	"math"
	"slices"

	"onnxtool/onnxpb"
)

// maxFailures is how many failures a report lists of each check.
const maxFailures = 4

// fusedRun is what the fused model gave for the images at one batch.
type fusedRun struct {
	rows  [][3]float32    // the pose of each image, by angle (yaw, roll, pitch)
	inner [2][][3]float32 // the poses that the gate reads; nil where they were not asked for
	extra []extraRow      // images that fill up the last batch, which are held to the oracle too
}

type extraRow struct {
	image int
	row   [3]float32
}

// compare runs the fused model, and its instrumented copy, at every batch and holds them to the originals.
func (h *headCheck) compare(images []*headImage) error {
	plain, err := h.runFused(h.fused, images, nil)
	if err != nil {
		return onnxpb.InFile(err, h.fused.Path)
	}
	for i, b := range h.batches {
		h.report.Batches = append(h.report.Batches, h.near(b, images, plain[i]))
	}
	h.report.Exact = ExactNotProven
	if h.inner[front] == "" || h.inner[rear] == "" {
		h.report.ExactWhy = "the tensors that the gate reads are not known: the model has no metadata that names them, and --front-pose and --rear-pose are not given"
		return nil
	}
	copied, err := h.instrument()
	if err != nil {
		return onnxpb.InFile(err, h.fused.Path)
	}
	deep, err := h.runFused(copied, images, h.inner[:])
	if err != nil {
		return onnxpb.InFile(err, h.fused.Path)
	}
	h.report.Exact = ExactProven
	failed := func(why string) {
		if h.report.Exact == ExactProven {
			h.report.Exact, h.report.ExactWhy = ExactFailed, why
		}
	}
	for i := range h.batches {
		h.exact(&h.report.Batches[i], images, plain[i], deep[i])
		if why := h.report.Batches[i].Exact.fault(); why != "" {
			failed(fmt.Sprintf("at batch %d %s", h.batches[i], why))
		}
	}
	if h.report.Sweep, err = h.sweep(); err != nil {
		return onnxpb.InFile(err, h.fused.Path)
	}
	if why := h.report.Sweep.fault(); why != "" {
		failed(why)
	}
	if why := h.report.Sweep.Why; why != "" && h.report.Exact == ExactProven {
		// Images alone miss a limit that is a little off, and NaN that leaks.
		h.report.Exact, h.report.ExactWhy = ExactNotProven, "the gate could not be cut out of the model to be run by itself: "+why
	}
	return nil
}

// instrument returns the fused model with the tensors that its gate reads as further outputs, and nothing else changed.
func (h *headCheck) instrument() (Source, error) {
	m := onnxpb.Clone(h.fused.Model)
	g := m.GetGraph()
	declared := map[string]*onnxpb.ValueInfoProto{}
	var all []string
	for _, n := range g.GetNode() {
		for _, name := range n.GetOutput() {
			if name != "" {
				declared[name] = nil
				all = append(all, name)
			}
		}
	}
	for _, list := range [][]*onnxpb.ValueInfoProto{g.GetInput(), g.GetValueInfo(), g.GetOutput()} {
		for _, v := range list {
			declared[v.GetName()] = v
		}
	}
	isOutput := portNames(outputsOf(m))
	outputs := slices.Clone(g.Output)
	for side, name := range h.inner {
		v, ok := declared[name]
		if !ok {
			return Source{}, noSuch(fmt.Sprintf("the fused model has no tensor %q, which was to be the pose of the %s model", name, sideNames[side]), name, all)
		}
		if contains(isOutput, name) {
			continue
		}
		isOutput = append(isOutput, name)
		if v == nil {
			v = onnxpb.TensorValue(name, onnxpb.TensorProto_FLOAT, nil)
		}
		outputs = append(outputs, v)
	}
	g.Output = outputs
	return h.fused.changed(m), nil
}

// runFused runs a model on the images at every batch. inner names further tensors to take.
func (h *headCheck) runFused(src Source, images []*headImage, inner []string) ([]fusedRun, error) {
	session, err := h.engine.Open(src, h.o.Session)
	if err != nil {
		return nil, err
	}
	defer session.Close()
	want := append([]string{h.output}, inner...)
	var runs []fusedRun
	for _, batch := range h.batches {
		run := fusedRun{}
		n := int(batch)
		for at := 0; at < len(images); at += n {
			group := make([]*headImage, n)
			for k := range group {
				group[k] = images[(at+k)%len(images)]
			}
			a, err := h.array(group)
			if err != nil {
				return nil, err
			}
			out, err := session.Run(map[string]*onnxpb.Value{h.input.name: onnxpb.TensorVal(a)}, want...)
			if err != nil {
				return nil, err
			}
			rows, err := h.poseRows(out[h.output], h.output, n)
			if err != nil {
				return nil, err
			}
			left := min(n, len(images)-at)
			run.rows = append(run.rows, rows[:left]...)
			for k := left; k < n; k++ {
				run.extra = append(run.extra, extraRow{(at + k) % len(images), rows[k]})
			}
			for side, name := range inner {
				rows, err := h.poseRows(out[name], name, n)
				if err != nil {
					return nil, err
				}
				run.inner[side] = append(run.inner[side], rows[:left]...)
			}
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// poseRows reads a tensor [n,3] of the fused model, whose columns are in the output's order.
func (h *headCheck) poseRows(v *onnxpb.Value, name string, n int) ([][3]float32, error) {
	if v == nil || v.Kind != onnxpb.KindTensor {
		return nil, &onnxpb.Error{Kind: onnxpb.Engine, Tensor: name, Msg: "the model gave no such tensor"}
	}
	data, ok := v.Array.Data.([]float32)
	if !ok || !equalDims(v.Array.Dims, []int64{int64(n), 3}) {
		return nil, &onnxpb.Error{Tensor: name, Msg: fmt.Sprintf("the fused model gives %s%s for %d images, float32%s was expected", onnxpb.TypeName(v.Array.Type),
			shapeText(v.Array.Dims), n, shapeText([]int64{int64(n), 3}))}
	}
	rows := make([][3]float32, n)
	for i := range rows {
		for column, angle := range h.order {
			rows[i][angle] = data[3*i+column]
		}
	}
	return rows, nil
}

// near holds the rows of one batch to the oracle.
func (h *headCheck) near(batch int64, images []*headImage, run fusedRun) HeadBatch {
	b := HeadBatch{Batch: batch, Rows: len(run.rows), MaxError: Angles{}}
	for i, row := range run.rows {
		f, r := *images[i].poses[front], *images[i].poses[rear]
		answers := h.gate.answers(f, r, h.atol)
		b.count(answers)
		ill, failed := h.hold(row, f, r, answers, &b.MaxError)
		if ill {
			b.IllConditioned++
		}
		if failed >= 0 {
			b.Beyond++
			h.fail(Failure{Check: "near", Batch: batch, Image: i, Angle: angleNames[failed], Got: Number(row[failed]), Want: Number(answers[0].pose[failed]),
				FrontYaw: Number(f.angle[yaw]), RearYaw: Number(r.angle[yaw])})
		}
	}
	for _, e := range run.extra {
		f, r := *images[e.image].poses[front], *images[e.image].poses[rear]
		answers := h.gate.answers(f, r, h.atol)
		if _, failed := h.hold(e.row, f, r, answers, &b.MaxError); failed >= 0 {
			b.Beyond++
			h.fail(Failure{Check: "near", Batch: batch, Image: e.image, Angle: angleNames[failed], Got: Number(e.row[failed]), Want: Number(answers[0].pose[failed]),
				FrontYaw: Number(f.angle[yaw]), RearYaw: Number(r.angle[yaw])})
		}
	}
	return b
}

// hold compares a row with what the gate may answer; that answer counts which the row is nearest to. It returns whether roll and pitch are ill-conditioned, and
// the first angle that is beyond the tolerance, -1 where none is.
func (h *headCheck) hold(row [3]float32, f, r pose, answers []answer, worst *Angles) (ill bool, failed int) {
	var best [3]float64
	bestSum, bestSlack := math.Inf(1), [3]float64{1, 1, 1}
	failed = -1
	for k, a := range answers {
		slack := h.slack(a, f, r)
		var e [3]float64
		sum := 0.0
		for i := range e {
			e[i] = angleError(float64(row[i]), a.pose[i])
			if !math.IsInf(slack[i], 1) {
				sum = math.Max(sum, e[i]/slack[i])
			}
		}
		if k == 0 || sum < bestSum {
			best, bestSum, bestSlack = e, sum, slack
		}
	}
	for i, e := range best {
		if e > h.atol*bestSlack[i] && failed < 0 {
			failed = i
		}
		if bestSlack[i] > 1 {
			ill = true
		} else {
			worst[i] = max(worst[i], Number(e))
		}
	}
	return ill, failed
}

// slack returns by how much the tolerance of each angle of an answer is widened: where a side that takes part tells roll and pitch badly, and, under
// the published arithmetic, where the division by s+1e-5 makes roll and pitch of anything.
func (h *headCheck) slack(a answer, f, r pose) [3]float64 {
	s := [3]float64{1, 1, 1}
	for _, side := range []struct {
		takes bool
		p     pose
	}{{a.front, f}, {a.rear, r}} {
		if !side.takes {
			continue
		}
		for i, v := range side.p.slack() {
			s[i] = math.Max(s[i], v)
		}
	}
	if h.gate.rule == GatePublished && math.Abs(f.angle[yaw]) < 0.05 {
		s[roll], s[pitch] = math.Inf(1), math.Inf(1)
	}
	return s
}

func (h *headCheck) fail(f Failure) {
	h.report.FailureCount++
	listed := 0
	for _, other := range h.report.Failures {
		if other.Check == f.Check {
			listed++
		}
	}
	if listed < maxFailures {
		h.report.Failures = append(h.report.Failures, f)
	}
}

// exact holds the rows of one batch to the poses that the gate itself reads.
func (h *headCheck) exact(b *HeadBatch, images []*headImage, plain, deep fusedRun) {
	e := &ExactBatch{}
	b.Exact = e
	for i, row := range deep.rows {
		f, r := deep.inner[front][i], deep.inner[rear][i]
		want, fromFront, fromRear := h.gate.exact(f, r)
		switch {
		case fromFront && fromRear:
			e.Both++
		case fromFront:
			e.Front++
		case fromRear:
			e.Rear++
		default:
			e.Neither++
		}
		unequal, changed := -1, -1
		for k := range row {
			if !sameFloat(float64(row[k]), float64(want[k])) {
				unequal = k
			}
			if math.Float32bits(row[k]) != math.Float32bits(plain.rows[i][k]) && !(row[k] != row[k] && plain.rows[i][k] != plain.rows[i][k]) {
				changed = k
			}
		}
		failure := func(check string, k int, got, want Number) {
			h.fail(Failure{Check: check, Batch: b.Batch, Image: i, Angle: angleNames[k], Got: got, Want: want, FrontYaw: Number(f[yaw]), RearYaw: Number(r[yaw])})
		}
		if unequal >= 0 {
			e.Unequal++
			failure("exact", unequal, Number(row[unequal]), Number(want[unequal]))
		}
		if changed >= 0 {
			e.Changed++
			failure("unchanged", changed, Number(row[changed]), Number(plain.rows[i][changed]))
		}
		for side, inner := range [][3]float32{f, r} {
			p := *images[i].poses[side]
			slack := p.slack()
			bad := -1
			for k, v := range inner {
				d := angleError(float64(v), p.angle[k])
				if d > h.atol*slack[k] {
					bad = k
				}
				if slack[k] == 1 {
					e.InnerError[k] = max(e.InnerError[k], Number(d))
				}
			}
			if bad >= 0 {
				e.InnerBeyond++
				failure("inner "+sideNames[side]+" pose", bad, Number(inner[bad]), Number(p.angle[bad]))
			}
		}
	}
}
