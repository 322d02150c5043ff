package delivery_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/delivery"
	"quittance.dev/functions/delivery/deliverytest"
)

func TestClaimUnsent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	all := b.Commit(5)
	for i, e := range all {
		b.Exec(`update delivery.queue set due_at = now() - $2::interval where id = $1`, e.ID, time.Duration(10-i)*time.Second)
	}
	b.Exec(`update delivery.queue set due_at = now() + interval '1 minute' where id = $1`, all[0].ID)
	b.Took(all[1], 0)

	claimed, err := delivery.ClaimUnsent(t.Context(), b.relay, payments(2), time.Minute)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{all[2].ID, all[3].ID}, []string{claimed[0].ID, claimed[1].ID}, "the oldest that are due")
	for _, c := range claimed {
		require.Equal(t, 1, c.Attempts)
		want := all[2]
		if c.ID != want.ID {
			want = all[3]
		}
		require.JSONEq(t, string(want.Data), string(c.Data))
		c.Data, want.Data = nil, nil
		require.True(t, want.Time.Equal(c.Time))
		c.Time = want.Time
		require.Equal(t, want, c.Envelope)
	}
	again, err := delivery.ClaimUnsent(t.Context(), b.relay, payments(10), time.Minute)
	require.NoError(t, err)
	require.Len(t, again, 1)
	require.Equal(t, all[4].ID, again[0].ID)

	b.Exec(`update delivery.queue set leased_until = now() where id = $1`, all[2].ID) // a lease that is over
	again, err = delivery.ClaimUnsent(t.Context(), b.relay, payments(10), time.Minute)
	require.NoError(t, err)
	require.Len(t, again, 1)
	require.Equal(t, 2, again[0].Attempts)
}

// TestClaimsDoNotWait: what another relay is claiming is skipped, not waited
// for, and no row is claimed twice.
func TestClaimsDoNotWait(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	all := b.Commit(300)
	tx, err := b.relay.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `select from delivery.queue where id = $1 for update`, all[7].ID)
	require.NoError(t, err)

	var mu sync.Mutex
	times := map[string]int{}
	var claimers sync.WaitGroup
	for range 8 {
		claimers.Go(func() {
			for {
				claimed, err := delivery.ClaimUnsent(t.Context(), b.relay, payments(10), time.Minute)
				if err != nil || len(claimed) == 0 {
					if err != nil {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				for _, c := range claimed {
					times[c.ID]++
				}
				mu.Unlock()
			}
		})
	}
	claimers.Wait()
	require.NoError(t, tx.Rollback(t.Context()))
	require.Len(t, times, 299)
	require.NotContains(t, times, all[7].ID)
	for id, n := range times {
		require.Equal(t, 1, n, id)
	}
}

func TestMarkSentHoldAndPostpone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Commit(3)
	claimed, err := delivery.ClaimUnsent(t.Context(), b.relay, payments(3), time.Minute)
	require.NoError(t, err)
	all := []int64{claimed[0].Seq, claimed[1].Seq, claimed[2].Seq}
	for range 2 { // it was sent when it was sent first
		require.NoError(t, delivery.MarkSent(t.Context(), b.relay, all[:2]))
		require.Equal(t, 1, b.Count(`from delivery.queue`))
		require.Equal(t, 1, b.Count(`from delivery.sent`))
	}
	require.Equal(t, 2, b.Count(`from delivery.sent s cross join lateral unnest(s.sources, s.ids, s.created) k(source, id, created_at)
		join delivery.outbox o using (source, id, created_at) where s.sent_at > now() - interval '1 minute'`))

	require.NoError(t, delivery.Hold(t.Context(), b.relay, all, time.Hour))
	require.Equal(t, 1, b.Count(`from delivery.queue where leased_until > now() + interval '59 minutes' and due_at <= now()`), "what is sent is held no more")
	require.NoError(t, delivery.Postpone(t.Context(), b.relay, all, time.Second))
	require.Equal(t, 1, b.Count(`from delivery.queue where leased_until <= now() and due_at between now() and now() + interval '1 second'`))
	require.NoError(t, delivery.MarkSent(t.Context(), b.relay, nil))
}

