// Package large tests the tool on models of several gigabytes: run make test-large. The files are mostly holes, so that they take little disk.
package large
