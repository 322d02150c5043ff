package relay

import (
	"context"
	"maps"
	"slices"
	"time"

	"quittance.dev/functions/delivery"
	"quittance.dev/functions/fp"
)

// gather is how long the marker waits for company: one statement marks many
// events as cheaply as one. What a crash leaves unmarked is sent again.
const gather = 20 * time.Millisecond

// markLoop marks what the broker took, everything that waits in one statement.
func (r *Relay) markLoop(ctx context.Context) {
	look := time.NewTicker(r.o.Sweep) // for what could not be marked at once
	defer look.Stop()
	for {
		select {
		case <-r.marking:
			pause(ctx, gather)
			r.mark(ctx)
		case <-look.C:
			r.mark(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (r *Relay) mark(ctx context.Context) {
	r.mu.Lock()
	sent := r.sent
	r.sent = nil
	r.mu.Unlock()
	if len(sent) == 0 {
		return
	}
	// Whatever fails here, the lease runs out and they are sent again; every
	// consumer's row absorbs it.
	if err := fp.Hit(ctx, "relay.before-mark"); err != nil {
		r.o.Logger.WarnContext(ctx, "sent but not marked", "events", len(sent), "error", err)
		return
	}
	if err := delivery.MarkSent(ctx, r.pool, sent); err != nil {
		r.o.Logger.WarnContext(ctx, "sent but not yet marked", "events", len(sent), "error", err)
		r.mu.Lock()
		r.sent = append(sent, r.sent...) // with the next ones, or at the next look
		r.mu.Unlock()
	}
}

// holdLoop keeps the claims of posts that take longer than a lease.
func (r *Relay) holdLoop(ctx context.Context) {
	ticker := time.NewTicker(r.o.Lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		r.mu.Lock()
		held := slices.Collect(maps.Keys(r.inFlight))
		r.mu.Unlock()
		if len(held) == 0 {
			continue
		}
		if err := delivery.Hold(ctx, r.pool, held, r.o.Lease); err != nil && ctx.Err() == nil {
			r.o.Logger.WarnContext(ctx, "claims not held", "events", len(held), "error", err)
		}
	}
}
