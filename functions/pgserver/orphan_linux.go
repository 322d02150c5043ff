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
		at := filepath.Join("/proc", e.Name())
		// Unreadable means gone, or somebody else's: either way not ours.
		cwd, err := os.Stat(filepath.Join(at, "cwd"))
		if err != nil || !os.SameFile(cwd, want) {
			continue
		}
		comm, err := os.ReadFile(filepath.Join(at, "comm"))
		if err != nil {
			continue
		}
		if name := strings.TrimSpace(string(comm)); name == "postgres" || name == "postmaster" {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
