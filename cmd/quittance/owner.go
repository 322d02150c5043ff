package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"quittance.dev/functions/pgserver"
)

// database is where the owner of the tables signs in.
type database struct{ data, url string }

func (d *database) flags(c *cobra.Command) {
	c.Flags().StringVar(&d.data, "data", ".quittance", "folder of a bank that is running on this machine")
	c.Flags().StringVar(&d.url, "database", "", "instead of a folder: how to connect, as libpq takes it; the PG variables of the environment count")
}

// connect signs in as the owner of everything.
func (d *database) connect(ctx context.Context) (*pgx.Conn, error) {
	return d.as(ctx, pgserver.Superuser)
}

// as signs in under a role, where the bank runs on this machine; a --database names
// its own.
func (d *database) as(ctx context.Context, role string) (*pgx.Conn, error) {
	url := d.url
	if url == "" {
		var err error
		if url, err = runningIn(d.data, role); err != nil {
			return nil, err
		}
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return conn, nil
}

// runningIn is how to reach the Postgres of the bank that runs in a folder: its
// lock file says where it listens.
func runningIn(data, role string) (string, error) {
	raw, err := os.ReadFile(filepath.Join(data, "postgres", "data", "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("no bank is running in %s: start it with make run, or name a --database", data)
	}
	if err != nil {
		return "", fmt.Errorf("find the database: %w", err)
	}
	// Process, folder, start, port, folder of the socket.
	lines := strings.Split(string(raw), "\n")
	if len(lines) < 5 || lines[4] == "" {
		return "", fmt.Errorf("the database in %s is not up yet", data)
	}
	return fmt.Sprintf("host=%s port=%s dbname=quittance user=%s", lines[4], lines[3], role), nil
}
