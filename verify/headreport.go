package verify

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// HeadSchema names the form of a HeadReport in JSON. It changes when a field changes its meaning or goes; new fields may come without.
const HeadSchema = "onnxtool.verify-head/1"

// What HeadReport.Exact says.
const (
	ExactProven    = "proven"
	ExactFailed    = "failed"
	ExactNotProven = "not proven"
)

// HeadReport is the outcome of VerifyHead. All angles are in degrees.
type HeadReport struct {
	Schema string `json:"schema"`
	// Holds is the verdict: every row near, the choice proven exact (or HeadOptions.Near given and nothing against it found), and the gate covered where that
	// is required.
	Holds        bool       `json:"holds"`
	Fused        ModelInfo  `json:"fused"`
	Front        HeadModel  `json:"front"`
	Rear         HeadModel  `json:"rear"`
	Engine       EngineInfo `json:"engine"`
	Optimization string     `json:"optimization"`
	// Command is the command line, where whoever asked has put it.
	Command      []string    `json:"command,omitempty"`
	Gate         string      `json:"gate"`
	Limit        float64     `json:"limit"`
	Order        [3]string   `json:"order"` // the columns of the output
	Atol         float64     `json:"atol"`
	Seed         uint64      `json:"seed"`
	Range        Range       `json:"range"`         // of generated pixels
	Images       int         `json:"images"`        // how many were compared, at every batch
	ImagesSHA256 string      `json:"images_sha256"` // of these, in their order (see InputReport)
	Batches      []HeadBatch `json:"batches"`
	Near         bool        `json:"near"`
	Exact        string      `json:"exact"`
	ExactWhy     string      `json:"exact_why,omitempty"`
	// Sweep is missing where the exact check could not be made.
	Sweep    *Sweep   `json:"sweep,omitempty"`
	Coverage Coverage `json:"coverage"`
	// Failures lists the first failures of each check; FailureCount counts all.
	Failures     []Failure `json:"failures,omitempty"`
	FailureCount int       `json:"failure_count"`
	Warnings     []string  `json:"warnings,omitempty"`
}

// HeadModel says what one of the original models is.
type HeadModel struct {
	ModelInfo
	Gives   string   `json:"gives"`   // the form of its pose
	Outputs []string `json:"outputs"` // the outputs that are the pose: yaw, roll and pitch, where there are three
}

// Angles is a number for yaw, roll and pitch.
type Angles [3]Number

// MarshalJSON writes the numbers by name.
func (a Angles) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Yaw   Number `json:"yaw"`
		Roll  Number `json:"roll"`
		Pitch Number `json:"pitch"`
	}{a[yaw], a[roll], a[pitch]})
}

// HeadBatch is the comparison at one batch. Each image is one row; the rows that fill up the last batch are held to the oracle and not counted.
type HeadBatch struct {
	Batch int64 `json:"batch"`
	Rows  int   `json:"rows"`
	// Who answers by the oracle: the front model, the rear model; under sum also both or neither of them. Under published the front always does, and
	// both do where the rear is past the limit.
	Front   int `json:"front"`
	Rear    int `json:"rear"`
	Both    int `json:"both"`
	Neither int `json:"neither"`
	// Ambiguous counts the rows of which a judge lies within the tolerance of the limit, so that either answer will do.
	Ambiguous int `json:"ambiguous"`
	// IllConditioned counts the rows of which roll and pitch were held to a wider tolerance, or not at all, because a rotation matrix near yaw ±90, or the
	// published division near yaw 0, does not tell them.
	IllConditioned int `json:"ill_conditioned"`
	// Beyond counts the rows that are not near the oracle's pose.
	Beyond int `json:"beyond"`
	// MaxError is the largest error of each angle, along the circle.
	MaxError Angles `json:"max_error"`
	// Exact is missing where the exact check could not be made.
	Exact *ExactBatch `json:"exact,omitempty"`
}

func (b *HeadBatch) count(answers []answer) {
	switch a := answers[0]; {
	case a.front && a.rear:
		b.Both++
	case a.front:
		b.Front++
	case a.rear:
		b.Rear++
	default:
		b.Neither++
	}
	if len(answers) > 1 {
		b.Ambiguous++
	}
}

