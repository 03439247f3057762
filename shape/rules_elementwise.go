package shape

func elementwiseRules() ruleSet { return ruleSet{} }
