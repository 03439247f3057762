package shape

func attentionRules() ruleSet { return ruleSet{} }
