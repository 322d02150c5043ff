package relay

import (
	"context"
	"maps"
	"net/http"

	"quittance.dev/functions/delivery"
)

// claimRedeliveries takes of each consumer as many due redeliveries as there is
// room for and starts their posts. What there is no room for waits for the next
// sweep.
func (r *Relay) claimRedeliveries(ctx, working context.Context) error {
	r.mu.Lock()
	busy := maps.Clone(r.again)
	r.mu.Unlock()
	// The claim outlasts the post.
	due, err := delivery.ClaimRedeliveries(ctx, r.pool, r.o.Again, busy, r.o.Timeout+r.o.Lease)
	if err != nil {
		return err
	}
	r.mu.Lock()
	for _, d := range due {
		r.again[d.Consumer]++
	}
	r.mu.Unlock()
	for _, d := range due {
		r.posts.Go(func() { r.redeliver(working, d) })
	}
	return nil
}

// redeliver posts an event straight to one consumer, past the broker, and
// settles the row by the consumer's answer, which follows the kernel's table.
func (r *Relay) redeliver(working context.Context, d delivery.Redelivery) {
	log := r.o.Logger.With("event_id", d.ID, "event_type", string(d.Type), "correlation_id", d.CorrelationID, "consumer", d.Consumer)
	status, reason, err := r.post(working, d.Envelope, r.o.ConsumerURL(d.Consumer))
	// What became of it is recorded in any case, but not for ever.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(working), recordTimeout)
	defer cancel()
	switch {
	case err == nil && status/100 == 2:
		err = d.Finish(ctx, r.pool)
		log.InfoContext(ctx, "delivered again", "attempts", d.Attempts)
	case err == nil && final(status):
		log.ErrorContext(ctx, "refused again", "status", status, "reason", reason)
		err = d.Bury(ctx, r.pool, r.letters, status, reason)
	case d.Old:
		log.ErrorContext(ctx, "not delivered for too long", "status", status, "error", err)
		err = d.Bury(ctx, r.pool, r.letters, status, "not handled in spite of being delivered again for days: "+reason)
	default:
		wait := backoff(d.Attempts)
		log.WarnContext(ctx, "not delivered again", "status", status, "error", err, "wait", wait)
		err = d.Again(ctx, r.pool, wait)
	}
	if err != nil {
		log.WarnContext(ctx, "redelivery left to its lease", "error", err)
	}
	r.mu.Lock()
	if r.again[d.Consumer]--; r.again[d.Consumer] == 0 {
		delete(r.again, d.Consumer)
	}
	r.mu.Unlock()
}

// final knows the answers after which Knative does not try again (knative/specs,
// eventing data plane).
func final(status int) bool {
	switch status {
	case http.StatusNotFound, http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests:
		return false
	}
	return status >= 300 && status < 500
}
