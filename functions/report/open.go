package report

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Reach is how far back a report goes, by the database's clock.
const Reach = 5 * 24 * time.Hour

// Lifetime is how long a report stays open.
const Lifetime = 15 * time.Minute

// keyEvery is the least number of lines between two keys; a key is at the
// beginning of a page.
const keyEvery = 100

// never is after every line.
var never = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

var (
	// ErrNotFound means that there is no such report, or none any more.
	ErrNotFound = errors.New("no such report")
	// ErrForeign means that lines carry transaction ids of another server.
	ErrForeign = errors.New("lines of the report carry transaction ids of another server: run a rebuild")
)

// TooManyError means that the caller has as many reports open as it may.
type TooManyError struct {
	// Wait is how long until the first of them expires.
	Wait time.Duration
}

func (e *TooManyError) Error() string { return fmt.Sprintf("too many open reports for %s", e.Wait) }

// Beginner opens transactions: a pool or a connection.
type Beginner interface {
	BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error)
}

// Question is what a report is asked for.
type Question struct {
	Caller string // id of the principal
	// Accounts whose transactions are wanted; nil means everybody's.
	Accounts []string
	// From is the first instant wanted, or Reach ago if that is later. To is the
	// first that is not; zero means that there is none.
	From, To time.Time
	Limit    int // lines on a page
	// Hash names the question: the same one goes on with the same report.
	Hash [32]byte
	// AtMost is how many reports a caller may have open.
	AtMost int
}

// Report is an open report.
type Report struct {
	ID        string
	Caller    string
	Hash      [32]byte // of the question
	From      time.Time
	To        time.Time // zero if there is none
	Limit     int
	Total     int64 // lines
	Behind    int64 // postings that the ledger had and the projection had not heard of
	OpenedAt  time.Time
	ExpiresAt time.Time

	accounts []string
	hash     []byte
	step     int
	snapshot string
}

// Pages is how many pages there are.
func (r Report) Pages() int64 { return (r.Total + int64(r.Limit) - 1) / int64(r.Limit) }

// The lines of a question, as they are when it is asked. Somebody's are found
// account by account; a transfer between two of them is one line.
const (
	everybodys = `
		select occurred_at, id, xid from query.report_line
		where occurred_at >= (select from_at from frozen) and occurred_at < $5`
	somebodys = `
		select occurred_at, id, xid from query.report_line
		where dst_account_id = any($3::uuid[]) and occurred_at >= (select from_at from frozen) and occurred_at < $5
		union all
		select occurred_at, id, xid from query.report_line
		where src_account_id = any($3::uuid[]) and not dst_account_id = any($3::uuid[])
		  and occurred_at >= (select from_at from frozen) and occurred_at < $5`
	behindEverybody = `
		select sum(a.seq - coalesce(b.heard, 0)) from ledger.account a left join query.balance b on b.account_id = a.id
		where a.kind = 'customer'`
	behindSomebody = behindEverybody + ` and a.id = any($3::uuid[])`
)

// openSQL freezes a report in one statement, so that what it counts, the keys
// that it takes down and the snapshot that it stores are of one moment. A line that
// the statement sees and the stored snapshot does not carries the transaction id
// of another server.
func openSQL(lines, behind string) string {
	return `
		with frozen as materialized (
			select pg_current_snapshot() as snapshot, greatest($4::timestamptz, now() - $10::interval) as from_at
		), line as (` + lines + `
		), place as (
			select row_number() over w as n, lead(id) over w is null as last, occurred_at, id,
			       count(*) filter (where pg_visible_in_snapshot(xid, (select snapshot from frozen))) over w as seen
			from line window w as (order by occurred_at desc, id desc rows unbounded preceding)
		), key as materialized (
			select * from place where (n - 1) % $7 = 0 or last
		), opened as (
			insert into query.report (id, caller, accounts, query, from_at, to_at, page_limit, step, snapshot, total, behind, opened_at, expires_at)
			select $1, $2, $3::uuid[], $8, f.from_at, $5, $6, $7, f.snapshot, coalesce((select n from key where last), 0),
			       coalesce((` + behind + `), 0), now(), now() + $9::interval
			from frozen f
			returning *
		), kept as (
			insert into query.report_key (report_id, n, occurred_at, id)
			select $1, (n - 1) / $7, occurred_at, id from key where (n - 1) % $7 = 0
		)
		select ` + columns + `, coalesce((select n <> seen from key where last), false) from opened`
}

