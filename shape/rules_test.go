package shape

import (
	"testing"

	"onnxtool/opset"
)

// TestEveryOperatorHasARule wants a rule for every operator that the standard has from opset 7 on.
func TestEveryOperatorHasARule(t *testing.T) {
	rules := allRules()
	n := 0
	for _, domain := range opset.Domains() {
		seen := map[string]bool{}
		from := int64(1)
		if domain == "" {
			from = 7
		}
		for version := from; version <= opset.Newest(domain); version++ {
			for _, name := range opset.Names(domain, version) {
				if seen[name] {
					continue
				}
				seen[name] = true
				n++
				if rules[domain][name] == nil {
					t.Errorf("%s.%s has no rule", domain, name)
				}
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d operators", n)
	}
}
