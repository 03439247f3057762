package shape

func imageRules() ruleSet { return ruleSet{} }
