package shape

func recurrentRules() ruleSet { return ruleSet{} }
