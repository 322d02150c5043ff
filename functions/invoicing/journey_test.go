package invoicing_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/invoicing/invoicingtest"
	"quittance.dev/functions/outside/outsidetest"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/stripe/stripetest"
)

var wholeJourney = []string{"payment.validated.v1", "payment.captured.v1", "invoice.paid.v1", "receipt.issued.v1"}

// D01, D04, D05: a payment by card pays the invoice and ends in a receipt.
func TestD01_ACardPaysAnInvoice(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	i := b.desk.Invoice(t)
	n := b.desk.Submit(t, i)
	b.run()
	b.holds()
	paid := b.invoice(i.ID)
	require.Equal(t, invoicing.InvoicePaid, paid.State)
	require.Equal(t, n.ID, paid.PaymentID)
	require.False(t, paid.PaidAt.IsZero())
	p := b.payment(n.ID)
	require.Equal(t, invoicing.Captured, p.State)
	require.Equal(t, b.intent(n.ID), p.ProcessorReference)
	require.WithinDuration(t, time.Now(), p.ChargedAt, time.Minute)
	r, err := invoicing.FindReceipt(t.Context(), b.owner, i.ID)
	require.NoError(t, err)
	require.Equal(t, n.ID, r.PaymentID)
	require.Equal(t, int64(1), r.Number)
	require.Equal(t, wholeJourney, b.said(n.ID), "one journey, in order")
	require.Equal(t, int64(12050), b.Books().Intents[0].Amount)
	require.Equal(t, i.ID, b.Books().Intents[0].Metadata["invoice_id"])
}

// F16, F17, F18: whatever happens to the call, the card is charged once or not
// at all, and the books say which.
func TestF17_TheProcessorInEveryMood(t *testing.T) {
	t.Parallel()
	mood := func(k outsidetest.Kind, times int) outsidetest.Mood {
		return outsidetest.Mood{Kind: k, Op: "charge", Times: times}
	}
	for name, tt := range map[string]struct {
		moods []outsidetest.Mood
		card  string
		want  invoicing.State
		why   events.Reason
	}{
		"declined":                    {[]outsidetest.Mood{stripetest.Decline("insufficient_funds")}, "", invoicing.Failed, "insufficient_funds"},
		"declined by the card":        {nil, "pm_card_chargeDeclinedLostCard", invoicing.Failed, "lost_card"},
		"no such card":                {nil, "pm_nobody_knows", invoicing.Failed, "resource_missing"},
		"time-out after success":      {[]outsidetest.Mood{mood(outsidetest.TimeoutAfter, 1)}, "", invoicing.Captured, ""},
		"time-out before":             {[]outsidetest.Mood{mood(outsidetest.TimeoutBefore, 1)}, "", invoicing.Captured, ""},
		"cut after success":           {[]outsidetest.Mood{mood(outsidetest.CutAfter, 2)}, "", invoicing.Captured, ""},
		"cut before":                  {[]outsidetest.Mood{mood(outsidetest.CutBefore, 2)}, "", invoicing.Captured, ""},
		"cut in the answer":           {[]outsidetest.Mood{mood(outsidetest.CutMidBody, 1)}, "", invoicing.Captured, ""},
		"500":                         {[]outsidetest.Mood{mood(outsidetest.Status, 2)}, "", invoicing.Captured, ""},
		"500 after success":           {[]outsidetest.Mood{mood(outsidetest.StatusAfter, 1)}, "", invoicing.Captured, ""},
		"500 kept under the key":      {[]outsidetest.Mood{stripetest.StoredError()}, "", invoicing.Captured, ""},
		"500 in its own words":        {[]outsidetest.Mood{stripetest.ServerError()}, "", invoicing.Captured, ""},
		"429":                         {[]outsidetest.Mood{mood(outsidetest.TooMany, 2)}, "", invoicing.Captured, ""},
		"429 in its own words":        {[]outsidetest.Mood{stripetest.RateLimited()}, "", invoicing.Captured, ""},
		"locked":                      {[]outsidetest.Mood{stripetest.Locked()}, "", invoicing.Captured, ""},
		"garbage":                     {[]outsidetest.Mood{mood(outsidetest.Garbage, 1)}, "", invoicing.Captured, ""},
		"without end":                 {[]outsidetest.Mood{mood(outsidetest.Huge, 1)}, "", invoicing.Captured, ""},
		"slow":                        {[]outsidetest.Mood{{Kind: outsidetest.Slow, Op: "charge", Delay: outsidetest.Duration(100 * time.Millisecond)}}, "", invoicing.Captured, ""},
		"declined, the answer is cut": {[]outsidetest.Mood{mood(outsidetest.CutAfter, 1)}, "pm_card_chargeDeclined", invoicing.Failed, "generic_decline"},
		"time-out, look-up down too": {[]outsidetest.Mood{mood(outsidetest.TimeoutAfter, 1),
			{Kind: outsidetest.Status, Op: "search", Times: 2}, {Kind: outsidetest.CutBefore, Op: "list", Times: 2}}, "", invoicing.Captured, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := openBank(t)
			require.NoError(t, b.Moods.Script(tt.moods...))
			i := b.desk.Invoice(t)
			n := b.desk.Submit(t, i, func(n *invoicing.NewPayment) {
				if tt.card != "" {
					n.PaymentMethod = tt.card
				}
			})
			b.run()
			p := b.payment(n.ID)
			require.Equal(t, tt.want, p.State)
			require.Equal(t, tt.why, p.Reason)
			require.LessOrEqual(t, len(b.Books().Intents), 1, "one key, one intent")
			if tt.want == invoicing.Captured {
				require.Equal(t, wholeJourney, b.said(n.ID))
			} else {
				require.Equal(t, []string{"payment.validated.v1", "payment.failed.v1"}, b.said(n.ID))
				require.Equal(t, invoicing.InvoiceOpen, b.invoice(i.ID).State)
			}
			b.holds()
		})
	}
}

