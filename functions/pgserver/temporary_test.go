package pgserver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

func TestTemporaryGoesWithStop(t *testing.T) {
	t.Parallel()
	srv, err := Temporary(t.Context(), Options{})
	require.NoError(t, err)
	require.Equal(t, "off", query1[string](t, connect(t, srv.ConnString(Superuser, Superuser)), "select current_setting('fsync')"))
	require.NoError(t, srv.Stop(context.Background()))
	require.NoError(t, srv.Stop(context.Background()))
	require.False(t, srv.Running())
	_, err = os.Stat(filepath.Dir(srv.folder.path))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestTemporaryGoesWithItsProcess(t *testing.T) {
	t.Parallel()
	h := startHelper(t, "temporary", "", nil)
	cfg, err := pgx.ParseConfig(h.conn)
	require.NoError(t, err)
	folder := filepath.Dir(cfg.Host)
	require.DirExists(t, folder)
	require.True(t, alive(h.pid))
	h.kill(t)
	eventually(t, "the server is gone", func() bool { return !alive(h.pid) })
	eventually(t, "its folder is gone", func() bool {
		_, err := os.Stat(folder)
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestTemporaryThatFailsLeavesNothing(t *testing.T) {
	tmp := publicDir(t)
	t.Setenv("TMPDIR", tmp)
	_, err := Temporary(t.Context(), Options{Settings: map[string]string{"no_such_thing": "1"}})
	require.ErrorContains(t, err, "no_such_thing")
	entries, err := os.ReadDir(tmp)
	require.NoError(t, err)
	require.Empty(t, entries)
}
