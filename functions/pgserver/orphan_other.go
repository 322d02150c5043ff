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
	if !isPostgres(st.pid) {
		return nil, nil
	}
	return []int{st.pid}, nil
}

// isPostgres says whether the process is a living Postgres.
func isPostgres(pid int) bool {
	out, err := exec.Command("ps", "-o", "stat=,comm=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(string(out), "Z") && strings.Contains(string(out), "postgres")
}
