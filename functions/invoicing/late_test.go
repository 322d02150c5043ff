package invoicing_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/invoicing/invoicingtest"
	"quittance.dev/functions/outside/outsidetest"
	"quittance.dev/functions/stripe/stripetest"
)

// D10: the processor decides later, and a webhook tells.
func TestD10_ALateSuccess(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	b.copies = 5
	i := b.desk.Invoice(t)
	require.NoError(t, b.Moods.Script(stripetest.LateSuccess()))
	n := b.desk.Submit(t, i)
	b.run()
	p := b.payment(n.ID)
	require.Equal(t, invoicing.Pending, p.State)
	require.Equal(t, []string{"payment.validated.v1"}, b.said(n.ID), "nothing is said before it is known")
	b.webhook(p.ProcessorReference)
	require.Equal(t, invoicing.Pending, b.payment(n.ID).State, "F24: the webhook is a hint, not the fact")

	require.NoError(t, b.Settle(p.ProcessorReference, ""))
	b.webhook(p.ProcessorReference)
	b.webhook(p.ProcessorReference)
	require.Equal(t, invoicing.InvoicePaid, b.invoice(i.ID).State)
	require.Equal(t, wholeJourney, b.said(n.ID), "still the payment's own journey")
	b.holds()
}

func TestD10_ALateFailure(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	i := b.desk.Invoice(t)
	require.NoError(t, b.Moods.Script(stripetest.LateFailure()))
	n := b.desk.Submit(t, i)
	b.run()
	_, err := b.SettleAll()
	require.NoError(t, err)
	b.webhook(b.intent(n.ID))
	require.Equal(t, invoicing.Failed, b.payment(n.ID).State)
	require.Equal(t, events.Reason("insufficient_funds"), b.payment(n.ID).Reason)
	require.Equal(t, []string{"payment.validated.v1", "payment.failed.v1"}, b.said(n.ID))
	b.webhook(b.intent(n.ID))
	require.Len(t, b.said(n.ID), 2, "a failure once said is not said again")
	b.holds()
}

// F22: a success after a failure is taken in. The webhook is lost; the sweep
// finds it.
func TestF22_ALateSuccessAfterAFailure(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	i := b.desk.Invoice(t)
	n := b.desk.Submit(t, i, invoicingtest.WithCard("pm_card_chargeDeclined"))
	b.run()
	require.Equal(t, invoicing.Failed, b.payment(n.ID).State)
	require.NoError(t, b.Settle(b.intent(n.ID), ""))
	b.tick(2 * time.Hour)
	p := b.payment(n.ID)
	require.Equal(t, invoicing.Captured, p.State)
	require.Empty(t, p.Reason)
	require.Equal(t, invoicing.InvoicePaid, b.invoice(i.ID).State)
	require.Equal(t, []string{"payment.validated.v1", "payment.failed.v1", "processor.notified.v1",
		"payment.captured.v1", "invoice.paid.v1", "receipt.issued.v1"}, b.said(n.ID))
	b.holds()
}

// F22, D10: the money comes when the invoice is paid otherwise, or cancelled:
// it is booked, seen, and pays nothing twice.
func TestF22_ALateSuccessForASettledInvoiceIsARefundDue(t *testing.T) {
	t.Parallel()
	t.Run("paid by another payment", func(t *testing.T) {
		t.Parallel()
		b := openBank(t)
		i := b.desk.Invoice(t)
		first := b.desk.Submit(t, i, invoicingtest.WithCard("pm_card_chargeDeclined"))
		b.run()
		second := b.desk.Submit(t, i)
		b.run()
		require.Equal(t, second.ID, b.invoice(i.ID).PaymentID)
		require.NoError(t, b.Settle(b.intent(first.ID), ""))
		for range 3 {
			b.webhook(b.intent(first.ID))
		}
		requireRefundDue(t, b, first.ID)
		require.Equal(t, second.ID, b.invoice(i.ID).PaymentID)
		require.Equal(t, []string{"payment.validated.v1", "payment.failed.v1", "payment.captured.v1"}, b.said(first.ID))
		b.holds()
	})
	t.Run("cancelled meanwhile", func(t *testing.T) {
		t.Parallel()
		b := openBank(t)
		i := b.desk.Invoice(t)
		require.NoError(t, b.Moods.Script(stripetest.LateSuccess()))
		n := b.desk.Submit(t, i)
		b.run()
		b.exec(`update invoicing.invoice set state = 'cancelled' where id = $1`, i.ID)
		require.NoError(t, b.Settle(b.intent(n.ID), ""))
		b.tick(2 * time.Minute)
		requireRefundDue(t, b, n.ID)
		require.Equal(t, invoicing.InvoiceCancelled, b.invoice(i.ID).State)
		b.holds()
	})
}

func requireRefundDue(t *testing.T, b *bank, paymentID string) {
	t.Helper()
	due, err := invoicing.FindPayment(t.Context(), b.owner, paymentID)
	require.NoError(t, err)
	require.Equal(t, invoicing.RefundDue, due.State)
	require.Equal(t, events.InvoiceNotPayable, due.Reason)
	require.False(t, due.ChargedAt.IsZero())
	captured := b.outbox(`where type = $1 and subject = $2`, events.TypePaymentCaptured, paymentID)
	require.Len(t, captured, 1, "the money is said to be there, once")
}

