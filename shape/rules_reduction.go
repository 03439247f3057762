package shape

func reductionRules() ruleSet { return ruleSet{} }
