package payment

import (
	"context"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/stripe"
)

// processorName is what events and payments call the card processor.
const processorName = "stripe"

// name of the function.
const name = "payment"

// Processor charges cards. An error means that the outcome is not known; a
// refusal is a value. *stripe.Client is one.
type Processor interface {
	// Charge may be repeated with the same request for as long as
	// stripe.KeyLifetime, and then charges once.
	Charge(context.Context, stripe.ChargeRequest) (stripe.ChargeResult, error)
	// Read gives a charge as it is now; stripe.ErrNotFound if there is none.
	Read(ctx context.Context, reference string) (stripe.ChargeResult, error)
	// Find looks for the charge of a payment; stripe.ErrNotFound if it sees
	// none, which proves nothing about a charge on its way.
	Find(ctx context.Context, paymentID string) (stripe.ChargeResult, error)
}

type room struct {
	config    Config
	processor Processor
}

// New makes the function.
func New(c Config, p Processor) fn.Function {
	r := room{config: c.withDefaults(), processor: p}
	return fn.Function{
		Name: name, InStep: true,
		Handlers: []fn.Handler{
			fn.LogWith(fn.Remote(r.prepareCharge, r.ask, settleCharge), func(d events.PaymentValidated) []any {
				return []any{"payment_id", d.PaymentID, "invoice_id", d.InvoiceID, "step", "charge"}
			}),
			fn.LogWith(fn.Remote(r.prepareNotified, r.ask, settleNotified), func(d events.ProcessorNotified) []any {
				return []any{"processor_reference", d.ProcessorReference, "step", "read-back"}
			}),
			fn.Local(r.sweep),
		},
	}
}
