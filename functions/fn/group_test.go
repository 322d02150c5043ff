package fn_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// crowd posts n events while the function is busy with another one, so that
// they wait for the next transaction together.
type crowd struct {
	busy    *gate
	arrived chan struct{}
	first   fn.Envelope
}

// crowded makes f's handler hold the crowd's first event in its transaction.
func crowded() *crowd {
	return &crowd{busy: newGate(), arrived: make(chan struct{}, 1000), first: fntest.Event(submitted())}
}

// arriving has the kernel tell when an event is about to join the group.
func (c *crowd) arriving(h fn.Handler) fn.Handler {
	return fn.LogWith(h, func(events.PaymentSubmitted) []any {
		c.arrived <- struct{}{}
		return nil
	})
}

func (c *crowd) hold(id string) {
	if id == c.first.ID {
		c.busy.pass()
	}
}

func (c *crowd) post(t testing.TB, door *fntest.Door, all []fn.Envelope, want map[int]int) {
	t.Helper()
	var first, rest answers
	first.post(t, door, c.first)
	c.busy.waitFor(t, 1)
	<-c.arrived
	for _, e := range all {
		rest.post(t, door, e)
	}
	for range all {
		<-c.arrived
	}
	c.busy.open()
	first.require(t, map[int]int{http.StatusOK: 1})
	rest.require(t, want)
}

func many(n int) []fn.Envelope {
	all := make([]fn.Envelope, n)
	for i := range all {
		all[i] = fntest.Event(submitted())
	}
	return all
}

// function is one whose only handler is h.
func function(name string, h fn.Handler) fn.Function {
	return fn.Function{Name: name, Handlers: []fn.Handler{h}}
}

func TestManyDeliveriesShareATransaction(t *testing.T) {
	t.Parallel()
	r, c := newRig(t), crowded()
	door := r.open(function("validation", c.arriving(fn.Local(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			c.hold(in.ID)
			return []events.Data{validated(in.Data)}, note(ctx, tx, in.ID, tx.Now().String())
		}))), fn.Options{})
	c.post(t, door, many(100), map[int]int{http.StatusOK: 100})
	r.holds(101, 101, 101)

	transactions := r.count(`from (select distinct xmin::text from probe.effect) x`)
	require.LessOrEqual(t, transactions, 6, "one for the first, one for those that waited, a few for latecomers")
	require.Equal(t, transactions, r.count(`from (select distinct note from probe.effect) x`), "one instant per transaction")
	require.Equal(t, transactions, r.count(`from (select distinct xmin::text from delivery.idempotency) x`))
	require.Equal(t, transactions, r.count(`from (select distinct xmin::text, created_at from delivery.outbox) x`))
	require.Zero(t, r.count(`from probe.effect e where not exists (
		select from delivery.idempotency i join delivery.outbox o on o.causation_id = i.id where i.id = e.event_id)`))
}

func TestGroupsAreBounded(t *testing.T) {
	t.Parallel()
	r, c := newRig(t), crowded()
	var largest atomic.Int64
	door := r.open(function("validation", c.arriving(fn.Batch(
		func(ctx context.Context, tx fn.Tx, ins []fn.In[events.PaymentSubmitted]) ([][]events.Data, error) {
			largest.Store(max(largest.Load(), int64(len(ins))))
			for _, in := range ins {
				c.hold(in.ID)
				if err := note(ctx, tx, in.ID, ""); err != nil {
					return nil, err
				}
			}
			return make([][]events.Data, len(ins)), nil
		}))), fn.Options{GroupSize: 8})
	c.post(t, door, many(50), map[int]int{http.StatusOK: 50})
	r.holds(51, 51, 0)
	require.EqualValues(t, 8, largest.Load())
}

// TestOnePoisonAmongFifty: whatever is wrong with one, the others are handled,
// each once.
func TestOnePoisonAmongFifty(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		poison func(context.Context, fn.Tx) error
		want   int
	}{
		"an error":           {func(context.Context, fn.Tx) error { return errors.New("no") }, http.StatusServiceUnavailable},
		"a refusal":          {func(context.Context, fn.Tx) error { return fn.Permanent(errors.New("no")) }, http.StatusUnprocessableEntity},
		"a panic":            {func(context.Context, fn.Tx) error { panic("no") }, http.StatusServiceUnavailable},
		"a spoilt statement": {func(ctx context.Context, tx fn.Tx) error { _, err := tx.Exec(ctx, `select 1/0`); return err }, http.StatusServiceUnavailable},
		"a swallowed one":    {func(ctx context.Context, tx fn.Tx) error { _, _ = tx.Exec(ctx, `select 1/0`); return nil }, http.StatusServiceUnavailable},
	} {
		for _, batch := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, batch %t", name, batch), func(t *testing.T) {
				t.Parallel()
				r, c := newRig(t), crowded()
				all := many(50)
				one := func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
					c.hold(in.ID)
					if in.ID == all[25].ID {
						if err := tt.poison(ctx, tx); err != nil {
							return nil, err
						}
					}
					return []events.Data{validated(in.Data)}, note(ctx, tx, in.ID, "")
				}
				h := fn.Local(one)
				if batch {
					h = fn.Batch(func(ctx context.Context, tx fn.Tx, ins []fn.In[events.PaymentSubmitted]) ([][]events.Data, error) {
						said := make([][]events.Data, len(ins))
						for i, in := range ins {
							var err error
							if said[i], err = one(ctx, tx, in); err != nil {
								return nil, err
							}
						}
						return said, nil
					})
				}
				door := r.open(function("validation", c.arriving(h)), fn.Options{})
				c.post(t, door, all, map[int]int{http.StatusOK: 49, tt.want: 1})
				r.holds(50, 50, 50)
				require.Zero(t, r.count(`from delivery.idempotency where id = $1`, all[25].ID))
				require.Equal(t, 1, r.count(`from delivery.failure`))
				require.Equal(t, 1, r.count(`from delivery.failure where id = $1 and attempts = 1`, all[25].ID))
			})
		}
	}
}

