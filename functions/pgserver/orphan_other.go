//go:build unix && !linux

package pgserver

import (
	"os/exec"
	"strconv"
	"strings"
)

// postgresIn finds the postmaster by its pid file; its children cannot be found
// here without /proc.
func postgresIn(dir string) ([]int, error) {
	st, err := readPidFile(dir)
	if err != nil {
		return nil, nil //nolint:nilerr // no server has left its mark
	}
	out, err := exec.Command("ps", "-o", "comm=", "-p", strconv.Itoa(st.pid)).Output()
	if err != nil || !strings.Contains(string(out), "postgres") {
		return nil, nil //nolint:nilerr // ps fails for a process that is gone
	}
	return []int{st.pid}, nil
}
