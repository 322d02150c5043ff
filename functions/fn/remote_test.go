package fn_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

func (r *rig) key(e fn.Envelope) string {
	r.t.Helper()
	return r.text(`select split_part(note, ' ', 1) from probe.effect where event_id = $1`, e.ID)
}

// dueIn is how many seconds from now the event's redelivery is due.
func (r *rig) dueIn(e fn.Envelope) (seconds float64) {
	r.t.Helper()
	require.NoError(r.t, r.owner.QueryRow(context.Background(), `
		select extract(epoch from due_at - now())::float8 from delivery.redelivery
		where consumer = 'payment' and source = $1 and id = $2 and why = 'deferred'`, e.Source, e.ID).Scan(&seconds))
	return seconds
}

// TestA18_TheKeyIsFrozen: every attempt carries the key that was stored before
// the first.
func TestA18_TheKeyIsFrozen(t *testing.T) {
	t.Parallel()
	r, p := newRig(t), &processor{unknown: 2}
	door := r.open(charging(p), fn.Options{})
	e := fntest.Event(validated(submitted()))
	for range 2 {
		status, text := door.Post(t, e)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.NotContains(t, text, "processor")
		require.Equal(t, 1, r.count(`from delivery.idempotency where state = 'claimed' and lease_until <= now()`), "given back at once")
	}
	status, text := door.Post(t, e)
	require.Equal(t, http.StatusOK, status, text)
	require.Empty(t, text)
	key := r.key(e)
	require.Equal(t, []string{key, key, key}, p.calls())
	require.Equal(t, map[string]int{key: 1}, p.charged)
	r.holds(1, 1, 1)
	require.Equal(t, 1, r.count(`from delivery.idempotency where fence = 3 and attempts = 3 and lease_until is null`))
	require.Equal(t, 1, r.count(`from delivery.failure where consumer = 'payment' and attempts = 2 and last_error like '%no answer%'`))

	eventually(t, door, e)
	require.Len(t, p.calls(), 3, "what is done is not called again")
}

// patient is an outside system's word on when to come back.
type patient struct{ after time.Duration }

func (p patient) Error() string       { return "busy" }
func (p patient) Wait() time.Duration { return p.after }

// TestLongOutages: the first tries are the broker's; from the third unknown
// outcome on, the kernel sets a due time of its own and lets the broker go.
func TestLongOutages(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fail     error
		attempts int // before this delivery
		from, to float64
	}{
		"the third":                   {errNoAnswer, 2, 0.1, 1.01},
		"the fourth":                  {errNoAnswer, 3, 1.1, 2.01},
		"the eighth":                  {errNoAnswer, 7, 30, 32.01},
		"the hundredth":               {errNoAnswer, 99, 290, 300.01},
		"with Retry-After":            {patient{time.Minute}, 2, 55, 60.01},
		"with a wrapped one":          {fmt.Errorf("call: %w", patient{time.Minute}), 2, 55, 60.01},
		"with one that is shorter":    {patient{time.Millisecond}, 7, 30, 32.01},
		"with one that is a lifetime": {patient{100 * time.Hour}, 2, 290, 300.01},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, p := newRig(t), &processor{unknown: 1, fail: tt.fail}
			door := r.open(charging(p), fn.Options{})
			e := fntest.Event(validated(submitted()))
			hash := fn.PayloadHash(string(e.Type), e.Data)
			r.exec(`insert into delivery.idempotency (consumer, source, id, type, payload_hash, state, lease_until, attempts, first_seen)
				values ('payment', $1, $2, $3, $4, 'claimed', now(), $5, now())`, e.Source, e.ID, e.Type, hash[:], tt.attempts)
			status, text := door.Post(t, e)
			require.Equal(t, http.StatusOK, status, text)
			due := r.dueIn(e)
			require.Greater(t, due, tt.from-20, "on a slow machine some of it has passed")
			require.LessOrEqual(t, due, tt.to)
			r.holds(1, 0, 0)
			require.Equal(t, 1, r.count(`from delivery.failure`))

			eventually(t, door, e)
			r.holds(1, 1, 1)
			require.Equal(t, map[string]int{r.key(e): 1}, p.charged)
		})
	}
}

// TestOutagesAreLeftToTheBrokerFirst: two 503, then the kernel takes over; a
// later delivery that is unknown again takes the row from whoever leased it.
func TestOutagesAreLeftToTheBrokerFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	log := &lines{}
	door := r.open(charging(&processor{unknown: 4}), fn.Options{Logger: slog.New(slog.NewTextHandler(log, nil))})
	e := fntest.Event(validated(submitted()))
	for _, want := range []int{503, 503, 200} {
		status, _ := door.Post(t, e)
		require.Equal(t, want, status)
	}
	require.Contains(t, log.String(), "msg=deferred")
	require.NotContains(t, log.String(), "msg=handled")
	require.Equal(t, 1, r.count(`from delivery.redelivery where attempts = 0 and lease is null`))
	r.exec(`update delivery.redelivery set lease = gen_random_uuid(), due_at = now() + interval '1 hour'`)
	status, _ := door.Post(t, e)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, 1, r.count(`from delivery.redelivery where attempts = 1 and lease is null`), "the relay that leased it cannot finish it now")
	require.Less(t, r.dueIn(e), 60.0)
	status, _ = door.Post(t, e)
	require.Equal(t, http.StatusOK, status)
	r.holds(1, 1, 1)
}

