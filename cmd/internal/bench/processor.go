package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// clockTick is the unit of the times in /proc/<pid>/stat: USER_HZ, which is 100
// on every architecture that Go runs on (proc(5), time(7)).
const clockTick = 10 * time.Millisecond

// own is the processor time that this process has used.
func own() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// family is the processor time that a process, its children and those of them
// that have ended used; 0 where the system does not tell.
func family(pid int) time.Duration {
	var sum time.Duration
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // only a malformed pattern fails
	for _, name := range stats {
		s, err := readStat(name)
		switch {
		case err != nil: // it has ended meanwhile; its parent has its time
		case s.pid == pid:
			sum += s.self + s.ended
		case s.parent == pid:
			sum += s.self
		}
	}
	return sum
}

type stat struct {
	pid, parent int
	self, ended time.Duration
}

// readStat reads fields 1, 4 and 14 to 17 of proc(5).
func readStat(name string) (s stat, err error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return s, err
	}
	id, rest, _ := strings.Cut(string(raw), " ")
	// The second field is a name in parentheses and may hold anything.
	fields := strings.Fields(rest[strings.LastIndexByte(rest, ')')+1:])
	if len(fields) < 15 {
		return s, fmt.Errorf("%s: %d fields", name, len(fields))
	}
	numbers := make([]int, 0, 6)
	for _, field := range []string{id, fields[1], fields[11], fields[12], fields[13], fields[14]} {
		n, err := strconv.Atoi(field)
		if err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
		numbers = append(numbers, n)
	}
	return stat{
		pid: numbers[0], parent: numbers[1],
		self:  time.Duration(numbers[2]+numbers[3]) * clockTick,
		ended: time.Duration(numbers[4]+numbers[5]) * clockTick,
	}, nil
}

// microsecondsEach spreads processor time over n pieces of work.
func microsecondsEach(d time.Duration, n int) float64 {
	if n == 0 {
		return 0
	}
	return float64(d) / float64(time.Microsecond) / float64(n)
}
