package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// scratchPrefix names the folder that initdb works in.
const scratchPrefix = "initdb-"

// initCluster makes the cluster if there is none. It appears at its place whole
// or not at all.
func initCluster(ctx context.Context, f *folder, bins binaries, o Options) error {
	if err := clearScratch(ctx, f, o); err != nil {
		return fmt.Errorf("clear away an unfinished initdb: %w", err)
	}
	if f.initialised() {
		return nil
	}
	if _, err := os.Lstat(f.data()); err == nil {
		return fmt.Errorf("%s is there but holds no cluster (no PG_VERSION): move it away", f.data())
	}
	scratch, err := os.MkdirTemp(f.path, scratchPrefix)
	if err != nil {
		return err
	}
	if f.account != nil {
		if err := os.Chown(scratch, f.account.uid, f.account.gid); err != nil {
			return fmt.Errorf("give the cluster's folder to user %s: %w", f.account.name, err)
		}
	}
	if err := runInitdb(ctx, f, bins, scratch, o.Durable); err != nil {
		return err
	}
	if err := os.Rename(scratch, f.data()); err != nil {
		return err
	}
	return syncDir(f.path)
}

func runInitdb(ctx context.Context, f *folder, bins binaries, dir string, durable bool) error {
	arg := dir
	if f.account != nil {
		arg = handedFolder
	}
	args := []string{
		"-D", arg, "--username=" + Superuser, "--encoding=UTF8",
		// Bytewise order, the same on every machine and after every upgrade
		// of its libraries, and no ICU needed.
		"--locale=C",
		"--data-checksums",
		"--auth-local=trust", "--auth-host=reject", // see "Who may connect" in doc.go
	}
	if !durable {
		args = append(args, "--no-sync")
	}
	logStart := f.logSize()
	cmd, closeFiles, err := f.command(bins.initdb, dir, args...)
	if err != nil {
		return err
	}
	defer closeFiles()
	hold, err := holdFolder(dir)
	if err != nil {
		return err
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, hold)
	p, err := startTied(cmd, syscall.SIGKILL)
	_ = hold.Close() // it is the child's now
	if err != nil {
		return fmt.Errorf("run %s: %w", bins.initdb, err)
	}
	if err := p.wait(ctx); err != nil {
		// initdb leads its own session: the group is it and its children.
		_ = syscall.Kill(-p.pid(), syscall.SIGKILL)
		p.kill()
		return fmt.Errorf("initdb: %w", err)
	}
	if !cmd.ProcessState.Success() {
		return fmt.Errorf("initdb: %s; its log (%s) ends:\n%s", cmd.ProcessState, f.logPath(), f.logSince(logStart))
	}
	return nil
}

// holdFolder opens the folder that an initdb writes to, locked for as long as
// anybody has it open: the initdb and the programs it starts inherit it. They
// cannot be found by where they work, and one that has been sent SIGKILL may
// still finish what it is writing.
func holdFolder(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", dir, err), f.Close())
	}
	return f, nil
}

// clearScratch removes what a killed initdb left, when nobody writes to it any
// more.
func clearScratch(ctx context.Context, f *folder, o Options) error {
	left, err := f.scratch()
	if err != nil {
		return err
	}
	for _, dir := range left {
		o.Logger.WarnContext(ctx, "an initdb was cut short; doing it again", "left", dir)
		if err := awaitRelease(ctx, dir); err != nil {
			return err
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	return nil
}

// awaitRelease kills what of Postgres works in dir and waits until nobody holds
// the folder. See holdFolder.
func awaitRelease(ctx context.Context, dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		if err := killAll(dir); err != nil {
			return err
		}
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("an earlier initdb still writes to %s: %w", dir, ctx.Err())
		case <-tick.C:
		}
	}
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// scratch lists the folders of unfinished initdbs. (Not by a glob pattern: the
// path above is anybody's, and may hold a *.)
func (f *folder) scratch() ([]string, error) {
	entries, err := os.ReadDir(f.path)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), scratchPrefix) {
			dirs = append(dirs, filepath.Join(f.path, e.Name()))
		}
	}
	return dirs, nil
}
