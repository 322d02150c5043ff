package pgserver

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

const nobody = 65534

func ownerOfProcess(t *testing.T, pid int) int {
	t.Helper()
	info, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid)))
	require.NoError(t, err)
	uid, _ := ownerOf(info)
	return uid
}

func TestRootDropsToAnUnprivilegedUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root has anything to drop")
	}
	// Like a clone under /root: nobody but root gets through.
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	srv := start(t, Options{DataDir: filepath.Join(closed, "clone", ".quittance", "postgres"), Durable: true})
	uid := ownerOfProcess(t, srv.Pid())
	require.NotZero(t, uid)
	require.Equal(t, 1, query1[int](t, connect(t, srv.ConnString(Superuser, Superuser)), "select 1"))

	for path, want := range map[string]int{
		closed:            0,
		srv.folder.path:   0,
		srv.folder.data(): uid,
		srv.socketDir:     uid,
		srv.LogPath():     0,
	} {
		info, err := os.Stat(path)
		require.NoError(t, err)
		owner, _ := ownerOf(info)
		require.Equal(t, want, owner, path)
	}
	require.NoError(t, srv.Kill())
	start(t, srv.opts)
}

func TestOrdinaryUserAndRootTakeTurns(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else; all other tests are the ordinary user's")
	}
	dir := filepath.Join(publicDir(t), "nobodys")
	require.NoError(t, os.Mkdir(dir, 0o755))
	require.NoError(t, os.Chown(dir, nobody, nobody))
	user := &syscall.Credential{Uid: nobody, Gid: nobody}

	h := startHelper(t, "durable", dir, user)
	require.Equal(t, nobody, ownerOfProcess(t, h.pid))
	exec1(t, connect(t, h.conn), "create table his (n int)")
	h.finish(t)

	srv, err := Start(t.Context(), Options{DataDir: dir, Durable: true})
	require.NoError(t, err)
	require.Equal(t, nobody, ownerOfProcess(t, srv.Pid()), "root runs it as its owner")
	exec1(t, connect(t, srv.ConnString(Superuser, Superuser)), "insert into his values (1)")
	require.NoError(t, srv.Stop(t.Context()))

	h = startHelper(t, "durable", dir, user)
	require.Equal(t, 1, query1[int](t, connect(t, h.conn), "select n from his"), "and it is still his")
	h.kill(t)
	eventually(t, "the kernel tells an ordinary user's server too", func() bool { return !alive(h.pid) })
	start(t, srv.opts)
}

func TestAnotherUsersFolderIsRefusedClearly(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	dir := filepath.Join(publicDir(t), "roots")
	start(t, Options{DataDir: dir})
	h, out := launchHelper(t, "durable", dir, &syscall.Credential{Uid: nobody, Gid: nobody})
	_, err := out.Read(make([]byte, 1))
	require.Error(t, err, "it has nothing to say")
	require.Error(t, h.cmd.Wait())
	require.Contains(t, h.stderr.String(), "belongs to user 0, not to you (65534)")
}

func TestReaches(t *testing.T) {
	t.Parallel()
	a := &account{name: "stranger", uid: 54321, gid: 54321}
	open := publicDir(t)
	require.True(t, a.reaches(open))
	shut := filepath.Join(open, "shut")
	require.NoError(t, os.MkdirAll(filepath.Join(shut, "below"), 0o755))
	require.NoError(t, os.Chmod(shut, 0o700))
	require.False(t, a.reaches(shut))
	require.False(t, a.reaches(filepath.Join(shut, "below")))
	require.False(t, a.reaches(filepath.Join(open, "not there")))
	require.ErrorContains(t, a.canRun(filepath.Join(shut, "postgres")), "user stranger, who cannot reach")
}
