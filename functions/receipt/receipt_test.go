package receipt_test

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/invoicing/invoicingtest"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/receipt"
)

const role = "quittance_receipt"

func TestConformance(t *testing.T) {
	t.Parallel()
	invoices := []invoicing.NewInvoice{invoicingtest.NewInvoice(), invoicingtest.NewInvoice()}
	payments := []invoicing.NewPayment{invoicingtest.NewPayment(invoices[0]), invoicingtest.NewPayment(invoices[1])}
	var paid []events.Data
	for i := range invoices {
		paid = append(paid, events.InvoicePaid{InvoiceID: invoices[i].ID, PaymentID: payments[i].ID, AccountID: invoices[i].AccountID,
			AmountMinor: invoices[i].AmountMinor, Currency: invoices[i].Currency})
	}
	fntest.Conformance(t, fntest.Subject{
		New: func(testing.TB) (fn.Function, func() string) { return receipt.New(receipt.Config{}), nil },
		Setup: func(t testing.TB, owner *pgxpool.Pool) {
			desk := invoicingtest.Open(t, owner)
			for i := range invoices {
				desk.Do(t, func(ctx context.Context, tx fn.Tx) error { return pay(ctx, tx, invoices[i], payments[i]) })
			}
		},
		Events: paid, // the order of events is the order of numbers, so they are not exchangeable
	})
}

func pay(ctx context.Context, tx fn.Tx, i invoicing.NewInvoice, p invoicing.NewPayment) error {
	if err := invoicing.CreateInvoice(ctx, tx, i); err != nil {
		return err
	}
	if err := invoicing.SubmitPayment(ctx, tx, p); err != nil {
		return err
	}
	if err := invoicing.MarkValidated(ctx, tx, p.ID); err != nil {
		return err
	}
	if _, err := invoicing.StartCharge(ctx, tx, p.ID, "stripe", "journey"); err != nil {
		return err
	}
	if err := invoicing.Settle(ctx, tx, p.ID, invoicing.Charging, invoicing.Settlement{State: invoicing.Captured, Reference: "pi_" + p.ID, ChargedAt: tx.Now()}); err != nil {
		return err
	}
	return invoicing.PayInvoice(ctx, tx, i.ID, p.ID)
}

func TestD05_APaidInvoiceGetsOneNumberedReceipt(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	door := fntest.Open(t, receipt.New(receipt.Config{}), db.Pool(role), fn.Options{})
	desk, owner, ctx := invoicingtest.Open(t, db.Pool("")), db.Pool(""), t.Context()

	for number := int64(1); number <= 3; number++ {
		paid := desk.Paid(t)
		for range 2 { // the same fact under two event ids
			status, body := door.Post(t, fntest.Event(paid))
			require.Equal(t, http.StatusOK, status, body)
		}
		r, err := invoicing.FindReceipt(ctx, owner, paid.InvoiceID)
		require.NoError(t, err)
		require.Equal(t, number, r.Number)
		require.Equal(t, paid.PaymentID, r.PaymentID)
		require.Equal(t, "quittance", r.Issuer)
		require.Equal(t, fn.DeriveID("receipt", paid.InvoiceID), r.ID)
	}
	var said []string
	rows, err := owner.Query(ctx, `select data->>'receipt_number' from delivery.outbox where type = $1 order by created_at`, events.TypeReceiptIssued)
	require.NoError(t, err)
	for rows.Next() {
		var number string
		require.NoError(t, rows.Scan(&number))
		said = append(said, number)
	}
	require.NoError(t, rows.Err())
	require.Equal(t, []string{"QUITTANCE-00000001", "QUITTANCE-00000002", "QUITTANCE-00000003"}, said)
	_, err = invoicing.FindReceipt(ctx, owner, uuid.NewString())
	require.ErrorIs(t, err, invoicing.ErrReceiptNotFound)
	_, err = invoicing.FindReceipt(ctx, owner, "receipt")
	require.ErrorIs(t, err, invoicing.ErrReceiptNotFound)
}

