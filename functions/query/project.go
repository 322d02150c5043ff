package query

import (
	"context"
	"fmt"
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
	var ids, customers, products, currencies []string
	var times []time.Time
	for _, a := range accounts {
		ids, customers = append(ids, a.ID), append(customers, a.CustomerID)
		products, currencies = append(products, string(a.Product)), append(currencies, string(a.Currency))
		times = append(times, a.OpenedAt)
	}
	if _, err := tx.Exec(ctx, `
		insert into query.account_projection as a (account_id, customer_id, product, currency, opened_at)
		select distinct on (id) id, customer, product, currency, at
		from unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[]) n(id, customer, product, currency, at)
		order by id, at
		on conflict on constraint account_projection_id do update
		   set customer_id = excluded.customer_id, product = excluded.product, currency = excluded.currency,
		       opened_at = least(a.opened_at, excluded.opened_at)`,
		ids, customers, products, currencies, times); err != nil {
		return fmt.Errorf("project opened accounts: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		insert into query.balance (account_id, currency, balance_minor, account_seq)
		select distinct on (id) id, currency, 0, 0
		from unnest($1::uuid[], $2::text[]) n(id, currency)
		order by id
		on conflict on constraint balance_of_account do nothing`, ids, currencies); err != nil {
		return fmt.Errorf("project first balances: %w", err)
	}
	return nil
}

// Posted records postings to accounts, and the balance after the latest of
// each account.
func Posted(ctx context.Context, tx Execer, postings []Transaction) error {
	var accounts, kinds, references, currencies []string
	var seqs, amounts, balances []int64
	var times []time.Time
	for _, p := range postings {
		accounts, seqs, kinds = append(accounts, p.AccountID), append(seqs, p.AccountSeq), append(kinds, string(p.Kind))
		references, amounts = append(references, p.Reference), append(amounts, p.AmountMinor)
		currencies, balances, times = append(currencies, string(p.Currency)), append(balances, p.BalanceMinor), append(times, p.OccurredAt)
	}
	if _, err := tx.Exec(ctx, `
		insert into query.transaction (account_id, account_seq, kind, reference, amount_minor, currency, balance_minor, occurred_at)
		select distinct on (account, seq) *
		from unnest($1::uuid[], $2::bigint[], $3::text[], $4::uuid[], $5::bigint[], $6::text[], $7::bigint[], $8::timestamptz[])
		     n(account, seq, kind, reference, amount, currency, balance, at)
		order by account, seq, at
		on conflict on constraint transaction_once do nothing`,
		accounts, seqs, kinds, references, amounts, currencies, balances, times); err != nil {
		return fmt.Errorf("project transactions: %w", err)
	}
	if _, err := tx.Exec(ctx, `
		insert into query.balance as b (account_id, currency, balance_minor, account_seq)
		select distinct on (account) account, currency, balance, seq
		from unnest($1::uuid[], $2::text[], $3::bigint[], $4::bigint[]) n(account, currency, balance, seq)
		order by account, seq desc
		on conflict on constraint balance_of_account do update
		   set currency = excluded.currency, balance_minor = excluded.balance_minor, account_seq = excluded.account_seq
		 where b.account_seq < excluded.account_seq`,
		accounts, currencies, balances, seqs); err != nil {
		return fmt.Errorf("project balances: %w", err)
	}
	return nil
}

// Closing records that accounts are being closed.
func Closing(ctx context.Context, tx Execer, ids []string) error {
	if _, err := tx.Exec(ctx, `
		insert into query.account_projection as a (account_id, status)
		select distinct id, 'closing' from unnest($1::uuid[]) id order by id
		on conflict on constraint account_projection_id do update set status = 'closing'
		 where a.status = 'open'`, ids); err != nil {
		return fmt.Errorf("project closing accounts: %w", err)
	}
	return nil
}

// Closed records that accounts are closed, for good: ID and ClosedAt are read.
func Closed(ctx context.Context, tx Execer, accounts []Account) error {
	var ids []string
	var times []time.Time
	for _, a := range accounts {
		ids, times = append(ids, a.ID), append(times, a.ClosedAt)
	}
	if _, err := tx.Exec(ctx, `
		insert into query.account_projection as a (account_id, status, closed_at)
		select distinct on (id) id, 'closed', at
		from unnest($1::uuid[], $2::timestamptz[]) n(id, at) order by id, at
		on conflict on constraint account_projection_id do update
		   set status = 'closed', closed_at = least(a.closed_at, excluded.closed_at)`, ids, times); err != nil {
		return fmt.Errorf("project closed accounts: %w", err)
	}
	return nil
}