// TestCopiesInOneGroup: a copy that waits beside the first has no effect, and
// is answered as one that came later.
func TestCopiesInOneGroup(t *testing.T) {
	t.Parallel()
	r, c := newRig(t), crowded()
	door := r.open(function("validation", c.arriving(fn.Local(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			c.hold(in.ID)
			return []events.Data{validated(in.Data)}, note(ctx, tx, in.ID, "")
		}))), fn.Options{})
	e := fntest.Event(submitted())
	c.post(t, door, append(slices.Repeat([]fn.Envelope{e}, 30), c.first), map[int]int{http.StatusOK: 31})
	r.holds(2, 2, 2)
}

// TestCopiesOfAnEventThatFails: each copy is an attempt of its own.
func TestCopiesOfAnEventThatFails(t *testing.T) {
	t.Parallel()
	r, c := newRig(t), crowded()
	e := fntest.Event(submitted())
	door := r.open(function("validation", c.arriving(fn.Local(
		func(_ context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			if c.hold(in.ID); in.ID == e.ID {
				return nil, errors.New("not yet")
			}
			return nil, nil
		}))), fn.Options{})
	c.post(t, door, []fn.Envelope{e, e, e}, map[int]int{http.StatusServiceUnavailable: 3})
	require.Equal(t, 3, r.count(`from delivery.failure f, generate_series(1, f.attempts) where f.id = $1`, e.ID))
}

func TestBatchMustAnswerForEveryEvent(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(function("validation", fn.Batch(
		func(context.Context, fn.Tx, []fn.In[events.PaymentSubmitted]) ([][]events.Data, error) {
			return nil, nil
		})), fn.Options{})
	status, text := door.Post(t, fntest.Event(submitted()))
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, text, "0 answers for 1 events")
	r.holds(0, 0, 0)
}

// TestTypesInOneGroup: handlers of several types see their own events, and all
// commit together.
func TestTypesInOneGroup(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	busy := newGate()
	var mu sync.Mutex
	var seen []int
	batch := func(n int) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, n)
	}
	arrived := make(chan struct{}, 100)
	first := events.WithdrawalRequested{OperationID: fn.DeriveID("1"), AccountID: fn.DeriveID("2"), AmountMinor: 1, Currency: "EUR"}
	door := r.open(fn.Function{Name: "ledger-posting", Serializable: true, Handlers: []fn.Handler{
		fn.LogWith(fn.Batch(func(ctx context.Context, tx fn.Tx, ins []fn.In[events.DepositRequested]) ([][]events.Data, error) {
			batch(len(ins))
			for _, in := range ins {
				if err := note(ctx, tx, in.ID, "deposit"); err != nil {
					return nil, err
				}
			}
			return make([][]events.Data, len(ins)), nil
		}), func(events.DepositRequested) []any { arrived <- struct{}{}; return nil }),
		fn.Local(func(ctx context.Context, tx fn.Tx, in fn.In[events.WithdrawalRequested]) ([]events.Data, error) {
			var level string
			if err := tx.QueryRow(ctx, `show transaction_isolation`).Scan(&level); err != nil {
				return nil, err
			}
			busy.pass()
			return nil, note(ctx, tx, in.ID, level)
		}),
	}}, fn.Options{})
	var first1, rest answers
	first1.post(t, door, fntest.Event(first))
	busy.waitFor(t, 1)
	for i := range 10 {
		rest.post(t, door, fntest.Event(events.DepositRequested{OperationID: fn.DeriveID("o", fmt.Sprint(i)), AccountID: fn.DeriveID("a"), AmountMinor: 1, Currency: "EUR"}))
	}
	for range 10 {
		<-arrived
	}
	busy.open()
	first1.require(t, map[int]int{200: 1})
	rest.require(t, map[int]int{200: 10})
	require.Equal(t, "serializable", r.text(`select note from probe.effect where note <> 'deposit'`), "B08")
	total := 0
	for _, n := range seen {
		total += n
	}
	require.Equal(t, 10, total)
	require.LessOrEqual(t, len(seen), 4)
}

// TestTwoReplicas: two processes with the same event in the same moment.
func TestTwoReplicas(t *testing.T) {
	t.Parallel()
	r, busy := newRig(t), newGate()
	f := local(func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		busy.pass()
		return nil, nil
	})
	one, two := r.open(f, fn.Options{}), r.open(f, fn.Options{})
	e := fntest.Event(submitted())
	var a answers
	a.post(t, one, e)
	busy.waitFor(t, 1)
	a.post(t, two, e)
	require.Eventually(t, func() bool {
		return r.count(`from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) == 1
	}, 20*time.Second, 5*time.Millisecond, "the second waits for the row of the first")
	busy.open()
	a.require(t, map[int]int{http.StatusOK: 2})
	r.holds(1, 1, 1)
}
