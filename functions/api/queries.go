package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/accounts"
	"quittance.dev/functions/ledger"
)

// What only this function reads.

// querier is a pool or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// inLedger reads the state of several accounts at once.
func (a *api) inLedger(ctx context.Context, list []accounts.Account) (map[string]ledger.Account, error) {
	ids := make([]string, len(list))
	for i, account := range list {
		ids[i] = account.ID
	}
	rows, err := a.host.Pool().Query(ctx, `
		select id::text, status, balance_minor from ledger.account where id = any($1::uuid[]) and kind = 'customer'`, ids)
	if err != nil {
		return nil, fmt.Errorf("read accounts in the ledger: %w", err)
	}
	found := make(map[string]ledger.Account, len(list))
	var one ledger.Account
	if _, err := pgx.ForEachRow(rows, []any{&one.ID, &one.Status, &one.BalanceMinor}, func() error {
		found[one.ID] = one
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read accounts in the ledger: %w", err)
	}
	return found, nil
}

// receiptRow is a receipt without its pages.
type receiptRow struct {
	Number   int64
	IssuedAt time.Time
}

// receiptOf finds the receipt of an invoice, nil if it has none yet.
func receiptOf(ctx context.Context, q querier, invoiceID string) (*receiptRow, error) {
	rows, err := q.Query(ctx, `select number, issued_at from invoicing.receipt where invoice_id = $1`, invoiceID)
	if err != nil {
		return nil, fmt.Errorf("find receipt: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[receiptRow])
	if err != nil {
		return nil, fmt.Errorf("find receipt: %w", err)
	}
	if len(found) == 0 {
		return nil, nil
	}
	return &found[0], nil
}

// closure reads the closure of an account and its history.
func (a *api) closure(ctx context.Context, accountID string) (Closure, error) {
	c := Closure{AccountID: accountID, History: []Transition{}}
	var mambu, e, closed, mailed *time.Time
	err := a.host.Pool().QueryRow(ctx, `
		select closure_id::text, state, case when state = 'PARKED' then last_error else '' end,
		       started_at, mambu_closed_at, e_closed_at, closed_at, email_sent_at
		from closure.account_closure where account_id = $1`, accountID).
		Scan(&c.ClosureID, &c.State, &c.Reason, &c.StartedAt, &mambu, &e, &closed, &mailed)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, errNotFound
	}
	if err != nil {
		return c, fmt.Errorf("read closure: %w", err)
	}
	c.StartedAt = c.StartedAt.UTC()
	c.MambuClosedAt, c.EClosedAt, c.ClosedAt, c.EmailSentAt = instant(mambu), instant(e), instant(closed), instant(mailed)
	rows, err := a.host.Pool().Query(ctx, `
		select coalesce(from_state, ''), to_state, occurred_at from closure.account_closure_events
		where account_id = $1 order by id`, accountID)
	if err != nil {
		return c, fmt.Errorf("read closure's history: %w", err)
	}
	var t Transition
	_, err = pgx.ForEachRow(rows, []any{&t.From, &t.To, &t.At}, func() error {
		t.At = t.At.UTC()
		c.History = append(c.History, t)
		return nil
	})
	if err != nil {
		return c, fmt.Errorf("read closure's history: %w", err)
	}
	return c, nil
}

func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// journeyLimit bounds the events of a journey that are shown.
const journeyLimit = 500

// saidIn reads the events of a journey in the order in which they were said,
// and tells whether there are more of them.
func (a *api) saidIn(ctx context.Context, journeyID string) (said []saidEvent, truncated bool, _ error) {
	rows, err := a.host.Pool().Query(ctx, `
		select source, id, type, subject, created_at from delivery.outbox
		where correlation_id = $1 order by created_at, source, type, id limit $2`, journeyID, journeyLimit+1)
	if err != nil {
		return nil, false, fmt.Errorf("read journey: %w", err)
	}
	said, err = pgx.CollectRows(rows, pgx.RowToStructByPos[saidEvent])
	if err != nil {
		return nil, false, fmt.Errorf("read journey: %w", err)
	}
	return said[:min(len(said), journeyLimit)], len(said) > journeyLimit, nil
}

// heardOf reads what became of events at the functions that took them up, or
// failed to.
func (a *api) heardOf(ctx context.Context, said []saidEvent) ([]hearing, error) {
	sources, ids := make([]string, len(said)), make([]string, len(said))
	for i, e := range said {
		sources[i], ids[i] = e.Source, e.ID
	}
	rows, err := a.host.Pool().Query(ctx, `
		with e as (select distinct * from unnest($1::text[], $2::text[]) e(source, id)),
		who as (
			select i.consumer, source, id from e join delivery.idempotency i using (source, id)
			union select f.consumer, source, id from e join delivery.failure f using (source, id)
			union select d.consumer, e.source, e.id from e join delivery.dead_letter d on d.source = e.source and d.event_id = e.id
		)
		select w.source, w.id, w.consumer, coalesce(i.state, ''), coalesce(i.attempts, 0), i.first_seen, i.done_at,
		       coalesce(f.attempts, 0),
		       exists (select from delivery.dead_letter d where d.consumer = w.consumer and d.source = w.source
		               and d.event_id = w.id and d.status in ('open', 'replaying'))
		from who w
		left join delivery.idempotency i on i.consumer = w.consumer and i.source = w.source and i.id = w.id
		left join delivery.failure f on f.consumer = w.consumer and f.source = w.source and f.id = w.id
		order by w.consumer`, sources, ids)
	if err != nil {
		return nil, fmt.Errorf("read who heard: %w", err)
	}
	heard, err := pgx.CollectRows(rows, pgx.RowToStructByPos[hearing])
	if err != nil {
		return nil, fmt.Errorf("read who heard: %w", err)
	}
	return heard, nil
}

// deadLetters lists dead letters, newest first, from behind the given place.
func (a *api) deadLetters(ctx context.Context, consumer, status string, from place, limit int) ([]DeadLetter, error) {
	var before *time.Time
	var id *string
	if from.id != "" {
		before, id = &from.at, &from.id
	}
	rows, err := a.host.Pool().Query(ctx, `
		select id::text, consumer, source, event_id, type, subject, correlation_id, coalesce(error_code, 0), reason,
		       attempts, times, status, first_at, last_at
		from delivery.dead_letter
		where ($1 = '' or consumer = $1) and ($2 = '' or status = $2)
		  and ($3::timestamptz is null or (first_at, id) < ($3, $4::uuid))
		order by first_at desc, id desc limit $5`, consumer, status, before, id, limit)
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[DeadLetter])
	if err != nil {
		return nil, fmt.Errorf("list dead letters: %w", err)
	}
	for i := range list {
		list[i].FirstAt, list[i].LastAt = list[i].FirstAt.UTC(), list[i].LastAt.UTC()
	}
	return list, nil
}
