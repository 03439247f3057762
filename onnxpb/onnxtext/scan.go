package onnxtext

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"onnxtool/onnxpb"
)

// syntaxError is what the parser panics with; Parse recovers it.
type syntaxError struct {
	pos  int
	msg  string
	hint string
}

// scanner reads words, numbers and strings.
type scanner struct {
	src string
	pos int
}

// failAt stops with an error at a place.
func (s *scanner) failAt(pos int, format string, args ...any) {
	panic(&syntaxError{pos: pos, msg: fmt.Sprintf(format, onnxpb.ShortenedArgs(args)...)})
}

// expected stops with what should stand here and what does.
func (s *scanner) expected(what string) {
	s.space()
	s.failAt(s.pos, "%s was expected, found %s", what, s.found())
}

// found describes what stands here.
func (s *scanner) found() string {
	if s.pos >= len(s.src) {
		return "the end of the text"
	}
	rest := s.src[s.pos:]
	n := 0
	for n < len(rest) && n < 20 && (isLetter(rest[n]) || isDigit(rest[n]) || n > 0 && rest[n] == '.') {
		n++
	}
	if n == 0 {
		_, n = utf8.DecodeRuneInString(rest)
	}
	return strconv.Quote(rest[:n])
}

// where tells the line and the column of a place, counted from 1, the column in characters.
func (s *scanner) where(pos int) (line, column int) {
	before := s.src[:min(pos, len(s.src))]
	start := strings.LastIndexByte(before, '\n') + 1
	return strings.Count(before, "\n") + 1, utf8.RuneCountInString(before[start:]) + 1
}

// space skips white space and comments, which go from # to the end of the line.
func (s *scanner) space() {
	for s.pos < len(s.src) {
		switch s.src[s.pos] {
		case ' ', '\t', '\n', '\r', '\v', '\f':
			s.pos++
		case '#':
			if i := strings.IndexByte(s.src[s.pos:], '\n'); i >= 0 {
				s.pos += i + 1
			} else {
				s.pos = len(s.src)
			}
		default:
			return
		}
	}
}

// peek returns the character that comes next, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

// take reads c where it comes next.
func (s *scanner) take(c byte) bool {
	if s.peek() == c && s.pos < len(s.src) {
		s.pos++
		return true
	}
	return false
}

// want reads c, which must come next.
func (s *scanner) want(c byte, what string) {
	if !s.take(c) {
		s.expected(fmt.Sprintf("%q %s", string(c), what))
	}
}

// arrow reads =>.
func (s *scanner) arrow(what string) {
	s.space()
	if !strings.HasPrefix(s.src[s.pos:], "=>") {
		s.expected(`"=>" ` + what)
	}
	s.pos += 2
}

// word returns the identifier that comes next without reading it, "" where none does.
func (s *scanner) word() string {
	s.space()
	n := s.pos
	if n < len(s.src) && isLetter(s.src[n]) {
		for n++; n < len(s.src) && (isLetter(s.src[n]) || isDigit(s.src[n])); n++ {
		}
	}
	return s.src[s.pos:n]
}

// quoted tells whether a string comes next.
func (s *scanner) quoted() bool {
	s.space()
	rest := s.src[s.pos:]
	return strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, `hex"`)
}

// str reads a string.
func (s *scanner) str(what string) string {
	if !s.quoted() {
		s.expected(what)
	}
	start := s.pos
	inHex := s.src[s.pos] == 'h'
	if inHex {
		s.pos += len("hex")
	}
	s.pos++
	from := s.pos
	escaped := false
	for ; ; s.pos++ {
		if s.pos >= len(s.src) {
			s.failAt(start, "the string has no end")
		}
		if c := s.src[s.pos]; c == '"' {
			break
		} else if c == '\\' {
			escaped = true
			s.pos++
		}
	}
	body := s.src[from:s.pos]
	s.pos++
	if inHex {
		b, err := hex.DecodeString(body)
		if err != nil {
			s.failAt(start, "the string is not hexadecimal: %v", err)
		}
		return string(b)
	}
	if !escaped {
		return strings.Clone(body)
	}
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		if body[i] == '\\' {
			i++ // there is one: the loop above has passed it
		}
		b.WriteByte(body[i])
	}
	return b.String()
}

// name reads an identifier or a string.
func (s *scanner) name(what string) string {
	if s.quoted() {
		return s.str(what)
	}
	w := s.word()
	if w == "" {
		s.expected(what)
	}
	s.pos += len(w)
	return strings.Clone(w) // a part would keep the whole text in memory
}

// qualified reads names with points between, and returns them apart.
func (s *scanner) qualified(what string) []string {
	parts := []string{s.name(what)}
	for s.take('.') {
		parts = append(parts, s.name(what))
	}
	return parts
}

// number reads an integer or a float, whose text it returns; inf and nan are floats.
func (s *scanner) number(what string) (text string, float bool) {
	s.space()
	start := s.pos
	end := s.pos
	src := s.src
	if end < len(src) && src[end] == '-' {
		end++
	}
	if end < len(src) && isLetter(src[end]) {
		s.pos = end
		w := s.word()
		s.pos = start
		if !isFloatWord(w) {
			s.expected(what)
		}
		s.pos = end + len(w)
		return src[start:s.pos], true
	}
	digits := end
	for end < len(src) && isDigit(src[end]) {
		end++
	}
	if end == digits {
		s.expected(what)
	}
	if end < len(src) && src[end] == '.' {
		float = true
		for end++; end < len(src) && isDigit(src[end]); end++ {
		}
	}
	if end < len(src) && (src[end] == 'e' || src[end] == 'E') {
		float = true
		end++
		if end < len(src) && (src[end] == '+' || src[end] == '-') {
			end++
		}
		exponent := end
		for end < len(src) && isDigit(src[end]) {
			end++
		}
		if end == exponent {
			s.failAt(start, "the number %s has no exponent", src[start:end])
		}
	}
	if end < len(src) && isLetter(src[end]) {
		s.failAt(start, "%s is not a number", strconv.Quote(src[start:min(end+10, len(src))]))
	}
	s.pos = end
	return src[start:end], float
}

// int reads an integer.
func (s *scanner) int(what string) int64 {
	text, float := s.number(what)
	start := s.pos - len(text)
	if float {
		s.failAt(start, "%s was expected, found %s", what, text)
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.failAt(start, "%s passes 64 bits", text)
	}
	return v
}

// error turns what stopped the parser into an error for people.
func (s *scanner) error(e *syntaxError) error {
	line, column := s.where(e.pos)
	return &onnxpb.Error{Msg: fmt.Sprintf("line %d:%d: %s", line, column, e.msg), Hint: e.hint}
}
