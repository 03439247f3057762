package verify

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestJUnitSchema holds every kind of report to the schema of testdata/junit.xsd, with libxml2's validator. TestJUnit holds them to the same rules without it.
func TestJUnitSchema(t *testing.T) {
	lint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("there is no xmllint on this machine (package libxml2-utils): reports are held to the rules by TestJUnit alone")
	}
	suite, err := RunSuite(suiteEngine(), []string{putSuite(t)}, SuiteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	suite.Ended, suite.Unfinished = "the time was over", []string{"a <case>"}
	all := &JUnit{}
	all.Add(fakeReport(t))
	all.AddSuite(suite)
	suite.Strict = true
	all.AddSuite(suite)
	all.AddLayers(layersGolden())
	all.AddRows(rowsGolden())
	all.Fail("broken \x01 model", errors.New("no <graph> & \"more\" \x00"))
	for name, j := range map[string]*JUnit{"all": all, "nothing": {}} {
		path := filepath.Join(t.TempDir(), name+".xml")
		var b bytes.Buffer
		if err := j.Write(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(lint, "--noout", "--nonet", "--schema", filepath.Join("testdata", "junit.xsd"), path).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	// The schema does find what is wrong.
	for _, wrong := range []string{
		`<testsuites><testsuite name="a"/></testsuites>`, `<testsuites><testsuite name="a" tests="-1"/></testsuites>`, `<testsuites><testsuite name="a" tests="1"><testcase name="x"/></testsuite></testsuites>`,
		`<testsuites><testcase name="x" classname="y"/></testsuites>`, `<testsuites><testsuite name="a" tests="1"><properties/></testsuite></testsuites>`,
	} {
		path := filepath.Join(t.TempDir(), "wrong.xml")
		if err := os.WriteFile(path, []byte(wrong), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(lint, "--noout", "--nonet", "--schema", filepath.Join("testdata", "junit.xsd"), path).CombinedOutput(); err == nil {
			t.Errorf("%s is taken for valid: %s", wrong, out)
		}
	}
}