// An outage that outlasts the broker's tries: the kernel puts the event off,
// and the charge is made once when the processor is back.
func TestF17_AnOutageIsPutOffAndEndsInOneCharge(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	require.NoError(t, b.Moods.Weather(1, outsidetest.Chance{Mood: outsidetest.Mood{Kind: outsidetest.CutAfter}, P: 1}))
	n := b.desk.Submit(t, b.desk.Invoice(t))
	statuses := []int{}
	for _, e := range b.outbox(`where type = $1`, events.TypePaymentSubmitted) {
		require.True(t, b.deliver(e))
	}
	for _, e := range b.outbox(`where type = $1`, events.TypePaymentValidated) {
		for range 3 {
			status, _ := b.doors["payment"].Post(t, e)
			statuses = append(statuses, status)
		}
	}
	require.Equal(t, []int{http.StatusServiceUnavailable, http.StatusServiceUnavailable, http.StatusOK}, statuses)
	var why string
	require.NoError(t, b.owner.QueryRow(t.Context(), `select why from delivery.redelivery where consumer = 'payment'`).Scan(&why))
	require.Equal(t, "deferred", why)
	require.Equal(t, invoicing.Charging, b.payment(n.ID).State)
	key := b.payment(n.ID).ChargeKey

	b.Moods.Clear()
	b.run()
	require.Equal(t, key, b.payment(n.ID).ChargeKey, "never a fresh key")
	require.Equal(t, wholeJourney, b.said(n.ID))
	require.Len(t, b.Books().Charges, 1)
	b.holds()
}

// A charge whose event is gone for ever is found by its state and age. The
// reference is not known: the same key gives the same answer.
func TestI17_TheSweepFinishesAForgottenCharge(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mood outsidetest.Kind
		key  func(b *bank) // what became of the key meanwhile
	}{
		"charged, the answer lost":     {mood: outsidetest.CutAfter},
		"never charged":                {mood: outsidetest.CutBefore},
		"charged, the key out of date": {mood: outsidetest.CutAfter, key: keyIsOld}, // F19
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openBank(t)
			require.NoError(t, b.Moods.Script(outsidetest.Mood{Kind: tt.mood, Op: "charge"},
				outsidetest.Mood{Kind: outsidetest.CutBefore, Op: "search"}))
			n := b.desk.Submit(t, b.desk.Invoice(t))
			require.True(t, b.deliver(b.outbox(`where type = $1`, events.TypePaymentSubmitted)[0]))
			require.False(t, b.deliver(b.outbox(`where type = $1`, events.TypePaymentValidated)[0]))
			b.exec(`delete from delivery.queue`) // and the broker loses it
			require.Equal(t, invoicing.Charging, b.payment(n.ID).State)
			if tt.key != nil {
				tt.key(b)
			}
			b.tick(2 * time.Minute)
			require.Equal(t, invoicing.Captured, b.payment(n.ID).State)
			require.Len(t, b.Books().Charges, 1)
			b.holds()
		})
	}
}

// keyIsOld lets a day pass, after which the processor forgets.
func keyIsOld(b *bank) {
	b.Helper()
	b.exec(`alter table invoicing.payment disable trigger payment_moves_forward`)
	b.exec(`update invoicing.payment set charge_key_at = charge_key_at - interval '25 hours'`)
	b.exec(`alter table invoicing.payment enable trigger payment_moves_forward`)
	require.NoError(b, b.ForgetKeys())
}

// F19, F20: with the key out of date and no trace of a charge, nobody is
// charged and nothing is concluded; the payment stays for a person to see.
func TestF19_AnOldKeyChargesNobody(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	require.NoError(t, b.Moods.Script(outsidetest.Mood{Kind: outsidetest.CutBefore, Op: "charge"}))
	n := b.desk.Submit(t, b.desk.Invoice(t))
	require.True(t, b.deliver(b.outbox(`where type = $1`, events.TypePaymentSubmitted)[0]))
	validated := b.outbox(`where type = $1`, events.TypePaymentValidated)[0]
	require.False(t, b.deliver(validated))
	keyIsOld(b)
	for range 2 {
		b.deliver(validated)
	}
	require.Equal(t, invoicing.Charging, b.payment(n.ID).State)
	require.Empty(t, b.Books().Intents)
	var failures int
	require.NoError(t, b.owner.QueryRow(t.Context(), `select attempts from delivery.failure where consumer = 'payment'`).Scan(&failures))
	require.Equal(t, 3, failures)
}

// The customer must confirm and never does: pending, read again and again, and
// nothing happens by itself.
func TestPendingStaysPendingUntilTheProcessorDecides(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	i := b.desk.Invoice(t)
	n := b.desk.Submit(t, i, invoicingtest.WithCard("pm_card_authenticationRequired"))
	b.run()
	for range 3 {
		b.tick(2 * time.Hour)
		require.Equal(t, invoicing.Pending, b.payment(n.ID).State)
	}
	require.Equal(t, invoicing.InvoiceOpen, b.invoice(i.ID).State)
	require.Len(t, b.Books().Intents, 1)
	b.holds()
}
