package surgery

import "sort"

// Nearest returns the names that are most like name, the nearest first, at most max: those within a third of its length (and at least
// two) of edits.
func Nearest(name string, names []string, max int) []string {
	type cand struct {
		name string
		d    int
	}
	limit := len(name) / 3
	if limit < 2 {
		limit = 2
	}
	var cands []cand
	seen := map[string]bool{}
	for _, n := range names {
		if n == "" || n == name || seen[n] {
			continue
		}
		seen[n] = true
		if d := editDistance(name, n, limit); d <= limit {
			cands = append(cands, cand{n, d})
		}
	}
	sort.SliceStable(cands, func(i, j int) bool { return cands[i].d < cands[j].d })
	if len(cands) > max {
		cands = cands[:max]
	}
	out := make([]string, len(cands))
	for i, c := range cands {
		out[i] = c.name
	}
	return out
}

// editDistance counts the insertions, deletions and replacements of bytes between two names; past limit it returns
// limit+1 early.
func editDistance(a, b string, limit int) int {
	if abs(len(a)-len(b)) > limit {
		return limit + 1
	}
	prev := make([]int, len(b)+1)
	cur := make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		best := cur[0]
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			best = min(best, cur[j])
		}
		if best > limit {
			return limit + 1
		}
		prev, cur = cur, prev
	}
	return prev[len(b)]
}

func abs(x int) int {
	if x < 0 {
		return -x
	}
	return x
}
