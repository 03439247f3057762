package shape

func matrixRules() ruleSet { return ruleSet{} }
