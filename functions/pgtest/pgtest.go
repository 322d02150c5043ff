package pgtest

import (
	"context"
	"crypto/rand"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// poolSize is how many connections a test's pool may hold: enough for a race of
// twenty to be one, few enough for many tests at once.
const poolSize = 10

// housekeeping bounds making and dropping a database.
const housekeeping = time.Minute

// DB is a database that belongs to one test.
type DB struct {
	t    testing.TB
	conn connInfo
	name string
}

// New returns a fresh database that holds all migrations and nothing else.
func New(t testing.TB) *DB {
	t.Helper()
	srv := serverFor(t)
	ctx, cancel := context.WithTimeout(context.Background(), housekeeping)
	defer cancel()
	template, err := srv.template(ctx)
	if err != nil {
		t.Fatalf("pgtest: make the template: %v", err)
	}
	return create(ctx, t, srv, template)
}

// Empty returns a fresh database without any migration, for tests of the
// migrations themselves. Roles belong to the whole server and may be there.
func Empty(t testing.TB) *DB {
	t.Helper()
	srv := serverFor(t)
	ctx, cancel := context.WithTimeout(context.Background(), housekeeping)
	defer cancel()
	return create(ctx, t, srv, "template0")
}

// serverFor is the shared server. Without one the test is over.
func serverFor(t testing.TB) *server {
	t.Helper()
	srv, err := shared()
	if err != nil {
		giveUp(t, err)
	}
	return srv
}

func giveUp(t testing.TB, err error) {
	t.Helper()
	if testing.Short() && os.Getenv("CI") == "" {
		t.Skipf("pgtest: no Postgres, and -short: %v", err)
	}
	t.Fatalf("pgtest: no Postgres: %v", err)
}

func create(ctx context.Context, t testing.TB, srv *server, template string) *DB {
	t.Helper()
	name := databaseName(t.Name())
	if err := srv.clone(ctx, name, template); err != nil {
		t.Fatalf("pgtest: create database %s: %v", name, err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), housekeeping)
		defer cancel()
		if err := srv.drop(ctx, name); err != nil {
			t.Errorf("pgtest: drop database %s: %v", name, err)
		}
	})
	return &DB{t: t, conn: srv.conn, name: name}
}

// databaseName tells a person who looks at the server which test it is. Postgres
// cuts names at 63 bytes.
func databaseName(test string) string {
	readable := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, test)
	return "test_" + readable[:min(len(readable), 40)] + "_" + strings.ToLower(rand.Text()[:12])
}

// Name is the database's name.
func (db *DB) Name() string { return db.name }

// ConnString is how to reach the database as role; "" is the owner, a
// superuser.
func (db *DB) ConnString(role string) string { return db.conn.with(db.name, role) }

// Config is Pool's configuration, for a test that needs another one.
//
// search_path is empty, so that a statement which does not name its schema
// fails here and not on the day somebody sets another path.
func (db *DB) Config(role string) *pgxpool.Config {
	db.t.Helper()
	cfg, err := pgxpool.ParseConfig(db.ConnString(role))
	if err != nil {
		db.t.Fatalf("pgtest: %v", err)
	}
	cfg.MaxConns = poolSize
	cfg.ConnConfig.RuntimeParams["search_path"] = ""
	cfg.ConnConfig.RuntimeParams["application_name"] = db.name
	return cfg
}

// Pool is a new pool of connections as role; "" is the owner, a superuser. It is
// closed when the test ends.
func (db *DB) Pool(role string) *pgxpool.Pool {
	db.t.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), db.Config(role))
	if err != nil {
		db.t.Fatalf("pgtest: pool as %q: %v", role, err)
	}
	db.t.Cleanup(pool.Close)
	return pool
}

// connect opens one connection to a database that need not be the test's.
func (c connInfo) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, c.with(database, ""))
}
