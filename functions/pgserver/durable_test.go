package pgserver

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// P7: a service does not run on a Postgres that may lose what it acknowledged.
func TestP7_CheckDurableRefuses(t *testing.T) {
	t.Parallel()
	t.Run("a server with fsync off", func(t *testing.T) {
		t.Parallel()
		srv := start(t, Options{DataDir: t.TempDir()})
		err := CheckDurable(t.Context(), connect(t, srv.ConnString(Superuser, Superuser)))
		require.ErrorIs(t, err, ErrNotDurable)
		for _, weak := range []string{"fsync is off", "full_page_writes is off", "synchronous_commit is off"} {
			require.ErrorContains(t, err, weak)
		}
		require.NotContains(t, err.Error(), "data_checksums")
	})

	srv := start(t, Options{DataDir: t.TempDir(), Durable: true})
	owner := connect(t, srv.ConnString(Superuser, Superuser))
	exec1(t, owner, "create role hasty login")
	for name, tc := range map[string]struct{ weaken, mend, says string }{
		"a session": {
			"set synchronous_commit = local", "set synchronous_commit = remote_apply",
			"synchronous_commit is local",
		},
		"a role": {
			"alter role hasty set synchronous_commit = off", "alter role hasty set synchronous_commit = TRUE",
			"synchronous_commit is off for hasty in every database",
		},
		"a database": {
			"alter database postgres set synchronous_commit = remote_write", "alter database postgres reset synchronous_commit",
			"synchronous_commit is remote_write for every role in postgres",
		},
	} {
		require.NoError(t, CheckDurable(t.Context(), owner), "before %s", name)
		exec1(t, owner, tc.weaken)
		err := CheckDurable(t.Context(), owner)
		require.ErrorIs(t, err, ErrNotDurable, name)
		require.ErrorContains(t, err, tc.says, name)
		exec1(t, owner, tc.mend)
	}
	hasty := connect(t, srv.ConnString(Superuser, "hasty"))
	require.NoError(t, CheckDurable(t.Context(), hasty), "any role may ask")

	// Not even the owner can undo it for the next start.
	exec1(t, owner, "alter system set fsync = off")
	exec1(t, owner, "select pg_reload_conf()")
	require.NoError(t, srv.Stop(t.Context()))
	again := start(t, srv.opts)
	require.NoError(t, CheckDurable(t.Context(), connect(t, again.ConnString(Superuser, Superuser))))
}

func TestCheckDurableNeedsAnAnswer(t *testing.T) {
	t.Parallel()
	srv := start(t, Options{DataDir: t.TempDir(), Durable: true})
	c := connect(t, srv.ConnString(Superuser, Superuser))
	require.NoError(t, srv.Kill())
	err := CheckDurable(t.Context(), c)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrNotDurable, "not knowing is another error")
}
