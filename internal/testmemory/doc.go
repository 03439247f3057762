// Package testmemory measures the memory of a test, where the kernel tells it.
package testmemory
