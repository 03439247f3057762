package verify

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// JUnit is a report in the form of XML that continuous integration shows: one test suite for each pair of models, one test case for each output, batch and sample.
type JUnit struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Errors   int          `xml:"errors,attr"`
	Suites   []JUnitSuite `xml:"testsuite"`
}

// JUnitSuite is one comparison.
type JUnitSuite struct {
	Name       string           `xml:"name,attr"`
	Tests      int              `xml:"tests,attr"`
	Failures   int              `xml:"failures,attr"`
	Errors     int              `xml:"errors,attr"`
	Skipped    int              `xml:"skipped,attr"`
	Properties *JUnitProperties `xml:"properties"` // nil where there are none: an empty list is not allowed
	Cases      []JUnitCase      `xml:"testcase"`
	Out        string           `xml:"system-out,omitempty"`
}

// JUnitProperties are facts about a suite.
type JUnitProperties struct {
	List []JUnitProperty `xml:"property"`
}

// JUnitProperty is a fact about a suite.
type JUnitProperty struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

// JUnitCase is one comparison of one output. Nothing is known of its time, which is not written.
type JUnitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Failure *JUnitProblem `xml:"failure"`
	Error   *JUnitProblem `xml:"error"`
	Skipped *JUnitProblem `xml:"skipped"`
}

// JUnitProblem says what is wrong.
type JUnitProblem struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// Add adds a report.
func (j *JUnit) Add(r *Report) {
	s := JUnitSuite{Name: xmlText(r.title()), Properties: &JUnitProperties{[]JUnitProperty{
		{"reference.sha256", r.Reference.SHA256}, {"model.sha256", r.Model.SHA256}, {"engine", r.Engine.Name + " " + r.Engine.Version}, {"optimization", r.Optimization}, {"seed", fmt.Sprint(r.Seed)}}}}
	for _, row := range r.Outputs {
		c := JUnitCase{Name: fmt.Sprintf("%s%s batch %d", pairName(row.Reference, row.Model), row.Path, row.Batch), Class: xmlText(r.title())}
		if r.Samples > 1 || row.Corner != "" {
			c.Name += " sample " + row.sampleText()
		}
		c.Name = xmlText(c.Name)
		if !row.Equal {
			text := xmlText(r.fault(row))
			c.Failure = &JUnitProblem{Message: text, Type: "difference", Text: xmlText(row.Rule)}
			s.Failures++
		}
		s.Cases = append(s.Cases, c)
	}
	s.Out = xmlText(strings.Join(r.Notes, "\n"))
	j.suite(s)
}

// suite adds a suite, and what it counts.
func (j *JUnit) suite(s JUnitSuite) {
	s.Tests = len(s.Cases)
	j.Suites = append(j.Suites, s)
	j.Tests += s.Tests
	j.Failures += s.Failures
	j.Errors += s.Errors
}

// AddSuite adds the cases of a suite: those that failed as failures, broken, crashed and unfinished ones as errors, unsupported ones as skipped unless the suite is strict.
func (j *JUnit) AddSuite(r *SuiteReport) {
	s := JUnitSuite{Name: "onnxtool test", Properties: &JUnitProperties{[]JUnitProperty{{"engine", r.Engine.Name + " " + r.Engine.Version}, {"optimization", r.Optimization}}}}
	for _, x := range r.Cases {
		c := JUnitCase{Name: xmlText(x.Name), Class: "onnxtool test"}
		problem := &JUnitProblem{Message: xmlText(x.Why), Type: string(x.Status)}
		switch {
		case x.Status == CaseFailed || x.Status == CaseUnsupported && r.Strict:
			c.Failure = problem
			s.Failures++
		case x.Status == CaseBroken || x.Status == CaseCrashed:
			c.Error = problem
			s.Errors++
		case x.Status == CaseUnsupported:
			c.Skipped = problem
			s.Skipped++
		}
		s.Cases = append(s.Cases, c)
	}
	for _, name := range r.Unfinished {
		s.Cases = append(s.Cases, JUnitCase{Name: xmlText(name), Class: "onnxtool test", Error: &JUnitProblem{Message: xmlText("it was stopped: " + r.Ended), Type: "time"}})
		s.Errors++
	}
	j.suite(s)
}

// Fail adds an error that kept anything from being compared.
func (j *JUnit) Fail(name string, err error) {
	name = xmlText(name)
	j.suite(JUnitSuite{Name: name, Errors: 1, Cases: []JUnitCase{{Name: "run", Class: name, Error: &JUnitProblem{Message: xmlText(err.Error()), Type: "error"}}}})
}

// Write writes the XML.
func (j *JUnit) Write(w io.Writer) error {
	if j.Name == "" {
		j.Name = "onnxtool"
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(j); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// xmlText leaves out what XML cannot hold.
func xmlText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' || r >= 0x20 && r != 0xfffe && r != 0xffff {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(s, "?"))
}
