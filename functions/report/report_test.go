package report_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/query"
	"quittance.dev/functions/report"
)

// C08: 135 lines, 100 on a page: 135 and 2.
func TestC08_135LinesAreTwoPagesOf100(t *testing.T) {
	t.Parallel()
	d := open(t)
	account := uuid.NewString()
	d.hearsMany(account, 135)
	d.hearsMany(uuid.NewString(), 30)
	r := d.open(d.question(100, account))
	require.EqualValues(t, 135, r.Total)
	require.EqualValues(t, 2, r.Pages())
	require.Len(t, d.page(r, 1), 100)
	require.Len(t, d.page(r, 2), 35)
	require.Empty(t, d.page(r, 3))
	require.EqualValues(t, 165, d.open(d.question(100)).Total, "everybody's")
	require.Zero(t, d.open(d.question(100, uuid.NewString())).Pages())
	require.Empty(t, d.page(d.open(d.question(100, uuid.NewString())), 1))
}

// Every limit gives the same lines in the same order: keys stand at the beginning of
// pages, whatever a page's size.
func TestC08_EveryLimitGivesTheSameSet(t *testing.T) {
	t.Parallel()
	d := open(t)
	mine, other := uuid.NewString(), uuid.NewString()
	d.hearsMany(mine, 223)
	d.hearsMany(other, 50)
	for _, accounts := range [][]string{nil, {mine}, {mine, other}} {
		var want []string
		for _, limit := range []int{1, 7, 50, 99, 100, 101, 1000} {
			q := d.question(limit, accounts...)
			q.Caller = uuid.NewString()
			r := d.open(q)
			got := ids(d.all(r))
			if want == nil {
				want = got
			}
			require.Equal(t, want, got, "limit %d", limit)
			var streamed []string
			require.NoError(t, r.Each(ctx(t), d.reader, func(lines []query.Line) error {
				streamed = append(streamed, ids(lines)...)
				return nil
			}))
			require.Equal(t, want, streamed, "limit %d", limit)
		}
	}
}

// C07: five days back exactly, by the database's clock.
func TestC07_FiveDaysBackExactly(t *testing.T) {
	t.Parallel()
	d := open(t)
	account := uuid.NewString()
	for _, from := range []time.Time{{}, d.at(7 * 24 * time.Hour), d.at(report.Reach)} {
		tx, err := d.reader.Begin(ctx(t))
		require.NoError(t, err)
		var now time.Time
		require.NoError(t, tx.QueryRow(ctx(t), `select now()`).Scan(&now))
		inside, outside := refusal(account, now.Add(-report.Reach)), refusal(account, now.Add(-report.Reach-time.Microsecond))
		d.heard(inside, outside)
		q := d.question(100, account)
		q.From = from
		r, err := report.Open(ctx(t), within{tx}, q) // its now is the one that we know
		require.NoError(t, err)
		require.NoError(t, tx.Commit(ctx(t)))
		require.Equal(t, now.Add(-report.Reach).UTC(), r.From, "an older start is moved to five days ago")
		got := ids(d.all(r))
		require.Contains(t, got, inside.Line.ID)
		require.NotContains(t, got, outside.Line.ID)
	}
}

// within opens "transactions" inside one that is open.
type within struct{ tx pgx.Tx }

func (w within) BeginTx(c context, _ pgx.TxOptions) (pgx.Tx, error) { return w.tx.Begin(c) }

func TestC07_FromAndTo(t *testing.T) {
	t.Parallel()
	d := open(t)
	account := uuid.NewString()
	at := func(s int) time.Time { return d.at(time.Hour).Add(time.Duration(s) * time.Second) }
	var lines []query.Movement
	for s := range 5 {
		lines = append(lines, refusal(account, at(s)))
	}
	d.heard(lines...)
	q := d.question(10, account)
	q.From, q.To = at(1), at(3)
	require.Equal(t, []string{lines[2].Line.ID, lines[1].Line.ID}, ids(d.all(d.open(q))), "from the first, before the second, newest first")
}

