package pgserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// minMajor is the oldest Postgres that the bank promises to run on (README.md).
const minMajor = 15

// systemBinDirs is where Debian and its kin keep each version apart.
const systemBinDirs = "/usr/lib/postgresql/*/bin"

// binaries are the programs of one installed Postgres.
type binaries struct {
	postgres, initdb string
	major            int
}

// findBinaries looks in the documented order for a Postgres of version major;
// 0 takes any.
func findBinaries(ctx context.Context, o Options, major int) (binaries, error) {
	if o.BinDir != "" {
		b, err := binariesIn(ctx, o.BinDir)
		if err == nil && !b.fits(major) {
			err = fmt.Errorf("%s is Postgres %d, %s", o.BinDir, b.major, needs(major))
		}
		return b, err
	}
	var seen []string
	for _, dir := range installed() {
		b, err := binariesIn(ctx, dir)
		if err != nil {
			seen = append(seen, err.Error())
			continue
		}
		if b.fits(major) {
			return b, nil
		}
		seen = append(seen, fmt.Sprintf("%s is Postgres %d", dir, b.major))
	}
	if o.Fetch == nil {
		return binaries{}, fmt.Errorf("no Postgres found, %s: install it (on Debian, apt-get install postgresql)%s",
			needs(major), strings.Join(append([]string{""}, seen...), "; "))
	}
	o.Logger.InfoContext(ctx, "no Postgres on this machine; fetching it", "seen", seen)
	dir, err := o.Fetch(ctx, major)
	if err != nil {
		return binaries{}, fmt.Errorf("no Postgres on this machine (install it and this is not needed), and fetching it failed: %w", err)
	}
	return binariesIn(ctx, dir)
}

func (b binaries) fits(major int) bool {
	if major == 0 {
		return b.major >= minMajor
	}
	return b.major == major
}

func needs(major int) string {
	if major == 0 {
		return fmt.Sprintf("version %d or later is needed", minMajor)
	}
	return fmt.Sprintf("the cluster in the data folder was made by version %d", major)
}

// installed lists the folders worth looking at, the best first.
func installed() []string {
	var dirs []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// initdb must lie beside the real file, not beside a link to it.
		if file, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(file))
		}
	}
	system, _ := filepath.Glob(systemBinDirs) // only a malformed pattern fails
	slices.SortFunc(system, func(a, b string) int { return cmp.Compare(versionInPath(b), versionInPath(a)) })
	return append(dirs, system...)
}

func versionInPath(binDir string) int {
	v, _ := strconv.Atoi(filepath.Base(filepath.Dir(binDir)))
	return v
}

var versionOutput = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

func binariesIn(ctx context.Context, dir string) (binaries, error) {
	b := binaries{postgres: filepath.Join(dir, "postgres"), initdb: filepath.Join(dir, "initdb")}
	if _, err := exec.LookPath(b.initdb); err != nil {
		return binaries{}, fmt.Errorf("not a Postgres: %w", err)
	}
	cmd := exec.CommandContext(ctx, b.postgres, "--version")
	cmd.Env = childEnv(cmd.Environ())
	out, err := cmd.Output()
	if err != nil {
		return binaries{}, fmt.Errorf("%s --version: %w", b.postgres, err)
	}
	m := versionOutput.FindSubmatch(out)
	if m == nil {
		return binaries{}, fmt.Errorf("%s --version says %q", b.postgres, out)
	}
	if b.major, err = strconv.Atoi(string(m[1])); err != nil {
		return binaries{}, errors.Join(fmt.Errorf("%s --version says %q", b.postgres, out), err)
	}
	return b, nil
}