// TestRoomPerBroker: a broker without room keeps the others' events back from
// nobody.
func TestRoomPerBroker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Commit(5)
	other := deliverytest.Event()
	other.Broker = events.Notices
	b.Put(&other)
	claimed, err := delivery.ClaimUnsent(t.Context(), b.relay, map[events.Broker]int{events.Payments: 2, events.Notices: 2, events.Money: 2}, time.Minute)
	require.NoError(t, err)
	of := map[events.Broker]int{}
	for _, c := range claimed {
		of[c.Broker]++
	}
	require.Equal(t, map[events.Broker]int{events.Payments: 2, events.Notices: 1}, of)
	claimed, err = delivery.ClaimUnsent(t.Context(), b.relay, map[events.Broker]int{events.Payments: 0, events.Notices: 2}, time.Minute)
	require.NoError(t, err)
	require.Empty(t, claimed)
}

// TestRoomPerConsumer: redeliveries of one consumer take no place of another's.
func TestRoomPerConsumer(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 5 {
		b.Again("payment", b.Sent(time.Minute))
	}
	b.Again("receipt", b.Sent(time.Minute))
	of := func(limit int, busy map[string]int) map[string]int {
		claimed, err := delivery.ClaimRedeliveries(t.Context(), b.relay, limit, busy, time.Minute)
		require.NoError(t, err)
		of := map[string]int{}
		for _, c := range claimed {
			of[c.Consumer]++
		}
		return of
	}
	require.Equal(t, map[string]int{"payment": 2, "receipt": 1}, of(3, map[string]int{"payment": 1}))
	require.Empty(t, of(3, map[string]int{"payment": 4}))
	require.Equal(t, map[string]int{"payment": 3}, of(3, nil))
}

func payments(n int) map[events.Broker]int { return map[events.Broker]int{events.Payments: n} }

func TestErrorsSayWhat(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.Commit(1)
	b.Again("payment", e[0])
	again, err := delivery.ClaimRedeliveries(t.Context(), b.relay, 1, nil, time.Minute)
	require.NoError(t, err)
	b.relay.Close()
	for want, do := range map[string]func() error{
		"claim unsent events": func() error { _, err := delivery.ClaimUnsent(t.Context(), b.relay, payments(1), 0); return err },
		"claim redeliveries":  func() error { _, err := delivery.ClaimRedeliveries(t.Context(), b.relay, 1, nil, 0); return err },
		"mark 1 events sent":  func() error { return delivery.MarkSent(t.Context(), b.relay, []int64{1}) },
		"hold 1 events":       func() error { return delivery.Hold(t.Context(), b.relay, []int64{1}, 0) },
		"postpone 1 events":   func() error { return delivery.Postpone(t.Context(), b.relay, []int64{1}, 0) },
		"finish redelivery":   func() error { return again[0].Finish(t.Context(), b.relay) },
		"put redelivery off":  func() error { return again[0].Again(t.Context(), b.relay, 0) },
		"bury redelivery":     func() error { return again[0].Bury(t.Context(), b.relay, b.count, 400, "") },
	} {
		require.ErrorContains(t, do(), want)
	}
}

// TestPartitions: made ahead of time, at most once, by a function that may not
// make tables; an event goes to its day.
func TestPartitions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	partitions := func() int {
		return b.Count(`from pg_inherits where inhparent = 'delivery.outbox'::regclass`)
	}
	before := partitions()
	for range 2 {
		b.inTx("audit", "quittance_audit", delivery10)
		require.Equal(t, before+8, partitions(), "two days were there")
	}
	e := deliverytest.Event()
	b.Put(&e)
	b.Exec(`update delivery.outbox set created_at = created_at + interval '10 days'`)
	day := time.Now().UTC().AddDate(0, 0, 10).Format("20060102")
	require.Equal(t, fmt.Sprint("delivery.outbox_", day), deliverytest.One[string](b.Rows, `select tableoid::regclass::text from delivery.outbox`))
	require.ErrorContains(t, func() error {
		_, err := b.db.Pool("quittance_audit").Exec(t.Context(), `create table delivery.mine ()`)
		return err
	}(), "permission denied")
}