// ExactBatch is the exact check at one batch.
type ExactBatch struct {
	// Who answers by the fused model's own judges.
	Front   int `json:"front"`
	Rear    int `json:"rear"`
	Both    int `json:"both"`
	Neither int `json:"neither"`
	// Unequal counts the rows that are not the pose chosen by the fused model's own judge.
	Unequal int `json:"unequal"`
	// Changed counts the rows that giving out the inner poses changed.
	Changed int `json:"changed"`
	// InnerBeyond counts the inner poses that are not near those of the original models, of twice as many as there are rows; InnerError is their largest error.
	InnerBeyond int    `json:"inner_beyond"`
	InnerError  Angles `json:"inner_error"`
}

// fault says what speaks against the exact check, "" where nothing does.
func (e *ExactBatch) fault() string {
	switch {
	case e.Changed > 0:
		return fmt.Sprintf("%d rows changed when the inner poses were given out", e.Changed)
	case e.InnerBeyond > 0:
		return fmt.Sprintf("%d of the poses that the gate reads are not those of the originals", e.InnerBeyond)
	case e.Unequal > 0:
		return fmt.Sprintf("%d rows are not the pose that the model's own judge chooses", e.Unequal)
	}
	return ""
}

// Failure is one row that does not hold.
type Failure struct {
	Check    string `json:"check"` // near, exact, unchanged, inner front pose, inner rear pose, gate sweep
	Batch    int64  `json:"batch"`
	Image    int    `json:"image"`
	Angle    string `json:"angle"`
	Got      Number `json:"got"`
	Want     Number `json:"want"`
	FrontYaw Number `json:"front_yaw"` // what the models see; in the exact checks, what the gate reads
	RearYaw  Number `json:"rear_yaw"`
}

// Coverage says how well the images cover the gate.
type Coverage struct {
	// Covered: both models answer, and each judge comes within 1 degree of the limit and of its negative, on both sides of each.
	Covered bool            `json:"covered"`
	Missing []string        `json:"missing,omitempty"` // what keeps it from being covered
	Front   int             `json:"front"`             // images that the front model answers, alone or with the rear model
	Rear    int             `json:"rear"`
	Judges  []JudgeCoverage `json:"judges"`
	Tried   int             `json:"tried"` // images that the search looked at
}

// JudgeCoverage says where the yaws of a judge lie.
type JudgeCoverage struct {
	Model string `json:"model"` // front or rear
	Min   Number `json:"min"`   // the least yaw
	Max   Number `json:"max"`
	Near  int    `json:"near"` // images within 1 degree of the limit or its negative
	// The distance of the nearest yaw to the limit from below and above, and to its negative from within and beyond; "Inf" where there is none.
	Below         Number `json:"below"`
	Above         Number `json:"above"`
	NegativeBelow Number `json:"negative_below"`
	NegativeAbove Number `json:"negative_above"`
}

// measure fills in what images cover.
func (c *Coverage) measure(g gate, images []*headImage) {
	for _, im := range images {
		a := g.answers(*im.poses[front], *im.poses[rear], 0)[0]
		if a.front {
			c.Front++
		}
		if a.rear {
			c.Rear++
		}
	}
	if c.Front == 0 {
		c.Missing = append(c.Missing, "no image is answered by the front model")
	}
	if c.Rear == 0 {
		c.Missing = append(c.Missing, "no image is answered by the rear model")
	}
	for _, side := range g.judges() {
		j := JudgeCoverage{Model: sideNames[side], Min: Number(math.Inf(1)), Max: Number(math.Inf(-1))}
		for _, im := range images {
			y := yawOf(im, side)
			if math.IsNaN(y) {
				continue
			}
			j.Min, j.Max = min(j.Min, Number(y)), max(j.Max, Number(y))
			if math.Abs(math.Abs(y)-g.limit) <= nearDegrees {
				j.Near++
			}
		}
		for _, place := range []struct {
			d      *Number
			sign   float64
			within bool
			text   string
		}{
			{&j.Below, 1, true, "below %v"}, {&j.Above, 1, false, "above %v"},
			{&j.NegativeBelow, -1, true, "within -%v"}, {&j.NegativeAbove, -1, false, "beyond -%v"},
		} {
			*place.d = Number(nearest(images, side, g.limit, place.sign, place.within))
			if !(*place.d <= nearDegrees) {
				c.Missing = append(c.Missing, fmt.Sprintf("no yaw of the %s model within %d degree "+place.text, j.Model, nearDegrees, g.limit))
			}
		}
		c.Judges = append(c.Judges, j)
	}
	c.Covered = len(c.Missing) == 0
}

