// Package pgfetch brings Postgres programs to a machine that has none.
//
// It is the last resort of package pgserver, and apart from it so that whoever
// does not want the download does not link it:
//
//	pgserver.Start(ctx, pgserver.Options{DataDir: dir, Fetch: pgfetch.Fetch})
//
// The programs are those that the embedded-postgres library fetches from Maven
// Central, with the checksum published beside them. They are kept, unpacked, in
// the user's cache directory (quittance/postgres-<version>; for root
// /var/cache/quittance, since root's own is closed to the account that Postgres
// then runs as) and fetched once.
package pgfetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// defaultMajor is fetched where any version will do.
const defaultMajor = 17

// versions are those that the library has programs of and the bank runs on.
var versions = map[int]embeddedpostgres.PostgresVersion{
	15: embeddedpostgres.V15,
	16: embeddedpostgres.V16,
	17: embeddedpostgres.V17,
	18: embeddedpostgres.V18,
}

// Fetch returns the folder that holds postgres and initdb of the major version,
// 0 meaning any, from the cache or the network. The download cannot be broken
// off: when ctx ends Fetch returns, and the download is left to end by itself.
func Fetch(ctx context.Context, major int) (binDir string, err error) {
	return Fetcher{}.Fetch(ctx, major)
}

// Fetcher is Fetch with a choice of places.
type Fetcher struct {
	// CacheDir is where the programs are kept; empty means the place that the
	// package names.
	CacheDir string

	// Repository is the address of a Maven repository; empty means Maven
	// Central.
	Repository string
}

// Fetch is the package's Fetch from and to f's places.
func (f Fetcher) Fetch(ctx context.Context, major int) (binDir string, err error) {
	if major == 0 {
		major = defaultMajor
	}
	version, ok := versions[major]
	if !ok {
		return "", fmt.Errorf("no Postgres %d to be fetched", major)
	}
	if f.CacheDir == "" {
		if f.CacheDir, err = defaultCacheDir(); err != nil {
			return "", err
		}
	}
	home := filepath.Join(f.CacheDir, "postgres-"+string(version))
	bin := filepath.Join(home, "bin")
	if _, err := os.Stat(bin); err == nil {
		return bin, nil // it got its name only when it was whole
	}
	done := make(chan error, 1)
	go func() { done <- f.install(version, home) }()
	select {
	case err := <-done:
		return bin, err
	case <-ctx.Done():
		return "", fmt.Errorf("fetch Postgres %s: %w", version, ctx.Err())
	}
}

func defaultCacheDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/cache/quittance", nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "quittance"), nil
}

// install unpacks the version in a scratch folder and renames it to home.
func (f Fetcher) install(version embeddedpostgres.PostgresVersion, home string) (err error) {
	if err := os.MkdirAll(f.CacheDir, 0o755); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(f.CacheDir, "fetching-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	unpacked := filepath.Join(scratch, "postgres")
	if err := f.unpack(version, scratch, unpacked); err != nil {
		return fmt.Errorf("fetch Postgres %s: %w", version, err)
	}
	for _, program := range []string{"postgres", "initdb"} {
		out, err := exec.Command(filepath.Join(unpacked, "bin", program), "--version").CombinedOutput()
		if err != nil {
			return fmt.Errorf("the fetched %s does not run here: %w: %s", program, err, out)
		}
	}
	// Another account may have to run them (see package pgserver, Root).
	if err := os.Chmod(unpacked, 0o755); err != nil {
		return err
	}
	if err := os.Rename(unpacked, home); err != nil {
		if _, there := os.Stat(filepath.Join(home, "bin")); there == nil {
			return nil // another process was quicker
		}
		return err
	}
	return nil
}

// couldNotStart is how the library begins the one error that we are after.
const couldNotStart = "could not start postgres using"

// unpack makes the library fetch and unpack. It has no call for only that:
// its Start goes on to initdb and pg_ctl, neither of which works for root. So
// it is shown a folder that it takes for an existing cluster, and with which
// pg_ctl then fails: that failure, and no other, means that the unpacking is
// done.
func (f Fetcher) unpack(version embeddedpostgres.PostgresVersion, scratch, into string) error {
	decoy := filepath.Join(scratch, "no-cluster")
	major, _, _ := strings.Cut(string(version), ".")
	if err := os.Mkdir(decoy, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(decoy, "PG_VERSION"), []byte(major+"\n"), 0o600); err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	cfg := embeddedpostgres.DefaultConfig().
		Version(version).
		Port(port).
		CachePath(scratch).
		RuntimePath(filepath.Join(scratch, "runtime")).
		BinariesPath(into).
		DataPath(decoy).
		Logger(io.Discard)
	if f.Repository != "" {
		cfg = cfg.BinaryRepositoryURL(f.Repository)
	}
	server := embeddedpostgres.NewDatabase(cfg)
	switch err := server.Start(); {
	case err == nil:
		return errors.Join(errors.New("a folder without a cluster was started as one"), server.Stop())
	case strings.HasPrefix(err.Error(), couldNotStart):
		return nil
	default:
		return err
	}
}

// freePort is a port that the library will find free; nothing ever listens there.
func freePort() (uint32, error) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return uint32(n), err
}
