package shape

func normalizationRules() ruleSet { return ruleSet{} }
