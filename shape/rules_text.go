package shape

func textRules() ruleSet { return ruleSet{} }