// Two replicas, and the same facts under other ids at the same time: nobody
// fails, nobody takes a number in vain.
func TestD05_ReplicasShareTheNumbers(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	desk, owner := invoicingtest.Open(t, db.Pool("")), db.Pool("")
	var wg sync.WaitGroup
	replicas := []*fntest.Door{
		fntest.Open(t, receipt.New(receipt.Config{}), db.Pool(role), fn.Options{GroupSize: 1}),
		fntest.Open(t, receipt.New(receipt.Config{}), db.Pool(role), fn.Options{GroupSize: 1}),
	}
	statuses := make(chan int, 60)
	for range 20 {
		paid := desk.Paid(t)
		for _, door := range replicas {
			wg.Go(func() {
				status, _ := door.Post(t, fntest.Event(paid))
				statuses <- status
			})
		}
	}
	wg.Wait()
	close(statuses)
	for status := range statuses {
		require.Equal(t, http.StatusOK, status)
	}
	var last, receipts, highest int
	require.NoError(t, owner.QueryRow(t.Context(), `
		select (select last from invoicing.receipt_counter where issuer = 'quittance'), count(*), max(number) from invoicing.receipt`).
		Scan(&last, &receipts, &highest))
	require.Equal(t, []int{20, 20, 20}, []int{last, receipts, highest})
}

// A receipt says that money was paid; it is never written on the word of an
// event alone, and what is refused leaves no gap.
func TestRefusesWhatIsNotPaidInTheBooks(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	door := fntest.Open(t, receipt.New(receipt.Config{}), db.Pool(role), fn.Options{})
	desk, owner, ctx := invoicingtest.Open(t, db.Pool("")), db.Pool(""), t.Context()

	i := desk.Invoice(t)
	n := desk.Submit(t, i)
	open := events.InvoicePaid{InvoiceID: i.ID, PaymentID: n.ID, AccountID: i.AccountID, AmountMinor: i.AmountMinor, Currency: i.Currency}
	missing := open
	missing.InvoiceID = uuid.NewString()
	paid := desk.Paid(t)
	other := paid
	other.PaymentID = uuid.NewString()
	for _, e := range []events.InvoicePaid{open, missing, other} {
		status, body := door.Post(t, fntest.Event(e))
		require.Equal(t, http.StatusUnprocessableEntity, status, body)
	}
	status, body := door.Post(t, fntest.Event(paid))
	require.Equal(t, http.StatusOK, status, body)
	r, err := invoicing.FindReceipt(ctx, owner, paid.InvoiceID)
	require.NoError(t, err)
	require.Equal(t, int64(1), r.Number)
}

func TestAnIssuerWithoutACounterIsAnError(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	desk := invoicingtest.Open(t, db.Pool(""))
	door := fntest.Open(t, receipt.New(receipt.Config{Issuer: "branch"}), db.Pool(role), fn.Options{})
	paid := fntest.Event(desk.Paid(t))
	status, _ := door.Post(t, paid)
	require.Equal(t, http.StatusServiceUnavailable, status)
	_, err := db.Pool("").Exec(t.Context(), `insert into invoicing.receipt_counter (issuer, last) values ('branch', 41)`)
	require.NoError(t, err)
	status, body := door.Post(t, paid)
	require.Equal(t, http.StatusOK, status, body)
	desk.Do(t, func(ctx context.Context, tx fn.Tx) error {
		require.ErrorIs(t, invoicing.HoldCounter(ctx, tx, "nobody"), invoicing.ErrIssuerUnknown)
		_, err := invoicing.TakeNumber(ctx, tx, "nobody")
		require.ErrorIs(t, err, invoicing.ErrIssuerUnknown)
		return nil
	})
}

// The stored document is what the rows give again, byte for byte.
func TestTheStoredDocumentCanBeRenderedAgain(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	door := fntest.Open(t, receipt.New(receipt.Config{IssuerName: "Bank of the Test"}), db.Pool(role), fn.Options{})
	desk, owner, ctx := invoicingtest.Open(t, db.Pool("")), db.Pool(""), t.Context()
	paid := desk.Paid(t)
	status, body := door.Post(t, fntest.Event(paid))
	require.Equal(t, http.StatusOK, status, body)
	r, err := invoicing.FindReceipt(ctx, owner, paid.InvoiceID)
	require.NoError(t, err)
	i, err := invoicing.FindInvoice(ctx, owner, paid.InvoiceID)
	require.NoError(t, err)
	p, err := invoicing.FindPayment(ctx, owner, paid.PaymentID)
	require.NoError(t, err)
	again, err := receipt.Render("Bank of the Test", r, i, p)
	require.NoError(t, err)
	require.Equal(t, r.PDF, again)
}
