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
	peak, ok := field("VmHWM:")
	if !ok {
		t.Fatal("the kernel does not tell the peak of memory")
	}
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Skip("the peak of memory cannot be set back here: " + err.Error())
	}
	return peak
}

// Resident returns how much memory this process takes now, in bytes; false where the kernel does not tell.
func Resident() (int, bool) { return field("VmRSS:") }

// Anonymous returns how much memory of its own this process takes now, without pages of files that are mapped, in bytes; false where the kernel does not tell.
func Anonymous() (int, bool) { return field("RssAnon:") }

// field reads a number of bytes from what the kernel tells of this process.
func field(name string) (int, bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	_, rest, found := strings.Cut(string(status), name)
	if !found {
		return 0, false
	}
	kb, err := strconv.Atoi(strings.Fields(rest)[0])
	return kb << 10, err == nil
}
