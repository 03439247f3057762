package verify

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Machine is what models were run on.
type Machine struct {
	OS   string `json:"os"`   // as Go names it: linux
	Arch string `json:"arch"` // amd64
	CPUs int    `json:"cpus"` // logical processors that the process may use
	// CPU is the processor's name, "" where the system does not tell it.
	CPU string `json:"cpu,omitempty"`
	Go  string `json:"go"` // the version of Go that the program was built with
	// Load is how many programs wanted a processor over the minute before the measurement; missing where the system does not tell it.
	Load *float64 `json:"load,omitempty"`
}

// String writes a machine in one line.
func (m Machine) String() string {
	s := fmt.Sprintf("%s/%s, %d processors", m.OS, m.Arch, m.CPUs)
	if m.CPU != "" {
		s += " (" + m.CPU + ")"
	}
	return s
}

// Memory is how much memory the process has, in bytes, with all that it has mapped and read: models, engine, and the program itself.
type Memory struct {
	Resident int64 `json:"resident"` // now
	Peak     int64 `json:"peak"`     // the most so far
}

// memoryNow reads the memory of the process; nil where the system does not tell it.
func memoryNow() *Memory {
	if runtime.GOOS != "linux" {
		return nil
	}
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return nil
	}
	return parseMemory(data)
}

// parseMemory reads Linux's /proc/PID/status.
func parseMemory(status []byte) *Memory {
	m := &Memory{Resident: -1, Peak: -1}
	for line := range bytes.Lines(status) {
		f := strings.Fields(string(line))
		if len(f) != 3 || f[2] != "kB" {
			continue
		}
		n, err := strconv.ParseInt(f[1], 10, 64)
		if err != nil {
			continue
		}
		switch f[0] {
		case "VmRSS:":
			m.Resident = n << 10
		case "VmHWM:":
			m.Peak = n << 10
		}
	}
	if m.Resident < 0 || m.Peak < 0 {
		return nil
	}
	return m
}

func (m *Memory) resident() int64 {
	if m == nil {
		return 0
	}
	return m.Resident
}

func thisMachine() Machine {
	m := Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), Go: runtime.Version()}
	if runtime.GOOS != "linux" {
		return m
	}
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = parseCPU(data)
	}
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		if f := strings.Fields(string(data)); len(f) > 0 {
			if load, err := strconv.ParseFloat(f[0], 64); err == nil {
				m.Load = &load
			}
		}
	}
	return m
}

// parseCPU reads the first processor's name from Linux's /proc/cpuinfo; some architectures have none there.
func parseCPU(info []byte) string {
	for line := range bytes.Lines(info) {
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
