package shape

func sequenceRules() ruleSet { return ruleSet{} }
