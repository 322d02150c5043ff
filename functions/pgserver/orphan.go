package pgserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// How long an orphan may take over each step before the next, harder one. A
// fast shutdown writes a checkpoint, so it gets the most.
const (
	orphanFast      = 30 * time.Second
	orphanImmediate = immediateGrace
)

// endOrphans sees to it that no Postgres process lives in dir, which a killed
// predecessor may have left: the postmaster is shut down, backends without one
// are given time to notice. The caller holds the folder's lock, so whatever
// lives there has no owner any more.
//
// Stale files are Postgres's own business: it clears its postmaster.pid, and
// the shared memory named there, when the process is gone. The one case that it
// cannot tell, the number having passed to some other program, is settled here.
func endOrphans(ctx context.Context, dir string, log *slog.Logger) error {
	pids, err := postgresIn(dir)
	if err != nil {
		return err
	}
	if len(pids) > 0 {
		log.WarnContext(ctx, "postgres was left running by a process that ended; stopping it", "pids", pids, "folder", dir)
	}
	steps := []struct {
		signal syscall.Signal
		after  time.Duration
	}{{fastShutdown, 0}, {immediateShutdown, orphanFast}, {syscall.SIGKILL, orphanFast + orphanImmediate}}
	begun := time.Now()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for len(pids) > 0 {
		if len(steps) > 0 && time.Since(begun) >= steps[0].after {
			if err := signalOrphans(dir, pids, steps[0].signal); err != nil {
				return err
			}
			steps = steps[1:]
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for an earlier postgres (processes %v) to end: %w", pids, ctx.Err())
		case <-tick.C:
		}
		if pids, err = postgresIn(dir); err != nil {
			return err
		}
	}
	return dropForeignPidFile(dir)
}

// signalOrphans tells the postmaster, who tells its children; without one, and
// for SIGKILL, everybody is told.
func signalOrphans(dir string, pids []int, sig syscall.Signal) error {
	if st, err := readPidFile(dir); err == nil && sig != syscall.SIGKILL && slices.Contains(pids, st.pid) {
		pids = []int{st.pid}
	} else if sig == fastShutdown {
		sig = syscall.SIGTERM // to a backend SIGINT only means "cancel the query"
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("stop the earlier postgres, process %d: %w", pid, err)
		}
	}
	return nil
}

// killAll kills every Postgres process in dir until there is none.
func killAll(dir string) error {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		pids, err := postgresIn(dir)
		if err != nil || len(pids) == 0 {
			return err
		}
		if err := signalOrphans(dir, pids, syscall.SIGKILL); err != nil {
			return err
		}
		<-tick.C
	}
}

// dropForeignPidFile removes a postmaster.pid whose number now belongs to a
// living process that is not our Postgres: Postgres would take it for a running
// server and refuse. Safe only because no Postgres process lives in dir.
func dropForeignPidFile(dir string) error {
	st, err := readPidFile(dir)
	if err != nil || syscall.Kill(st.pid, 0) != nil {
		return nil //nolint:nilerr // no file, or a dead process: nothing for us to do
	}
	return os.Remove(filepath.Join(dir, "postmaster.pid"))
}

// dropStaleSocket removes the socket of a server that was killed. Postgres does
// so itself unless the process number in the lock beside it seems to live, which
// a dead process that nobody waits for does.
func dropStaleSocket(socketDir string) error {
	lock := socketDir + socketName + ".lock"
	st, err := parsePidFile(lock)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && isPostgres(st.pid) {
		return fmt.Errorf("the socket folder %s is in use by another postgres, process %d", socketDir, st.pid)
	}
	if err := os.Remove(socketDir + socketName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Remove(lock)
}

// pidFile is what a postmaster says of itself in postmaster.pid.
type pidFile struct {
	pid   int
	ready bool
}

func readPidFile(dir string) (pidFile, error) {
	return parsePidFile(filepath.Join(dir, "postmaster.pid"))
}

// parsePidFile reads one. The lines' meaning: src/include/utils/pidfile.h of
// Postgres; the first is the process, the eighth its state. The lock beside a
// socket begins in the same way.
func parsePidFile(name string) (pidFile, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return pidFile{}, err
	}
	lines := strings.Split(string(raw), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil || pid <= 0 {
		// Never a pid to signal: 0 and negative numbers mean whole groups.
		return pidFile{}, fmt.Errorf("%s: %w", name, fs.ErrInvalid)
	}
	return pidFile{pid: pid, ready: len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready"}, nil
}
