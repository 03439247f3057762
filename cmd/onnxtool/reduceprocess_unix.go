//go:build unix

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup has a command run in a process group of its own, so that what it starts ends with it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup ends a process that ownGroup was called for, and all that it started.
func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }
