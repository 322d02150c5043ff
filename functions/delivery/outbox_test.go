package delivery_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/delivery"
	"quittance.dev/functions/delivery/deliverytest"
)

func TestClaimUnsent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	all := b.Commit(5)
	for i, e := range all {
		b.Exec(`update delivery.outbox set due_at = now() - $2::interval where id = $1`, e.ID, time.Duration(10-i)*time.Second)
	}
	b.Exec(`update delivery.outbox set due_at = now() + interval '1 minute' where id = $1`, all[0].ID)
	b.Exec(`update delivery.outbox set sent_at = now() where id = $1`, all[1].ID)

	claimed, err := delivery.ClaimUnsent(t.Context(), b.relay, 2, time.Minute)
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
	again, err := delivery.ClaimUnsent(t.Context(), b.relay, 10, time.Minute)
	require.NoError(t, err)
	require.Len(t, again, 1)
	require.Equal(t, all[4].ID, again[0].ID)

	b.Exec(`update delivery.outbox set due_at = now() where id = $1`, all[2].ID) // a lease that is over
	again, err = delivery.ClaimUnsent(t.Context(), b.relay, 10, time.Minute)
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
	_, err = tx.Exec(t.Context(), `select from delivery.outbox where id = $1 for update`, all[7].ID)
	require.NoError(t, err)

	var mu sync.Mutex
	times := map[string]int{}
	var claimers sync.WaitGroup
	for range 8 {
		claimers.Go(func() {
			for {
				claimed, err := delivery.ClaimUnsent(t.Context(), b.relay, 10, time.Minute)
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

func TestMarkSentAndPostpone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	all := b.Commit(3)
	require.NoError(t, delivery.MarkSent(t.Context(), b.relay, all[:2]))
	require.Equal(t, 2, b.Count(`from delivery.outbox where sent_at is not null`))
	first := deliverytest.One[string](b.Rows, `select sent_at::text from delivery.outbox where id = $1`, all[0].ID)
	require.NoError(t, delivery.MarkSent(t.Context(), b.relay, all[:1]))
	require.Equal(t, first, deliverytest.One[string](b.Rows, `select sent_at::text from delivery.outbox where id = $1`, all[0].ID), "it was sent when it was sent first")

	require.NoError(t, delivery.Postpone(t.Context(), b.relay, all, time.Hour))
	require.Equal(t, 1, b.Count(`from delivery.outbox where due_at > now() + interval '59 minutes'`), "what is sent has no next time")
	require.NoError(t, delivery.Postpone(t.Context(), b.relay, all, time.Second))
	require.Zero(t, b.Count(`from delivery.outbox where due_at > now() + interval '1 minute'`))
	require.NoError(t, delivery.MarkSent(t.Context(), b.relay, nil))
}

func TestErrorsSayWhat(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.Commit(1)
	b.Again("payment", e[0])
	again, err := delivery.ClaimRedeliveries(t.Context(), b.relay, 1, time.Minute)
	require.NoError(t, err)
	b.relay.Close()
	for want, do := range map[string]func() error{
		"claim unsent events": func() error { _, err := delivery.ClaimUnsent(t.Context(), b.relay, 1, 0); return err },
		"claim redeliveries":  func() error { _, err := delivery.ClaimRedeliveries(t.Context(), b.relay, 1, 0); return err },
		"mark 1 events sent":  func() error { return delivery.MarkSent(t.Context(), b.relay, e) },
		"postpone 1 events":   func() error { return delivery.Postpone(t.Context(), b.relay, e, 0) },
		"finish redelivery":   func() error { return again[0].Finish(t.Context(), b.relay) },
		"put redelivery off":  func() error { return again[0].Again(t.Context(), b.relay, 0) },
		"bury redelivery":     func() error { return again[0].Bury(t.Context(), b.relay, 400, "") },
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
