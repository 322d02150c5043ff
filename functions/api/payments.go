package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/identity"
	"quittance.dev/functions/invoicing"
)

// NewPayment is how somebody wants to pay an invoice.
type NewPayment struct {
	Amount        Positive         `json:"amount" doc:"In the currency's major unit, read exactly: no exponent, no more fraction digits than the currency has. It must be the invoice's."`
	Currency      Currency         `json:"currency" doc:"It must be the invoice's."`
	Method        invoicing.Method `json:"method" enum:"card" doc:"How."`
	PaymentMethod string           `json:"payment_method" minLength:"4" maxLength:"100" pattern:"^pm_[A-Za-z0-9_]+$" patternDescription:"a token of the card processor" doc:"The card processor's token for the card, never the card's number." example:"pm_card_visa"`
}

// Payment is a payment and what became of it.
type Payment struct {
	PaymentID          string           `json:"payment_id" doc:"The id."`
	InvoiceID          string           `json:"invoice_id" doc:"What it pays."`
	Amount             Amount           `json:"amount" doc:"In the currency's major unit."`
	Currency           string           `json:"currency" doc:"ISO 4217 code."`
	Method             invoicing.Method `json:"method" doc:"How." enum:"card"`
	Status             invoicing.State  `json:"status" doc:"How it stands. failed may still become captured: a processor can find out late. refund_due: the money was taken when the invoice did not need it any more." enum:"submitted,validated,rejected,charging,pending,captured,failed,refund_due"`
	Reason             events.Reason    `json:"reason,omitempty" doc:"Why it was refused or is to be given back."`
	Processor          string           `json:"processor,omitempty" doc:"Who charged it."`
	ProcessorReference string           `json:"processor_reference,omitempty" doc:"The processor's own id of the charge."`
	SubmittedAt        time.Time        `json:"submitted_at" doc:"When it came in."`
	ChargedAt          time.Time        `json:"charged_at,omitzero" doc:"When the money was taken."`
	UpdatedAt          time.Time        `json:"updated_at" doc:"Since when it stands so."`
}

func paymentOf(p invoicing.Payment) Payment {
	return Payment{
		PaymentID: p.ID, InvoiceID: p.InvoiceID, Amount: amountOf(p.AmountMinor, p.Currency), Currency: string(p.Currency),
		Method: p.Method, Status: p.State, Reason: p.Reason, Processor: p.Processor, ProcessorReference: p.ProcessorReference,
		SubmittedAt: p.SubmittedAt, ChargedAt: p.ChargedAt, UpdatedAt: p.UpdatedAt,
	}
}

func (a *api) paymentRoutes() {
	a.submitPayment()
	a.readPayment()
}

func (a *api) submitPayment() {
	type input struct {
		Keyed
		InvoicePath
		Body NewPayment
	}
	op := huma.Operation{
		OperationID: "submit-payment", Method: http.MethodPost, Path: "/invoices/{invoice_id}/payments", Tags: []string{"Invoices"}, Security: allow(identity.Customer, identity.Service),
		Summary: "Pay an invoice", DefaultStatus: http.StatusAccepted,
		Description: "Answers when the payment is recorded for good. Whether it fits its invoice is checked after that, then the card is charged.",
	}
	registerCommand(a, op, []kind{notFound}, func(ctx context.Context, in *input, c *command) (work[Payment], error) {
		currency, err := in.Body.Currency.known()
		if err != nil {
			return nil, err
		}
		minor, err := in.Body.Amount.in(currency)
		if err != nil {
			return nil, err
		}
		if err := a.owns(ctx, ownersOfInvoice, in.InvoiceID); err != nil {
			return nil, err
		}
		wanted := invoicing.NewPayment{
			ID: c.id, InvoiceID: in.InvoiceID, AmountMinor: minor, Currency: currency,
			Method: in.Body.Method, PaymentMethod: in.Body.PaymentMethod,
		}
		return func(ctx context.Context, tx fn.Tx) (made[Payment], []events.Data, error) {
			stored, said, err := submit(ctx, tx, wanted)
			if errors.Is(err, invoicing.ErrInvalid) { // the one rule that the schema does not hold
				err = invalidContent.problem(FieldError{Pointer: "/payment_method", Detail: "must be a token, not a card number"})
			}
			return made[Payment]{body: paymentOf(stored), location: "/payments/" + wanted.ID}, said, err
		}, nil
	})
}

// submit records the payment. The same payment again, under a key that has been
// forgotten, says nothing; requests under one key come one after the other, so
// looking first is enough.
func submit(ctx context.Context, tx fn.Tx, wanted invoicing.NewPayment) (invoicing.Payment, []events.Data, error) {
	_, err := invoicing.FindPayment(ctx, tx, wanted.ID)
	known := err == nil
	if err != nil && !errors.Is(err, invoicing.ErrPaymentNotFound) {
		return invoicing.Payment{}, nil, err
	}
	if err := invoicing.SubmitPayment(ctx, tx, wanted); err != nil {
		return invoicing.Payment{}, nil, err
	}
	stored, err := invoicing.FindPayment(ctx, tx, wanted.ID)
	if err != nil || known {
		return stored, nil, err
	}
	return stored, []events.Data{events.PaymentSubmitted{
		PaymentID: stored.ID, InvoiceID: stored.InvoiceID, AmountMinor: stored.AmountMinor, Currency: stored.Currency,
	}}, nil
}

func (a *api) readPayment() {
	type input struct {
		PaymentID string `path:"payment_id" doc:"The payment."`
	}
	type output struct{ Body Payment }
	register(a, huma.Operation{
		OperationID: "get-payment", Method: http.MethodGet, Path: "/payments/{payment_id}", Tags: []string{"Invoices"}, Security: allow(identity.Customer, identity.Service, identity.Operator),
		Summary: "Read a payment",
	}, []kind{notFound}, func(ctx context.Context, in *input) (*output, error) {
		if err := a.reads(ctx, ownersOfPayment, in.PaymentID); err != nil {
			return nil, err
		}
		found, err := invoicing.FindPayment(ctx, a.host.Pool(), in.PaymentID)
		if err != nil {
			return nil, err
		}
		return &output{paymentOf(found)}, nil
	})
}
