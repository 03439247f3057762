package shape

func movementRules() ruleSet { return ruleSet{} }
