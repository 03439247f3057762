package opset

// Lookup returns the version of an operator that is in force under an import of version of its domain's operator set.
func Lookup(domain, name string, version int64) (*Operator, bool) { return nil, false }

// Known tells whether the table holds a domain.
func Known(domain string) bool { return false }

// Newest returns the newest version of a domain's operator set that the table holds; 0 where it does not know the domain.
func Newest(domain string) int64 { return 0 }

// MinIR returns the lowest IR version of the release that brought a version of a domain's operator set; 1 where that is not known.
func MinIR(domain string, version int64) int64 { return 1 }
