package pgserver

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// postgresIn lists the Postgres processes whose working directory is dir: the
// postmaster changes into it and its children stay. It holds under another name
// of the folder, after a rename of the postmaster.pid, and when process ids have
// been used again.
func postgresIn(dir string) ([]int, error) {
	want, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if cwd, ok := postgresAt(pid); ok && os.SameFile(cwd, want) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// postgresAt says whether the process is a living Postgres, and where it works.
// A dead one that nobody has waited for, as in a container without an init, has
// no working directory any more; somebody else's cannot be read.
func postgresAt(pid int) (os.FileInfo, bool) {
	at := filepath.Join("/proc", strconv.Itoa(pid))
	cwd, err := os.Stat(filepath.Join(at, "cwd"))
	if err != nil {
		return nil, false
	}
	comm, err := os.ReadFile(filepath.Join(at, "comm"))
	if err != nil {
		return nil, false
	}
	name := strings.TrimSpace(string(comm))
	return cwd, name == "postgres" || name == "postmaster"
}

// isPostgres says whether the process is a living Postgres.
func isPostgres(pid int) bool {
	_, ok := postgresAt(pid)
	return ok
}
