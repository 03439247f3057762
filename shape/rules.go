package shape

import "sync"

// ruleSet maps operators of one domain to their rules.
type ruleSet map[string]rule

// domains of the operators that have rules.
const (
	onnxDomain      = ""
	mlDomain        = "ai.onnx.ml"
	trainingDomain  = "ai.onnx.preview.training"
	previewDomain   = "ai.onnx.preview"
	microsoftDomain = "com.microsoft"
)

// allRules lists the rules by domain and operator.
var allRules = sync.OnceValue(func() map[string]ruleSet {
	all := map[string]ruleSet{}
	add := func(domain string, sets ...ruleSet) {
		if all[domain] == nil {
			all[domain] = ruleSet{}
		}
		for _, set := range sets {
			for name, r := range set {
				if all[domain][name] != nil {
					panic("shape: two rules for " + domain + " " + name)
				}
				all[domain][name] = r
			}
		}
	}
	add(onnxDomain, elementwiseRules(), reductionRules(), matrixRules(), normalizationRules(), movementRules(), indexRules(), creationRules(), convolutionRules(),
		imageRules(), recurrentRules(), signalRules(), attentionRules(), quantizationRules(), controlRules(), sequenceRules(), textRules(), lossRules())
	add(mlDomain, mlRules())
	add(trainingDomain, trainingRules())
	add(previewDomain, previewRules())
	add(microsoftDomain, microsoftRules())
	return all
})
