package surgery

import (
	"fmt"
	"regexp"
	"strings"

	"onnxtool/onnxpb"
)

// pattern is how a rule tells the names that it is for: one name, a glob, or a regular expression.
type pattern struct {
	text  string
	exact bool
	part  bool // the names that hold the text
	re    *regexp.Regexp
}

// newPart makes the pattern of the names that hold a text, in which rename replaces it wherever it stands.
func newPart(text string) (*pattern, error) {
	if text == "" {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "the part of names to look for is empty"}
	}
	return &pattern{text: text, part: true}, nil
}

// newPattern reads a pattern. A name that exists is that name, whatever it looks like (tensors are called a[0] or x* in earnest); otherwise re:
// begins a regular expression of Go's syntax, which has to match the whole name, and *, ? or [ make a glob: * stands for any run of characters, ? for one, [abc],
// [a-z] and [!a-z] for one of a class, \ takes the meaning off the next character. Unlike in paths, * matches / as well.
func newPattern(text string, exists bool) (*pattern, error) {
	if text == "" {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: "a name to look for is empty"}
	}
	if exists {
		return &pattern{text: text, exact: true}, nil
	}
	if expr, ok := strings.CutPrefix(text, "re:"); ok {
		// Compiled alone first, so that an error speaks of what the user wrote.
		if _, err := regexp.Compile(expr); err != nil {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no regular expression", expr), Err: err}
		}
		re, err := regexp.Compile(`\A(?:` + expr + `)\z`)
		if err != nil {
			return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no regular expression", expr), Err: err}
		}
		return &pattern{text: text, re: re}, nil
	}
	if !strings.ContainsAny(text, "*?[") {
		return &pattern{text: text, exact: true}, nil
	}
	expr, err := globExpr(text)
	if err != nil {
		return nil, err
	}
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q is no pattern: a character class is wrong", text), Hint: "write [a-z], or re: before a regular expression"}
	}
	return &pattern{text: text, re: re}, nil
}

// globExpr writes a glob as a regular expression; each *, ? and class is a group.
func globExpr(glob string) (string, error) {
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	r := []rune(glob)
	for i := 0; i < len(r); i++ {
		switch r[i] {
		case '*':
			b.WriteString("(.*)")
		case '?':
			b.WriteString("(.)")
		case '\\':
			if i+1 < len(r) {
				i++
			}
			b.WriteString(regexp.QuoteMeta(string(r[i])))
		case '[':
			// A ] that comes first in a class is one of its characters.
			first := i + 1
			if first < len(r) && (r[first] == '!' || r[first] == '^') {
				first++
			}
			end := first
			for end < len(r) && (r[end] != ']' || end == first) {
				if r[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(r) {
				return "", &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("pattern %q has a [ without its ]", glob), Hint: `write \[ for the character itself`}
			}
			b.WriteString("([")
			if first > i+1 {
				b.WriteByte('^')
			}
			for k := first; k < end; k++ {
				if r[k] == '\\' && k+1 < end {
					k++
					b.WriteString(`\` + string(r[k]))
					continue
				}
				if strings.ContainsRune(`[]^\&~`, r[k]) {
					b.WriteByte('\\')
				}
				b.WriteRune(r[k])
			}
			b.WriteString("])")
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(string(r[i])))
		}
	}
	b.WriteString(`\z`)
	return b.String(), nil
}

// matches tells whether a name is what the pattern is for.
func (p *pattern) matches(name string) bool {
	switch {
	case p.exact:
		return name == p.text
	case p.part:
		return strings.Contains(name, p.text)
	}
	return p.re.MatchString(name)
}

// chosen returns the names that patterns choose from a list, each once: pattern by pattern, those of a glob or regular expression in the order of the list. A name that
// exists counts as itself, be it in the list or not. missing makes the error of a pattern that chooses nothing; exact tells whether it is a plain name.
func chosen(texts, list []string, exists func(string) bool, missing func(text string, exact bool) error) ([]string, error) {
	var out []string
	seen := map[string]bool{}
	for _, text := range texts {
		p, err := newPattern(text, exists(text))
		if err != nil {
			return nil, err
		}
		hits := 0
		take := func(name string) {
			hits++
			if !seen[name] {
				seen[name] = true
				out = append(out, name)
			}
		}
		switch {
		case !p.exact:
			for _, name := range list {
				if p.matches(name) {
					take(name)
				}
			}
		case exists(text):
			take(text)
		}
		if hits == 0 {
			return nil, missing(text, p.exact)
		}
	}
	return out, nil
}

// rename gives the new name of a name that the pattern matches; false where it does not match.
func (p *pattern) rename(name, to string) (string, bool) {
	if p.exact {
		out, _ := p.expand(to, "", nil)
		return out, name == p.text
	}
	if p.part {
		return strings.ReplaceAll(name, p.text, to), strings.Contains(name, p.text)
	}
	groups := p.re.FindStringSubmatchIndex(name)
	if groups == nil {
		return "", false
	}
	out, _ := p.expand(to, name, groups)
	return out, true
}

// check tells whether a new name asks for groups that the pattern has not.
func (p *pattern) check(to string) error {
	if !p.exact && !strings.HasPrefix(p.text, "re:") && strings.Contains(to, "*") {
		return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("the new name %q of the pattern %q holds a *, which would be taken as it is", to, p.text),
			Hint: "write $1 for what the first *, ? or class of the pattern stands for; re: and a regular expression where a * is meant"}
	}
	_, err := p.expand(to, "", nil)
	return err
}

// expand puts the groups of a match (a plain name has none) into a new name: $1 or ${1} is the first group, ${name} a named one, $$ a dollar. Unlike in regexp.Expand, $1_x is the first
// group followed by _x, as names are full of underscores.
func (p *pattern) expand(to, name string, groups []int) (string, error) {
	var b strings.Builder
	put := func(ref string) error {
		n, groupCount := -1, 0
		if !p.exact {
			groupCount = p.re.NumSubexp()
		}
		if ref != "" && strings.Trim(ref, "0123456789") == "" {
			if _, err := fmt.Sscanf(ref, "%d", &n); err != nil {
				n = -1
			}
		} else if !p.exact {
			n = p.re.SubexpIndex(ref)
		}
		if n < 0 || n > groupCount || p.exact {
			return &onnxpb.Error{Kind: onnxpb.Usage, Msg: fmt.Sprintf("%q asks for the group $%s, and %q has %d groups", to, ref, p.text, groupCount),
				Hint: "groups are (...) in a regular expression, and *, ? and [...] in a glob; write $$ for a dollar"}
		}
		if groups != nil && groups[2*n] >= 0 {
			b.WriteString(name[groups[2*n]:groups[2*n+1]])
		}
		return nil
	}
	for i := 0; i < len(to); i++ {
		if to[i] != '$' || i+1 == len(to) {
			b.WriteByte(to[i])
			continue
		}
		rest := to[i+1:]
		switch {
		case rest[0] == '$':
			b.WriteByte('$')
			i++
		case rest[0] == '{' && strings.Contains(rest, "}"):
			end := strings.IndexByte(rest, '}')
			if err := put(rest[1:end]); err != nil {
				return "", err
			}
			i += end + 1
		case rest[0] >= '0' && rest[0] <= '9':
			end := 1
			for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
				end++
			}
			if err := put(rest[:end]); err != nil {
				return "", err
			}
			i += end
		default:
			b.WriteByte('$')
		}
	}
	return b.String(), nil
}
