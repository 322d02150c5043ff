package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
)

// Account is a customer's account in the ledger.
type Account struct {
	ID           string
	Product      events.Product
	Currency     money.Currency
	Status       string // open, closing or closed
	BalanceMinor int64
	Seq          int64 // postings so far
}

// ErrAccountNotFound means that the ledger has no such customer account.
var ErrAccountNotFound = errors.New("account not found in the ledger")

// Querier reads: a pool, a connection or a transaction.
type Querier interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Open makes a customer's account: open, at balance 0, with a floor of 0.
// Opening the same id again changes nothing.
func Open(ctx context.Context, tx fn.Tx, id string, product events.Product, currency money.Currency) error {
	if _, err := tx.Exec(ctx, `
		insert into ledger.account (id, kind, product, currency)
		values ($1, 'customer', $2, $3) on conflict on constraint account_id do nothing`, id, product, currency); err != nil {
		return fmt.Errorf("open account in the ledger: %w", err)
	}
	return nil
}

const accountColumns = `id::text, product, currency, status, balance_minor, seq`

// Find reads an account without locking it.
func Find(ctx context.Context, q Querier, id string) (Account, error) {
	return scan(q.QueryRow(ctx, `select `+accountColumns+` from ledger.account where id = $1 and kind = 'customer'`, id))
}

// Freeze sets an account that is open and empty to closing, so that nothing is
// posted to it any more. It returns the account as it is afterwards, and whether
// this call froze it: an account with money stays open, and one that is closing
// already stays as it is.
func Freeze(ctx context.Context, tx fn.Tx, id string) (a Account, frozen bool, err error) {
	a, err = scan(tx.QueryRow(ctx, `select `+accountColumns+` from ledger.account where id = $1 and kind = 'customer' for update`, id))
	if err != nil || a.Status != "open" || a.BalanceMinor != 0 {
		return a, false, err
	}
	if _, err := tx.Exec(ctx, `update ledger.account set status = 'closing', closing_at = now() where id = $1`, id); err != nil {
		return a, false, fmt.Errorf("freeze account: %w", err)
	}
	a.Status = "closing"
	return a, true, nil
}

// Close sets an account that is closing to closed. Again, it changes nothing.
func Close(ctx context.Context, tx fn.Tx, id string) error {
	if _, err := tx.Exec(ctx, `update ledger.account set status = 'closed', closed_at = now() where id = $1 and status = 'closing'`, id); err != nil {
		return fmt.Errorf("close account in the ledger: %w", err)
	}
	return nil
}

func scan(row pgx.Row) (a Account, err error) {
	err = row.Scan(&a.ID, &a.Product, &a.Currency, &a.Status, &a.BalanceMinor, &a.Seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return a, ErrAccountNotFound
	}
	if err != nil {
		return a, fmt.Errorf("read account: %w", err)
	}
	return a, nil
}
