package pgpool_test

import (
	"context"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/config"
	"quittance.dev/functions/outside/outsidetest"
	"quittance.dev/functions/pgpool"
	"quittance.dev/functions/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// settings are how a deployed function reaches db under role.
func settings(db *pgtest.DB, role string) config.Postgres {
	c := db.Config(role).ConnConfig
	return config.Postgres{Host: c.Host, Port: int(c.Port), Database: c.Database, User: role, TLS: "prefer", MaxConnections: 3}
}

func open(t *testing.T, c config.Postgres) *pgxpool.Pool {
	t.Helper()
	pool, err := pgpool.Open(t.Context(), c, "a-function")
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	return pool
}

// TestF15_EverySession has its limits, whoever opened it.
func TestF15_EverySession(t *testing.T) {
	t.Parallel()
	pool := open(t, settings(pgtest.New(t), "quittance_relay"))
	require.EqualValues(t, 3, pool.Config().MaxConns)
	for setting, want := range map[string]string{
		"statement_timeout": "5s", "lock_timeout": "2s", "idle_in_transaction_session_timeout": "10s",
		"application_name": "a-function", "session_authorization": "quittance_relay",
	} {
		var is string
		require.NoError(t, pool.QueryRow(t.Context(), `select current_setting($1)`, setting).Scan(&is))
		require.Equal(t, want, is, setting)
	}
}

// TestLocksAreNotWaitedForLong: whoever holds one does not stop the bank.
func TestLocksAreNotWaitedForLong(t *testing.T) {
	t.Parallel()
	pool := open(t, settings(pgtest.New(t), "postgres"))
	tx, err := pool.Begin(t.Context())
	require.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	_, err = tx.Exec(t.Context(), `select from delivery.audit_mark for update`)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err = pool.Exec(ctx, `update delivery.audit_mark set audited_to = now()`)
	var refused *pgconn.PgError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, "55P03", refused.Code)
}

// TestF3_PasswordsRotate: the file is read for each new connection, so another
// password needs no restart.
func TestF3_PasswordsRotate(t *testing.T) {
	t.Parallel()
	c := settings(pgtest.New(t), "quittance_api")
	c.PasswordFile = filepath.Join(t.TempDir(), "password")
	pool := open(t, c)
	require.ErrorContains(t, pool.Ping(t.Context()), "the database password")
	for _, password := range []string{"first\n", "  second"} {
		require.NoError(t, os.WriteFile(c.PasswordFile, []byte(password), 0o600))
		cc := pool.Config().ConnConfig.Copy()
		require.NoError(t, pool.Config().BeforeConnect(t.Context(), cc))
		require.Equal(t, map[string]string{"first\n": "first", "  second": "second"}[password], cc.Password)
		require.NoError(t, pool.Ping(t.Context()))
		pool.Reset()
	}
	for _, half := range []func() error{
		func() error { return os.Truncate(c.PasswordFile, 0) },
		func() error { return os.Remove(c.PasswordFile) },
	} {
		require.NoError(t, half())
		cc := pool.Config().ConnConfig.Copy()
		require.NoError(t, pool.Config().BeforeConnect(t.Context(), cc))
		require.Equal(t, "second", cc.Password, "a rotation that is half done changes nothing")
	}
}

// TestF3_AuthoritiesRotate: who may have signed the database's certificate is
// read for each new connection, too.
func TestF3_AuthoritiesRotate(t *testing.T) {
	t.Parallel()
	roots := func(file string) *x509.CertPool {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		pool := x509.NewCertPool()
		require.True(t, pool.AppendCertsFromPEM(content))
		return pool
	}
	before, err := outsidetest.NewAuthority(t.TempDir(), "before")
	require.NoError(t, err)
	after, err := outsidetest.NewAuthority(t.TempDir(), "after")
	require.NoError(t, err)
	c := config.Postgres{Host: "db.example", Port: 5432, TLS: "verify-full", CAFile: filepath.Join(t.TempDir(), "ca.pem")}
	put := func(from string) {
		content, err := os.ReadFile(from)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(c.CAFile, content, 0o600))
	}
	put(before.CertFile)
	pool := open(t, c)
	trusts := func(want *x509.CertPool) {
		t.Helper()
		cc := pool.Config().ConnConfig.Copy()
		require.NoError(t, pool.Config().BeforeConnect(t.Context(), cc))
		require.True(t, want.Equal(cc.TLSConfig.RootCAs))
		require.Equal(t, "db.example", cc.TLSConfig.ServerName)
	}
	was, is := roots(before.CertFile), roots(after.CertFile)
	trusts(was)
	require.NoError(t, os.WriteFile(c.CAFile, []byte("half"), 0o600))
	trusts(was)
	put(after.CertFile)
	trusts(is)
}

// TestConnect is for migrations: one connection, without the limits of a
// function's statements.
func TestConnect(t *testing.T) {
	t.Parallel()
	c := settings(pgtest.New(t), "postgres")
	c.PasswordFile = filepath.Join(t.TempDir(), "password")
	_, err := pgpool.Connect(t.Context(), c)
	require.ErrorContains(t, err, "the database password")
	require.NoError(t, os.WriteFile(c.PasswordFile, []byte("secret"), 0o600))
	conn, err := pgpool.Connect(t.Context(), c)
	require.NoError(t, err)
	defer conn.Close(context.Background())
	var limit string
	require.NoError(t, conn.QueryRow(t.Context(), `show statement_timeout`).Scan(&limit))
	require.Equal(t, "0", limit)

	c.Host = t.TempDir()
	_, err = pgpool.Connect(t.Context(), c)
	require.ErrorContains(t, err, "connect: ")
	_, err = pgpool.Connect(t.Context(), config.Postgres{Host: "db", Port: 1, TLS: "perhaps"})
	require.ErrorContains(t, err, "postgres settings")
}

// TestWithoutADatabase a function starts all the same.
func TestWithoutADatabase(t *testing.T) {
	t.Parallel()
	c := settings(pgtest.New(t), "quittance_api")
	c.Host = t.TempDir()
	pool := open(t, c)
	require.Error(t, pool.Ping(t.Context()))
}

// TestOddNames are no way to say something else to the driver.
func TestOddNames(t *testing.T) {
	t.Parallel()
	pool := open(t, config.Postgres{
		Host: "db.example", Port: 6432, Database: `o'brien \ host=elsewhere`, User: "a b'c", TLS: "disable", MaxConnections: 0,
	})
	got := pool.Config().ConnConfig
	require.Equal(t, "db.example", got.Host)
	require.EqualValues(t, 6432, got.Port)
	require.Equal(t, `o'brien \ host=elsewhere`, got.Database)
	require.Equal(t, "a b'c", got.User)
	require.EqualValues(t, 2, pool.Config().MaxConns, "one for the group, one for what explains a failure")
}

// TestTLS: an authority that is not there is found at the start.
func TestTLS(t *testing.T) {
	t.Parallel()
	_, err := pgpool.Open(t.Context(), config.Postgres{Host: "db", Port: 1, TLS: "verify-full", CAFile: "/nonexistent"}, "x")
	require.ErrorContains(t, err, "postgres settings")
	_, err = pgpool.Open(t.Context(), config.Postgres{Host: "db", Port: 1, TLS: "perhaps"}, "x")
	require.ErrorContains(t, err, "postgres settings")
	pool := open(t, config.Postgres{Host: "db", Port: 1, TLS: "verify-full"})
	require.Equal(t, "db", pool.Config().ConnConfig.TLSConfig.ServerName)
	require.False(t, pool.Config().ConnConfig.TLSConfig.InsecureSkipVerify)
}
