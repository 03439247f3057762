package testmemory

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// Peak returns the most memory that this process has had since the last call, in bytes. It skips the test where the kernel does not let that be set back.
func Peak(t testing.TB) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Skip("the peak of memory cannot be set back here: " + err.Error())
	}
	return kb << 10
}
