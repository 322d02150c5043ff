package query

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Execer is what writing needs: a transaction.
type Execer interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
}

// Opened records that accounts were opened: ID, CustomerID, Product, Currency
// and OpenedAt are read. A new account has a balance of nothing, at position 0.
func Opened(ctx context.Context, tx Execer, accounts []Account) error {
	return live.opened(ctx, tx, accounts)
}

func (p place) opened(ctx context.Context, tx Execer, accounts []Account) error {
	var ids, customers, products, currencies []string
	var times []time.Time
	for _, a := range accounts {
		ids, customers = append(ids, a.ID), append(customers, a.CustomerID)
		products, currencies = append(products, string(a.Product)), append(currencies, string(a.Currency))
		times = append(times, a.OpenedAt)
	}
	if _, err := tx.Exec(ctx, p.in(`
		insert into {in}.account_projection as a (account_id, customer_id, product, currency, opened_at)
		select distinct on (id) id, customer, product, currency, at
		from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[]) n(id, customer, product, currency, at)
		order by id, at
		on conflict (account_id) do update
		   set customer_id = excluded.customer_id, product = excluded.product, currency = excluded.currency,
		       opened_at = least(a.opened_at, excluded.opened_at)`),
		ids, customers, products, currencies, times); err != nil {
		return fmt.Errorf("project opened accounts: %w", err)
	}
	if _, err := tx.Exec(ctx, p.in(`
		insert into {in}.balance (account_id, currency, balance_minor, account_seq)
		select distinct on (id) id, currency, 0, 0
		from unnest($1::uuid[], $2::text[]) n(id, currency)
		order by id
		on conflict (account_id) do nothing`), ids, currencies); err != nil {
		return fmt.Errorf("project first balances: %w", err)
	}
	return nil
}

// place is the schema that a projection is written to: its own, or, for a
// rebuild, one to compare it with.
type place string

const live place = "query"

// in names the tables of a statement.
func (p place) in(statement string) string {
	return strings.ReplaceAll(statement, "{in}", string(p))
}

// Moved records transactions: postings to accounts, the balance after the latest
// of each account, and a line of the report. One that was heard of before changes
// nothing: one that went through is known by its place in its account, one that
// was refused by its id.
func Moved(ctx context.Context, tx Execer, movements []Movement) error {
	return live.moved(ctx, tx, movements)
}

func (p place) moved(ctx context.Context, tx Execer, movements []Movement) error {
	var postings columns
	var lines lineColumns
	for _, m := range movements {
		for _, t := range m.Postings {
			postings.add(t)
		}
		lines.add(m)
	}
	if _, err := tx.Exec(ctx, p.in(`
		with posting as (
			select distinct on (account, seq) *
			from unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::bigint[], $6::text[], $7::bigint[], $8::timestamptz[])
			     n(account, seq, kind, reference, amount, currency, balance, at)
			order by account, seq, at
		), fresh as (
			insert into {in}.transaction (account_id, account_seq, kind, reference, amount_minor, currency, balance_minor, occurred_at)
			select * from posting order by account, seq
			on conflict (account_id, account_seq) do nothing
			returning account_id, account_seq, currency, balance_minor
		), counted as (
			insert into {in}.balance as b (account_id, currency, balance_minor, account_seq, heard)
			select distinct on (account_id) account_id, currency, balance_minor, account_seq, count(*) over (partition by account_id)
			from fresh order by account_id, account_seq desc
			on conflict (account_id) do update set heard = b.heard + excluded.heard,
			       currency = case when b.account_seq < excluded.account_seq then excluded.currency else b.currency end,
			       balance_minor = case when b.account_seq < excluded.account_seq then excluded.balance_minor else b.balance_minor end,
			       account_seq = greatest(b.account_seq, excluded.account_seq)
		), line as (
			select distinct on (id) *
			from unnest($9::timestamptz[], $10::uuid[], $11::text[], $12::uuid[], $13::uuid[], $14::text[], $15::bigint[], $16::text[], $17::text[], $18::text[], $19::uuid[], $20::bigint[])
			     n(at, id, kind, source, destination, direction, amount, currency, status, reason, account, seq)
			order by id, at
		), refused as (
			insert into {in}.refusal (id) select id from line where seq is null order by id
			on conflict (id) do nothing returning id
		)
		insert into {in}.report_line (occurred_at, id, kind, src_account_id, dst_account_id, direction, amount_minor, currency, status, reason)
		select at, id, kind, source, destination, direction, amount, currency, status, reason from line
		where exists (select from fresh f where f.account_id = line.account and f.account_seq = line.seq)
		   or exists (select from refused r where r.id = line.id)
		order by at, id
		on conflict (occurred_at, id) do nothing`),
		append(postings.args(), lines.args()...)...); err != nil {
		return fmt.Errorf("project transactions: %w", err)
	}
	return nil
}

