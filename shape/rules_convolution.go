package shape

func convolutionRules() ruleSet { return ruleSet{} }
