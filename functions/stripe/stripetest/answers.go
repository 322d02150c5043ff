package stripetest

import (
	"encoding/json"
	"net/http"
	"time"

	"quittance.dev/functions/outside/outsidetest"
)

// apiVersion is what the emulator's objects look like.
const apiVersion = "2026-02-25.clover"

// problem is Stripe's error object.
type problem struct {
	status int

	Type          string `json:"type"`
	Code          string `json:"code,omitempty"`
	DeclineCode   string `json:"decline_code,omitempty"`
	Message       string `json:"message"`
	Param         string `json:"param,omitempty"`
	Charge        string `json:"charge,omitempty"`
	PaymentIntent any    `json:"payment_intent,omitempty"`
}

func (p problem) answer() outsidetest.Stored {
	body, _ := json.Marshal(map[string]problem{"error": p}) // strings and maps: cannot fail
	return outsidetest.Stored{Status: p.status, Body: string(body)}
}

func fail(w http.ResponseWriter, p problem) { send(w, p.answer()) }

func send(w http.ResponseWriter, answer outsidetest.Stored) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.Status)
	_, _ = w.Write([]byte(answer.Body))
}

// intentObject renders an intent as the API and the webhooks show it. The latest charge is an id,
// or the whole object when the caller asked for that.
func (b *books) intentObject(i Intent, expanded bool) map[string]any {
	received := int64(0)
	if i.Status == "succeeded" {
		received = i.Amount
	}
	object := map[string]any{
		"id": i.ID, "object": "payment_intent",
		"amount": i.Amount, "amount_received": received, "amount_capturable": 0,
		"automatic_payment_methods": map[string]any{"allow_redirects": "never", "enabled": true},
		"capture_method":            "automatic_async", "confirmation_method": "automatic",
		"client_secret": i.ID + "_secret_" + hash(i.ID)[:24],
		"created":       i.At.Unix(), "currency": i.Currency,
		"canceled_at": nil, "cancellation_reason": nil, "customer": nil, "description": nil,
		"last_payment_error": nil, "latest_charge": nil, "next_action": nil,
		"livemode": false, "metadata": i.Metadata,
		"payment_method": i.PaymentMethod, "payment_method_types": []string{"card"},
		"processing": nil, "receipt_email": nil, "status": i.Status,
	}
	if i.Status == "requires_payment_method" {
		object["payment_method"] = nil
	}
	if i.Status == "requires_action" {
		object["next_action"] = map[string]any{"type": "use_stripe_sdk", "use_stripe_sdk": map[string]any{"type": "three_d_secure_redirect"}}
	}
	if d := i.Declined; d != nil && i.Status == "requires_payment_method" {
		object["last_payment_error"] = problem{Type: "card_error", Code: d.Code, DeclineCode: d.DeclineCode,
			Message: d.Message, Charge: i.Charge}
	}
	if i.Charge != "" {
		object["latest_charge"] = i.Charge
		if expanded {
			object["latest_charge"] = chargeObject(b.charges[i.Charge])
		}
	}
	return object
}

func chargeObject(c Charge) map[string]any {
	captured := int64(0)
	if c.Status == "succeeded" {
		captured = c.Amount
	}
	return map[string]any{
		"id": c.ID, "object": "charge", "amount": c.Amount, "amount_captured": captured,
		"amount_refunded": 0, "captured": c.Status == "succeeded", "paid": c.Status == "succeeded",
		"created": c.At.Unix(), "currency": c.Currency, "livemode": false,
		"payment_intent": c.Intent, "refunded": false, "status": c.Status,
	}
}

func eventObject(v Event) map[string]any {
	return map[string]any{
		"id": v.ID, "object": "event", "api_version": apiVersion, "created": v.At.Unix(),
		"data": map[string]any{"object": v.Object}, "livemode": false, "pending_webhooks": 1,
		"request": map[string]any{"id": nil, "idempotency_key": nil}, "type": v.Type,
	}
}

// newEvent says that an intent is now what it is.
func (b *books) newEvent(kind string, i Intent, at time.Time) *Event {
	object, _ := json.Marshal(b.intentObject(i, false)) // plain maps: cannot fail
	return &Event{ID: newID("evt"), At: at, Type: "payment_intent." + kind, Intent: i.ID, Object: object}
}
