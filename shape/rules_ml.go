package shape

func mlRules() ruleSet { return ruleSet{} }
