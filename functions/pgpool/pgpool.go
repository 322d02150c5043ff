// Package pgpool opens a function's pool of Postgres connections, under its
// own role and with the timeouts that keep one slow statement from holding up
// the bank.
package pgpool

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/config"
	"quittance.dev/functions/secret"
)

// timeouts of every session, in milliseconds. A statement that takes longer is
// broken off and the event tried again.
var timeouts = map[string]string{
	"statement_timeout":                   "5000",
	"lock_timeout":                        "2000",
	"idle_in_transaction_session_timeout": "10000",
	"plan_cache_mode":                     "force_generic_plan",
}

// planning of every session. A function's statements look few rows up by their
// keys, and a session plans each of them once: perhaps while a table is still
// empty, when reading all of it looks cheap. Such a plan would be kept while the
// table grows, so scans and joins of whole tables are taken only where nothing
// else is possible.
var planning = map[string]string{
	"plan_cache_mode":  "force_generic_plan",
	"enable_seqscan":   "off",
	"enable_hashjoin":  "off",
	"enable_mergejoin": "off",
}

// Open makes a pool as c says. No connection is made yet: a function that
// starts before its database answers 503 until it is there.
//
// The password's file and the authorities' file are read again for each new
// connection, so both are rotated without a restart. What is read while one of
// them is not good changes nothing: the value before stays in use.
func Open(ctx context.Context, c config.Postgres, application string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(connString(c))
	if err != nil {
		return nil, fmt.Errorf("postgres settings: %w", err)
	}
	cfg.BeforeConnect = beforeConnect(c)
	return New(ctx, cfg, c.MaxConnections, application)
}

// Connect makes a single connection as c says, without the functions' timeouts:
// for migrations.
func Connect(ctx context.Context, c config.Postgres) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(connString(c))
	if err != nil {
		return nil, fmt.Errorf("postgres settings: %w", err)
	}
	if err := beforeConnect(c)(ctx, cfg); err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}

// beforeConnect puts into a connection's settings what its files say now.
func beforeConnect(c config.Postgres) func(context.Context, *pgx.ConnConfig) error {
	password := secret.Watch(c.PasswordFile, secret.Text)
	return func(ctx context.Context, cc *pgx.ConnConfig) (err error) {
		if c.CAFile != "" {
			if fresh, err := pgx.ParseConfig(connString(c)); err == nil {
				cc.TLSConfig, cc.Fallbacks = fresh.TLSConfig, fresh.Fallbacks
			} else {
				slog.WarnContext(ctx, "the database's authorities are not good, those before stay in use", "error", err)
			}
		}
		if c.PasswordFile == "" {
			return nil
		}
		if cc.Password, err = password.Now(); err != nil {
			return fmt.Errorf("the database password: %w", err)
		}
		return nil
	}
}

// New makes a pool from a parsed configuration.
func New(ctx context.Context, cfg *pgxpool.Config, maxConnections int, application string) (*pgxpool.Pool, error) {
	cfg.MaxConns = int32(max(maxConnections, 2))
	cfg.ConnConfig.RuntimeParams["application_name"] = application
	maps.Copy(cfg.ConnConfig.RuntimeParams, timeouts)
	maps.Copy(cfg.ConnConfig.RuntimeParams, planning)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("open pool: %w", err)
	}
	return pool, nil
}

func connString(c config.Postgres) string {
	s := fmt.Sprintf("host=%s port=%d dbname=%s sslmode=%s", quote(c.Host), c.Port, quote(c.Database), quote(c.TLS))
	if c.User != "" {
		s += " user=" + quote(c.User)
	}
	if c.CAFile != "" {
		s += " sslrootcert=" + quote(c.CAFile)
	}
	return s
}

func quote(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}
