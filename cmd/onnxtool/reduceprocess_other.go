//go:build !unix

package main

import (
	"os"
	"os/exec"
)

// ownGroup does nothing: there are no process groups.
func ownGroup(*exec.Cmd) {}

// killGroup ends a process.
func killGroup(p *os.Process) error { return p.Kill() }
