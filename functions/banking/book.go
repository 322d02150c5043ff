package banking

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
)

// Book writes the tables of schema banking. It holds nothing; the transaction
// comes with each call.
type Book struct{}

// Finish records the outcome of each operation, which is in a final state. One
// that nobody requested here is inserted, finished. An outcome that is there
// already changes nothing; another outcome, or another operation under the
// same id, is ErrDiffers and nothing of ops may be kept.
func (Book) Finish(ctx context.Context, tx fn.Tx, ops []Operation) error {
	first, err := onePerID(ops)
	if err != nil {
		return err
	}
	var ids, kinds, accounts, currencies, states []string
	var reasons []*string
	var amounts []int64
	var balances []*int64
	var requested []time.Time
	for _, op := range first {
		ids, kinds, accounts = append(ids, op.ID), append(kinds, string(op.Kind)), append(accounts, op.AccountID)
		amounts, currencies, states = append(amounts, op.AmountMinor), append(currencies, string(op.Currency)), append(states, string(op.State))
		requested = append(requested, op.RequestedAt)
		reason, balance := (*string)(nil), (*int64)(nil)
		if text := string(op.Reason); op.State == Failed {
			reason = &text
		} else {
			balance = &op.BalanceMinor
		}
		reasons, balances = append(reasons, reason), append(balances, balance)
	}
	tag, err := tx.Exec(ctx, `
		insert into banking.operation as o (id, kind, account_id, amount_minor, currency, state, reason, balance_minor, requested_at, finished_at)
		select n.*, $10
		from unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::timestamptz[])
		     n(id, kind, account_id, amount_minor, currency, state, reason, balance_minor, requested_at)
		on conflict on constraint operation_id do update
		   set state = excluded.state, reason = excluded.reason, balance_minor = excluded.balance_minor, finished_at = excluded.finished_at
		 where o.state = 'PENDING' and o.kind = excluded.kind and o.account_id = excluded.account_id
		   and o.amount_minor = excluded.amount_minor and o.currency = excluded.currency`,
		ids, kinds, accounts, amounts, currencies, states, reasons, balances, requested, tx.Now())
	if err != nil {
		return fmt.Errorf("finish operations: %w", err)
	}
	if tag.RowsAffected() == int64(len(first)) {
		return nil
	}
	return checkFinished(ctx, tx, first, ids)
}

// checkFinished finds out why some rows did not change: the outcome was there
// already, or the id stands for something else.
func checkFinished(ctx context.Context, tx fn.Tx, ops []Operation, ids []string) error {
	there, err := find(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, op := range ops {
		if row := there[op.ID]; !row.sameRequest(op) || !row.sameOutcome(op) {
			return fmt.Errorf("%w: %s is %s, heard %s", ErrDiffers, op.ID, row.State, op.State)
		}
	}
	return nil
}

// onePerID sorts by id, so that rows are locked in one order, and leaves one
// of several equal outcomes.
func onePerID(ops []Operation) ([]Operation, error) {
	sorted := slices.Clone(ops)
	slices.SortStableFunc(sorted, func(a, b Operation) int { return strings.Compare(a.ID, b.ID) })
	kept := sorted[:0]
	for _, op := range sorted {
		if n := len(kept); n > 0 && kept[n-1].ID == op.ID {
			if !kept[n-1].sameRequest(op) || !kept[n-1].sameOutcome(op) {
				return nil, fmt.Errorf("%w: %s, heard both ways at once", ErrDiffers, op.ID)
			}
			continue
		}
		kept = append(kept, op)
	}
	return kept, nil
}

// Account is what the bank knows of an account here.
type Account struct {
	ID         string
	CustomerID string
	Currency   money.Currency
}

// AccountsOpened records whose the accounts are. One that is closed already
// stays closed.
func (Book) AccountsOpened(ctx context.Context, tx fn.Tx, accounts []Account) error {
	var ids, customers, currencies []string
	for _, a := range accounts {
		ids, customers, currencies = append(ids, a.ID), append(customers, a.CustomerID), append(currencies, string(a.Currency))
	}
	if _, err := tx.Exec(ctx, `
		insert into banking.account_projection as a (account_id, customer_id, currency, status)
		select distinct on (n.id) n.id, n.customer, n.currency, 'open'
		from unnest($1::uuid[], $2::uuid[], $3::text[]) n(id, customer, currency) order by n.id
		on conflict on constraint account_projection_id do update
		   set customer_id = excluded.customer_id, currency = excluded.currency`,
		ids, customers, currencies); err != nil {
		return fmt.Errorf("record opened accounts: %w", err)
	}
	return nil
}

// AccountsClosed records that the accounts are closed, for good. One that is
// not known yet gets its row now and its customer later.
func (Book) AccountsClosed(ctx context.Context, tx fn.Tx, ids []string) error {
	if _, err := tx.Exec(ctx, `
		insert into banking.account_projection as a (account_id, status)
		select distinct id, 'closed' from unnest($1::uuid[]) id order by id
		on conflict on constraint account_projection_id do update set status = excluded.status`,
		ids); err != nil {
		return fmt.Errorf("record closed accounts: %w", err)
	}
	return nil
}
