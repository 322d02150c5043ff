package payment

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/invoicing"
	"quittance.dev/functions/stripe"
)

// keyMargin is kept from the end of the key's lifetime: the call comes a little
// after the decision to make it.
const keyMargin = 5 * time.Minute

// errNotValidated guards the charge: nobody is charged for a payment that
// validation has not let through, whatever an event says.
var errNotValidated = errors.New("the payment is not validated as the event says")

// request is one question to the processor. Exactly one of reference and charge
// is set, or neither: then the payment is looked up.
type request struct {
	paymentID string                // "" when only the charge is known
	invoiceID string                // of the payment
	reference string                // read this charge
	charge    *stripe.ChargeRequest // or make it, or get its stored answer, under the frozen key
}

// prepareCharge takes a validated payment to charging and freezes its key. A
// payment that is charging already is asked for again, under the same key.
func (r room) prepareCharge(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentValidated]) (fn.Plan[request], error) {
	var p invoicing.Payment
	var invoice invoicing.Invoice
	err := fn.AtOnce(ctx, tx,
		func(tx fn.Tx) (err error) {
			p, err = invoicing.LockPayment(ctx, tx, in.Data.PaymentID)
			return err
		},
		func(tx fn.Tx) (err error) {
			invoice, err = invoicing.FindInvoice(ctx, tx, in.Data.InvoiceID)
			if errors.Is(err, invoicing.ErrInvoiceNotFound) {
				return nil // then the payment is for another
			}
			return err
		})
	switch {
	case errors.Is(err, invoicing.ErrPaymentNotFound):
		return fn.Plan[request]{}, fn.Permanent(fmt.Errorf("payment %s: %w", in.Data.PaymentID, err))
	case err != nil:
		return fn.Plan[request]{}, err
	case p.State == invoicing.Submitted, p.InvoiceID != in.Data.InvoiceID,
		p.AmountMinor != in.Data.AmountMinor, p.Currency != in.Data.Currency:
		return fn.Plan[request]{}, fn.Permanent(fmt.Errorf("payment %s: %w", p.ID, errNotValidated))
	case p.State == invoicing.Charging:
		return fn.Call(unanswered(p, tx.Now())), nil
	case p.State != invoicing.Validated:
		return fn.Done[request](), nil // settled, or the sweep's business
	}
	if invoice.State != invoicing.InvoiceOpen { // since validation looked
		return fn.Done[request](events.PaymentRejected{PaymentID: p.ID, InvoiceID: p.InvoiceID, Reason: events.InvoiceNotPayable}),
			invoicing.Reject(ctx, tx, p.ID, events.InvoiceNotPayable)
	}
	p, err = invoicing.StartCharge(ctx, tx, p.ID, processorName, in.CorrelationID)
	return fn.Call(unanswered(p, tx.Now())), err
}

// unanswered is what to ask about a payment of which the processor has told
// nothing yet: the charge under its frozen key while the processor surely
// remembers the key, a look-up afterwards.
func unanswered(p invoicing.Payment, now time.Time) request {
	q := request{paymentID: p.ID, invoiceID: p.InvoiceID}
	if now.Sub(p.ChargeKeyAt) < stripe.KeyLifetime-keyMargin {
		q.charge = &stripe.ChargeRequest{PaymentID: p.ID, InvoiceID: p.InvoiceID, AmountMinor: p.AmountMinor,
			Currency: string(p.Currency), PaymentMethod: p.PaymentMethod, Key: p.ChargeKey}
	}
	return q
}

// ask puts the question. When a charge has no answer the payment is looked up
// in the same breath: after a lost answer, and after a failure that the
// processor keeps under the key, only that shows what happened.
func (r room) ask(ctx context.Context, q request) (stripe.ChargeResult, error) {
	if q.reference != "" {
		result, err := r.processor.Read(ctx, q.reference)
		if err != nil {
			return result, fmt.Errorf("read charge %s back: %w", q.reference, err)
		}
		return result, nil
	}
	var unknown error
	if q.charge != nil {
		result, err := r.processor.Charge(ctx, *q.charge)
		if err == nil || ctx.Err() != nil {
			return result, err
		}
		unknown = err
	}
	result, err := r.processor.Find(ctx, q.paymentID)
	switch {
	case err == nil:
		return result, nil
	case errors.Is(unknown, stripe.ErrKeyReused) && errors.Is(err, stripe.ErrNotFound):
		return stripe.ChargeResult{}, fn.Permanent(unknown)
	case unknown != nil:
		return stripe.ChargeResult{}, unknown
	}
	return stripe.ChargeResult{}, fmt.Errorf("look payment %s up: %w", q.paymentID, err)
}