// F02, D08: twenty copies of every event at once.
func TestF02_TwentyCopiesOfEveryEvent(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	b.copies = 20
	n := b.desk.Submit(t, b.desk.Invoice(t))
	b.run()
	b.webhook(b.intent(n.ID))
	b.holds()
	require.Equal(t, wholeJourney, b.said(n.ID))
	require.Len(t, b.Books().Charges, 1)
}

// D16: the same fact under twenty event ids at once, each step of the way.
func TestD16_TwentyEventsOfTheSameFact(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	i := b.desk.Invoice(t)
	n := b.desk.Submit(t, i)
	for _, data := range []events.Data{
		invoicingtest.Submitted(n),
		events.PaymentValidated{PaymentID: n.ID, InvoiceID: i.ID, AmountMinor: n.AmountMinor, Currency: n.Currency},
		events.InvoicePaid{InvoiceID: i.ID, PaymentID: n.ID, AccountID: i.AccountID, AmountMinor: i.AmountMinor, Currency: i.Currency},
	} {
		var wg sync.WaitGroup
		for range 20 {
			e := fntest.Event(data)
			wg.Go(func() {
				for range 50 { // 503 while another has the key at the processor
					if b.deliver(e) {
						return
					}
				}
				t.Errorf("%s never handled", e.Type)
			})
		}
		wg.Wait()
	}
	b.run()
	b.holds()
	require.Len(t, b.Books().Charges, 1)
	require.Len(t, b.outbox(`where type = $1`, events.TypePaymentValidated), 1)
	require.Len(t, b.outbox(`where type = $1`, events.TypePaymentCaptured), 1)
	require.Len(t, b.outbox(`where type = $1`, events.TypeReceiptIssued), 1)
}

// Twenty people pay the same invoice at the same moment. One of them pays it;
// nobody else's money is kept in silence.
func TestI16_TwentyPaymentsForOneInvoice(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	i := b.desk.Invoice(t)
	var wg sync.WaitGroup
	for range 20 {
		n := b.desk.Submit(t, i)
		require.True(t, b.deliver(fntest.Event(invoicingtest.Submitted(n))))
		e := fntest.Event(events.PaymentValidated{PaymentID: n.ID, InvoiceID: i.ID, AmountMinor: n.AmountMinor, Currency: n.Currency})
		wg.Go(func() {
			for range 50 {
				if b.deliver(e) {
					return
				}
			}
			t.Error("never handled")
		})
	}
	wg.Wait()
	b.run()
	b.holds()
	all, err := invoicing.PaymentsOf(t.Context(), b.owner, i.ID)
	require.NoError(t, err)
	states := map[invoicing.State]int{}
	for _, p := range all {
		states[p.State]++
	}
	require.Equal(t, 1, states[invoicing.Captured], "%v", states)
	require.Equal(t, 19, states[invoicing.RefundDue]+states[invoicing.Rejected], "%v", states)
}

