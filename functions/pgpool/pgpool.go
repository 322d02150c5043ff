// Package pgpool opens a function's pool of Postgres connections, under its
// own role and with the timeouts that keep one slow statement from holding up
// the bank.
package pgpool

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/config"
)

// timeouts of every session, in milliseconds. A statement that takes longer is
// broken off and the event tried again.
var timeouts = map[string]string{
	"statement_timeout":                   "5000",
	"lock_timeout":                        "2000",
	"idle_in_transaction_session_timeout": "10000",
}

// Open makes a pool as c says. No connection is made yet: a function that
// starts before its database answers 503 until it is there.
func Open(ctx context.Context, c config.Postgres, application string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(connString(c))
	if err != nil {
		return nil, fmt.Errorf("postgres settings: %w", err)
	}
	if c.PasswordFile != "" {
		cfg.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) (err error) {
			cc.Password, err = readPassword(c.PasswordFile)
			return err
		}
	}
	return New(ctx, cfg, c.MaxConnections, application)
}

// Connect makes a single connection as c says, without the functions' timeouts:
// for migrations.
func Connect(ctx context.Context, c config.Postgres) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(connString(c))
	if err != nil {
		return nil, fmt.Errorf("postgres settings: %w", err)
	}
	if c.PasswordFile != "" {
		if cfg.Password, err = readPassword(c.PasswordFile); err != nil {
			return nil, err
		}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return conn, nil
}

func readPassword(file string) (string, error) {
	password, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the database password: %w", err)
	}
	return strings.TrimSpace(string(password)), nil
}

// New makes a pool from a parsed configuration.
func New(ctx context.Context, cfg *pgxpool.Config, maxConnections int, application string) (*pgxpool.Pool, error) {
	cfg.MaxConns = int32(max(maxConnections, 2))
	cfg.ConnConfig.RuntimeParams["application_name"] = application
	for name, value := range timeouts {
		cfg.ConnConfig.RuntimeParams[name] = value
	}
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
