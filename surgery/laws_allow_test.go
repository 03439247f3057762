package surgery

import "regexp"

// allowance is what an edit may change or lose: patterns of paths, parted by |, each of which has to be needed.
type allowance struct {
	patterns []*regexp.Regexp
	used     map[*regexp.Regexp]bool
}

func newAllowance(text string) *allowance {
	a := &allowance{used: map[*regexp.Regexp]bool{}}
	depth, from := 0, 0
	for i, c := range text + "|" {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case '|':
			if depth == 0 {
				if p := text[from:i]; p != "" && p != "^$" {
					a.patterns = append(a.patterns, regexp.MustCompile(p))
				}
				from = i + 1
			}
		}
	}
	return a
}

func (a *allowance) match(path string) bool {
	any := false
	for _, p := range a.patterns {
		if p.MatchString(path) {
			a.used[p], any = true, true
		}
	}
	return any
}

func (a *allowance) unused() []string {
	var list []string
	for _, p := range a.patterns {
		if !a.used[p] {
			list = append(list, p.String())
		}
	}
	return list
}
