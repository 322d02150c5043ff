package main

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"quittance.dev/config"
	"quittance.dev/functions/pgpool"
	"quittance.dev/functions/pgserver"
	"quittance.dev/functions/pgserver/pgfetch"
)

const database = "quittance"

// strict is a durable Postgres in which everybody but the owner needs a
// password, as in production.
func strict(t *testing.T, dir string) *pgserver.Server {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Options{DataDir: dir, Durable: true, SharedBuffersMB: 16, Fetch: pgfetch.Fetch})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	conn, err := pgx.Connect(t.Context(), server.ConnString(pgserver.Superuser, pgserver.Superuser))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.Background())) }()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "data", "pg_hba.conf"), []byte("local all postgres trust\nlocal all all scram-sha-256\n"), 0o600))
	_, err = conn.Exec(t.Context(), `select pg_reload_conf()`)
	require.NoError(t, err)
	return server
}

func createDatabase(t *testing.T, server *pgserver.Server) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.ConnString(pgserver.Superuser, pgserver.Superuser))
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `create database `+database)
	require.NoError(t, err)
	require.NoError(t, conn.Close(context.Background()))
}

// settings are those of a process that connects as role.
func settings(t *testing.T, server *pgserver.Server, role, passwordFile string) config.Postgres {
	t.Helper()
	c, err := pgx.ParseConfig(server.ConnString(database, role))
	require.NoError(t, err)
	return config.Postgres{Host: c.Host, Port: int(c.Port), Database: database, User: role, TLS: "disable", PasswordFile: passwordFile, MaxConnections: 2}
}

func environment(c config.Postgres, more map[string]string) func(string) (string, bool) {
	env := map[string]string{"POSTGRES_HOST": c.Host, "POSTGRES_DATABASE": c.Database, "POSTGRES_USER": c.User, "POSTGRES_TLS": c.TLS}
	for name, value := range more {
		env[name] = value
	}
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

// secretsOf writes a password for each role into folder.
func secretsOf(t *testing.T, folder string, roles ...string) {
	t.Helper()
	for _, role := range roles {
		require.NoError(t, os.WriteFile(filepath.Join(folder, role), []byte(rand.Text()+"\n"), 0o600))
	}
}

// ping makes a new connection.
func ping(t *testing.T, c config.Postgres) error {
	t.Helper()
	conn, err := pgpool.Connect(t.Context(), c)
	if err == nil {
		require.NoError(t, conn.Ping(t.Context()))
		require.NoError(t, conn.Close(context.Background()))
	}
	return err
}

func requireRefused(t *testing.T, err error) {
	t.Helper()
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "28P01", refused.Code)
}

var roles = []string{
	"quittance_api", "quittance_validation", "quittance_payment", "quittance_ledger_posting", "quittance_receipt",
	"quittance_closure_mambu", "quittance_closure_e", "quittance_notification", "quittance_banking", "quittance_query",
	"quittance_dead_letter", "quittance_audit", "quittance_relay",
}

