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
	return e
}
