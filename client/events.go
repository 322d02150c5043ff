package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// EventType is the type of a CloudEvent.
type EventType string

// The types that the bank takes from outside.
const (
	DepositRequested    EventType = "dev.quittance.deposit.requested.v1"
	WithdrawalRequested EventType = "dev.quittance.withdrawal.requested.v1"
)

// Event is a CloudEvent 1.0 for the bank. The same ID and Source again change
// nothing.
type Event struct {
	ID      string        // unique together with Source
	Source  string        // who says it, a URI reference
	Type    EventType     // what is asked for
	Subject string        // the operation's id, or ""
	Data    OperationData // the payload
}

// OperationData is the payload of both types.
type OperationData struct {
	OperationID string `json:"operation_id"` // a new UUID of the sender's
	AccountID   string `json:"account_id"`
	AmountMinor int64  `json:"amount_minor"` // in the currency's minor unit
	Currency    string `json:"currency"`
}

// MarshalJSON writes the event in structured mode.
func (e Event) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		SpecVersion string        `json:"specversion"`
		ID          string        `json:"id"`
		Source      string        `json:"source"`
		Type        EventType     `json:"type"`
		Subject     string        `json:"subject,omitempty"`
		Data        OperationData `json:"data"`
	}{"1.0", e.ID, e.Source, e.Type, e.Subject, e.Data})
}

// AcceptedEvent is the answer for one event.
type AcceptedEvent struct {
	Source    string `json:"source"`
	ID        string `json:"id"`
	JourneyID string `json:"journey_id"` // GetJourney follows it
}

// AcceptedEvents is the answer to PostEvents, in the order of the events.
type AcceptedEvents struct {
	Events []AcceptedEvent `json:"events"`
}

// PostEvents sends 1 to 100 events: all are taken or none. Source and ID take the
// place of a key.
func (c *Client) PostEvents(ctx context.Context, events ...Event) (AcceptedEvents, error) {
	r := request{method: http.MethodPost, path: "/events", mediaType: "application/cloudevents-batch+json", changes: true}
	var said any = events
	if len(events) == 1 {
		r.mediaType, said = "application/cloudevents+json", events[0]
	}
	var err error
	if r.body, err = json.Marshal(said); err != nil {
		return AcceptedEvents{}, fmt.Errorf("client: %w", err)
	}
	answer, err := c.send(ctx, r)
	if err != nil {
		return AcceptedEvents{}, err
	}
	var accepted AcceptedEvents
	return accepted, decode(answer.body, &accepted)
}

// PostStripeWebhook passes on a notification of the card processor, exactly as it
// came, with its signature. It is for whoever stands between the processor and the
// bank; the bank believes nothing that is not signed.
func (c *Client) PostStripeWebhook(ctx context.Context, payload []byte, signature string) error {
	_, err := c.send(ctx, request{
		method: http.MethodPost, path: "/webhooks/stripe", mediaType: "application/json", body: payload, anonymous: true, changes: true,
		header: http.Header{"Stripe-Signature": {signature}},
	})
	return err
}
