package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/stripe"
)

// WebhookVerifier tells whether the card processor signed a webhook just now,
// before anybody looks into it.
type WebhookVerifier interface {
	// Verify returns what the payload, exactly as it came, notifies of. Errors
	// match stripe.ErrSignature or stripe.ErrPayload; any other one passes.
	Verify(payload []byte, signature string, now time.Time) (stripe.Notification, error)
}

// Secrets is a WebhookVerifier by shared secrets: one, or two for the time of a
// rotation.
type Secrets []outside.Secret

// Verify checks the signature with each of the secrets.
func (s Secrets) Verify(payload []byte, signature string, now time.Time) (stripe.Notification, error) {
	return stripe.VerifyWebhook(payload, signature, now, s...)
}

// refuseAll stands where no secret is configured.
type refuseAll struct{}

func (refuseAll) Verify([]byte, string, time.Time) (stripe.Notification, error) {
	return stripe.Notification{}, stripe.ErrSignature
}

// webhookSource is the source under which webhooks are deduplicated.
const webhookSource = "/webhooks/stripe"

// takeWebhook is POST /webhooks/stripe. A webhook is a hint: the payment
// function reads the charge back before anything is booked.
func (a *api) takeWebhook(w http.ResponseWriter, r *http.Request) {
	body, p := a.routes.readBody(w, r, stripe.MaxWebhookBytes)
	if p != nil {
		writeProblem(w, r, p)
		return
	}
	signature := ""
	if values := r.Header.Values("Stripe-Signature"); len(values) == 1 {
		signature = values[0]
	}
	n, err := a.webhooks.Verify(body, signature, a.now())
	switch {
	case errors.Is(err, stripe.ErrSignature):
		a.log(r.Context()).WarnContext(r.Context(), "webhook refused", "error", err)
		w.Header().Set("WWW-Authenticate", "Stripe-Signature")
		writeProblem(w, r, badSignature.problem())
		return
	case errors.Is(err, stripe.ErrPayload):
		writeProblem(w, r, malformedRequest.problem())
		return
	case err != nil:
		writeProblem(w, r, a.problemOf(r.Context(), err))
		return
	}
	if n.IntentID != "" { // other notifications are not for us
		if err := a.envelope(r.Context(), notification(n, a.now())); err != nil {
			writeProblem(w, r, eventProblem(err, ""))
			return
		}
	}
	w.WriteHeader(http.StatusOK)
}

// notification is the event that a webhook is turned into. The processor's id
// of the notification is the event's, so that a repeat is one.
func notification(n stripe.Notification, now time.Time) fn.Envelope {
	data := events.ProcessorNotified{Processor: "stripe", NotificationID: n.EventID, ProcessorReference: n.IntentID}
	correlationID := n.IntentID
	if isID(n.PaymentID) {
		correlationID = n.PaymentID // the journey that the payment began
	}
	body, err := json.Marshal(data)
	if err != nil {
		body = nil // three strings always encode; an empty body is refused at the door
	}
	return fn.Envelope{
		ID: n.EventID, Source: webhookSource, Type: data.Type(), Subject: data.Subject(), PartitionKey: data.PartitionKey(),
		CorrelationID: correlationID, Time: now, Data: body,
	}
}
