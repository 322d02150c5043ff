package fn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quittance.dev/events"
	"quittance.dev/functions/fp"
)

// brokerTries is the delivery of an event, counted from 1, at which an unknown
// outcome is no longer left to the broker's retries: from there on the kernel
// sets a due time of its own and tells the broker to let go. An outage of an
// outside system is no reason for a dead letter.
const brokerTries = 3

// maxUnknown is how long an outcome may stay unknown before a person must
// look.
const maxUnknown = 72 * time.Hour

// deliverRemote is the three steps of a Remote handler.
func (h *Host) deliverRemote(ctx context.Context, r *received) ([]Envelope, error) {
	remote := r.handler.remote
	var plan Plan[any]
	prepared := h.laneOf(r.data).do(&unit{
		ctx: ctx, claim: claim{kind: claimLease, r: r}, cause: r.cause(ctx),
		run: func(ctx context.Context, tx Tx) ([]events.Data, error) {
			var err error
			plan, err = remote.prepare(ctx, tx, r)
			return plan.say, err
		},
		finish: func() bool { return !plan.call },
	})
	if prepared.err != nil || !plan.call {
		return prepared.said, prepared.err
	}
	result, err := h.call(ctx, remote, plan.request)
	if err != nil {
		return nil, h.unknown(ctx, r, prepared, err)
	}
	var again *againError
	settled := h.laneOf(r.data).do(&unit{
		ctx: ctx, claim: claim{kind: claimSettle, r: r, fence: prepared.fence}, cause: r.cause(ctx),
		run: func(ctx context.Context, tx Tx) ([]events.Data, error) {
			again = nil // the transaction may run more than once
			said, err := remote.settle(ctx, tx, r, plan.request, result)
			if errors.As(err, &again) {
				return nil, h.keepClaim(ctx, tx, r, prepared.fence)
			}
			return said, err
		},
	})
	switch {
	case settled.err == nil && again != nil:
		return nil, h.unknown(ctx, r, prepared, again.cause)
	case settled.err != nil && !errors.Is(settled.err, errOvertaken):
		h.release(ctx, r, prepared.fence)
	}
	return settled.said, settled.err
}

// againError is settle's word that the event is not finished.
type againError struct{ cause error }

func (e *againError) Error() string { return "again: " + e.cause.Error() }
func (e *againError) Unwrap() error { return e.cause }

// Again is what settle returns when the call certainly did nothing, and should
// be made again: what settle wrote is kept, nothing is said, and the event is
// delivered again as after an unknown outcome. Without it a room could not take
// back what prepare wrote.
func Again(cause error) error {
	if cause == nil {
		return nil
	}
	return &againError{cause}
}

// keepClaim undoes, within the transaction that finished it, that a claim is
// done.
func (h *Host) keepClaim(ctx context.Context, tx Tx, r *received, fence int64) error {
	if _, err := tx.Exec(ctx, `
		update delivery.idempotency set state = 'claimed', done_at = null, lease_until = now() + $5::interval
		where consumer = $1 and source = $2 and id = $3 and fence = $4`,
		h.function.Name, r.source, r.id, fence, h.options.Lease); err != nil {
		return fmt.Errorf("keep claim: %w", err)
	}
	return nil
}

// call makes the outside call, with no transaction open.
func (h *Host) call(ctx context.Context, remote *remote, request any) (result any, err error) {
	defer h.contain(ctx, &err)
	if err := fp.Hit(ctx, h.function.Name+".before-call"); err != nil {
		return nil, err
	}
	result, err = remote.call(ctx, request)
	if err != nil {
		return nil, err
	}
	return result, fp.Hit(ctx, h.function.Name+".after-call")
}

// unknown records that the outcome of a call is not known. The claim is given
// back at once, so that the next delivery need not wait for the lease. The
// first tries are left to the broker; later ones have a due time in
// delivery.redelivery, the broker is told that all is well, and the caller
// errDeferred.
func (h *Host) unknown(ctx context.Context, r *received, prepared result, cause error) error {
	var p permanent
	if errors.As(cause, &p) {
		h.release(ctx, r, prepared.fence)
		return cause
	}
	if prepared.attempts < brokerTries {
		h.release(ctx, r, prepared.fence)
		return cause
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	wait := deferral(prepared.attempts)
	var patient interface{ Wait() time.Duration } // an outside.Unknown with a Retry-After
	if errors.As(cause, &patient) {
		wait = max(wait, min(patient.Wait(), 5*time.Minute))
	}
	var since time.Duration
	err := h.pool.QueryRow(ctx, `
		with freed as (
			update delivery.idempotency set lease_until = now()
			where consumer = $1 and source = $2 and id = $3 and fence = $4 and state = 'claimed'
			returning first_seen
		), queued as (
			insert into delivery.redelivery as r (consumer, source, id, why, due_at)
			select $1, $2, $3, 'deferred', now() + $5::interval from freed
			where first_seen > now() - $6::interval
			on conflict on constraint redelivery_once do update
			   set due_at = excluded.due_at, lease = null, why = 'deferred', attempts = r.attempts + 1
		)
		select now() - first_seen from freed`,
		h.function.Name, r.source, r.id, prepared.fence, wait, maxUnknown).Scan(&since)
	if err != nil {
		return fmt.Errorf("defer after %w: %w", cause, err)
	}
	if since >= maxUnknown {
		return Permanent(fmt.Errorf("the outcome is unknown for %s: %w", since.Round(time.Minute), cause))
	}
	h.recordFailure(ctx, r, cause)
	h.metrics.deferred(ctx, string(r.eventType))
	h.log(ctx).WarnContext(ctx, "deferred", "attempts", prepared.attempts, "wait", wait, "error", cause)
	return errDeferred
}

// release gives a claim back so that the next delivery can take it at once.
// If it cannot, the lease runs out by itself.
func (h *Host) release(ctx context.Context, r *received, fence int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if _, err := h.pool.Exec(ctx, `
		update delivery.idempotency set lease_until = now()
		where consumer = $1 and source = $2 and id = $3 and fence = $4 and state = 'claimed'`,
		h.function.Name, r.source, r.id, fence); err != nil {
		h.log(ctx).WarnContext(ctx, "claim not given back, it will run out", "error", err)
	}
}
