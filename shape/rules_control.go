package shape

func controlRules() ruleSet { return ruleSet{} }