// columns are postings, column by column.
type columns struct {
	accounts, kinds, references, currencies []string
	seqs, amounts, balances                 []int64
	times                                   []time.Time
}

func (c *columns) add(t Transaction) {
	c.accounts, c.seqs, c.kinds = append(c.accounts, t.AccountID), append(c.seqs, t.AccountSeq), append(c.kinds, string(t.Kind))
	c.references, c.amounts = append(c.references, t.Reference), append(c.amounts, t.AmountMinor)
	c.currencies, c.balances, c.times = append(c.currencies, string(t.Currency)), append(c.balances, t.BalanceMinor), append(c.times, t.OccurredAt)
}

func (c *columns) args() []any {
	return []any{c.accounts, c.seqs, c.kinds, c.references, c.amounts, c.currencies, c.balances, c.times}
}

// lineColumns are lines, column by column, each with the place of its first
// posting, if it has one.
type lineColumns struct {
	times                                                      []time.Time
	ids, kinds, destinations, directions, currencies, statuses []string
	sources, reasons, accounts                                 []*string
	amounts                                                    []int64
	seqs                                                       []*int64
}

func (c *lineColumns) add(m Movement) {
	l := m.Line
	c.times, c.ids, c.kinds = append(c.times, l.OccurredAt), append(c.ids, l.ID), append(c.kinds, string(l.Kind))
	c.sources, c.destinations = append(c.sources, orNull(l.Source)), append(c.destinations, l.Destination)
	c.directions, c.amounts = append(c.directions, string(l.Direction)), append(c.amounts, l.AmountMinor)
	c.currencies, c.statuses = append(c.currencies, string(l.Currency)), append(c.statuses, string(l.Status))
	c.reasons = append(c.reasons, orNull(string(l.Reason)))
	var account *string
	var seq *int64
	if len(m.Postings) > 0 {
		account, seq = &m.Postings[0].AccountID, &m.Postings[0].AccountSeq
	}
	c.accounts, c.seqs = append(c.accounts, account), append(c.seqs, seq)
}

func (c *lineColumns) args() []any {
	return []any{c.times, c.ids, c.kinds, c.sources, c.destinations, c.directions, c.amounts, c.currencies, c.statuses, c.reasons, c.accounts, c.seqs}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Closing records that accounts are being closed.
func Closing(ctx context.Context, tx Execer, ids []string) error {
	return live.closing(ctx, tx, ids)
}

func (p place) closing(ctx context.Context, tx Execer, ids []string) error {
	if _, err := tx.Exec(ctx, p.in(`
		insert into {in}.account_projection as a (account_id, status)
		select distinct id, 'closing' from unnest($1::uuid[]) id order by id
		on conflict (account_id) do update set status = 'closing'
		 where a.status = 'open'`), ids); err != nil {
		return fmt.Errorf("project closing accounts: %w", err)
	}
	return nil
}

// Closed records that accounts are closed, for good: ID and ClosedAt are read.
func Closed(ctx context.Context, tx Execer, accounts []Account) error {
	return live.closed(ctx, tx, accounts)
}

func (p place) closed(ctx context.Context, tx Execer, accounts []Account) error {
	var ids []string
	var times []time.Time
	for _, a := range accounts {
		ids, times = append(ids, a.ID), append(times, a.ClosedAt)
	}
	if _, err := tx.Exec(ctx, p.in(`
		insert into {in}.account_projection as a (account_id, status, closed_at)
		select distinct on (id) id, 'closed', at
		from unnest($1::uuid[], $2::timestamptz[]) n(id, at) order by id, at
		on conflict (account_id) do update
		   set status = 'closed', closed_at = least(a.closed_at, excluded.closed_at)`), ids, times); err != nil {
		return fmt.Errorf("project closed accounts: %w", err)
	}
	return nil
}
