package report

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/query"
)

// chunk is about how many lines Each reads at once.
const chunk = 5000

// The lines of a report between two keys, newest first: from the first one on,
// before the second. Each is an index range of its own partition.
const (
	lineColumns = `id::text, kind, coalesce(src_account_id::text, ''), dst_account_id::text, direction, amount_minor, currency, status, coalesce(reason, ''), occurred_at`
	between     = `occurred_at <= $2 and (occurred_at, id) <= ($2, $3) and occurred_at >= $4 and (occurred_at, id) > ($4, $5)
		and pg_visible_in_snapshot(xid, $1::text::pg_snapshot)`
	linesOfEverybody = `
		select ` + lineColumns + ` from query.report_line where ` + between + `
		order by occurred_at desc, query.report_line.id desc offset $6 limit $7`
	linesOfSomebody = `
		select ` + lineColumns + ` from (
			select * from query.report_line where dst_account_id = any($8::uuid[]) and ` + between + `
			union all
			select * from query.report_line where src_account_id = any($8::uuid[]) and not dst_account_id = any($8::uuid[]) and ` + between + `
		) report_line
		order by occurred_at desc, report_line.id desc offset $6 limit $7`
)

// key is a place in the report: that of a line, or the end.
type key struct {
	at time.Time
	id string
}

// Page reads page n, from 1. One behind the last is empty. ErrNotFound means that
// the report has ended.
func (r Report) Page(ctx context.Context, db Beginner, n int64) (lines []query.Line, err error) {
	if n < 1 || n > r.Pages() {
		return nil, r.stillOpen(ctx, db)
	}
	skip := (n - 1) * int64(r.Limit)
	err = r.read(ctx, db, skip/int64(r.step), 1, func(tx pgx.Tx, from, to key) error {
		lines, err = r.lines(ctx, tx, from, to, skip%int64(r.step), int64(r.Limit))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read page %d: %w", n, err)
	}
	if want := min(int64(r.Limit), r.Total-skip); int64(len(lines)) != want {
		return nil, fmt.Errorf("read page %d: %d lines where there were %d", n, len(lines), want)
	}
	return lines, nil
}

// Each calls take with all lines of the report, in order, some thousands at a
// time; the slice is reused. Nothing is held open between two calls. An error of
// take ends it; so does the end of the report, with ErrNotFound.
func (r Report) Each(ctx context.Context, db Beginner, take func([]query.Line) error) error {
	keys := int64(max(1, chunk/r.step))
	read := int64(0)
	for first := int64(0); first*int64(r.step) < r.Total; first += keys {
		var lines []query.Line
		err := r.read(ctx, db, first, keys, func(tx pgx.Tx, from, to key) (err error) {
			lines, err = r.lines(ctx, tx, from, to, 0, keys*int64(r.step))
			return err
		})
		if err != nil {
			return fmt.Errorf("read the report: %w", err)
		}
		read += int64(len(lines))
		if err := take(lines); err != nil {
			return err
		}
	}
	if read != r.Total {
		return fmt.Errorf("read the report: %d lines where there were %d", read, r.Total)
	}
	return nil
}

// read calls use with the keys at which a stretch begins and ends, in one
// snapshot: the report is open in it, so the lines that it sees are those that were
// frozen.
func (r Report) read(ctx context.Context, db Beginner, first, count int64, use func(tx pgx.Tx, from, to key) error) error {
	return pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `
			select k.n, k.occurred_at, k.id::text from query.report r join query.report_key k on k.report_id = r.id
			where r.id = $1 and r.expires_at > now() and k.n in ($2, $3) order by k.n`, r.ID, first, first+count)
		if err != nil {
			return fmt.Errorf("find keys: %w", err)
		}
		var n int64
		var k, from key
		to := key{at: r.From.Add(-time.Microsecond), id: last} // before the first instant
		_, err = pgx.ForEachRow(rows, []any{&n, &k.at, &k.id}, func() error {
			if n == first {
				from = k
			} else {
				to = k
			}
			return nil
		})
		switch {
		case err != nil:
			return fmt.Errorf("find keys: %w", err)
		case from.id == "":
			return ErrNotFound
		}
		return use(tx, from, to)
	})
}

// last is the highest id.
const last = "ffffffff-ffff-ffff-ffff-ffffffffffff"

func (r Report) stillOpen(ctx context.Context, db Beginner) error {
	return pgx.BeginTxFunc(ctx, db, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		_, err := Find(ctx, tx, r.ID, r.Caller)
		return err
	})
}

func (r Report) lines(ctx context.Context, tx pgx.Tx, from, to key, skip, limit int64) ([]query.Line, error) {
	statement, args := linesOfEverybody, []any{r.snapshot, from.at, from.id, to.at, to.id, skip, limit}
	if r.accounts != nil {
		statement, args = linesOfSomebody, append(args, r.accounts)
	}
	rows, err := tx.Query(ctx, statement, args...)
	if err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	lines, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (l query.Line, err error) {
		err = row.Scan(&l.ID, &l.Kind, &l.Source, &l.Destination, &l.Direction, &l.AmountMinor, &l.Currency, &l.Status, &l.Reason, &l.OccurredAt)
		l.OccurredAt = l.OccurredAt.UTC()
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("read lines: %w", err)
	}
	return lines, nil
}
