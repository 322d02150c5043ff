package payment

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/stripe"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var at = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func answer(o stripe.Outcome) stripe.ChargeResult {
	r := stripe.ChargeResult{Outcome: o, IntentID: "pi_1", PaymentID: "p"}
	switch o {
	case stripe.Captured:
		r.ChargeID, r.At, r.AmountMinor, r.Currency = "ch_1", at, 100, "EUR"
	case stripe.Refused:
		r.Refusal = &outside.Refusal{System: "stripe", Code: "insufficient_funds"}
	case stripe.Pending:
	}
	return r
}

// F22, F23, F24: every answer in every state, for an invoice that is open and
// for one that is not. A state that is not named changes nothing.
func TestDecide(t *testing.T) {
	t.Parallel()
	reference := func(s invoicing.State) string {
		switch s {
		case invoicing.Pending, invoicing.Captured, invoicing.RefundDue:
			return "pi_1"
		default:
			return ""
		}
	}
	moves := map[stripe.Outcome]map[invoicing.State]invoicing.State{
		stripe.Captured: {invoicing.Charging: invoicing.Captured, invoicing.Pending: invoicing.Captured, invoicing.Failed: invoicing.Captured},
		stripe.Refused:  {invoicing.Charging: invoicing.Failed, invoicing.Pending: invoicing.Failed},
		stripe.Pending:  {invoicing.Charging: invoicing.Pending},
	}
	never := map[invoicing.State]bool{invoicing.Submitted: true, invoicing.Validated: true, invoicing.Rejected: true}
	for outcome, table := range moves {
		for _, from := range invoicing.States() {
			for _, invoice := range []invoicing.InvoiceState{invoicing.InvoiceOpen, invoicing.InvoicePaid, invoicing.InvoiceCancelled} {
				p := invoicing.Payment{ID: "p", InvoiceID: "i", AmountMinor: 100, Currency: "EUR", State: from, ProcessorReference: reference(from)}
				i := invoicing.Invoice{ID: "i", AmountMinor: 100, Currency: "EUR", State: invoice}
				d, err := decide(p, i, answer(outcome))
				name := string(outcome) + " while " + string(from) + ", invoice " + string(invoice)
				if outcome == stripe.Captured && never[from] {
					require.ErrorIs(t, err, errNeverCharged, name)
					continue
				}
				require.NoError(t, err, name)
				want, moves := table[from]
				require.Equal(t, moves, d.move, name)
				if !moves {
					require.Zero(t, d, name)
					continue
				}
				if want == invoicing.Captured && invoice != invoicing.InvoiceOpen {
					want = invoicing.RefundDue
					require.Equal(t, events.InvoiceNotPayable, d.settlement.Reason, name)
				}
				require.Equal(t, want, d.settlement.State, name)
				require.True(t, from.CanBecome(want), name)
				require.Equal(t, want == invoicing.Captured, d.pays, name)
				require.Equal(t, "pi_1", d.settlement.Reference, name)
				require.Equal(t, outcome == stripe.Captured, d.settlement.ChargedAt.Equal(at), name)
				if want == invoicing.Failed {
					require.Equal(t, events.Reason("insufficient_funds"), d.settlement.Reason, name)
				}
			}
		}
	}
}

func TestDecide_WhatContradictsTheBooks(t *testing.T) {
	t.Parallel()
	p := invoicing.Payment{ID: "p", AmountMinor: 100, Currency: "EUR", State: invoicing.Captured, ProcessorReference: "pi_1"}
	open := invoicing.Invoice{State: invoicing.InvoiceOpen}

	second := answer(stripe.Captured)
	second.IntentID = "pi_2"
	_, err := decide(p, open, second)
	require.ErrorIs(t, err, errSecondCharge)
	p.State = invoicing.RefundDue
	_, err = decide(p, open, second)
	require.ErrorIs(t, err, errSecondCharge)

	other := answer(stripe.Refused)
	other.PaymentID = "q"
	_, err = decide(p, open, other)
	require.ErrorIs(t, err, errOtherPayment)

	_, err = decide(p, open, stripe.ChargeResult{Outcome: "reversed", IntentID: "pi_1"})
	require.ErrorContains(t, err, "reversed")
}

// I14: an invoice is never paid with another amount than it asks for; money
// that came all the same is a refund that is due.
func TestI14_AnotherAmountThanAskedPaysNothing(t *testing.T) {
	t.Parallel()
	p := invoicing.Payment{ID: "p", AmountMinor: 100, Currency: "EUR", State: invoicing.Charging}
	for _, change := range []func(*stripe.ChargeResult){
		func(r *stripe.ChargeResult) { r.AmountMinor = 99 },
		func(r *stripe.ChargeResult) { r.AmountMinor = 101 },
		func(r *stripe.ChargeResult) { r.Currency = "USD" },
	} {
		r := answer(stripe.Captured)
		change(&r)
		d, err := decide(p, invoicing.Invoice{State: invoicing.InvoiceOpen}, r)
		require.NoError(t, err)
		require.Equal(t, invoicing.RefundDue, d.settlement.State)
		require.Equal(t, differentAmount, d.settlement.Reason)
		require.False(t, d.pays)
	}
}

func TestRefusedFor(t *testing.T) {
	t.Parallel()
	r := answer(stripe.Refused)
	require.Equal(t, events.Reason("insufficient_funds"), refusedFor(r))
	r.Refusal.Code = strings.Repeat("x", 201)
	require.Equal(t, events.PaymentDeclined, refusedFor(r))
	r.Refusal.Code = ""
	require.Equal(t, events.PaymentDeclined, refusedFor(r))
	r.Refusal = nil
	require.Equal(t, events.PaymentDeclined, refusedFor(r))
}

// F19: the key is used only while the processor surely remembers it.
func TestF19_AnOldKeyIsNotUsedAgain(t *testing.T) {
	t.Parallel()
	p := invoicing.Payment{ID: "p", InvoiceID: "i", AmountMinor: 100, Currency: "EUR", PaymentMethod: "pm_x",
		State: invoicing.Charging, ChargeKey: "k", ChargeKeyAt: at}
	want := request{paymentID: "p", invoiceID: "i", charge: &stripe.ChargeRequest{PaymentID: "p", InvoiceID: "i", AmountMinor: 100,
		Currency: "EUR", PaymentMethod: "pm_x", Key: "k"}}
	require.Equal(t, want, unanswered(p, at))
	require.Equal(t, want, unanswered(p, at.Add(stripe.KeyLifetime-keyMargin-time.Nanosecond)))
	require.Equal(t, request{paymentID: "p", invoiceID: "i"}, unanswered(p, at.Add(stripe.KeyLifetime-keyMargin)))
	require.Equal(t, request{paymentID: "p", invoiceID: "i"}, unanswered(p, at.AddDate(1, 0, 0)))
}
