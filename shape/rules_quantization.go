package shape

func quantizationRules() ruleSet { return ruleSet{} }
