package expr

import "testing"

// What shape inference does most: numbers, single symbols, small sums.
func BenchmarkOps(b *testing.B) {
	n, m, two, three := Sym("N"), Sym("M"), Int(2), Int(3)
	sum, other := n.Mul(two).Add(m), n.Add(m.Mul(three))
	var sink Expr
	var same bool
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"AddNumbers", func() { sink = two.Add(three) }},
		{"MulNumbers", func() { sink = two.Mul(three) }},
		{"DivNumbers", func() { sink = three.FloorDiv(two) }},
		{"AddSymbolNumber", func() { sink = n.Add(three) }},
		{"AddSymbols", func() { sink = n.Add(m) }},
		{"MulSymbolNumber", func() { sink = n.Mul(three) }},
		{"MulSymbols", func() { sink = n.Mul(m) }},
		{"MulSums", func() { sink = sum.Mul(other) }},
		{"DivSymbolNumber", func() { sink = n.FloorDiv(two) }},
		{"MinSymbolNumber", func() { sink = Min(n, three) }},
		{"DivExact", func() { sink, same = sum.DivExact(other) }},
		{"Equal", func() { same = sum.Equal(other) }},
		{"Sym", func() { sink = Sym("N") }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.do()
			}
		})
	}
	_, _ = sink, same
}

// TestAllocations keeps numbers, and sums of a symbol and a number, free of allocations.
func TestAllocations(t *testing.T) {
	n, three := Sym("N"), Int(3)
	var sink Expr
	for name, do := range map[string]func(){
		"numbers":           func() { sink = three.Add(three).Mul(three).Sub(Int(1)).FloorDiv(three) },
		"symbol and number": func() { sink = n.Add(three).Sub(Int(1)) },
		"comparison":        func() { _ = n.Equal(sink) },
		"question":          func() { _ = n.AtLeast(1) && !n.AtLeast(2) },
	} {
		if got := testing.AllocsPerRun(100, do); got > 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