const columns = `id::text, caller::text, accounts::text[], query, from_at, to_at, page_limit, step, snapshot::text, total, behind, opened_at, expires_at`

func (r *Report) targets() []any {
	return []any{&r.ID, &r.Caller, &r.accounts, &r.hash, &r.From, &r.To, &r.Limit, &r.step, &r.snapshot, &r.Total, &r.Behind, &r.OpenedAt, &r.ExpiresAt}
}

func (r *Report) normalize() {
	r.From, r.OpenedAt, r.ExpiresAt, r.To = r.From.UTC(), r.OpenedAt.UTC(), r.ExpiresAt.UTC(), r.To.UTC()
	copy(r.Hash[:], r.hash)
	if r.To.Equal(never) {
		r.To = time.Time{}
	}
}

// Open freezes a report of what is committed now. A caller opens one at a time.
// Errors match *TooManyError or ErrForeign.
func Open(ctx context.Context, db Beginner, q Question) (r Report, err error) {
	if q.To.IsZero() || q.To.After(never) {
		q.To = never
	}
	step := q.Limit * max(1, (keyEvery+q.Limit-1)/q.Limit)
	statement := openSQL(somebodys, behindSomebody)
	if q.Accounts == nil {
		statement = openSQL(everybodys, behindEverybody)
	}
	err = pgx.BeginTxFunc(ctx, db, pgx.TxOptions{}, func(tx pgx.Tx) error {
		if err := mayOpen(ctx, tx, q); err != nil {
			return err
		}
		var foreign bool
		if err := tx.QueryRow(ctx, statement, uuid.NewString(), q.Caller, q.Accounts, q.From, q.To, q.Limit, step, q.Hash[:], Lifetime, Reach).
			Scan(append(r.targets(), &foreign)...); err != nil {
			return fmt.Errorf("freeze: %w", err)
		}
		if foreign {
			return ErrForeign
		}
		return nil
	})
	if err != nil {
		return Report{}, fmt.Errorf("open a report: %w", err)
	}
	r.normalize()
	return r, nil
}

// mayOpen lets the caller's openings by one at a time, and says when there are
// too many. What an opening reads is planned for what it finds: it may be a few
// lines or a million.
func mayOpen(ctx context.Context, tx pgx.Tx, q Question) error {
	var open int
	var wait *time.Duration
	batch := &pgx.Batch{}
	batch.Queue(`select set_config('plan_cache_mode', 'force_custom_plan', true), set_config('enable_hashjoin', 'on', true)`)
	batch.Queue(`select pg_advisory_xact_lock(hashtextextended('report ' || $1::text, 0))`, q.Caller)
	batch.Queue(`select count(*), min(expires_at) - now() from query.report where caller = $1 and expires_at > now()`, q.Caller).
		QueryRow(func(row pgx.Row) error { return row.Scan(&open, &wait) })
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("count open reports: %w", err)
	}
	if open >= q.AtMost && wait != nil {
		return &TooManyError{Wait: *wait}
	}
	return nil
}

// Querier is what reading needs: a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Find is the open report with this id, of this caller; ErrNotFound if there is
// none, or none any more.
func Find(ctx context.Context, q Querier, id, caller string) (Report, error) {
	return find(ctx, q, `id = $1 and caller = $2 and expires_at > now()`, id, caller)
}

// Latest is the report that the caller opened last with this question.
func Latest(ctx context.Context, q Querier, caller string, question [32]byte) (Report, error) {
	return find(ctx, q, `caller = $1 and query = $2 and expires_at > now() order by opened_at desc, id limit 1`, caller, question[:])
}

func find(ctx context.Context, q Querier, where string, args ...any) (r Report, err error) {
	err = q.QueryRow(ctx, `select `+columns+` from query.report where `+where, args...).Scan(r.targets()...)
	if errors.Is(err, pgx.ErrNoRows) {
		return Report{}, ErrNotFound
	}
	if err != nil {
		return Report{}, fmt.Errorf("find report: %w", err)
	}
	r.normalize()
	return r, nil
}
