package delivery_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/delivery"
	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/fn"
)

// look looks once, as the function audit does at each tick, and gives what is
// missing by consumer and event.
func (b *bench) look(deadline time.Duration) map[string]string {
	b.t.Helper()
	found := map[string]string{}
	b.inTx("audit", "quittance_audit", func(ctx context.Context, tx fn.Tx) error {
		missing, err := delivery.QueueUnheard(ctx, tx, deadline)
		for _, m := range missing {
			found[m.Consumer+" "+m.ID] = m.CorrelationID
		}
		return err
	})
	return found
}

// audit looks until it has caught up, or is held back.
func (b *bench) audit(deadline time.Duration) map[string]string {
	b.t.Helper()
	found := map[string]string{}
	for {
		before := b.behind()
		for key, journey := range b.look(deadline) {
			require.NotContains(b.t, found, key)
			found[key] = journey
		}
		if b.behind() > before-time.Second {
			return found
		}
	}
}

// behind is how far back the mark is.
func (b *bench) behind() time.Duration {
	b.t.Helper()
	return time.Duration(deliverytest.One[float64](b.Rows, `select extract(epoch from now() - audited_to)::float8 from delivery.audit_mark`) * float64(time.Second))
}

// backdate has the audit begin before any event of these tests.
func (b *bench) backdate() {
	b.Exec(`update delivery.audit_mark set audited_to = now() - interval '31 minutes'`)
}

// TestF04_UnheardEvents: what a broker took and lost is found, for the consumers
// that are owed it and have not handled it.
func TestF04_UnheardEvents(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.backdate()
	b.Owes("payment")
	b.Owes("receipt")
	lost, half, done := b.Sent(30*time.Minute), b.Sent(30*time.Minute), b.Sent(30*time.Minute)
	b.Done("payment", half)
	b.Done("payment", done)
	b.Done("receipt", done)
	b.Sent(30 * time.Second) // not yet owed
	b.Commit(1)              // not even sent

	require.Equal(t, map[string]string{
		"payment " + lost.ID: lost.CorrelationID, "receipt " + lost.ID: lost.CorrelationID, "receipt " + half.ID: half.CorrelationID,
	}, b.audit(time.Minute))
	require.Equal(t, 3, b.Count(`from delivery.redelivery where why = 'unheard' and due_at <= now()`))
	require.Empty(t, b.audit(time.Minute), "found once")
	require.Equal(t, 3, b.Count(`from delivery.redelivery`))
}

// TestF05_Subscriptions: an event is owed to who subscribed before it was said,
// also when that consumer was never there.
func TestF05_Subscriptions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.backdate()
	e := b.Sent(30 * time.Minute)
	b.Exec(`insert into delivery.subscription (consumer, type, since) values ('late', $1, now()), ('other', 'another.type', 'epoch')`, e.Type)
	require.Empty(t, b.audit(time.Minute))
	b.backdate()
	b.Owes("absent")
	require.Contains(t, b.audit(time.Minute), "absent "+e.ID)
}

// TestNotUnheard: what is being worked on, put off, or in a person's hands.
func TestNotUnheard(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.backdate()
	b.Owes("payment")
	busy, deferred := b.Sent(30*time.Minute), b.Sent(30*time.Minute)
	b.Claimed("payment", busy, time.Hour)
	b.Claimed("payment", deferred, -time.Second)
	b.Again("payment", deferred)
	for _, status := range []string{"open", "discarded"} {
		letter := deliverytest.Letter("payment", b.Sent(30*time.Minute), 400, "no")
		require.Equal(t, delivery.Recorded, b.record(letter))
		b.Exec(`update delivery.dead_letter set status = $2 where event_id = $1`, letter.EventID, status)
	}
	require.Empty(t, b.audit(time.Minute))

	// A replay that came to nothing is owed again, and so is work that died.
	replayed := b.Sent(30 * time.Minute)
	require.Equal(t, delivery.Recorded, b.record(deliverytest.Letter("payment", replayed, 400, "no")))
	b.Exec(`update delivery.dead_letter set status = 'replayed' where event_id = $1`, replayed.ID)
	died := b.Sent(30 * time.Minute)
	b.Claimed("payment", died, -time.Second)
	require.Len(t, b.audit(time.Minute), 2)
	require.Equal(t, 1, b.Count(`from delivery.redelivery where id = $1`, died.ID))
}

// TestTheMark moves to where everything before is settled or queued, and no
// further than what is being worked on.
func TestTheMark(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.backdate()
	b.Owes("payment")
	early, busy := b.Sent(30*time.Minute), b.Sent(20*time.Minute)
	b.Claimed("payment", busy, time.Hour)
	require.Len(t, b.audit(time.Minute), 1)
	require.InDelta(t, 20*time.Minute, b.behind(), float64(time.Minute), "held back by what is being worked on")
	require.Equal(t, 1, b.Count(`from delivery.redelivery where id = $1`, early.ID))

	b.Exec(`update delivery.idempotency set lease_until = now()`)
	require.Contains(t, b.audit(time.Minute), "payment "+busy.ID, "it died: looked at again")
	require.InDelta(t, time.Minute, b.behind(), float64(30*time.Second))

	b.Exec(`delete from delivery.redelivery`)
	require.Empty(t, b.audit(time.Minute), "what lies before the mark was dealt with")
	require.Zero(t, b.Count(`from delivery.redelivery`))
}

// TestOneLookIsBounded: an audit that was away for long catches up look by
// look.
func TestOneLookIsBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Exec(`update delivery.audit_mark set audited_to = now() - interval '30 days'`)
	b.Owes("payment")
	before := b.behind()
	require.Empty(t, b.look(time.Minute))
	require.InDelta(t, before-5*time.Minute, b.behind(), float64(30*time.Second))
}

// TestTwoAudits at once: one waits for the other and finds nothing new.
func TestTwoAudits(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.backdate()
	b.Owes("payment")
	for range 20 {
		b.Sent(30 * time.Minute)
	}
	found := make(chan int)
	for range 4 {
		go func() { found <- len(b.look(time.Minute)) }()
	}
	total := 0
	for range 4 {
		total += <-found
	}
	require.Equal(t, 20, total)
	require.Equal(t, 20, b.Count(`from delivery.redelivery`))
}