// C06: what failed is in the report, with its reason.
func TestC06_WhatFailedIsInTheReport(t *testing.T) {
	t.Parallel()
	d := open(t)
	account := uuid.NewString()
	op := func(data events.Data) query.Movement {
		m, ok := query.Of(data, d.at(time.Minute))
		require.True(t, ok)
		return m
	}
	in := op(events.DepositCompleted{OperationID: uuid.NewString(), AccountID: account, AmountMinor: 500, Currency: "EUR", BalanceMinor: 500, AccountSeq: 1})
	out := op(events.WithdrawalRejected{OperationID: uuid.NewString(), AccountID: account, AmountMinor: 900, Currency: "EUR", Reason: events.InsufficientFunds})
	twice := op(events.DepositRejected{OperationID: uuid.NewString(), AccountID: account, AmountMinor: 1, Currency: "EUR", Reason: events.OneDepositOnly})
	paid := op(events.InvoiceCredited{InvoiceID: uuid.NewString(), PaymentID: uuid.NewString(), AccountID: account, AmountMinor: 7, Currency: "EUR", BalanceMinor: 507, AccountSeq: 2})
	for range 3 {
		d.heard(in, out, twice, paid, in, out)
	}
	got := map[string]query.Line{}
	r := d.open(d.question(10, account))
	require.EqualValues(t, 4, r.Total, "each once, however often it was heard")
	for _, l := range d.all(r) {
		got[l.ID] = l
	}
	for _, m := range []query.Movement{in, out, twice, paid} {
		m.Line.OccurredAt = m.Line.OccurredAt.UTC()
		require.Equal(t, m.Line, got[m.Line.ID])
	}
	require.Equal(t, query.Line{
		ID: out.Line.ID, Kind: query.Withdrawal, Destination: account, Direction: events.Debit, AmountMinor: 900, Currency: "EUR",
		Status: query.Fail, Reason: events.InsufficientFunds, OccurredAt: d.at(time.Minute).UTC(),
	}, got[out.Line.ID])
}

// A command under two event ids has two outcomes that say the same thing at
// different times: one line all the same.
func TestOneLineForACommandUnderTwoEventIDs(t *testing.T) {
	t.Parallel()
	d := open(t)
	account, in, out := uuid.NewString(), uuid.NewString(), uuid.NewString()
	for i := range 3 {
		at := d.at(time.Duration(3-i) * time.Minute)
		deposit, _ := query.Of(events.DepositCompleted{OperationID: in, AccountID: account, AmountMinor: 5, Currency: "EUR", BalanceMinor: 5, AccountSeq: 1}, at)
		refused, _ := query.Of(events.WithdrawalRejected{OperationID: out, AccountID: account, AmountMinor: 9, Currency: "EUR", Reason: events.InsufficientFunds}, at)
		d.heard(deposit, refused)
	}
	require.EqualValues(t, 2, d.open(d.question(10, account)).Total)
}

func TestAReportIsItsCallersAndExpires(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.hearsMany(uuid.NewString(), 3)
	q := d.question(2)
	r := d.open(q)
	found, err := report.Find(ctx(t), d.reader, r.ID, d.caller)
	require.NoError(t, err)
	require.Equal(t, r, found)
	_, err = report.Find(ctx(t), d.reader, r.ID, uuid.NewString())
	require.ErrorIs(t, err, report.ErrNotFound)
	latest, err := report.Latest(ctx(t), d.reader, d.caller, q.Hash)
	require.NoError(t, err)
	require.Equal(t, r, latest)
	_, err = report.Latest(ctx(t), d.reader, d.caller, [32]byte{})
	require.ErrorIs(t, err, report.ErrNotFound)

	_, err = d.owner.Exec(ctx(t), `update query.report set opened_at = opened_at - interval '1 hour', expires_at = expires_at - interval '1 hour'`)
	require.NoError(t, err)
	_, err = report.Find(ctx(t), d.reader, r.ID, d.caller)
	require.ErrorIs(t, err, report.ErrNotFound)
	_, err = report.Latest(ctx(t), d.reader, d.caller, q.Hash)
	require.ErrorIs(t, err, report.ErrNotFound)
	for _, n := range []int64{1, 2, 3} {
		_, err = r.Page(ctx(t), d.reader, n)
		require.ErrorIs(t, err, report.ErrNotFound, "page %d", n)
	}
	require.ErrorIs(t, r.Each(ctx(t), d.reader, func([]query.Line) error { return nil }), report.ErrNotFound)
}

// A8: a caller has a number of reports open and no more; others are not concerned,
// and the tick makes room when they have expired.
func TestA8_OpenReportsAreCounted(t *testing.T) {
	t.Parallel()
	d := open(t)
	q := d.question(10)
	for range q.AtMost {
		d.open(q)
	}
	_, err := report.Open(ctx(t), d.reader, q)
	var tooMany *report.TooManyError
	require.ErrorAs(t, err, &tooMany)
	require.InDelta(t, report.Lifetime.Seconds(), tooMany.Wait.Seconds(), 60)
	other := q
	other.Caller = uuid.NewString()
	d.open(other)

	_, err = d.owner.Exec(ctx(t), `update query.report set opened_at = opened_at - interval '1 hour', expires_at = expires_at - interval '1 hour' where caller = $1`, d.caller)
	require.NoError(t, err)
	d.open(q)
	var left int
	tx, err := d.owner.Begin(ctx(t))
	require.NoError(t, err)
	n, err := report.Purge(ctx(t), fn.NewTx(tx, time.Now()), 6)
	require.NoError(t, err)
	require.EqualValues(t, 6, n)
	require.NoError(t, tx.Commit(ctx(t)))
	require.NoError(t, d.owner.QueryRow(ctx(t), `select count(*) from query.report`).Scan(&left))
	require.Equal(t, q.AtMost+2-6, left)
}

