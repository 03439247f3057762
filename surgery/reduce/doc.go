// Package reduce shrinks a model that fails, in whatever way a function tells, to a small one that still does.
package reduce
