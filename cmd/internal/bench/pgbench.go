package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/pgserver"
)

// baseline is the database that pgbench works in, on the bank's server.
const baseline = "baseline"

// How pgbench is driven, as the benchmark's definition says: 16 clients, 2
// threads, prepared statements.
var pgbenchLoad = []string{"-c", "16", "-j", "2", "-M", "prepared"}

// keyedAccounts is how many accounts the keyed transfer moves money between: as
// many as the ledger has in its own measurement.
const keyedAccounts = ledgerAccounts

// keyedSchema and keyedTransfer are the least that moves money exactly once: a
// unique key, two balances, two entries, and not one rule more.
const keyedSchema = `
	create schema keyed;
	create table keyed.idempotency (key bigint primary key);
	create table keyed.account (id integer primary key, balance bigint not null) with (fillfactor = 70);
	create table keyed.entry (key bigint not null, leg smallint not null, account integer not null, amount bigint not null,
	                          primary key (key, leg));
	insert into keyed.account select n, 0 from generate_series(1, %d) n;`

// The accounts are locked in order, or two transfers could wait for each other.
const keyedTransfer = `\set key random(1, 9223372036854775806)
\set one random(1, %[1]d - 1)
\set other random(:one + 1, %[1]d)
\set amount random(1, 10000)
begin;
insert into keyed.idempotency values (:key);
update keyed.account set balance = balance + :amount where id = :one;
update keyed.account set balance = balance - :amount where id = :other;
insert into keyed.entry values (:key, 1, :one, :amount), (:key, 2, :other, -:amount::bigint);
commit;
`

var errNoPgbench = errors.New("this Postgres has no pgbench")

// pgbench runs against the baseline database of one server.
type pgbench struct {
	program, conn, script string
}

// preparePgbench makes the baseline database and fills it.
func preparePgbench(ctx context.Context, srv *pgserver.Server, scale int, dir string) (*pgbench, error) {
	admin, err := pgx.Connect(ctx, srv.ConnString(pgserver.Superuser, pgserver.Superuser))
	if err != nil {
		return nil, err
	}
	defer func() { _ = admin.Close(context.WithoutCancel(ctx)) }()
	var bin string
	if err := admin.QueryRow(ctx, `select setting from pg_config where name = 'BINDIR'`).Scan(&bin); err != nil {
		return nil, fmt.Errorf("ask where Postgres's programs are: %w", err)
	}
	p := &pgbench{
		program: filepath.Join(bin, "pgbench"), conn: srv.ConnString(baseline, pgserver.Superuser),
		script: filepath.Join(dir, "keyed.sql"),
	}
	if _, err := exec.LookPath(p.program); err != nil {
		return nil, fmt.Errorf("%w: %w", errNoPgbench, err)
	}
	if _, err := admin.Exec(ctx, `create database `+baseline); err != nil {
		return nil, err
	}
	if _, _, err := p.run(ctx, "-i", "-q", "-s", strconv.Itoa(scale)); err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, p.conn)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, fmt.Sprintf(keyedSchema, keyedAccounts)); err != nil {
		return nil, fmt.Errorf("make the tables of the keyed transfer: %w", err)
	}
	return p, os.WriteFile(p.script, fmt.Appendf(nil, keyedTransfer, keyedAccounts), 0o600)
}

// tpcb is pgbench's own TPC-B.
func (p *pgbench) tpcb(ctx context.Context, d time.Duration) (transactions, error) {
	return p.transactions(ctx, d)
}

// keyed is the keyed transfer.
func (p *pgbench) keyed(ctx context.Context, d time.Duration) (transactions, error) {
	return p.transactions(ctx, d, "-n", "-f", p.script)
}

// transactions are what pgbench did in one run.
type transactions struct {
	rate  float64 // per second, as it prints it
	count int
	took  time.Duration // of the processor, by pgbench itself
}

var (
	rateLine  = regexp.MustCompile(`(?m)^tps = ([0-9.]+)`)
	countLine = regexp.MustCompile(`(?m)^number of transactions actually processed: ([0-9]+)`)
)

func (p *pgbench) transactions(ctx context.Context, d time.Duration, args ...string) (t transactions, err error) {
	seconds := max(int(d/time.Second), 1)
	out, took, err := p.run(ctx, append(append([]string{"-T", strconv.Itoa(seconds)}, pgbenchLoad...), args...)...)
	if err != nil {
		return t, err
	}
	rate, count := rateLine.FindSubmatch(out), countLine.FindSubmatch(out)
	if rate == nil || count == nil {
		return t, fmt.Errorf("pgbench printed no figures:\n%s", out)
	}
	t.took = took
	if t.rate, err = strconv.ParseFloat(string(rate[1]), 64); err != nil {
		return t, err
	}
	t.count, err = strconv.Atoi(string(count[1]))
	return t, err
}

func (p *pgbench) run(ctx context.Context, args ...string) (out []byte, took time.Duration, err error) {
	cmd := exec.CommandContext(ctx, p.program, append(args, p.conn)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	if out, err = cmd.CombinedOutput(); err != nil {
		return nil, 0, fmt.Errorf("pgbench: %w:\n%.1000s", err, out) // each client may say the same
	}
	return out, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}
