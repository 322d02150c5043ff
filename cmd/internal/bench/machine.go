package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Machine is what the figures were measured on.
type Machine struct {
	Processor string
	Cores     int
	System    string
	// Sync is the median time of one write of 8 KiB with fsync in the data
	// folder: what a lone commit costs there at least.
	Sync time.Duration
	// LoadBefore and LoadAfter are the load averages of one minute: how busy
	// others kept the machine, and afterwards us too.
	LoadBefore, LoadAfter string
}

func (m Machine) String() string {
	s := fmt.Sprintf("%d cores, %s, %s, %s; a write with fsync takes %s",
		m.Cores, m.Processor, m.System, runtime.Version(), m.Sync.Round(10*time.Microsecond))
	if m.LoadBefore != "" {
		s += fmt.Sprintf("; load %s before, %s after", m.LoadBefore, m.LoadAfter)
	}
	return s
}

func look(dir string) Machine {
	return Machine{
		Processor: processor(), Cores: runtime.NumCPU(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Sync: syncTime(dir), LoadBefore: load(),
	}
}

// processor is the processor's name where the system tells it.
func processor() string {
	raw, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range strings.Lines(string(raw)) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

// load is the load average of the last minute, empty where the system does not
// tell it.
func load() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return strings.Fields(string(raw) + " ")[0]
}

// syncTime measures Sync; 0 when the folder takes no files.
func syncTime(dir string) time.Duration {
	name := filepath.Join(dir, "sync")
	f, err := os.Create(name)
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close(); _ = os.Remove(name) }() // the folder goes as a whole anyway
	page := make([]byte, 8<<10)
	times := make([]time.Duration, 0, 51)
	for range cap(times) {
		begun := time.Now()
		if _, err := f.WriteAt(page, 0); err != nil {
			return 0
		}
		if err := f.Sync(); err != nil {
			return 0
		}
		times = append(times, time.Since(begun))
	}
	slices.Sort(times)
	return quantile(times, 0.5)
}
