package validation

import (
	"context"
	"errors"
	"fmt"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/invoicing"
)

// New makes the function.
func New() fn.Function {
	return fn.Function{
		Name: "validation", InStep: true,
		Handlers: []fn.Handler{
			fn.LogWith(fn.Local(validate), func(d events.PaymentSubmitted) []any {
				return []any{"payment_id", d.PaymentID, "invoice_id", d.InvoiceID}
			}),
		},
	}
}

var errOtherTerms = errors.New("the event differs from the payment in the books")

func validate(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
	var payment invoicing.Payment
	var invoice invoicing.Invoice
	known := true
	err := fn.AtOnce(ctx, tx,
		func(tx fn.Tx) (err error) {
			payment, err = invoicing.LockPayment(ctx, tx, in.Data.PaymentID)
			return err
		},
		func(tx fn.Tx) (err error) {
			invoice, err = invoicing.FindInvoice(ctx, tx, in.Data.InvoiceID)
			if errors.Is(err, invoicing.ErrInvoiceNotFound) {
				known, err = false, nil
			}
			return err
		})
	switch {
	case errors.Is(err, invoicing.ErrPaymentNotFound):
		return nil, fn.Permanent(fmt.Errorf("payment %s was said to be submitted: %w", in.Data.PaymentID, err))
	case err != nil:
		return nil, err
	case !speaksOf(in.Data, payment):
		return nil, fn.Permanent(fmt.Errorf("payment %s: %w", payment.ID, errOtherTerms))
	case payment.State != invoicing.Submitted:
		return nil, nil // decided before, by an event with another id
	}
	if reason := decide(payment, invoice, known); reason != "" {
		return []events.Data{events.PaymentRejected{PaymentID: payment.ID, InvoiceID: payment.InvoiceID, Reason: reason}},
			invoicing.Reject(ctx, tx, payment.ID, reason)
	}
	return []events.Data{events.PaymentValidated{PaymentID: payment.ID, InvoiceID: payment.InvoiceID,
		AmountMinor: payment.AmountMinor, Currency: payment.Currency}}, invoicing.MarkValidated(ctx, tx, payment.ID)
}

func speaksOf(d events.PaymentSubmitted, p invoicing.Payment) bool {
	return d.InvoiceID == p.InvoiceID && d.AmountMinor == p.AmountMinor && d.Currency == p.Currency
}