// Lines of another server's transaction ids would vanish without a word.
func TestLinesOfAnotherServerAreNotMistaken(t *testing.T) {
	t.Parallel()
	d := open(t)
	account := uuid.NewString()
	d.hearsMany(account, 3)
	_, err := d.owner.Exec(ctx(t), `update query.report_line set xid = '9000000000' where id = (select id from query.report_line limit 1)`)
	require.NoError(t, err)
	for _, q := range []report.Question{d.question(10), d.question(10, account)} {
		_, err = report.Open(ctx(t), d.reader, q)
		require.ErrorIs(t, err, report.ErrForeign)
	}
}

// Whoever has just moved money finds it in the report: opening waits for the
// projection, and says what is missing when it does not come.
func TestReadYourWrites(t *testing.T) {
	t.Parallel()
	d := open(t)
	account := uuid.NewString()
	_, err := d.owner.Exec(ctx(t), `insert into ledger.account (id, kind, product, currency, balance_minor, seq) values ($1, 'customer', 'current', 'EUR', 10, 2)`, account)
	require.NoError(t, err)
	post := func(seq int64) query.Movement {
		m, _ := query.Of(events.DepositCompleted{OperationID: uuid.NewString(), AccountID: account, AmountMinor: 5, Currency: "EUR", BalanceMinor: 5 * seq, AccountSeq: seq}, d.at(time.Second))
		return m
	}
	require.NoError(t, report.Await(ctx(t), d.reader, []string{account}, time.Millisecond), "it gives up")
	require.EqualValues(t, 2, d.open(d.question(10, account)).Behind)
	require.EqualValues(t, 2, d.open(d.question(10)).Behind)
	d.heard(post(2)) // the later one first: the position alone does not tell
	require.EqualValues(t, 1, d.open(d.question(10, account)).Behind)
	waited := make(chan error, 1)
	go func() { waited <- report.Await(ctx(t), d.reader, []string{account}, time.Minute) }()
	d.heard(post(1))
	require.NoError(t, <-waited)
	r := d.open(d.question(10, account))
	require.Zero(t, r.Behind)
	require.EqualValues(t, 2, r.Total)
	require.NoError(t, report.Await(ctx(t), d.reader, []string{account}, 0))
}

// C09: whatever is read of the lines is read by ranges of an index.
func TestC09_PagesAreRangesOfAnIndex(t *testing.T) {
	t.Parallel()
	d := open(t)
	account := uuid.NewString()
	_, err := d.owner.Exec(ctx(t), `
		insert into query.report_line (occurred_at, id, kind, dst_account_id, direction, amount_minor, currency, status)
		select $1::timestamptz - n * interval '8 seconds', gen_random_uuid(), 'deposit',
		       case when n % 10 = 0 then $2::uuid else gen_random_uuid() end, 'credit', 1, 'EUR', 'success'
		from generate_series(1, 50000) n`, d.now, account)
	require.NoError(t, err)
	_, err = d.owner.Exec(ctx(t), `vacuum analyze query.report_line`)
	require.NoError(t, err)
	for _, q := range []report.Question{d.question(100), d.question(100, account)} {
		plans := &explained{pool: d.reader}
		r := d.open(q)
		_, err := r.Page(ctx(t), plans, r.Pages()/2)
		require.NoError(t, err)
		require.NotEmpty(t, plans.plans)
		for _, plan := range plans.plans {
			require.NotContains(t, plan, "Seq Scan", plan)
			require.NotContains(t, plan, "Sort Method: external", plan)
			require.Contains(t, plan, "Index Cond", plan)
		}
		require.Less(t, plans.rows, int64(500), "a page reads little more than itself: %s", strings.Join(plans.plans, "\n"))
	}
}

func TestAnErrorEndsTheStream(t *testing.T) {
	t.Parallel()
	d := open(t)
	d.hearsMany(uuid.NewString(), 10)
	enough := errors.New("enough")
	require.ErrorIs(t, d.open(d.question(5)).Each(ctx(t), d.reader, func([]query.Line) error { return enough }), enough)
}