// WriteText prints a report for people.
func (r *HeadReport) WriteText(w io.Writer) error {
	sayf(w, "gate %s, limit %v, output %s\n", r.Gate, r.Limit, strings.Join(r.Order[:], ","))
	sayf(w, "front %s: %s\nrear  %s: %s\n", orNone(r.Front.Path), r.Front.Gives, orNone(r.Rear.Path), r.Rear.Gives)
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	sum := r.Gate == "sum" || r.Gate == "published"
	fmt.Fprint(tw, "batch\trows\tby front\tby rear\t")
	if sum {
		fmt.Fprint(tw, "by both\tby none\t")
	}
	fmt.Fprint(tw, "ambiguous\tmax yaw error\troll\tpitch\tnear\texact\n")
	for _, b := range r.Batches {
		sayf(tw, "%d\t%d\t%d\t%d\t", b.Batch, b.Rows, b.Front, b.Rear)
		if sum {
			sayf(tw, "%d\t%d\t", b.Both, b.Neither)
		}
		exact := ExactNotProven
		if b.Exact != nil {
			if exact = "ok"; b.Exact.fault() != "" {
				exact = "FAILS"
			}
		}
		near := "ok"
		if b.Beyond > 0 {
			near = "FAILS"
		}
		sayf(tw, "%d\t%s\t%s\t%s\t%s\t%s\n", b.Ambiguous, short(b.MaxError[yaw]), short(b.MaxError[roll]), short(b.MaxError[pitch]), near, exact)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, b := range r.Batches {
		if b.IllConditioned > 0 {
			sayf(w, "batch %d: %d rows tell roll and pitch badly (yaw near ±90, or the published division near 0) and were held to a wider tolerance there\n", b.Batch, b.IllConditioned)
		}
	}
	for _, f := range r.Failures {
		where := fmt.Sprintf("batch %d, image %d", f.Batch, f.Image)
		if f.Batch == 0 {
			where = fmt.Sprintf("row %d", f.Image)
		}
		sayf(w, "%s: %s: %s is %v, not %v (front yaw %v, rear yaw %v)\n", f.Check, where, f.Angle, f.Got, f.Want, f.FrontYaw, f.RearYaw)
	}
	if more := r.FailureCount - len(r.Failures); more > 0 {
		sayf(w, "and %d more failures\n", more)
	}
	c := r.Coverage
	for _, j := range c.Judges {
		sayf(w, "yaw of the %s model: %s to %s; %d images within 1 degree of the limit; nearest to %v: %s below, %s above; to -%v: %s within, %s beyond\n",
			j.Model, short(j.Min), short(j.Max), j.Near, r.Limit, short(j.Below), short(j.Above), r.Limit, short(j.NegativeBelow), short(j.NegativeAbove))
	}
	covered := "covered"
	if !c.Covered {
		covered = "NOT COVERED"
	}
	sayf(w, "coverage: %s; of %d images the front model answers %d, the rear model %d; %d were tried\n", covered, r.Images, c.Front, c.Rear, c.Tried)
	for _, s := range r.Warnings {
		sayf(w, "warning: %s\n", s)
	}
	if s := r.Sweep; s != nil && s.Rows > 0 {
		what := "round the circle, at the limit and with NaN and infinities"
		if r.Gate == GatePublished {
			what = "round the circle and at the limit"
		}
		sayf(w, "gate by itself: %d of %d poses %s as they should be\n", s.Rows-s.Unequal, s.Rows, what)
	} else if s != nil {
		sayf(w, "gate by itself: could not be cut out: %s\n", s.Why)
	}
	exact := r.Exact
	if r.ExactWhy != "" {
		exact += ": " + r.ExactWhy
	}
	sayf(w, "exact: %s\n", exact)
	answer := "the fused model holds"
	if !r.Holds {
		answer = "the fused model DOES NOT HOLD"
	}
	_, err := sayf(w, "%s: within %v degrees of the originals; seed %d; %s %s\n", answer, r.Atol, r.Seed, r.Engine.Name, r.Engine.Version)
	return err
}

func orNone(path string) string {
	if path == "" {
		return "(no file)"
	}
	return path
}
