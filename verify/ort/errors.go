package ort

import (
	"regexp"
	"strings"

	"onnxtool/onnxpb"
)

// What ONNX Runtime's and the binding's messages hold beside the message.
var (
	wrapping   = regexp.MustCompile(`^(Error (creating C session( from file)?|running network|creating tensor from ort): |ORT API error[^:]*: )`)
	sourceFile = regexp.MustCompile(`\S*onnxruntime[/\\]\S+\.(cc|h|cpp|hpp):\d+ `)
	loading    = regexp.MustCompile(`Load model from .*?\.onnx (failed:)?`)
	function   = regexp.MustCompile(`([\w:<>*&]+ )*onnxruntime::[\w:<>~]+\(([^()]|\([^()]*\))*\)(::<lambda\(\)>)?( const)?( \[with [^\]]*\])? `)
	whiteSpace = regexp.MustCompile(`\s+`)
)

// engineError turns an error of the binding into one of kind Engine with a message in one line.
func engineError(err error) error {
	msg := err.Error()
	for {
		short := wrapping.ReplaceAllString(msg, "")
		if short == msg {
			break
		}
		msg = short
	}
	msg = sourceFile.ReplaceAllString(msg, "")
	msg = loading.ReplaceAllString(msg, "")
	msg = function.ReplaceAllString(msg, "")
	msg = strings.TrimPrefix(strings.TrimSpace(msg), "Fatal error: ")
	msg = strings.TrimSpace(whiteSpace.ReplaceAllString(msg, " "))
	e := &onnxpb.Error{Kind: onnxpb.Engine, Msg: "ONNX Runtime: " + msg}
	if strings.Contains(msg, inventedPrefix) {
		e.Hint = "nodes and values named " + inventedPrefix + "... are not the model's: they hand inputs and outputs over that cannot pass as they are"
	}
	if e.Hint == "" {
		e.Hint = likely(msg)
	}
	return e
}

// causes are what messages of ONNX Runtime mean, and what to do.
var causes = []struct {
	says *regexp.Regexp
	hint string
}{
	{regexp.MustCompile(`is not a registered function/op|No Op registered for|Unrecognized (attribute|operator)`),
		"the operator is unknown to this version of ONNX Runtime, or belongs to a library of custom operators: a newer one may have it (onnxtool doctor tells which is used); onnxtool check tells whether it is ONNX's"},
	{regexp.MustCompile(`Could not find an implementation for`), "ONNX Runtime knows the operator, and has no kernel for these element types on this provider"},
	{regexp.MustCompile(`[Oo]pset \d+ is under development|till opset \d+`), "the model's opset is newer than this ONNX Runtime: use a newer one (see onnxtool doctor), or convert the model to an older opset"},
	{regexp.MustCompile(`Unsupported model IR version|max supported IR version`), "the file's format is newer than this ONNX Runtime: use a newer one (see onnxtool doctor)"},
	{regexp.MustCompile(`External data path|external data file|External initializer`), "a file with weights is missing beside the model: see onnxtool data check"},
	{regexp.MustCompile(`Available memory of \d+ is smaller than requested`), "the model needs more memory than it was given: raise the limit (--ort-memory), or run smaller batches"},
	{regexp.MustCompile(`Failed to allocate|bad_alloc|BFCArena|[Oo]ut of memory`), "memory ran out: run smaller batches, or fewer models at once"},
}

// likely returns the likely cause of a failure; "" where none is known.
func likely(msg string) string {
	for _, c := range causes {
		if c.says.MatchString(msg) {
			return c.hint
		}
	}
	return ""
}