// TestA29_EachFunctionHasAPasswordOfItsOwn: the job sets them from files; a role
// comes in with its own and with no other; a new one works for the next
// connection without a restart.
func TestA29_EachFunctionHasAPasswordOfItsOwn(t *testing.T) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	server := strict(t, t.TempDir())
	createDatabase(t, server)
	folder := t.TempDir()
	secretsOf(t, folder, roles...)
	require.NoError(t, os.Mkdir(filepath.Join(folder, "..2026_01_01"), 0o700)) // as in a mounted Secret
	owner := settings(t, server, pgserver.Superuser, "")
	migrate := func() error {
		return run(t.Context(), environment(owner, map[string]string{"ROLE_PASSWORDS_DIR": folder}))
	}
	require.NoError(t, run(t.Context(), environment(owner, nil)))
	requireRefused(t, ping(t, settings(t, server, "quittance_api", filepath.Join(folder, "quittance_api"))))
	require.NoError(t, migrate())
	for i, role := range roles {
		require.NoError(t, ping(t, settings(t, server, role, filepath.Join(folder, role))), role)
		requireRefused(t, ping(t, settings(t, server, role, filepath.Join(folder, roles[(i+1)%len(roles)]))))
		requireRefused(t, ping(t, settings(t, server, role, "")))
	}

	// Again, and several at once, is nothing.
	var jobs sync.WaitGroup
	for range 4 {
		jobs.Go(func() {
			if err := migrate(); err != nil {
				t.Error(err)
			}
		})
	}
	jobs.Wait()
	require.NoError(t, ping(t, settings(t, server, "quittance_relay", filepath.Join(folder, "quittance_relay"))))

	// F3: a rotation, with a pool that lives on.
	mounted := filepath.Join(t.TempDir(), "password")
	password, err := os.ReadFile(filepath.Join(folder, "quittance_payment"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(mounted, password, 0o600))
	pool, err := pgpool.Open(t.Context(), settings(t, server, "quittance_payment", mounted), "payment")
	require.NoError(t, err)
	defer pool.Close()
	held, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	secretsOf(t, folder, "quittance_payment")
	require.NoError(t, migrate())
	require.NoError(t, held.Ping(t.Context()), "a connection that is there stays")
	_, err = pool.Exec(t.Context(), `select 1`)
	requireRefused(t, err) // until the file is the new one
	next, err := os.ReadFile(filepath.Join(folder, "quittance_payment"))
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(mounted+".next", next, 0o600))
	require.NoError(t, os.Rename(mounted+".next", mounted))
	_, err = pool.Exec(t.Context(), `select 1`)
	require.NoError(t, err)
	held.Release()

	// What the server keeps is a verifier; the passwords were never sent.
	log, err := os.ReadFile(server.LogPath())
	require.NoError(t, err)
	require.NotContains(t, string(log), string(next[:len(next)-1]))

	// A mistake sets nothing at all.
	before, err := os.ReadFile(filepath.Join(folder, "quittance_api"))
	require.NoError(t, err)
	for name, content := range map[string]string{
		"quittance_nobody": "x", "postgres": "x", "quittance_query": " \n", "quittance_audit": "pässword",
	} {
		path := filepath.Join(folder, name)
		kept, keptErr := os.ReadFile(path)
		secretsOf(t, folder, "quittance_api")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		err := migrate()
		require.ErrorContains(t, err, name)
		require.NoError(t, os.Remove(path))
		if keptErr == nil {
			require.NoError(t, os.WriteFile(path, kept, 0o600))
		}
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "quittance_api"), before, 0o600))
	require.NoError(t, ping(t, settings(t, server, "quittance_api", filepath.Join(folder, "quittance_api"))))
	folder = t.TempDir()
	require.ErrorContains(t, migrate(), "holds none")
}

// TestTheJobWaitsForTheDatabase, but not for ever.
func TestTheJobWaitsForTheDatabase(t *testing.T) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	server := strict(t, t.TempDir())
	owner := settings(t, server, pgserver.Superuser, "")
	err := run(t.Context(), environment(owner, map[string]string{"MIGRATE_WAIT": "10ms"}))
	require.ErrorContains(t, err, "no database within 10ms")

	done := make(chan error, 1)
	tried := make(chan struct{}, 1000)
	slog.SetDefault(slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) { tried <- struct{}{}; return len(p), nil }), nil)))
	defer slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	go func() { done <- run(t.Context(), environment(owner, map[string]string{"MIGRATE_WAIT": "2m"})) }()
	select {
	case <-tried: // there is no such database
	case err := <-done:
		t.Fatal("it did not wait", err)
	case <-time.After(20 * time.Second):
		t.Fatal("it did not try")
	}
	createDatabase(t, server)
	require.NoError(t, <-done)
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }
