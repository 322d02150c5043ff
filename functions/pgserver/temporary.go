package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
)

// reaper waits until its input ends, which it does when the process that holds
// the other end is gone, however it went; then it stops the server and removes
// the folder. $1 is the folder.
const reaper = `
while read -r _; do :; done
pid=$(head -n 1 "$1/server/data/postmaster.pid" 2>/dev/null)
name=
[ -n "$pid" ] && name=$(cat "/proc/$pid/comm" 2>/dev/null || ps -o comm= -p "$pid" 2>/dev/null)
case $name in *postgres*|*postmaster*)
	kill -QUIT "$pid"
	n=0
	while kill -0 "$pid" 2>/dev/null && [ $n -lt 50 ]; do sleep 0.1; n=$((n + 1)); done
	kill -KILL "$pid" 2>/dev/null ;;
esac
rm -rf -- "$1"
`

// TemporaryServer is a server whose folder and processes go when the process
// that started it ends.
type TemporaryServer struct {
	*Server

	reaper *exec.Cmd
	leash  *os.File
	reaped sync.Once
}

// Temporary starts a server that is not durable in a new folder: under TMPDIR if
// that is set, else in memory (/dev/shm) where there is plenty of it, else in the
// temporary directory. Stop removes both; so does the end of this process, whatever ended
// it. It leaves no goroutine behind, so tests that look for leaks need not know
// of it. o.DataDir, o.SocketDir and o.Durable are not used; o.MaxConnections
// is 400 unless it is set.
func Temporary(ctx context.Context, o Options) (_ *TemporaryServer, err error) {
	var where string // the temporary directory
	if os.Getenv("TMPDIR") == "" {
		where = memoryTempDir()
	}
	dir, err := os.MkdirTemp(where, "quittance-pg-")
	if errors.Is(err, os.ErrPermission) {
		dir, err = os.MkdirTemp("", "quittance-pg-")
	}
	if err != nil {
		return nil, fmt.Errorf("pgserver: %w", err)
	}
	t := &TemporaryServer{}
	if err := t.startReaper(dir); err != nil {
		return nil, fmt.Errorf("pgserver: %w", errors.Join(err, os.RemoveAll(dir)))
	}
	// The server's account must get through to the socket's folder, which has
	// a mode of its own.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, errors.Join(err, t.endReaper())
	}
	if o.MaxConnections == 0 {
		o.MaxConnections = 400
	}
	o.DataDir, o.SocketDir = filepath.Join(dir, "server"), filepath.Join(dir, "run")
	o.Durable, o.detached = false, true
	if t.Server, err = Start(ctx, o); err != nil {
		return nil, errors.Join(err, t.endReaper())
	}
	return t, nil
}

// Stop shuts the server down at once and removes its folder.
func (t *TemporaryServer) Stop(ctx context.Context) error {
	_ = t.proc.signal(immediateShutdown) // nobody needs a checkpoint
	return errors.Join(t.Server.Stop(ctx), t.endReaper())
}

func (t *TemporaryServer) startReaper(dir string) error {
	input, leash, err := os.Pipe()
	if err != nil {
		return err
	}
	defer input.Close()
	t.leash = leash
	t.reaper = exec.Command("/bin/sh", "-c", reaper, "quittance-reaper", dir)
	t.reaper.Stdin = input
	t.reaper.Dir = "/"
	t.reaper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := t.reaper.Start(); err != nil {
		return errors.Join(err, leash.Close())
	}
	return nil
}

func (t *TemporaryServer) endReaper() (err error) {
	t.reaped.Do(func() { err = errors.Join(t.leash.Close(), t.reaper.Wait()) })
	return err
}
