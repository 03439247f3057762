package shape

func indexRules() ruleSet { return ruleSet{} }
