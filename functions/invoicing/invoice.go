package invoicing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
)

// InvoiceState is where an invoice stands.
type InvoiceState string

// The states of an invoice.
const (
	InvoiceOpen      InvoiceState = "open"
	InvoicePaid      InvoiceState = "paid"
	InvoiceCancelled InvoiceState = "cancelled"
)

// Invoice is one row of invoicing.invoice.
type Invoice struct {
	ID          string
	AccountID   string // the payee's account, credited when paid
	CustomerID  string // the payer, who gets the receipt
	AmountMinor int64
	Currency    money.Currency
	Reference   string // the payee's own name for it
	State       InvoiceState
	PaymentID   string // that paid it; "" unless paid
	CreatedAt   time.Time
	PaidAt      time.Time // zero unless paid
}

// NewInvoice is what CreateInvoice writes.
type NewInvoice struct {
	ID, AccountID, CustomerID string // lower-case UUIDs
	AmountMinor               int64  // positive
	Currency                  money.Currency
	Reference                 string // 1 to 140 characters
}

// Errors of this package's functions. ErrInvalid is wrapped with the field.
var (
	ErrInvalid         = errors.New("invalid")
	ErrInvoiceNotFound = errors.New("invoice not found")
	ErrInvoiceDiffers  = errors.New("an invoice with this id and other terms exists")
	ErrInvoiceNotOpen  = errors.New("invoice is not open")
)

// Querier reads: a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (n NewInvoice) check() error {
	switch {
	case !isUUID(n.ID):
		return fmt.Errorf("%w: invoice id", ErrInvalid)
	case !isUUID(n.AccountID):
		return fmt.Errorf("%w: account id", ErrInvalid)
	case !isUUID(n.CustomerID):
		return fmt.Errorf("%w: customer id", ErrInvalid)
	case n.AmountMinor <= 0:
		return fmt.Errorf("%w: amount must be positive", ErrInvalid)
	case !n.Currency.Known():
		return fmt.Errorf("%w: currency", ErrInvalid)
	case !storable(n.Reference, 140):
		return fmt.Errorf("%w: reference must be 1 to 140 characters", ErrInvalid)
	}
	return nil
}

// CreateInvoice writes an open invoice. The same invoice again changes nothing;
// another one under the same id is ErrInvoiceDiffers.
func CreateInvoice(ctx context.Context, tx fn.Tx, n NewInvoice) error {
	if err := n.check(); err != nil {
		return err
	}
	tag, err := tx.Exec(ctx, `
		insert into invoicing.invoice (id, account_id, customer_id, amount_minor, currency, reference)
		values ($1, $2, $3, $4, $5, $6) on conflict on constraint invoice_id do nothing`,
		n.ID, n.AccountID, n.CustomerID, n.AmountMinor, n.Currency, n.Reference)
	if err != nil {
		return fmt.Errorf("create invoice: %w", err)
	}
	if tag.RowsAffected() == 1 {
		return nil
	}
	have, err := FindInvoice(ctx, tx, n.ID)
	if err != nil {
		return err
	}
	if n != (NewInvoice{have.ID, have.AccountID, have.CustomerID, have.AmountMinor, have.Currency, have.Reference}) {
		return ErrInvoiceDiffers
	}
	return nil
}

const invoiceColumns = `id::text, account_id::text, customer_id::text, amount_minor, currency, reference, state,
	coalesce(payment_id::text, ''), created_at, coalesce(paid_at, '0001-01-01 00:00:00Z')`

func scanInvoice(row pgx.Row) (i Invoice, err error) {
	err = row.Scan(&i.ID, &i.AccountID, &i.CustomerID, &i.AmountMinor, &i.Currency, &i.Reference, &i.State,
		&i.PaymentID, &i.CreatedAt, &i.PaidAt)
	i.CreatedAt, i.PaidAt = i.CreatedAt.UTC(), i.PaidAt.UTC()
	if errors.Is(err, pgx.ErrNoRows) {
		return Invoice{}, ErrInvoiceNotFound
	}
	if err != nil {
		return Invoice{}, fmt.Errorf("read invoice: %w", err)
	}
	return i, nil
}

// FindInvoice reads an invoice without locking it. An id that is no UUID is
// ErrInvoiceNotFound like any other that is not there.
func FindInvoice(ctx context.Context, q Querier, id string) (Invoice, error) {
	if !isUUID(id) {
		return Invoice{}, ErrInvoiceNotFound
	}
	return scanInvoice(q.QueryRow(ctx, `select `+invoiceColumns+` from invoicing.invoice where id = $1`, id))
}

// LockInvoice reads an invoice and holds it until the transaction ends. Lock
// the payment first.
func LockInvoice(ctx context.Context, tx fn.Tx, id string) (Invoice, error) {
	return scanInvoice(tx.QueryRow(ctx, `select `+invoiceColumns+` from invoicing.invoice where id = $1 for update`, id))
}

// PayInvoice makes an open invoice paid by a payment that this transaction, or
// one before, has captured. The database refuses a payment of another invoice,
// amount or currency. ErrInvoiceNotOpen when the invoice is paid or cancelled.
func PayInvoice(ctx context.Context, tx fn.Tx, invoiceID, paymentID string) error {
	tag, err := tx.Exec(ctx, `
		update invoicing.invoice set state = 'paid', payment_id = $2, paid_at = $3
		where id = $1 and state = 'open'`, invoiceID, paymentID, tx.Now())
	if err != nil {
		return fmt.Errorf("pay invoice: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return ErrInvoiceNotOpen
	}
	return nil
}

// isUUID accepts the canonical lower-case form only, so that one id has one
// spelling everywhere.
func isUUID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s && u != uuid.Nil
}
