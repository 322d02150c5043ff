package pgserver

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestStartStopRestartKeepsTheData(t *testing.T) {
	t.Parallel()
	o := Options{DataDir: filepath.Join(t.TempDir(), "made", "by start"), Durable: true}
	srv := start(t, o)
	c := connect(t, srv.ConnString(Superuser, Superuser))
	exec1(t, c, "create role teller login")
	exec1(t, c, "create table kept (n int)")
	exec1(t, c, "insert into kept values (42)")
	conn := srv.ConnString(Superuser, Superuser)
	require.True(t, srv.Running())
	require.NoError(t, srv.Stop(t.Context()))
	require.NoError(t, srv.Stop(t.Context()), "a second stop is nothing")
	require.False(t, srv.Running())
	_, err := os.Stat(srv.socketDir)
	require.ErrorIs(t, err, os.ErrNotExist, "the socket's folder goes with the server")

	again := start(t, o)
	require.Equal(t, conn, again.ConnString(Superuser, Superuser), "pools made before stay good")
	require.Equal(t, 42, query1[int](t, connect(t, conn), "select n from kept"))
	teller := connect(t, again.ConnString(Superuser, "teller"))
	require.Equal(t, "teller", query1[string](t, teller, "select current_user"), "every role may log in here")

	log, err := os.ReadFile(again.LogPath())
	require.NoError(t, err)
	require.NotContains(t, string(log), "not properly shut down", "both stops were clean")
}

func TestClusterIsMadeAsDocumented(t *testing.T) {
	t.Parallel()
	srv := start(t, Options{DataDir: t.TempDir(), Durable: true, MaxConnections: 23, Settings: map[string]string{"work_mem": "5MB"}})
	c := connect(t, srv.ConnString(Superuser, Superuser))
	for name, want := range map[string]string{
		"server_encoding": "UTF8", "TimeZone": "UTC", "listen_addresses": "", "data_checksums": "on",
		"max_connections": "23", "work_mem": "5MB", "shared_buffers": "256MB", "jit": "off", "shared_preload_libraries": "plpgsql",
		"unix_socket_permissions": "0700",
	} {
		require.Equal(t, want, query1[string](t, c, "select current_setting($1)", name), name)
	}
	require.Equal(t, "C", query1[string](t, c, "select datcollate from pg_database where datname = 'template1'"))
	require.NoError(t, CheckDurable(t.Context(), c))
}

// The folders' permissions are the whole wall round a server that trusts names.
func TestNobodyElseGetsAtTheSocketOrTheData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "pg")
	require.NoError(t, os.Mkdir(dir, 0o777))
	srv := start(t, Options{DataDir: dir})
	for _, private := range []string{dir, srv.folder.data(), srv.socketDir, srv.socketDir + socketName, filepath.Join(dir, "lock"), srv.LogPath()} {
		info, err := os.Lstat(private)
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077, "%s is %s", private, info.Mode())
	}
	require.Contains(t, query1[string](t, connect(t, srv.ConnString(Superuser, Superuser)),
		"select string_agg(type || ' ' || auth_method, ',' order by rule) from (select distinct type, auth_method, type = 'local' as rule from pg_hba_file_rules) r"), "local trust")
}

func TestLogHoldsNoValues(t *testing.T) {
	t.Parallel()
	srv := start(t, Options{DataDir: t.TempDir()})
	c := connect(t, srv.ConnString(Superuser, Superuser))
	exec1(t, c, "create table person (mail text primary key)")
	exec1(t, c, "insert into person values ('canary@example.org')")
	_, err := c.Exec(t.Context(), "insert into person values ('canary@example.org')")
	require.ErrorContains(t, err, "person_pkey")
	log, err := os.ReadFile(srv.LogPath())
	require.NoError(t, err)
	require.Contains(t, string(log), "person_pkey", "the error is logged")
	require.NotContains(t, string(log), "canary", "P4: what was in the row is not")
}

func TestSecondServerOnTheSameFolderIsRefusedClearly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	h := startHelper(t, "durable", dir, nil)
	_, err := Start(t.Context(), Options{DataDir: dir, Durable: true})
	require.ErrorIs(t, err, ErrInUse)
	require.ErrorContains(t, err, fmt.Sprintf("process %d runs the server in %s", h.cmd.Process.Pid, dir))
	require.Equal(t, 1, query1[int](t, connect(t, h.conn), "select 1"), "the first is not disturbed")
	h.finish(t)
	start(t, Options{DataDir: dir, Durable: true})
}

