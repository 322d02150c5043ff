package pgserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// fakePostgres is a folder of programs that only know their version.
func fakePostgres(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf("#!/bin/sh\necho 'postgres (PostgreSQL) %s'\n", version)
	for _, name := range []string{"postgres", "initdb"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755))
	}
	return dir
}

func options(o Options) Options { return o.withDefaults() }

func TestBinariesOnPathComeFirst(t *testing.T) {
	onPath, err := findBinaries(t.Context(), options(Options{}), 0)
	require.NoError(t, err)
	fake := fakePostgres(t, "31.4 (Nowhere 31.4-1)")
	t.Setenv("PATH", fake+":"+os.Getenv("PATH"))
	b, err := findBinaries(t.Context(), options(Options{}), 0)
	require.NoError(t, err)
	require.Equal(t, 31, b.major)
	require.Equal(t, filepath.Join(fake, "postgres"), b.postgres)

	explicit, err := findBinaries(t.Context(), options(Options{BinDir: filepath.Dir(onPath.postgres)}), 0)
	require.NoError(t, err)
	require.Equal(t, onPath, explicit, "an explicit folder wins over PATH")
}

func TestBinariesBehindALinkAreFoundWithTheirFriends(t *testing.T) {
	dir := fakePostgres(t, "31beta2")
	links := t.TempDir()
	require.NoError(t, os.Symlink(filepath.Join(dir, "postgres"), filepath.Join(links, "postgres")))
	t.Setenv("PATH", links+":"+os.Getenv("PATH"))
	b, err := findBinaries(t.Context(), options(Options{}), 31)
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "initdb"), b.initdb)
}

func TestAnOldPostgresOnPathIsPassedOver(t *testing.T) {
	t.Setenv("PATH", fakePostgres(t, "9.6.24")+":"+os.Getenv("PATH"))
	fetched := errors.New("fetched")
	b, err := findBinaries(t.Context(), options(Options{Fetch: func(context.Context, int) (string, error) { return "", fetched }}), 0)
	if err != nil { // a machine without another one
		require.ErrorIs(t, err, fetched)
		return
	}
	require.GreaterOrEqual(t, b.major, minMajor)
}

// README.md promises 15 or newer, so 14 is as good as none.
func TestTheOldestPostgresIs15(t *testing.T) {
	t.Parallel()
	_, err := findBinaries(t.Context(), options(Options{BinDir: fakePostgres(t, "14.20")}), 0)
	require.ErrorContains(t, err, "is Postgres 14, version 15 or later is needed")
	b, err := findBinaries(t.Context(), options(Options{BinDir: fakePostgres(t, "15.0")}), 0)
	require.NoError(t, err)
	require.Equal(t, 15, b.major)
}

// A cluster is only ever opened by the version that made it.
func TestClusterOfAnotherVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "data"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "PG_VERSION"), []byte("41\n"), 0o600))

	_, err := Start(t.Context(), Options{DataDir: dir})
	require.ErrorContains(t, err, "the cluster in the data folder was made by version 41")
	_, err = Start(t.Context(), Options{DataDir: dir, BinDir: fakePostgres(t, "31.4")})
	require.ErrorContains(t, err, "is Postgres 31, the cluster in the data folder was made by version 41")

	asked := 0
	_, err = Start(t.Context(), Options{DataDir: dir, Fetch: func(_ context.Context, major int) (string, error) {
		asked = major
		return "", errors.New("no network")
	}})
	require.ErrorContains(t, err, "fetching it failed: no network")
	require.Equal(t, 41, asked)
}

func TestChildEnvironment(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"LC_ALL=C", "TZ=UTC", "HOME=/h", "PATH=/bin"},
		childEnv([]string{"PGDATA=/elsewhere", "HOME=/h", "LC_MESSAGES=de_DE", "LANG=de_DE", "TZ=Asia/Tokyo", "PATH=/bin", "PGPORT=1"}))
}
