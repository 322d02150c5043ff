package invoicing_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"quittance.dev/functions/fn"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/invoicing/invoicingtest"
	"quittance.dev/functions/pgtest"
)

const apiRole = "quittance_api"

func create(t *testing.T, d *invoicingtest.Desk, n invoicing.NewInvoice) error {
	t.Helper()
	return d.Try(t, func(ctx context.Context, tx fn.Tx) error { return invoicing.CreateInvoice(ctx, tx, n) })
}

func submit(t *testing.T, d *invoicingtest.Desk, n invoicing.NewPayment) error {
	t.Helper()
	return d.Try(t, func(ctx context.Context, tx fn.Tx) error { return invoicing.SubmitPayment(ctx, tx, n) })
}

func TestCreateInvoice(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t).Pool(apiRole)
	d, ctx := invoicingtest.Open(t, pool), t.Context()
	n := invoicingtest.NewInvoice()
	for range 2 {
		require.NoError(t, create(t, d, n), "the same invoice again changes nothing")
	}
	got, err := invoicing.FindInvoice(ctx, pool, n.ID)
	require.NoError(t, err)
	require.Equal(t, n, invoicing.NewInvoice{ID: got.ID, AccountID: got.AccountID, CustomerID: got.CustomerID,
		AmountMinor: got.AmountMinor, Currency: got.Currency, Reference: got.Reference})
	require.Equal(t, invoicing.InvoiceOpen, got.State)
	require.Empty(t, got.PaymentID)
	require.True(t, got.PaidAt.IsZero())

	other := n
	other.AmountMinor++
	require.ErrorIs(t, create(t, d, other), invoicing.ErrInvoiceDiffers)
	for _, id := range []string{uuid.NewString(), "", "INV-1", strings.ToUpper(n.ID), "'; drop table invoicing.invoice"} {
		_, err = invoicing.FindInvoice(ctx, pool, id)
		require.ErrorIs(t, err, invoicing.ErrInvoiceNotFound, id)
	}
}

func TestCreateInvoice_RefusesWhatMakesNoSense(t *testing.T) {
	t.Parallel()
	d := invoicingtest.Open(t, pgtest.New(t).Pool(apiRole))
	for name, change := range map[string]func(*invoicing.NewInvoice){
		"id":         func(n *invoicing.NewInvoice) { n.ID = "1" },
		"nil id":     func(n *invoicing.NewInvoice) { n.ID = uuid.Nil.String() },
		"account":    func(n *invoicing.NewInvoice) { n.AccountID = "" },
		"customer":   func(n *invoicing.NewInvoice) { n.CustomerID = "{" + n.CustomerID + "}" },
		"zero":       func(n *invoicing.NewInvoice) { n.AmountMinor = 0 },
		"negative":   func(n *invoicing.NewInvoice) { n.AmountMinor = -1 },
		"currency":   func(n *invoicing.NewInvoice) { n.Currency = "eur" },
		"no name":    func(n *invoicing.NewInvoice) { n.Reference = "" },
		"long name":  func(n *invoicing.NewInvoice) { n.Reference = strings.Repeat("ä", 141) },
		"line break": func(n *invoicing.NewInvoice) { n.Reference = "INV\n1" },
		"NUL":        func(n *invoicing.NewInvoice) { n.Reference = "INV\x00" },
		"bad UTF-8":  func(n *invoicing.NewInvoice) { n.Reference = "INV\xff" },
	} {
		require.ErrorIs(t, create(t, d, invoicingtest.NewInvoice(change)), invoicing.ErrInvalid, name)
	}
	require.NoError(t, create(t, d, invoicingtest.NewInvoice(func(n *invoicing.NewInvoice) { n.Reference = strings.Repeat("ä", 140) })))
}