func TestOfManyStartsAtOnceOneWins(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const rivals = 12
	servers, errs := make([]*Server, rivals), make([]error, rivals)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range rivals {
		wg.Go(func() {
			<-gate
			servers[i], errs[i] = Start(t.Context(), Options{DataDir: dir})
		})
	}
	close(gate)
	wg.Wait()
	won := 0
	for i := range rivals {
		if errs[i] == nil {
			won++
			require.NoError(t, servers[i].Stop(context.Background()))
			continue
		}
		require.ErrorIs(t, errs[i], ErrInUse)
	}
	require.Equal(t, 1, won)
}

func TestStartRefusesWhatItCannotDo(t *testing.T) {
	t.Parallel()
	full := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(full, "letter.txt"), nil, 0o644))
	odd := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(odd, "data", "base"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(odd, "lock"), nil, 0o600))
	for name, tc := range map[string]struct {
		o    Options
		says string
	}{
		"no folder":            {Options{}, "DataDir is empty"},
		"somebody's folder":    {Options{DataDir: full}, "holds other files (letter.txt)"},
		"half a cluster":       {Options{DataDir: odd}, "holds no cluster"},
		"durability undone":    {Options{DataDir: t.TempDir(), Settings: map[string]string{"FSYNC": "off"}}, "may not set FSYNC"},
		"a door opened":        {Options{DataDir: t.TempDir(), Settings: map[string]string{"listen_addresses": "*"}}, "may not set listen_addresses"},
		"no programs":          {Options{DataDir: t.TempDir(), BinDir: t.TempDir()}, "not a Postgres"},
		"a setting unknown":    {Options{DataDir: t.TempDir(), Settings: map[string]string{"no_such_thing": "1"}}, `unrecognized configuration parameter "no_such_thing"`},
		"more than can be had": {Options{DataDir: t.TempDir(), MaxConnections: 1 << 30}, "max_connections"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Start(t.Context(), tc.o)
			require.ErrorContains(t, err, tc.says)
		})
	}
	info, err := os.Stat(full)
	require.NoError(t, err)
	require.NotEqual(t, os.FileMode(0o700), info.Mode().Perm(), "somebody's folder keeps its mode")
}

func TestLongPathGetsAShortSocket(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long-", 30))
	o := Options{DataDir: dir, SocketDir: filepath.Join(dir, "sockets")}
	srv := start(t, o)
	require.LessOrEqual(t, len(srv.socketDir+socketName), maxSocketPath())
	require.Equal(t, 1, query1[int](t, connect(t, srv.ConnString(Superuser, Superuser)), "select 1"))
}

func TestSocketFolderOpenToOthersIsNotUsed(t *testing.T) {
	t.Parallel()
	loose := filepath.Join(publicDir(t), "loose")
	require.NoError(t, os.Mkdir(loose, 0o755))
	srv := start(t, Options{DataDir: t.TempDir(), SocketDir: loose})
	require.NotEqual(t, loose, srv.socketDir)
	entries, err := os.ReadDir(loose)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestSocketFolderOfAnotherServerIsRefused(t *testing.T) {
	t.Parallel()
	shared := filepath.Join(publicDir(t), "shared")
	first := start(t, Options{DataDir: t.TempDir(), SocketDir: shared})
	_, err := Start(t.Context(), Options{DataDir: t.TempDir(), SocketDir: shared})
	require.ErrorContains(t, err, fmt.Sprintf("in use by another postgres, process %d", first.Pid()))
	require.Equal(t, 1, query1[int](t, connect(t, first.ConnString(Superuser, Superuser)), "select 1"))
}

func TestExpiredStartLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	// Cancelled in the middle of initdb, as soon as its scratch folder is there.
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if len(scratchIn(dir)) > 0 {
				return
			}
		}
	}()
	_, err := Start(ctx, Options{DataDir: dir, Durable: true})
	require.ErrorIs(t, err, context.Canceled)
	for _, d := range scratchIn(dir) {
		eventually(t, "initdb's processes are gone", func() bool {
			pids, err := postgresIn(d)
			return err == nil && len(pids) == 0
		})
	}
	start(t, Options{DataDir: dir, Durable: true})
	require.Empty(t, scratchIn(dir))
}

func TestStopThatMayNotWaitStopsAllTheSame(t *testing.T) {
	t.Parallel()
	o := Options{DataDir: t.TempDir(), Durable: true}
	srv := start(t, o)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	err := srv.Stop(ctx)
	require.False(t, srv.Running())
	if err != nil { // it may have been quick enough
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	start(t, o)
}

// scratchIn lists unfinished initdbs.
func scratchIn(dir string) []string {
	found, _ := (&folder{path: dir}).scratch()
	return found
}
