package fn

import (
	"context"
	"net/http"
	"time"

	"quittance.dev/events"
	"quittance.dev/functions/fp"
)

// Pending is an event that passed the door and has not been handled.
type Pending struct {
	received *received
	request  *http.Request
}

// ID is the CloudEvents id.
func (p Pending) ID() string { return p.received.id }

// Source is the CloudEvents source.
func (p Pending) Source() string { return p.received.source }

// Data is the payload; it keeps its own rules.
func (p Pending) Data() events.Data { return p.received.data }

// Read takes one event through the door and has no effect: a function with an
// API of its own can look at an event, or at several, before it decides to have
// them handled. Verdict tells what an error means.
func (h *Host) Read(w http.ResponseWriter, r *http.Request) (p Pending, err error) {
	defer h.contain(r.Context(), &err)
	event, err := readEvent(w, r)
	if err != nil {
		return Pending{}, err
	}
	received, err := h.receive(event)
	if err != nil {
		return Pending{}, err
	}
	return Pending{received: received, request: r}, nil
}

// Deliver handles p exactly as if it had come through ServeHTTP. Verdict tells
// what an error means.
func (h *Host) Deliver(ctx context.Context, p Pending) error {
	started := time.Now()
	ctx, cancel := context.WithTimeout(withLogger(fp.With(ctx, h.options.Failpoint), h.logger), h.options.Deadline)
	defer cancel()
	_, err := h.take(ctx, p.request, p.received)
	h.metrics.delivery(ctx, string(p.received.eventType), answerTo(err), time.Since(started))
	return err
}

// Verdict is the answer that an error of Read or Deliver means, and a reason
// that may be shown to whoever sent the event.
func Verdict(err error) (Answer, string) { return answerTo(err), reasonOf(err) }