// D05: numbers without gaps, by concurrent invoices.
func TestD05_ReceiptNumbersHaveNoGaps(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	var wg sync.WaitGroup
	for range 20 {
		i := b.desk.Invoice(t)
		n := b.desk.Submit(t, i)
		require.True(t, b.deliver(fntest.Event(invoicingtest.Submitted(n))))
		require.True(t, b.deliver(fntest.Event(events.PaymentValidated{PaymentID: n.ID, InvoiceID: i.ID, AmountMinor: n.AmountMinor, Currency: n.Currency})))
		wg.Go(func() {
			for range 3 { // and each of them under three event ids
				b.deliver(fntest.Event(events.InvoicePaid{InvoiceID: i.ID, PaymentID: n.ID, AccountID: i.AccountID, AmountMinor: i.AmountMinor, Currency: i.Currency}))
			}
		})
	}
	wg.Wait()
	b.run()
	b.holds()
	require.Len(t, b.outbox(`where type = $1`, events.TypeReceiptIssued), 20)
}

// F02: the answer to a charge and a hint about the same charge, which are events
// about different things to the kernel, may meet in one transaction. Whatever
// meets, each payment is settled once.
func TestF02_AnswersAndHintsInStep(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	// The answers come together, and so are settled together.
	require.NoError(t, b.Moods.Script(outsidetest.Mood{Kind: outsidetest.Slow, Op: "charge", Times: 40, Delay: outsidetest.Duration(100 * time.Millisecond)}))
	desk := invoicingtest.Open(t, b.owner)
	said := map[string][]string{} // by payment
	var all sync.WaitGroup
	for n := range 20 {
		p := desk.Charging(t, desk.Invoice(t), func(p *invoicing.NewPayment) {
			if n%2 == 1 {
				p.PaymentMethod = "pm_card_chargeDeclined"
			}
		})
		said[p.ID] = wholeJourney[1:]
		if n%2 == 1 {
			said[p.ID] = []string{"payment.failed.v1"}
		}
		for _, e := range []events.Data{
			events.PaymentValidated{PaymentID: p.ID, InvoiceID: p.InvoiceID, AmountMinor: p.AmountMinor, Currency: p.Currency},
			events.ProcessorNotified{Processor: "stripe", ProcessorReference: "payment:" + p.ID, NotificationID: p.ID},
		} {
			event := fntest.Event(e)
			all.Go(func() {
				for tries := 0; !b.deliver(event); tries++ {
					if tries == 50 {
						t.Errorf("%s is never handled", event.Type)
						return
					}
				}
			})
		}
	}
	all.Wait()
	b.run()
	b.holds()
	for id, want := range said {
		require.Equal(t, want, b.said(id))
	}
}

// A payment that was validated while its invoice was open is not charged once
// another one has paid it, also when both go in step.
func TestNobodyIsChargedForAPaidInvoice(t *testing.T) {
	t.Parallel()
	desk := invoicingtest.Open(t, pgtest.New(t).Pool(""))
	i := desk.Invoice(t)
	first, second := desk.Charging(t, i), desk.Submit(t, i)
	desk.Do(t, func(ctx context.Context, tx fn.Tx) error { return invoicing.MarkValidated(ctx, tx, second.ID) })
	err := desk.Try(t, func(ctx context.Context, tx fn.Tx) error {
		return fn.AtOnce(ctx, tx,
			func(tx fn.Tx) error {
				return errors.Join(
					invoicing.Settle(ctx, tx, first.ID, invoicing.Charging, invoicing.Settlement{State: invoicing.Captured, Reference: "pi_1", ChargedAt: tx.Now()}),
					invoicing.PayInvoice(ctx, tx, i.ID, first.ID))
			},
			func(tx fn.Tx) error {
				invoice, err := invoicing.FindInvoice(ctx, tx, i.ID)
				if err != nil || invoice.State != invoicing.InvoiceOpen {
					return err
				}
				_, err = invoicing.StartCharge(ctx, tx, second.ID, "stripe", "journey")
				return err
			})
	})
	require.ErrorIs(t, err, invoicing.ErrStateChanged)
}
