package fn_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// TestC23_TakeoverRaisesTheFence: a delivery that outlives its lease is
// overtaken, and can settle nothing afterwards.
func TestC23_TakeoverRaisesTheFence(t *testing.T) {
	t.Parallel()
	r, slow := newRig(t), newGate()
	p := &processor{before: func(_ context.Context, call int) error {
		if call == 1 {
			slow.pass()
		}
		return nil
	}}
	door := r.open(charging(p), fn.Options{Deadline: 30 * time.Second, Lease: time.Second})
	e := fntest.Event(validated(submitted()))
	var overtaken answers
	overtaken.post(t, door, e)
	slow.waitFor(t, 1)

	request, err := fntest.Signed(e).Request(t.Context(), door.URL)
	require.NoError(t, err)
	response, text := do(t, request)
	require.Equal(t, http.StatusConflict, response.StatusCode, "the lease holds: %s", text)
	require.Equal(t, "1", response.Header.Get("Retry-After"))
	require.Contains(t, text, "another delivery")
	require.Zero(t, r.count(`from delivery.failure`), "that is no failure")

	eventually(t, door, e)
	require.Equal(t, 1, r.count(`from delivery.idempotency where state = 'done' and fence = 2 and attempts = 2`))
	r.holds(1, 1, 1)
	slow.open()
	overtaken.require(t, map[int]int{http.StatusServiceUnavailable: 1})
	r.holds(1, 1, 1)
	require.Equal(t, 1, r.count(`from delivery.idempotency where state = 'done' and fence = 2`))
	require.Len(t, p.charged, 1)
	key := r.key(e)
	require.Equal(t, []string{key, key}, p.calls())
}

// TestOvertakenBeforeTheOtherIsDone: the first settles while the second is in
// its call; the fence refuses it, and gives nothing of the second's back.
func TestOvertakenBeforeTheOtherIsDone(t *testing.T) {
	t.Parallel()
	r, first, second := newRig(t), newGate(), newGate()
	p := &processor{before: func(_ context.Context, call int) error {
		if call == 1 {
			first.pass()
		} else {
			second.pass()
		}
		return nil
	}}
	door := r.open(charging(p), fn.Options{Deadline: 30 * time.Second, Lease: time.Minute})
	e := fntest.Event(validated(submitted()))
	var one, two answers
	one.post(t, door, e)
	first.waitFor(t, 1)
	r.exec(`update delivery.idempotency set lease_until = now()`)
	two.post(t, door, e)
	second.waitFor(t, 1)
	first.open()
	one.require(t, map[int]int{http.StatusServiceUnavailable: 1})
	require.Equal(t, 1, r.count(`from delivery.idempotency where state = 'claimed' and fence = 2 and lease_until > now()`), "the second's claim is its own")
	r.holds(1, 0, 0)
	second.open()
	two.require(t, map[int]int{http.StatusOK: 1})
	r.holds(1, 1, 1)
}

// TestUnknownAfterBeingOvertaken: who lost the claim defers nothing.
func TestUnknownAfterBeingOvertaken(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := &processor{unknown: 100}
	p.before = func(_ context.Context, call int) error {
		if call == 3 {
			r.exec(`update delivery.idempotency set fence = fence + 1`) // by another replica
		}
		return nil
	}
	door := r.open(charging(p), fn.Options{})
	e := fntest.Event(validated(submitted()))
	for range 3 {
		status, _ := door.Post(t, e)
		require.Equal(t, http.StatusServiceUnavailable, status)
	}
	require.Zero(t, r.count(`from delivery.redelivery`))
}

// TestClaimOfAFunctionThatChanged: what a release before claimed for a call is
// handled by one that needs none, once the lease has run out.
func TestClaimOfAFunctionThatChanged(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(function("payment", fn.Local(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentValidated]) ([]events.Data, error) {
			return nil, note(ctx, tx, in.ID, "")
		})), fn.Options{})
	e := fntest.Event(validated(submitted()))
	hash := fn.PayloadHash(string(e.Type), e.Data)
	r.exec(`insert into delivery.idempotency (consumer, source, id, type, payload_hash, state, lease_until, first_seen)
		values ('payment', $1, $2, $3, $4, 'claimed', now() + interval '1 minute', now())`, e.Source, e.ID, e.Type, hash[:])
	status, _ := door.Post(t, e)
	require.Equal(t, http.StatusConflict, status)
	r.exec(`update delivery.idempotency set lease_until = now()`)
	status, text := door.Post(t, e)
	require.Equal(t, http.StatusOK, status, text)
	r.holds(1, 1, 0)
	eventually(t, door, e)
	r.holds(1, 1, 0)
}
