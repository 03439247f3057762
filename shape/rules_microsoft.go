package shape

func microsoftRules() ruleSet { return ruleSet{} }
