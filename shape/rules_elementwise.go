package shape

func elementwiseRules() ruleSet { return ruleSet{} }

func broadcast(c *call, shapes ...[]Dim) ([]Dim, bool) { return nil, false }
