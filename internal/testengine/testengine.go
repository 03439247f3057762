// Package testengine gives tests the engine that runs models.
package testengine

import (
	"os"
	"testing"

	"onnxtool/verify/ort"
)

// New returns ONNX Runtime. A test is skipped where this machine has none, but fails where it was to be there: under CI, and under make test, which has
// fetched it (both set CI).
func New(tb testing.TB) *ort.Engine {
	tb.Helper()
	e, err := ort.Default()
	if err == nil {
		return e
	}
	if os.Getenv("CI") != "" {
		tb.Fatal(err)
	}
	tb.Skipf("ONNX Runtime is not on this machine (make setup fetches it): %v", err)
	return nil
}
