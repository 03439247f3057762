package shape

func signalRules() ruleSet { return ruleSet{} }
