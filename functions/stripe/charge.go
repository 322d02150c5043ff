package stripe

import (
	"context"
	"net/http"
	"time"

	stripego "github.com/stripe/stripe-go/v84"

	"quittance.dev/functions/outside"
)

// KeyLifetime is how long Stripe remembers an idempotency key at the least
// (docs.stripe.com/api/idempotent_requests). Within it Charge may be repeated; after it an unknown
// outcome is only looked up, with Find, because the same key might charge again.
const KeyLifetime = 24 * time.Hour

// ChargeRequest asks for one payment by card. The caller stores it before the first Charge and
// repeats it unchanged: Stripe refuses a key that comes back with other parameters.
type ChargeRequest struct {
	PaymentID     string // ours; travels as metadata, and Find looks for it
	InvoiceID     string // ours; travels as metadata
	AmountMinor   int64  // in the currency's minor unit by ISO 4217: cents, yen
	Currency      string // ISO 4217, for example "EUR"
	PaymentMethod string // Stripe's token for the card, pm_...; never a card number
	Key           string // idempotency key, 1 to 255 characters, the same for the same payment
}

// Outcome is what became of a payment.
type Outcome string

// The outcomes of a payment that Stripe has heard of.
const (
	Captured Outcome = "captured" // the money is taken
	Refused  Outcome = "refused"  // no money was taken and none will be, for this key
	Pending  Outcome = "pending"  // undecided; a webhook or Read will tell
)

// Status is a PaymentIntent's status in Stripe's own words.
type Status string

// The statuses (docs.stripe.com/payments/paymentintents/lifecycle).
const (
	StatusSucceeded             Status = "succeeded"
	StatusProcessing            Status = "processing"
	StatusRequiresAction        Status = "requires_action"
	StatusRequiresPaymentMethod Status = "requires_payment_method"
	StatusRequiresConfirmation  Status = "requires_confirmation"
	StatusRequiresCapture       Status = "requires_capture"
	StatusCanceled              Status = "canceled"
)

// ChargeResult is what Stripe knows about a payment.
type ChargeResult struct {
	Outcome   Outcome
	IntentID  string // pi_...; "" when the request was refused before there was an intent
	PaymentID string // from the metadata
	Status    Status // the intent's, for the record

	// Of a captured payment only.
	ChargeID    string    // ch_... or py_...
	At          time.Time // when the charge was made; zero if Stripe did not say
	AmountMinor int64     // received, in the ISO minor unit of Currency
	Currency    string    // ISO 4217, upper case

	// Refusal is set when Outcome is Refused. Its code is the issuer's decline code when there is
	// one ("insufficient_funds"), else Stripe's error code ("resource_missing").
	Refusal *outside.Refusal
}

// Charge makes and confirms a PaymentIntent. It may be repeated with the same request for as long
// as KeyLifetime: Stripe then answers as it did the first time and charges nothing more.
//
// A refusal is a value. The error is always an *outside.Unknown: the card may have been charged. If
// it matches ErrKeyReused or outside.ErrMisconfigured, repeating does not help. Stripe also stores
// a failure of its own (500) under the key, so an outcome that stays unknown on every repetition is
// settled by Find.
func (c *Client) Charge(ctx context.Context, req ChargeRequest) (ChargeResult, error) {
	amount, refusal := req.check()
	if refusal != nil {
		return ChargeResult{Outcome: Refused, PaymentID: req.PaymentID, Refusal: refusal}, nil
	}
	params := &stripego.PaymentIntentCreateParams{
		Amount:        stripego.Int64(amount),
		Currency:      stripego.String(lower(req.Currency)),
		PaymentMethod: stripego.String(req.PaymentMethod),
		Confirm:       stripego.Bool(true),
		AutomaticPaymentMethods: &stripego.PaymentIntentCreateAutomaticPaymentMethodsParams{
			Enabled:        stripego.Bool(true),
			AllowRedirects: stripego.String("never"), // nobody is at a browser that we could redirect
		},
		Metadata: map[string]string{metadataPaymentID: req.PaymentID, metadataInvoiceID: req.InvoiceID},
	}
	params.Context = outside.WithOp(ctx, "charge")
	params.IdempotencyKey = stripego.String(req.Key)
	params.AddExpand("latest_charge")

	var intent stripego.PaymentIntent
	if err := c.backend.Call(http.MethodPost, "/v1/payment_intents", "", params, &intent); err != nil {
		if refused, ok := refusedBy(err); ok {
			refused.PaymentID = req.PaymentID
			return refused, nil
		}
		return ChargeResult{}, c.unknown("charge", err)
	}
	return c.result("charge", &intent)
}

// result reads an intent. The order of the cases is the rule: only "succeeded" is money, only a
// status that this intent cannot leave by itself is a refusal, everything else may still be either.
func (c *Client) result(op string, intent *stripego.PaymentIntent) (ChargeResult, error) {
	r := ChargeResult{
		Outcome:   Pending,
		IntentID:  intent.ID,
		PaymentID: intent.Metadata[metadataPaymentID],
		Status:    Status(intent.Status),
	}
	switch {
	case intent.ID == "":
		return ChargeResult{}, c.calls.Unknown(op, errNoIntent)
	case r.Status == StatusSucceeded:
		amount, currency, ok := fromStripe(intent.AmountReceived, string(intent.Currency))
		if !ok || intent.LatestCharge == nil {
			return ChargeResult{}, c.calls.Unknown(op, errNoCharge)
		}
		r.Outcome, r.AmountMinor, r.Currency = Captured, amount, currency
		r.ChargeID = intent.LatestCharge.ID
		if made := intent.LatestCharge.Created; made > 0 {
			r.At = time.Unix(made, 0).UTC()
		}
	case r.Status == StatusCanceled:
		r.Outcome = Refused
		r.Refusal = &outside.Refusal{System: system, Code: "canceled", Reason: string(intent.CancellationReason)}
	case r.Status == StatusRequiresPaymentMethod && intent.LastPaymentError != nil:
		r.Outcome, r.Refusal = Refused, refusal(intent.LastPaymentError)
	}
	return r, nil
}
