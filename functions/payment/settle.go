package payment

import (
	"context"
	"errors"
	"fmt"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/stripe"
)

func settleCharge(ctx context.Context, tx fn.Tx, _ fn.In[events.PaymentValidated], q request, r stripe.ChargeResult) ([]events.Data, error) {
	return settle(ctx, tx, q, r)
}

func settleNotified(ctx context.Context, tx fn.Tx, _ fn.In[events.ProcessorNotified], q request, r stripe.ChargeResult) ([]events.Data, error) {
	if q.paymentID == "" {
		q.paymentID = r.PaymentID
	}
	return settle(ctx, tx, q, r)
}

// settle records what the processor said about a payment, and pays the invoice
// with it. Whatever is said goes out under the journey of the charge, so that
// a payment settled by a webhook or a sweep stays in one timeline.
func settle(ctx context.Context, tx fn.Tx, q request, r stripe.ChargeResult) ([]events.Data, error) {
	p, i, err := hold(ctx, tx, q)
	if errors.Is(err, invoicing.ErrPaymentNotFound) {
		return nil, stranger(ctx, r)
	}
	if err != nil {
		return nil, err
	}
	d, err := decide(p, i, r)
	if err != nil {
		return nil, fn.Permanent(err)
	}
	if !d.move {
		return nil, nil
	}
	steps := []func(fn.Tx) error{
		func(tx fn.Tx) error { return invoicing.Settle(ctx, tx, p.ID, p.State, d.settlement) },
	}
	if d.pays {
		steps = append(steps, func(tx fn.Tx) error { return invoicing.PayInvoice(ctx, tx, i.ID, p.ID) })
	}
	if err := fn.AtOnce(ctx, tx, steps...); err != nil {
		return nil, err
	}
	return say(ctx, p, i, r, d), nil
}

// hold locks the payment and then its invoice; at once if it is known which.
func hold(ctx context.Context, tx fn.Tx, q request) (p invoicing.Payment, i invoicing.Invoice, err error) {
	payment := func(tx fn.Tx) (err error) {
		p, err = invoicing.LockPayment(ctx, tx, q.paymentID)
		return err
	}
	invoice := func(tx fn.Tx) (err error) {
		i, err = invoicing.LockInvoice(ctx, tx, q.invoiceID)
		return err
	}
	if q.invoiceID != "" {
		err = fn.AtOnce(ctx, tx, payment, invoice)
		return p, i, err
	}
	if err = payment(tx); err == nil {
		q.invoiceID = p.InvoiceID
		err = invoice(tx)
	}
	return p, i, err
}

func say(ctx context.Context, p invoicing.Payment, i invoicing.Invoice, r stripe.ChargeResult, d decision) []events.Data {
	var said []events.Data
	add := func(e events.Data) { said = append(said, fn.Correlated{Data: e, CorrelationID: p.Journey}) }
	switch d.settlement.State {
	case invoicing.Failed:
		add(events.PaymentFailed{PaymentID: p.ID, InvoiceID: p.InvoiceID, Processor: p.Processor, Reason: d.settlement.Reason})
	case invoicing.Captured, invoicing.RefundDue:
		add(events.PaymentCaptured{PaymentID: p.ID, InvoiceID: p.InvoiceID, AmountMinor: r.AmountMinor,
			Currency: money.Currency(r.Currency), Processor: p.Processor, ProcessorReference: r.IntentID})
	default: // pending: nothing is known yet
	}
	if d.pays {
		add(events.InvoicePaid{InvoiceID: i.ID, PaymentID: p.ID, AccountID: i.AccountID,
			AmountMinor: i.AmountMinor, Currency: i.Currency})
	}
	if d.settlement.State == invoicing.RefundDue {
		fn.Log(ctx).WarnContext(ctx, "refund due", "payment_id", p.ID, "invoice_id", i.ID, "reason", d.settlement.Reason)
	}
	return said
}

// stranger judges a charge whose payment is not in the books. Other software
// may use the same account at the processor; money that names a payment of ours
// which does not exist is another matter.
func stranger(ctx context.Context, r stripe.ChargeResult) error {
	if r.PaymentID != "" && r.Outcome == stripe.Captured {
		return fn.Permanent(fmt.Errorf("charge %s: %w", r.IntentID, errStrangerMoney))
	}
	fn.Log(ctx).InfoContext(ctx, "not a charge of ours", "processor_reference", r.IntentID)
	return nil
}
