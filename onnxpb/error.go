package onnxpb

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind says what an error means for whoever asked; the command line turns it into an exit code.
type Kind int

const (
	// Unfit: the input is unreadable, or the request does not fit it (no such name, types disagree). The zero Kind.
	Unfit Kind = iota
	// Refused: the question was understood and the answer is no: models differ, a check found faults, or the model does not allow the edit
	// (rows mix, a cycle).
	Refused
	// Usage: the request itself makes no sense, whatever the model.
	Usage
	// Engine: ONNX Runtime was not found or failed.
	Engine
)

// Error is an error for people: what is wrong, where, and what to do about it. Every field but Msg may be empty.
type Error struct {
	Kind   Kind
	File   string // the model file
	Node   string // the node, by name, or by operator and first output where it has none
	Tensor string // the value
	Msg    string // what is wrong
	Hint   string // what to do next
	Err    error  // the cause, for errors.Is and errors.As; its text is part of the message
}

// Error writes "file: node "n": tensor "t": what is wrong: cause (what to do)", leaving out what is not known.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ": ")
	}
	if e.Node != "" {
		b.WriteString("node " + quoted(e.Node) + ": ")
	}
	if e.Tensor != "" {
		b.WriteString("tensor " + quoted(e.Tensor) + ": ")
	}
	b.WriteString(e.Msg)
	if e.Err != nil {
		if e.Msg != "" {
			b.WriteString(": ")
		}
		b.WriteString(e.Err.Error())
	}
	if e.Hint != "" {
		b.WriteString(" (" + e.Hint + ")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Quoted writes a string for an error, in quotes: no more than its beginning where it is long, as a name in a model from elsewhere may have a megabyte.
func Quoted(s string) string { return quoted(s) }

func quoted(s string) string {
	const longest = 300
	if len(s) > longest {
		return strconv.Quote(strings.TrimSuffix(Shortened(s, 100), "...")) + "..."
	}
	return strconv.Quote(s)
}

// Visible writes a text so that it stays in its line and does nothing to a terminal: what is not to be printed is escaped.
func Visible(s string) string {
	clean := func(r rune) bool { return r != unicode.ReplacementChar && (unicode.IsPrint(r) || r == ' ') }
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case clean(r) || r == unicode.ReplacementChar && strings.HasPrefix(s[i:], "\uFFFD"):
			b.WriteRune(r)
		case r == unicode.ReplacementChar:
			fmt.Fprintf(&b, "\\x%02x", s[i])
		default:
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		}
	}
	return b.String()
}

// Shortened returns a text of more than so many bytes as its beginning and "...".
func Shortened(s string, most int) string {
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > most-utf8.UTFMax && cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "..."
}

// ShortenedArgs are the arguments of a message of which none makes a line endless.
func ShortenedArgs(args []any) []any {
	const longest = 1000
	for i, a := range args {
		if s, ok := a.(string); ok && len(s) > longest {
			args = slices.Clone(args)
			args[i] = Shortened(s, longest)
		}
	}
	return args
}

// Errorf makes an Error of a kind from a format. A %w in the format becomes the cause of the error, as in fmt.Errorf. Strings of more than a thousand bytes are
// cut off.
func Errorf(kind Kind, format string, args ...any) *Error {
	err := fmt.Errorf(format, ShortenedArgs(args)...)
	if errors.Unwrap(err) != nil {
		return &Error{Kind: kind, Err: err}
	}
	return &Error{Kind: kind, Msg: err.Error()}
}

// KindOf returns the kind of the first Error in err's chain; Unfit where there is none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Unfit
}

// InFile returns err with the name of the file it is about, where it does not tell one yet.
func InFile(err error, file string) error {
	if err == nil || file == "" {
		return err
	}
	var e *Error
	if errors.As(err, &e) {
		if e.File != "" {
			return err
		}
		if err == error(e) {
			c := *e
			c.File = file
			return &c
		}
	}
	return &Error{Kind: KindOf(err), File: file, Err: err}
}
