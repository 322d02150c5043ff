package accounts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/functions/fn"
)

// Customer is a person or a firm. Name, address and number are personal data:
// they go into no event and no log.
type Customer struct {
	ID        string
	Owner     string // the id of the principal who registered it
	Name      string
	Email     string
	Phone     string // E.164, such as "+41791234567"
	CreatedAt time.Time
}

// Errors of this package.
var (
	// ErrNotFound: there is no such customer or account.
	ErrNotFound = errors.New("not found in accounts")
	// ErrDiffers: the id stands for another customer or account.
	ErrDiffers = errors.New("the id stands for something else in accounts")
)

// Querier is what reading needs: a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Register makes c a customer, as of tx's instant, and returns the stored row.
// created is false when the same customer was there already; other facts under
// the id are ErrDiffers.
func Register(ctx context.Context, tx fn.Tx, c Customer) (stored Customer, created bool, err error) {
	tag, err := tx.Exec(ctx, `
		insert into accounts.customer (id, owner, name, email, phone, created_at)
		values ($1, $2, $3, $4, $5, $6) on conflict on constraint customer_id do nothing`,
		c.ID, c.Owner, c.Name, c.Email, c.Phone, tx.Now())
	if err != nil {
		return Customer{}, false, fmt.Errorf("register customer: %w", err)
	}
	stored, err = FindCustomer(ctx, tx, c.ID)
	if err != nil {
		return Customer{}, false, err
	}
	if stored.Owner != c.Owner || stored.Name != c.Name || stored.Email != c.Email || stored.Phone != c.Phone {
		return Customer{}, false, fmt.Errorf("%w: customer %s", ErrDiffers, c.ID)
	}
	return stored, tag.RowsAffected() == 1, nil
}

const customerColumns = `c.id::text, c.owner::text, c.name, c.email, c.phone, c.created_at`

// FindCustomer reads a customer.
func FindCustomer(ctx context.Context, q Querier, id string) (Customer, error) {
	return scanCustomer(q.QueryRow(ctx, `select `+customerColumns+` from accounts.customer c where c.id = $1`, id))
}

func scanCustomer(row pgx.Row) (c Customer, err error) {
	err = row.Scan(&c.ID, &c.Owner, &c.Name, &c.Email, &c.Phone, &c.CreatedAt)
	if errors.Is(err, pgx.ErrNoRows) {
		return c, ErrNotFound
	}
	if err != nil {
		return c, fmt.Errorf("read customer: %w", err)
	}
	c.CreatedAt = c.CreatedAt.UTC()
	return c, nil
}