// TestAfterThreeDaysAPersonMustLook: no longer in the dark than 72 hours.
func TestAfterThreeDaysAPersonMustLook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(charging(&processor{unknown: 100}), fn.Options{})
	e := fntest.Event(validated(submitted()))
	post := func() int { status, _ := door.Post(t, e); return status }
	require.Equal(t, []int{503, 503, 200}, []int{post(), post(), post()})
	r.exec(`update delivery.idempotency set first_seen = now() - interval '71 hours 59 minutes'`)
	require.Equal(t, http.StatusOK, post())
	due := r.text(`select due_at::text from delivery.redelivery`)
	r.exec(`update delivery.idempotency set first_seen = now() - interval '72 hours 1 minute'`)
	status, text := door.Post(t, e)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, text, "72h1m0s")
	require.Equal(t, due, r.text(`select due_at::text from delivery.redelivery`), "no new date")
	require.Equal(t, 1, r.count(`from delivery.idempotency where state = 'claimed' and lease_until <= now()`), "a replay can claim it")
}

// TestCallThatIsRefusedForGood: Permanent from the call is a dead letter at
// once, and a replay may try again.
func TestCallThatIsRefusedForGood(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(charging(&processor{unknown: 1, fail: fn.Permanent(errors.New("no contract"))}), fn.Options{})
	e := fntest.Event(validated(submitted()))
	status, text := door.Post(t, e)
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, text, "no contract")
	require.Zero(t, r.count(`from delivery.redelivery`))
	status, text = door.Post(t, e)
	require.Equal(t, http.StatusOK, status, text)
}

// TestPlanWithoutACall finishes in the transaction of prepare.
func TestPlanWithoutACall(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(fn.Function{Name: "payment", Handlers: []fn.Handler{fn.Remote(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentValidated]) (fn.Plan[order], error) {
			return fn.Done[order](events.PaymentFailed{PaymentID: in.Data.PaymentID, InvoiceID: in.Data.InvoiceID,
				Processor: "test", Reason: events.MethodNotSupported}), note(ctx, tx, in.ID, "")
		},
		func(context.Context, order) (string, error) { t.Error("called"); return "", nil },
		func(context.Context, fn.Tx, fn.In[events.PaymentValidated], order, string) ([]events.Data, error) {
			t.Error("settled")
			return nil, nil
		})}}, fn.Options{})
	e := fntest.Event(validated(submitted()))
	eventually(t, door, e)
	eventually(t, door, e)
	r.holds(1, 1, 1)
	require.Equal(t, 1, r.count(`from delivery.idempotency i join delivery.outbox o on o.causation_id = i.id and o.created_at = i.done_at`))
}

// TestAgain: settle takes back what prepare wrote, keeps what it wrote itself,
// and asks for another delivery.
func TestAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	settles := 0
	p := &processor{}
	p.settle = func(ctx context.Context, tx fn.Tx, o order) error {
		if settles++; settles > 3 {
			return nil
		}
		_, err := tx.Exec(ctx, `delete from probe.effect where note like $1 || '%'`, o.Key) // the key is burnt
		if err != nil {
			return err
		}
		return fn.Again(fmt.Errorf("key %s is burnt", o.Key))
	}
	door := r.open(charging(p), fn.Options{})
	e := fntest.Event(validated(submitted()))
	for _, want := range []int{503, 503, 200} {
		status, text := door.Post(t, e)
		require.Equal(t, want, status, text)
		r.holds(0, 0, 0)
		require.Equal(t, 1, r.count(`from delivery.idempotency where state = 'claimed' and lease_until <= now() and done_at is null`))
	}
	require.Greater(t, r.dueIn(e), -20.0)
	require.Contains(t, r.text(`select last_error from delivery.failure`), "burnt")
	eventually(t, door, e)
	r.holds(1, 1, 1)
	keys := map[string]bool{}
	for _, key := range p.calls() {
		keys[key] = true
	}
	require.Len(t, keys, 4, "each time with a key of its own")

	require.NoError(t, fn.Again(nil))
	require.ErrorIs(t, fn.Again(errNoAnswer), errNoAnswer)
	require.EqualError(t, fn.Again(errNoAnswer), "again: no answer from the processor")
}

// TestSettleThatFails: the claim is given back, and the next delivery calls
// again under the same key.
func TestSettleThatFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	settles := 0
	p := &processor{}
	p.settle = func(context.Context, fn.Tx, order) error {
		if settles++; settles == 1 {
			return errors.New("the books are locked")
		}
		return nil
	}
	door := r.open(charging(p), fn.Options{})
	e := fntest.Event(validated(submitted()))
	status, _ := door.Post(t, e)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NotContains(t, r.text(`select note from probe.effect`), "settled")
	require.Equal(t, 1, r.count(`from delivery.idempotency where state = 'claimed' and lease_until <= now()`))
	status, text := door.Post(t, e)
	require.Equal(t, http.StatusOK, status, text)
	key := r.key(e)
	require.Equal(t, []string{key, key}, p.calls())
	r.holds(1, 1, 1)
}
