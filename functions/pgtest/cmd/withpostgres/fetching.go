package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
)

// fetching remembers whether Postgres had to be fetched, and to where.
type fetching struct {
	fetch  func(ctx context.Context, major int) (binDir string, err error)
	binDir string
}

// Fetch is a pgserver.Options.Fetch.
func (f *fetching) Fetch(ctx context.Context, major int) (string, error) {
	fmt.Fprintln(os.Stderr, "withpostgres: no Postgres 15 or newer is installed; taking a fetched one (the download is kept)")
	dir, err := f.fetch(ctx, major)
	if err == nil {
		f.binDir = dir
	}
	return dir, err
}

// environ is env with the fetched programs at the end of PATH: some tests, such
// as those that kill a server, start one of their own and look for it there.
func (f *fetching) environ(env []string) []string {
	if f.binDir == "" {
		return env
	}
	path := f.binDir
	env = slices.DeleteFunc(slices.Clone(env), func(e string) bool {
		value, ok := strings.CutPrefix(e, "PATH=")
		if ok && value != "" {
			path = value + string(os.PathListSeparator) + f.binDir
		}
		return ok
	})
	return append(env, "PATH="+path)
}
