package validation_test

import (
	"context"
	"net/http"
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
	"quittance.dev/functions/validation"
)

func open(t *testing.T) (*fntest.Door, *invoicingtest.Desk, *pgxpool.Pool) {
	t.Helper()
	db := pgtest.New(t)
	door := fntest.Open(t, validation.New(), db.Pool("quittance_validation"), fn.Options{})
	return door, invoicingtest.Open(t, db.Pool("quittance_api")), db.Pool("")
}

func count(t *testing.T, owner *pgxpool.Pool, eventType events.Type) (n int) {
	t.Helper()
	require.NoError(t, owner.QueryRow(t.Context(), `select count(*) from delivery.outbox where type = $1`, eventType).Scan(&n))
	return n
}

func TestConformance(t *testing.T) {
	t.Parallel()
	invoice := invoicingtest.NewInvoice()
	good := invoicingtest.NewPayment(invoice)
	bad := invoicingtest.NewPayment(invoice, func(n *invoicing.NewPayment) { n.AmountMinor-- })
	fntest.Conformance(t, fntest.Subject{
		New: func(testing.TB) (fn.Function, func() string) { return validation.New(), nil },
		Setup: func(t testing.TB, owner *pgxpool.Pool) {
			invoicingtest.Open(t, owner).Do(t, func(ctx context.Context, tx fn.Tx) error {
				for _, err := range []error{invoicing.CreateInvoice(ctx, tx, invoice),
					invoicing.SubmitPayment(ctx, tx, good), invoicing.SubmitPayment(ctx, tx, bad)} {
					if err != nil {
						return err
					}
				}
				return nil
			})
		},
		Events:   []events.Data{invoicingtest.Submitted(good), invoicingtest.Submitted(bad)},
		AnyOrder: true,
	})
}

func TestSays(t *testing.T) {
	t.Parallel()
	door, desk, owner := open(t)
	for name, tt := range map[string]struct {
		change func(*invoicing.NewPayment)
		state  invoicing.State
		reason events.Reason
	}{
		"fits":         {func(*invoicing.NewPayment) {}, invoicing.Validated, ""},
		"other amount": {func(n *invoicing.NewPayment) { n.AmountMinor = 1 }, invoicing.Rejected, events.AmountMismatch},
		"currency":     {func(n *invoicing.NewPayment) { n.Currency = "USD" }, invoicing.Rejected, events.CurrencyMismatch},
		"method":       {func(n *invoicing.NewPayment) { n.Method = "cheque" }, invoicing.Rejected, events.MethodNotSupported},
	} {
		n := desk.Submit(t, desk.Invoice(t), tt.change)
		event := fntest.Event(invoicingtest.Submitted(n))
		status, body := door.Post(t, event, "Prefer", "return=representation")
		require.Equal(t, http.StatusOK, status, body)
		p, err := invoicing.FindPayment(t.Context(), owner, n.ID)
		require.NoError(t, err)
		require.Equal(t, tt.state, p.State, name)
		require.Equal(t, tt.reason, p.Reason, name)
		require.Contains(t, body, n.ID)
		require.Contains(t, body, string(tt.reason))

		again := fntest.Event(invoicingtest.Submitted(n)) // the same fact under another id
		before := count(t, owner, events.TypePaymentValidated) + count(t, owner, events.TypePaymentRejected)
		status, body = door.Post(t, again)
		require.Equal(t, http.StatusOK, status, body)
		require.Equal(t, before, count(t, owner, events.TypePaymentValidated)+count(t, owner, events.TypePaymentRejected), "D16")
	}
}

// An invoice that is settled by the time of validation is not payable.
func TestRejectsAPaymentForASettledInvoice(t *testing.T) {
	t.Parallel()
	door, desk, owner := open(t)
	i := desk.Invoice(t)
	n := desk.Submit(t, i)
	_, err := owner.Exec(t.Context(), `update invoicing.invoice set state = 'cancelled' where id = $1`, i.ID)
	require.NoError(t, err)
	status, body := door.Post(t, fntest.Event(invoicingtest.Submitted(n)))
	require.Equal(t, http.StatusOK, status, body)
	p, err := invoicing.FindPayment(t.Context(), owner, n.ID)
	require.NoError(t, err)
	require.Equal(t, invoicing.Rejected, p.State)
	require.Equal(t, events.InvoiceNotPayable, p.Reason)
}

// D15: what cannot be right is a dead letter at once, and nothing is written.
func TestD15_EventsThatContradictTheBooksAreDeadLetters(t *testing.T) {
	t.Parallel()
	door, desk, owner := open(t)
	n := desk.Submit(t, desk.Invoice(t))
	stranger := invoicingtest.Submitted(n)
	stranger.PaymentID = uuid.NewString()
	dearer := invoicingtest.Submitted(n)
	dearer.AmountMinor++
	elsewhere := invoicingtest.Submitted(n)
	elsewhere.InvoiceID = uuid.NewString()
	for _, d := range []events.PaymentSubmitted{stranger, dearer, elsewhere} {
		status, body := door.Post(t, fntest.Event(d))
		require.Equal(t, http.StatusUnprocessableEntity, status, body)
		require.LessOrEqual(t, len(body), 512)
	}
	p, err := invoicing.FindPayment(t.Context(), owner, n.ID)
	require.NoError(t, err)
	require.Equal(t, invoicing.Submitted, p.State)
	status, _ := door.Post(t, fntest.Event(invoicingtest.Submitted(n)))
	require.Equal(t, http.StatusOK, status, "the flow behind goes on")
}
