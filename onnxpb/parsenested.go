package onnxpb

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// bracketed tells whether the elements of a tensor are written in brackets as JSON and NumPy write them. A string may begin with a bracket itself: strings are only where brackets stand within brackets, and
// the shape has as many axes.
func bracketed(t TensorProto_DataType, dims []int64, text string) bool {
	inner, ok := strings.CutPrefix(strings.TrimSpace(text), "[")
	if t == TensorProto_STRING {
		return ok && len(dims) > 1 && strings.HasPrefix(strings.TrimSpace(inner), "[")
	}
	return ok
}

// nestedReader reads elements in nested brackets: [[1, 2], [3, 4]] as JSON writes them, [[1. 2.] [3. 4.]] as NumPy does.
type nestedReader struct {
	t     TensorProto_DataType
	rest  string
	words []string
	dims  []int64 // the lengths of the lists, from the outside in, as the first of each depth has them
	at    []int   // the indices of the list that is read
	first [][]int // the indices of the first list of each depth
	leaf  int     // how deep the elements stand; 0 where none was read
}

// readNested reads elements in nested brackets, and their shape. The nesting has to be even.
func readNested(t TensorProto_DataType, text string) (words []string, dims []int64, err error) {
	r := &nestedReader{t: t, rest: text}
	r.blank()
	if err := r.list(); err != nil {
		return nil, nil, err
	}
	if r.blank(); r.rest != "" {
		return nil, nil, Errorf(Usage, "%q stands behind the last bracket", Shortened(r.rest, 40))
	}
	return r.words, r.dims, nil
}

func (r *nestedReader) blank() bool {
	before := len(r.rest)
	r.rest = strings.TrimLeftFunc(r.rest, unicode.IsSpace)
	return len(r.rest) < before
}

// place writes the indices of a list for people.
func place(at []int) string {
	if len(at) == 0 {
		return "the outermost list"
	}
	return strings.ReplaceAll(fmt.Sprint(at), " ", "][")
}

func (r *nestedReader) uneven(format string, args ...any) error {
	return &Error{Kind: Usage, Msg: "the brackets are uneven: " + fmt.Sprintf(format, args...), Hint: "all lists of one depth have the same length"}
}

// list reads a list, whose opening bracket is next.
func (r *nestedReader) list() error {
	r.rest = r.rest[1:]
	depth := len(r.at)
	if depth == 64 {
		return Errorf(Usage, "brackets are nested more than %d deep", depth)
	}
	if r.leaf > 0 && depth >= r.leaf {
		return r.uneven("%s is a list, where others are elements", place(r.at))
	}
	n := 0
	for parted := true; ; n++ {
		r.blank()
		if r.rest == "" {
			return &Error{Kind: Usage, Msg: fmt.Sprintf("the bracket of %s is not closed", place(r.at)), Hint: "close it with ]"}
		}
		if r.rest[0] == ']' {
			r.rest = r.rest[1:]
			break
		}
		if !parted {
			return Errorf(Usage, "a comma or a blank is missing in %s before %q", place(r.at), Shortened(r.rest, 20))
		}
		if err := r.item(n); err != nil {
			return err
		}
		parted = r.blank() || r.rest != "" && r.rest[0] == '['
		if strings.HasPrefix(r.rest, ",") {
			r.rest, parted = r.rest[1:], true
			if r.blank(); strings.HasPrefix(r.rest, "]") {
				return Errorf(Usage, "an element is missing before the end of %s", place(r.at))
			}
		}
	}
	switch {
	case len(r.dims) <= depth:
		r.dims = append(r.dims, make([]int64, depth+1-len(r.dims))...)
		r.first = append(r.first, make([][]int, depth+1-len(r.first))...)
		fallthrough
	case r.first[depth] == nil:
		r.dims[depth], r.first[depth] = int64(n), append([]int{}, r.at...)
	case r.dims[depth] != int64(n):
		return r.uneven("%s has %d, %s has %d", place(r.at), n, place(r.first[depth]), r.dims[depth])
	}
	return nil
}

// item reads the element or the list of an index.
func (r *nestedReader) item(n int) error {
	depth := len(r.at) + 1
	if r.rest[0] == '[' {
		r.at = append(r.at, n)
		err := r.list()
		r.at = r.at[:depth-1]
		return err
	}
	if r.leaf == 0 {
		r.leaf = depth
	}
	if r.leaf != depth || len(r.dims) > depth {
		return r.uneven("%s is an element, where others are lists", place(append(slices.Clone(r.at), n)))
	}
	word, err := r.word()
	r.words = append(r.words, word)
	return err
}

// word reads one element.
func (r *nestedReader) word() (string, error) {
	quote := r.rest[0]
	if r.t == TensorProto_STRING && (quote == '"' || quote == '\'') {
		return r.quoted(quote)
	}
	end := strings.IndexFunc(r.rest, func(c rune) bool { return c == ',' || c == '[' || c == ']' || unicode.IsSpace(c) })
	if end < 0 {
		end = len(r.rest)
	}
	word := r.rest[:end]
	r.rest = r.rest[end:]
	switch r.t {
	case TensorProto_BOOL: // as Python writes them
		if word == "True" || word == "False" {
			word = strings.ToLower(word)
		}
	case TensorProto_COMPLEX64, TensorProto_COMPLEX128:
		if w, ok := strings.CutSuffix(word, "j"); ok {
			word = w + "i"
		}
	}
	switch word {
	case "":
		return "", Errorf(Usage, "an element is missing in %s", place(r.at))
	case "...":
		return "", &Error{Kind: Usage, Msg: "elements are left out in " + place(r.at), Hint: "give all of them, or a file that numpy.save wrote"}
	}
	return word, nil
}

// quoted reads a string in quotes: in double ones with the escapes of JSON, in single ones with those of Python that most languages have.
func (r *nestedReader) quoted(quote byte) (string, error) {
	bad := func() (string, error) {
		return "", Errorf(Usage, "%s is no string in quotes", Shortened(r.rest, 40))
	}
	if quote == '"' {
		d := json.NewDecoder(strings.NewReader(r.rest))
		var s string
		if err := d.Decode(&s); err != nil {
			return bad()
		}
		r.rest = r.rest[d.InputOffset():]
		return s, nil
	}
	var b strings.Builder
	for rest := r.rest[1:]; rest != ""; {
		if rest[0] == quote {
			r.rest = rest[1:]
			return b.String(), nil
		}
		c, _, tail, err := strconv.UnquoteChar(rest, quote)
		if err != nil || c == utf8.RuneError {
			return bad()
		}
		b.WriteRune(c)
		rest = tail
	}
	return bad()
}
