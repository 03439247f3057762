package shape

func lossRules() ruleSet { return ruleSet{} }
