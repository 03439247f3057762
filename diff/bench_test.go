package diff

import "testing"

// BenchmarkModels compares two chains of 100,000 nodes of which every seventh differs.
func BenchmarkModels(b *testing.B) {
	x, y := chain(100_000, false), chain(100_000, true)
	for b.Loop() {
		if _, err := Models(x, y, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
