package shape

func creationRules() ruleSet { return ruleSet{} }