// D08, D16: the same payment, submitted a hundred times, is one.
func TestD16_SubmitPaymentIsIdempotentByID(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t).Pool(apiRole)
	d, ctx := invoicingtest.Open(t, pool), t.Context()
	i := d.Invoice(t)
	n := invoicingtest.NewPayment(i)
	var wg sync.WaitGroup
	errs := make(chan error, 100)
	for range 100 {
		wg.Go(func() { errs <- submit(t, d, n) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	all, err := invoicing.PaymentsOf(ctx, pool, i.ID)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, n, invoicing.NewPayment{ID: all[0].ID, InvoiceID: all[0].InvoiceID, AmountMinor: all[0].AmountMinor,
		Currency: all[0].Currency, Method: all[0].Method, PaymentMethod: all[0].PaymentMethod})
	require.Equal(t, invoicing.Submitted, all[0].State)
	require.Empty(t, all[0].ChargeKey)

	one, err := invoicing.FindPayment(ctx, pool, n.ID)
	require.NoError(t, err)
	require.Equal(t, all[0], one)
	for _, id := range []string{uuid.NewString(), "", "pay"} {
		_, err = invoicing.FindPayment(ctx, pool, id)
		require.ErrorIs(t, err, invoicing.ErrPaymentNotFound)
	}
	none, err := invoicing.PaymentsOf(ctx, pool, "nothing")
	require.NoError(t, err)
	require.Empty(t, none)
}

func TestSubmitPayment_Refuses(t *testing.T) {
	t.Parallel()
	d := invoicingtest.Open(t, pgtest.New(t).Pool(apiRole))
	i := d.Invoice(t)
	n := d.Submit(t, i)
	other := n
	other.AmountMinor++
	require.ErrorIs(t, submit(t, d, other), invoicing.ErrPaymentDiffers)
	other = n
	other.PaymentMethod = "pm_card_mastercard"
	require.ErrorIs(t, submit(t, d, other), invoicing.ErrPaymentDiffers)
	require.ErrorIs(t, submit(t, d, invoicingtest.NewPayment(invoicingtest.NewInvoice())), invoicing.ErrInvoiceNotFound)

	for name, change := range map[string]func(*invoicing.NewPayment){
		"id":         func(n *invoicing.NewPayment) { n.ID = "1" },
		"invoice":    func(n *invoicing.NewPayment) { n.InvoiceID = "1" },
		"zero":       func(n *invoicing.NewPayment) { n.AmountMinor = 0 },
		"currency":   func(n *invoicing.NewPayment) { n.Currency = "XXX" },
		"method":     func(n *invoicing.NewPayment) { n.Method = "" },
		"no token":   invoicingtest.WithCard(""),
		"PAN":        invoicingtest.WithCard("4242424242424242"),
		"PAN spaced": invoicingtest.WithCard("4242 4242 4242 4242"),
		"PAN dashes": invoicingtest.WithCard("card:4242-4242-4242-4242"),
		"short PAN":  invoicingtest.WithCard("4222222222222"),
	} {
		require.ErrorIs(t, submit(t, d, invoicingtest.NewPayment(i, change)), invoicing.ErrInvalid, name)
	}
	for _, token := range []string{"pm_1MqLiJLkdIwHu7ixUEgbFdYX", "pm_123456789012", "tok 1 2 3 4 5 6"} {
		require.NoError(t, submit(t, d, invoicingtest.NewPayment(i, invoicingtest.WithCard(token))), token)
	}
}

func TestPayInvoice_OnlyAnOpenOne(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t).Pool("")
	d := invoicingtest.Open(t, owner)
	paid := d.Paid(t)
	pay := func(ctx context.Context, tx fn.Tx) error {
		return invoicing.PayInvoice(ctx, tx, paid.InvoiceID, paid.PaymentID)
	}
	before, err := invoicing.FindInvoice(t.Context(), owner, paid.InvoiceID)
	require.NoError(t, err)
	require.ErrorIs(t, d.Try(t, pay), invoicing.ErrInvoiceNotOpen, "even by the same payment: the time would change")
	after, err := invoicing.FindInvoice(t.Context(), owner, paid.InvoiceID)
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// A payment that has moved on is not moved again by whoever comes late.
func TestMovesOnlyFromTheStateTheyNeed(t *testing.T) {
	t.Parallel()
	d := invoicingtest.Open(t, pgtest.New(t).Pool(""))
	p := d.Charging(t, d.Invoice(t))
	for name, move := range map[string]func(context.Context, fn.Tx) error{
		"validated": func(ctx context.Context, tx fn.Tx) error { return invoicing.MarkValidated(ctx, tx, p.ID) },
		"rejected":  func(ctx context.Context, tx fn.Tx) error { return invoicing.Reject(ctx, tx, p.ID, "late") },
		"charging": func(ctx context.Context, tx fn.Tx) error {
			_, err := invoicing.StartCharge(ctx, tx, p.ID, "stripe", "other journey")
			return err
		},
	} {
		require.ErrorIs(t, d.Try(t, move), invoicing.ErrStateChanged, name)
	}
}
