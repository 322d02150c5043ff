package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// README.md says that Postgres is fetched where there is none; the tests that
// start servers of their own must find it too.
func TestAFetchedPostgresIsOnThePathOfTheCommand(t *testing.T) {
	t.Parallel()
	var asked int
	f := fetching{fetch: func(_ context.Context, major int) (string, error) {
		asked = major
		return "/cache/postgres/bin", nil
	}}
	env := []string{"A=1", "PATH=/usr/bin:/bin", "Z=2"}
	require.Equal(t, env, f.environ(env), "nothing was fetched, nothing changes")

	dir, err := f.Fetch(t.Context(), 16)
	require.NoError(t, err)
	require.Equal(t, "/cache/postgres/bin", dir)
	require.Equal(t, 16, asked)
	require.Equal(t, []string{"A=1", "Z=2", "PATH=/usr/bin:/bin:/cache/postgres/bin"}, f.environ(env))
	require.Equal(t, []string{"A=1", "PATH=/usr/bin:/bin", "Z=2"}, env, "the caller's is left alone")
	require.Equal(t, []string{"PATH=/cache/postgres/bin"}, f.environ([]string{"PATH="}), "an empty entry would mean the working directory")
	require.Equal(t, []string{"PATH=/cache/postgres/bin"}, f.environ(nil))
}

func TestAFailedFetchLeavesThePathAlone(t *testing.T) {
	t.Parallel()
	broken := errors.New("no network")
	f := fetching{fetch: func(context.Context, int) (string, error) { return "/half", broken }}
	_, err := f.Fetch(t.Context(), 0)
	require.ErrorIs(t, err, broken)
	require.Equal(t, []string{"PATH=/bin"}, f.environ([]string{"PATH=/bin"}))
}
