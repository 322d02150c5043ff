package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/config"
	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledgerposting"
	"quittance.dev/functions/pgpool"
	"quittance.dev/functions/pgserver"
	"quittance.dev/functions/schema"
	"quittance.dev/functions/signing"
	"quittance.dev/functions/telemetry"
)

const (
	// ledgerAccounts is how many current accounts the postings are spread over.
	ledgerAccounts = 10_000
	// openingMinor is on each of them before the measurement, so that no
	// withdrawal is refused.
	openingMinor = 1_000_000_000_00
	// sharedBuffersMB holds pgbench's tables at scale 50: the comparison is
	// between two ways of working, not with a Postgres that lacks memory.
	sharedBuffersMB = 1024

	// poolSize is what a function has by default (config.Postgres).
	poolSize = 4

	bankDatabase = "quittance"
	ledgerRole   = "quittance_ledger_posting"
	ledgerName   = "ledger-posting"
	apiName      = "api"
)

// ledgerDoor is the ledger function as a process of its own would run it: its
// role's pool, logs as JSON lines, metrics, an HTTP server on loopback TCP.
type ledgerDoor struct {
	postgres *pgserver.Server
	owner    *pgxpool.Pool
	address  string
	ids      []string // of the accounts
	keysDir  string   // of the event keys
	keys     *signing.Signer
	answered int // 2xx so far
	closers  []func(context.Context) error
}

func openLedger(ctx context.Context, dir string) (_ *ledgerDoor, err error) {
	l := &ledgerDoor{}
	defer func() {
		if err != nil {
			err = joinClose(err, l.close)
		}
	}()
	l.keysDir = filepath.Join(dir, "keys")
	if err := signing.Generate(l.keysDir, ledgerName, apiName); err != nil {
		return nil, err
	}
	l.keys = signing.Folder(l.keysDir, ledgerName, apiName)
	if l.postgres, err = pgserver.Start(ctx, pgserver.Options{
		DataDir: filepath.Join(dir, "postgres"), Durable: true, SharedBuffersMB: sharedBuffersMB,
	}); err != nil {
		return nil, err
	}
	l.onClose(l.postgres.Stop)
	if err := migrate(ctx, l.postgres); err != nil {
		return nil, err
	}
	if l.owner, err = pgxpool.New(ctx, l.postgres.ConnString(bankDatabase, pgserver.Superuser)); err != nil {
		return nil, err
	}
	l.onClose(func(context.Context) error { l.owner.Close(); return nil })
	return l, l.serve(ctx)
}

// migrate makes the bank's database with the newest schema and makes sure that
// its commits are durable.
func migrate(ctx context.Context, srv *pgserver.Server) error {
	for _, step := range []struct {
		database string
		do       func(*pgx.Conn) error
	}{
		{pgserver.Superuser, func(c *pgx.Conn) error { _, err := c.Exec(ctx, `create database `+bankDatabase); return err }},
		{bankDatabase, func(c *pgx.Conn) error { return pgserver.CheckDurable(ctx, c) }},
		{bankDatabase, func(c *pgx.Conn) error { return schema.Migrate(ctx, c) }},
	} {
		conn, err := pgx.Connect(ctx, srv.ConnString(step.database, pgserver.Superuser))
		if err != nil {
			return err
		}
		if err := errors.Join(step.do(conn), conn.Close(ctx)); err != nil {
			return err
		}
	}
	return nil
}

func (l *ledgerDoor) serve(ctx context.Context) error {
	logger, closeLogs, err := discardedLogs()
	if err != nil {
		return err
	}
	l.onClose(func(context.Context) error { return closeLogs() })
	_, stopMetrics, err := telemetry.Start(ctx, "ledger-posting", config.Telemetry{})
	if err != nil {
		return err
	}
	l.onClose(stopMetrics)
	cfg, err := pgxpool.ParseConfig(l.postgres.ConnString(bankDatabase, ledgerRole))
	if err != nil {
		return err
	}
	pool, err := pgpool.New(ctx, cfg, poolSize, "ledger-posting")
	if err != nil {
		return err
	}
	host := fn.NewHost(ledgerposting.New(), pool, fn.Options{Logger: logger, Keys: l.keys.Ring(ledgerName).Direct(fn.Source(apiName), l.keys.Ring(apiName))})
	l.onClose(func(context.Context) error { host.Close(); pool.Close(); return nil })
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: host, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() { _ = server.Serve(listener) }() // ends with Shutdown
	l.onClose(server.Shutdown)
	l.address = listener.Addr().String()
	return nil
}

func (l *ledgerDoor) onClose(f func(context.Context) error) { l.closers = append(l.closers, f) }

func (l *ledgerDoor) close(ctx context.Context) error {
	var errs []error
	for i := len(l.closers) - 1; i >= 0; i-- {
		errs = append(errs, l.closers[i](ctx))
	}
	l.closers = nil
	return errors.Join(errs...)
}

// open makes n accounts in the ledger.
func (l *ledgerDoor) open(ctx context.Context, n int) error {
	l.ids = make([]string, n)
	for i := range l.ids {
		l.ids[i] = uuid.NewString()
	}
	if _, err := l.owner.Exec(ctx, `
		insert into ledger.account (id, kind, product, currency, balance_minor, floor_minor)
		select id, 'customer', $2, 'EUR', 0, 0 from unnest($1::uuid[]) id`, l.ids, events.Current); err != nil {
		return fmt.Errorf("open accounts: %w", err)
	}
	return nil
}

// fill opens the accounts and puts the opening amount on each through the door,
// which also warms everything up.
func (l *ledgerDoor) fill(ctx context.Context) error {
	if err := l.open(ctx, ledgerAccounts); err != nil {
		return err
	}
	_, err := l.load(ctx, opening(l.ids), 0, nil, func() bool { return true })
	return err
}

// environment is what the function's own process is told to work on the same
// database.
func (l *ledgerDoor) environment() ([]string, error) {
	cfg, err := pgx.ParseConfig(l.postgres.ConnString(bankDatabase, ledgerRole))
	if err != nil {
		return nil, err
	}
	return append(os.Environ(),
		"POSTGRES_HOST="+cfg.Host, "POSTGRES_PORT="+strconv.Itoa(int(cfg.Port)), "POSTGRES_DATABASE="+cfg.Database,
		"POSTGRES_USER="+cfg.User, "POSTGRES_TLS=disable", "DRAIN=10ms",
		"EVENT_KEYS_FILE="+filepath.Join(l.keysDir, ledgerName)), nil
}

// settle writes out what the preparations left, so that the first measurement
// does not pay for it. It does not analyze the tables: a fresh bank has to be
// quick as well.
func (l *ledgerDoor) settle(ctx context.Context) error {
	_, err := l.owner.Exec(ctx, `checkpoint`)
	return err
}
