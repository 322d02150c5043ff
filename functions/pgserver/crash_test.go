package pgserver

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// F12: what was acknowledged is there after a crash, each time.
func TestAcknowledgedCommitsSurviveACrash(t *testing.T) {
	t.Parallel()
	o := Options{DataDir: t.TempDir(), Durable: true}
	srv := start(t, o)
	exec1(t, connect(t, srv.ConnString(Superuser, Superuser)), "create table acked (n bigint primary key)")
	var acked atomic.Int64
	for round := range 3 {
		before := acked.Load()
		ended := make(chan struct{})
		conn, err := pgx.Connect(t.Context(), srv.ConnString(Superuser, Superuser))
		require.NoError(t, err)
		go func() {
			defer close(ended)
			defer conn.Close(context.Background())
			for {
				if _, err := conn.Exec(context.Background(), "insert into acked values ($1)", acked.Load()+1); err != nil {
					return // the crash
				}
				acked.Add(1)
			}
		}()
		eventually(t, "some commits", func() bool { return acked.Load() > before+50 })
		require.NoError(t, srv.Kill())
		<-ended
		require.False(t, srv.Running())

		srv = start(t, o)
		c := connect(t, srv.ConnString(Superuser, Superuser))
		n := query1[int64](t, c, "select count(*) from acked")
		// One more may have been committed without its answer coming through.
		require.Contains(t, []int64{acked.Load(), acked.Load() + 1}, n, "round %d", round)
		acked.Store(n)
	}
	log, err := os.ReadFile(srv.LogPath())
	require.NoError(t, err)
	require.Contains(t, string(log), "database system was not properly shut down", "there was something to recover from")
}

// E: kill -9 of the bank must not stand in the way of the next start.
func TestKilledParent(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"durable", "orphaning"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			h := startHelper(t, mode, dir, nil)
			c := connect(t, h.conn)
			exec1(t, c, "create table kept (n int)")
			exec1(t, c, "insert into kept values (7)")
			h.kill(t)
			if mode == "orphaning" {
				require.True(t, alive(h.pid), "nobody told it")
			}

			srv := start(t, Options{DataDir: dir, Durable: true})
			require.False(t, alive(h.pid), "the orphan is gone before its successor runs")
			require.NotEqual(t, h.pid, srv.Pid())
			require.Equal(t, 7, query1[int](t, connect(t, srv.ConnString(Superuser, Superuser)), "select n from kept"))
		})
	}
}

func TestKernelTellsTheChildOfAKilledParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := startHelper(t, "durable", dir, nil)
	require.True(t, alive(h.pid))
	h.kill(t)
	eventually(t, "the postmaster ends by itself", func() bool { return !alive(h.pid) })
	srv := start(t, Options{DataDir: dir, Durable: true})
	log, err := os.ReadFile(srv.LogPath())
	require.NoError(t, err)
	require.NotContains(t, string(log), "not properly shut down", "it was told to end in good order")
}

func TestKilledPostmasterLeavesBackendsThatAreWaitedFor(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := startHelper(t, "orphaning", dir, nil)
	c := connect(t, h.conn)
	backend := query1[int](t, c, "select pg_backend_pid()")
	busy := make(chan error, 1)
	go func() {
		// Computing, not waiting: it does not look whether its postmaster lives.
		_, err := c.Exec(context.Background(), "select count(*) from generate_series(1, 1000000000)")
		busy <- err
	}()
	watcher := connect(t, h.conn)
	eventually(t, "the query runs", func() bool {
		return query1[string](t, watcher, "select coalesce(max(state), '') from pg_stat_activity where pid = $1", backend) == "active"
	})
	h.kill(t)
	require.NoError(t, killPid(h.pid))

	srv, err := Start(t.Context(), Options{DataDir: dir, Durable: true})
	require.Error(t, <-busy, "it ends when the old server does")
	require.NoError(t, err)
	require.False(t, alive(backend))
	require.NoError(t, srv.Stop(t.Context()))
}

func TestKilledInitdbIsDoneAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h, _ := launchHelper(t, "durable", dir, nil)
	scratch := initdbAtWork(t, dir)
	f, err := os.Open(scratch)
	require.NoError(t, err)
	defer f.Close()
	require.ErrorIs(t, syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), syscall.EWOULDBLOCK, "whoever writes to it holds it")
	h.kill(t)
	_, err = os.Stat(filepath.Join(dir, "data"))
	require.ErrorIs(t, err, os.ErrNotExist, "half a cluster is never at its place")

	srv := start(t, Options{DataDir: dir, Durable: true})
	require.NoError(t, CheckDurable(t.Context(), connect(t, srv.ConnString(Superuser, Superuser))))
	require.Empty(t, scratchIn(dir))
}

// initdbAtWork waits until an initdb has begun to write and returns where.
func initdbAtWork(t *testing.T, dir string) (scratch string) {
	t.Helper()
	eventually(t, "initdb has begun to write", func() bool {
		found := scratchIn(dir)
		if len(found) == 0 {
			return false
		}
		scratch = found[0]
		_, err := os.Stat(filepath.Join(scratch, "PG_VERSION"))
		return err == nil
	})
	return scratch
}

// A killed initdb ends when the kernel has seen to it, not when the signal is
// sent: its folder is not pulled away under its last writes.
func TestFolderOfAnInitdbThatStillWritesIsLeft(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600))
	scratch := filepath.Join(dir, scratchPrefix+"1")
	require.NoError(t, os.Mkdir(scratch, 0o700))
	writer, err := holdFolder(scratch)
	require.NoError(t, err)

	patience, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorContains(t, awaitRelease(patience, scratch), "an earlier initdb still writes to "+scratch)
	require.DirExists(t, scratch)

	require.NoError(t, writer.Close())
	start(t, Options{DataDir: dir})
	require.NoDirExists(t, scratch)
}

// Whatever moment of a start or a run the kill hits, initdb included, the next
// start needs no hand.
func TestKillsAtAnyMoment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 10 {
		moment := time.Duration(i) * 120 * time.Millisecond // a first start takes about a second
		h, _ := launchHelper(t, "durable", dir, nil)
		<-time.After(moment)
		h.kill(t)
	}
	srv := start(t, Options{DataDir: dir, Durable: true})
	require.NoError(t, CheckDurable(t.Context(), connect(t, srv.ConnString(Superuser, Superuser))))
	pids, err := postgresIn(srv.folder.data())
	require.NoError(t, err)
	require.Contains(t, pids, srv.Pid())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Subset(t, []string{"data", "lock", "postgres.log", "run"}, names, "nothing half done is left")
}

// A container that restarts gives the same small process numbers again.
func TestPidFileOfSomebodyElsesProcess(t *testing.T) {
	t.Parallel()
	o := Options{DataDir: t.TempDir()}
	srv := start(t, o)
	require.NoError(t, srv.Kill())
	pidFile := filepath.Join(srv.folder.data(), "postmaster.pid")
	raw, err := os.ReadFile(pidFile)
	require.NoError(t, err, "a killed server leaves it")
	dead := strconv.Itoa(srv.Pid())
	require.Equal(t, dead, string(raw[:len(dead)]))
	foreign := strconv.Itoa(os.Getpid()) + string(raw[len(dead):])
	require.NoError(t, os.WriteFile(pidFile, []byte(foreign), 0o600))

	start(t, o)
}

func TestReadPidFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for content, want := range map[string]pidFile{
		"":                                      {},
		"abc\n":                                 {},
		"0\n":                                   {},
		"-1\n":                                  {}, // a signal to -1 would go to everybody
		"12\n":                                  {pid: 12},
		"12\n/d\n1\n5432\n/s\n\n 1 2\nready   ": {pid: 12, ready: true},
		"12\n/d\n1\n5432\n/s\n\n 1 2\nstopping": {pid: 12},
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "postmaster.pid"), []byte(content), 0o600))
		got, err := readPidFile(dir)
		require.Equal(t, want, got, "%q", content)
		require.Equal(t, want.pid == 0, err != nil, "%q", content)
	}
}
