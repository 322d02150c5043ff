package pgfetch

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/pgserver"
)

// repository is a Maven repository whose archives hold programs.txz: a bin folder
// with postgres, initdb and pg_ctl, which run the real ones on PATH.
// (Made with: tar -cJf programs.txz bin.)
func repository(t *testing.T, spoil func(checksum string) string) (url string, downloads *atomic.Int32) {
	t.Helper()
	programs, err := os.ReadFile(filepath.Join("testdata", "programs.txz"))
	require.NoError(t, err)
	var jar bytes.Buffer
	z := zip.NewWriter(&jar)
	w, err := z.Create("postgres-linux-x86_64.txz")
	require.NoError(t, err)
	_, err = w.Write(programs)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	sum := sha256.Sum256(jar.Bytes())

	downloads = new(atomic.Int32)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !strings.HasPrefix(r.URL.Path, "/io/zonky/test/postgres/"):
			http.NotFound(w, r)
		case strings.HasSuffix(r.URL.Path, ".sha256"):
			_, _ = w.Write([]byte(spoil(hex.EncodeToString(sum[:]))))
		default:
			downloads.Add(1)
			_, _ = w.Write(jar.Bytes())
		}
	}))
	t.Cleanup(srv.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return srv.URL, downloads
}

func asItIs(s string) string { return s }

// realOnPath makes sure that the programs stood for are found, and skips the
// test where there are none that could be handed out. (make test always has
// some: withpostgres puts what it fetched on PATH.)
func realOnPath(t *testing.T) (major int) {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	require.NoError(t, err)
	t.Setenv("PATH", strings.Join(append([]string{os.Getenv("PATH")}, found...), ":"))
	for _, program := range []string{"postgres", "initdb", "pg_ctl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no Postgres is installed that the test's repository could hand out: %v", err)
		}
	}
	out, err := exec.Command("postgres", "--version").Output()
	require.NoError(t, err)
	_, version, _ := strings.Cut(string(out), "(PostgreSQL) ")
	for m := range versions {
		if strings.HasPrefix(version, strconv.Itoa(m)) {
			return m
		}
	}
	t.Skipf("the installed Postgres is of a version that is never fetched: %s", out)
	return 0
}

// publicDir is a temporary folder that the account of a root's server reaches.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pgfetch-test-")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}

func TestFetchedProgramsRunAServer(t *testing.T) {
	major := realOnPath(t)
	url, downloads := repository(t, asItIs)
	f := Fetcher{CacheDir: filepath.Join(publicDir(t), "cache"), Repository: url}
	bin, err := f.Fetch(t.Context(), major)
	require.NoError(t, err)

	srv, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: t.TempDir(), BinDir: bin})
	require.NoError(t, err)
	require.NoError(t, srv.Stop(t.Context()))

	again, err := f.Fetch(t.Context(), major)
	require.NoError(t, err)
	require.Equal(t, bin, again)
	require.EqualValues(t, 1, downloads.Load(), "the second comes from the cache")
	entries, err := os.ReadDir(f.CacheDir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no scratch is left")
}

func TestFetchFailsWithoutTrace(t *testing.T) {
	t.Parallel()
	url, _ := repository(t, asItIs)
	spoilt, _ := repository(t, func(sum string) string { return strings.Repeat("0", len(sum)) })
	for name, tc := range map[string]struct {
		f     Fetcher
		major int
		says  string
	}{
		"wrong checksum":  {Fetcher{Repository: spoilt}, 0, "checksums do not match"},
		"no such archive": {Fetcher{Repository: url + "/elsewhere"}, 0, "no version found"},
		"no network":      {Fetcher{Repository: "http://127.0.0.1:1"}, 0, "unable to connect"},
		"unknown version": {Fetcher{Repository: url}, 7, "no Postgres 7"},
		"too old":         {Fetcher{Repository: url}, 14, "no Postgres 14"},
	} {
		t.Run(name, func(t *testing.T) {
			tc.f.CacheDir = t.TempDir()
			_, err := tc.f.Fetch(t.Context(), tc.major)
			require.ErrorContains(t, err, tc.says)
			entries, err := os.ReadDir(tc.f.CacheDir)
			require.NoError(t, err)
			require.Empty(t, entries)
		})
	}
}

func TestFetchReturnsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	stuck := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		cancel() // the download has begun
		<-stuck
	}))
	t.Cleanup(silent.Close)
	f := Fetcher{CacheDir: t.TempDir(), Repository: silent.URL}
	_, err := f.Fetch(ctx, 0)
	require.ErrorIs(t, err, context.Canceled)
	close(stuck)
	require.Eventually(t, func() bool {
		entries, err := os.ReadDir(f.CacheDir)
		return err == nil && len(entries) == 0
	}, 10*time.Second, 10*time.Millisecond, "the download, once it fails, leaves nothing")
}

// Whoever imports pgserver alone must not get the downloader with it.
func TestPgserverDoesNotLinkTheDownloader(t *testing.T) {
	sources, err := fs.Glob(os.DirFS(".."), "*.go")
	require.NoError(t, err)
	require.NotEmpty(t, sources)
	for _, name := range sources {
		raw, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		require.NotContains(t, string(raw), "fergusstrange/embedded-postgres", name)
	}
}
