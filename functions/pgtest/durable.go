package pgtest

import (
	"context"
	"testing"

	"quittance.dev/functions/pgserver"
)

// CrashDB is a migrated database on a durable server of the test's own.
//
// Kill and Restart may be called in turn as often as one likes, from the test's
// own goroutine. Connection strings and pools outlive a restart. As after any
// crash, what was under way fails, and so may the first use of a connection that
// lay idle in a pool meanwhile.
type CrashDB struct {
	*DB

	opts pgserver.Options
	srv  *pgserver.Server
}

// Durable starts a server with the settings that keep acknowledged commits, for
// tests that crash it, and stops it when the test ends.
func Durable(t testing.TB) *CrashDB {
	t.Helper()
	c := &CrashDB{opts: pgserver.Options{DataDir: t.TempDir(), Durable: true}}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	var err error
	if c.srv, err = pgserver.Start(ctx, c.opts); err != nil {
		giveUp(t, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), housekeeping)
		defer cancel()
		if err := c.srv.Stop(ctx); err != nil {
			t.Errorf("pgtest: stop the durable server: %v", err)
		}
	})
	info, err := parseConnInfo(c.srv.ConnString(maintenance, pgserver.Superuser))
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	c.DB = &DB{t: t, conn: info, name: "quittance"}
	s := server{conn: info}
	if err := s.clone(ctx, c.name, "template0"); err != nil {
		t.Fatalf("pgtest: create the database: %v", err)
	}
	if err := migrate(ctx, info, c.name); err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	return c
}

// Kill ends the server as a crash would: SIGKILL to all its processes, at once.
// It returns when they are gone.
func (c *CrashDB) Kill() {
	c.t.Helper()
	if err := c.srv.Kill(); err != nil {
		c.t.Fatalf("pgtest: kill the server: %v", err)
	}
}

// Restart starts the server again, after Kill or instead of a clean stop, and
// returns when it has recovered and answers.
func (c *CrashDB) Restart() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := c.srv.Stop(ctx); err != nil {
		c.t.Fatalf("pgtest: stop the server: %v", err)
	}
	srv, err := pgserver.Start(ctx, c.opts)
	if err != nil {
		c.t.Fatalf("pgtest: restart the server: %v", err)
	}
	c.srv = srv
}

// Server is the running server, for a test that must reach its process or its
// log.
func (c *CrashDB) Server() *pgserver.Server { return c.srv }
