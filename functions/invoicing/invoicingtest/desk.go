// Package invoicingtest prepares invoices and payments for tests, through the
// noun's own functions and the kernel's own transactions.
package invoicingtest

import (
	"context"
	"io"
	"log/slog"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/invoicing"
)

// Desk takes in invoices and payments as the api does.
type Desk struct{ host *fn.Host }

// Open makes a desk on pool, which may be of the api's role or the owner's.
func Open(t testing.TB, pool *pgxpool.Pool) *Desk {
	t.Helper()
	host := fn.NewHost(fn.Function{Name: "api"}, pool, fn.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	t.Cleanup(host.Close)
	return &Desk{host: host}
}

// Try runs work in a transaction of the kernel's.
func (d *Desk) Try(t testing.TB, work func(context.Context, fn.Tx) error) error {
	t.Helper()
	_, err := d.host.Transact(context.Background(), uuid.NewString(), "test", func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		return nil, work(ctx, tx)
	})
	return err
}

// Do is Try for work that must succeed.
func (d *Desk) Do(t testing.TB, work func(context.Context, fn.Tx) error) {
	t.Helper()
	require.NoError(t, d.Try(t, work))
}

// NewInvoice is an invoice over 120.50 EUR, different from every other, as
// changed by terms.
func NewInvoice(terms ...func(*invoicing.NewInvoice)) invoicing.NewInvoice {
	n := invoicing.NewInvoice{ID: uuid.NewString(), AccountID: uuid.NewString(), CustomerID: uuid.NewString(),
		AmountMinor: 12050, Currency: "EUR", Reference: "INV-2026-0042"}
	for _, change := range terms {
		change(&n)
	}
	return n
}

// NewPayment is a payment by a good card that fits i, as changed by terms.
func NewPayment(i invoicing.NewInvoice, terms ...func(*invoicing.NewPayment)) invoicing.NewPayment {
	n := invoicing.NewPayment{ID: uuid.NewString(), InvoiceID: i.ID, AmountMinor: i.AmountMinor, Currency: i.Currency,
		Method: invoicing.Card, PaymentMethod: "pm_card_visa"}
	for _, change := range terms {
		change(&n)
	}
	return n
}

// WithCard pays with another of the processor's test cards.
func WithCard(token string) func(*invoicing.NewPayment) {
	return func(n *invoicing.NewPayment) { n.PaymentMethod = token }
}

// Invoice creates an invoice.
func (d *Desk) Invoice(t testing.TB, terms ...func(*invoicing.NewInvoice)) invoicing.NewInvoice {
	t.Helper()
	n := NewInvoice(terms...)
	d.Do(t, func(ctx context.Context, tx fn.Tx) error { return invoicing.CreateInvoice(ctx, tx, n) })
	return n
}

// Submit creates a payment and says so in its own journey.
func (d *Desk) Submit(t testing.TB, i invoicing.NewInvoice, terms ...func(*invoicing.NewPayment)) invoicing.NewPayment {
	t.Helper()
	n := NewPayment(i, terms...)
	_, err := d.host.Transact(context.Background(), n.ID, Journey(n.ID), func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		return []events.Data{Submitted(n)}, invoicing.SubmitPayment(ctx, tx, n)
	})
	require.NoError(t, err)
	return n
}

// Charging creates a payment and takes it to charging.
func (d *Desk) Charging(t testing.TB, i invoicing.NewInvoice, terms ...func(*invoicing.NewPayment)) (p invoicing.Payment) {
	t.Helper()
	n := NewPayment(i, terms...)
	d.Do(t, func(ctx context.Context, tx fn.Tx) (err error) {
		if err = invoicing.SubmitPayment(ctx, tx, n); err != nil {
			return err
		}
		if err = invoicing.MarkValidated(ctx, tx, n.ID); err != nil {
			return err
		}
		p, err = invoicing.StartCharge(ctx, tx, n.ID, "stripe", Journey(n.ID))
		return err
	})
	return p
}

// Paid creates an invoice and has it paid.
func (d *Desk) Paid(t testing.TB, terms ...func(*invoicing.NewInvoice)) events.InvoicePaid {
	t.Helper()
	i := d.Invoice(t, terms...)
	p := d.Charging(t, i)
	d.Do(t, func(ctx context.Context, tx fn.Tx) error {
		if err := invoicing.Settle(ctx, tx, p.ID, invoicing.Charging, invoicing.Settlement{
			State: invoicing.Captured, Reference: "pi_" + p.ChargeKey, ChargedAt: tx.Now()}); err != nil {
			return err
		}
		return invoicing.PayInvoice(ctx, tx, i.ID, p.ID)
	})
	return events.InvoicePaid{InvoiceID: i.ID, PaymentID: p.ID, AccountID: i.AccountID, AmountMinor: i.AmountMinor, Currency: i.Currency}
}

// Journey is the correlation id that the desk gives a payment.
func Journey(paymentID string) string { return "journey-" + paymentID }

// Submitted is the event of a submitted payment.
func Submitted(n invoicing.NewPayment) events.PaymentSubmitted {
	return events.PaymentSubmitted{PaymentID: n.ID, InvoiceID: n.InvoiceID, AmountMinor: n.AmountMinor, Currency: n.Currency}
}
