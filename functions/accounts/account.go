package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
)

// Account is what never changes about an account.
type Account struct {
	ID         string
	Number     int64 // what people call it; the database gives it
	CustomerID string
	Owner      string // the owner of the customer
	Product    events.Product
	Currency   money.Currency
	OpenedAt   time.Time
}

// Open gives a customer of a.Owner's an account, as of tx's instant, and returns
// the stored row, with the number that the database gave it. created is false when the same account was there already; other
// facts under the id are ErrDiffers, an unknown customer, or somebody else's, is
// ErrNotFound.
func Open(ctx context.Context, tx fn.Tx, a Account) (stored Account, created bool, err error) {
	tag, err := tx.Exec(ctx, `
		insert into accounts.account (id, customer_id, product, currency, opened_at)
		select $1, c.id, $3, $4, $5 from accounts.customer c where c.id = $2 and c.owner = $6
		on conflict on constraint account_id do nothing`,
		a.ID, a.CustomerID, a.Product, a.Currency, tx.Now(), a.Owner)
	if err != nil {
		return Account{}, false, fmt.Errorf("open account: %w", err)
	}
	stored, err = Find(ctx, tx, a.ID)
	if err != nil {
		return Account{}, false, err
	}
	if stored.CustomerID != a.CustomerID || stored.Owner != a.Owner || stored.Product != a.Product || stored.Currency != a.Currency {
		return Account{}, false, fmt.Errorf("%w: account %s", ErrDiffers, a.ID)
	}
	return stored, tag.RowsAffected() == 1, nil
}

const selectAccount = `
	select a.id::text, a.number, a.customer_id::text, c.owner::text, a.product, a.currency, a.opened_at
	from accounts.account a join accounts.customer c on c.id = a.customer_id`

// Find reads an account.
func Find(ctx context.Context, q Querier, id string) (Account, error) {
	a, err := scanAccount(q.QueryRow(ctx, selectAccount+` where a.id = $1`, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return a, ErrNotFound
	}
	return a, err
}

// Place is a position in a list of accounts; its zero value is
// before the first.
type Place struct {
	OpenedAt time.Time
	ID       string
}

// Filter says which accounts are meant; what is not set leaves none out.
type Filter struct {
	Owner      string
	CustomerID string
	Number     *int64
}

// List lists accounts, oldest first, from after the given place on, at most limit
// of them. A customer that is not there has none.
func List(ctx context.Context, q Querier, f Filter, after Place, limit int) ([]Account, error) {
	if after.ID == "" {
		after.ID = "00000000-0000-0000-0000-000000000000"
	}
	rows, err := q.Query(ctx, `
		`+selectAccount+`
		where ($1 = '' or c.owner = nullif($1, '')::uuid) and ($2 = '' or c.id = nullif($2, '')::uuid)
		  and ($3::bigint is null or a.number = $3)
		  and (a.opened_at, a.id) > ($4, $5::uuid)
		order by a.opened_at, a.id limit $6`, f.Owner, f.CustomerID, f.Number, after.OpenedAt, after.ID, limit)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Account, error) { return scanAccount(row) })
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return list, nil
}

// IDsOf lists the ids of all accounts of whoever owns their customers; never nil.
func IDsOf(ctx context.Context, q Querier, owner string) ([]string, error) {
	rows, err := q.Query(ctx, `
		select a.id::text from accounts.account a join accounts.customer c on c.id = a.customer_id
		where c.owner = $1 order by a.id`, owner)
	if err != nil {
		return nil, fmt.Errorf("list an owner's accounts: %w", err)
	}
	ids, err := pgx.AppendRows([]string{}, rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("list an owner's accounts: %w", err)
	}
	return ids, nil
}

func scanAccount(row pgx.Row) (a Account, err error) {
	if err = row.Scan(&a.ID, &a.Number, &a.CustomerID, &a.Owner, &a.Product, &a.Currency, &a.OpenedAt); err != nil {
		return a, fmt.Errorf("read account: %w", err)
	}
	a.OpenedAt = a.OpenedAt.UTC()
	return a, nil
}
