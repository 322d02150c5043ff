package fn_test

import (
	"cmp"
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// TestLanesOverlap: work of one lane does not wait for that of another, work of
// the same lane does.
func TestLanesOverlap(t *testing.T) {
	t.Parallel()
	r, busy := newRig(t), newGate()
	first := fntest.Event(submitted())
	f := local(func(_ context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		if in.ID == first.ID {
			busy.pass()
		}
		return nil, nil
	})
	f.Lanes = 2
	door := r.open(f, fn.Options{})
	var held, waiting answers
	held.post(t, door, first)
	busy.waitFor(t, 1)
	beside, behind := other(door, first, false), other(door, first, true)
	eventually(t, door, beside)
	waiting.post(t, door, behind)
	r.holds(1, 1, 1)
	busy.open()
	held.require(t, map[int]int{http.StatusOK: 1})
	waiting.require(t, map[int]int{http.StatusOK: 1})
	r.holds(3, 3, 3)
}

// other is an event of the same lane as e, or of another one.
func other(door *fntest.Door, e fn.Envelope, same bool) fn.Envelope {
	lane := fn.LaneOf(door.Host, e.PartitionKey)
	for {
		if o := fntest.Event(submitted()); (fn.LaneOf(door.Host, o.PartitionKey) == lane) == same {
			return o
		}
	}
}

// TestAFunctionChoosesItsLanes: what it gives one name shares a lane, and its
// transactions, whatever the partition keys.
func TestAFunctionChoosesItsLanes(t *testing.T) {
	t.Parallel()
	r, c := newRig(t), crowded()
	f := function("validation", c.arriving(fn.Local(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			c.hold(in.ID)
			return nil, note(ctx, tx, in.ID, "")
		})))
	f.Lanes, f.LaneBy = 4, func(d events.Data) string { return string(d.(events.PaymentSubmitted).Currency) }
	c.post(t, r.open(f, fn.Options{}), many(100), map[int]int{http.StatusOK: 100})
	r.holds(101, 101, 0)
	require.LessOrEqual(t, r.count(`from (select distinct xmin::text from probe.effect) x`), 6)
}

// TestALoneEventIsNotKeptWaiting: a lane gathers more only while another one has
// the database at work, or many are under way, and not for long.
func TestALoneEventIsNotKeptWaiting(t *testing.T) {
	t.Parallel()
	const pauses, took = 2500 * time.Microsecond, 7 * time.Millisecond
	for name, c := range map[string]struct {
		lanes, last, waiting, others, later int
		took, idle, waits                   time.Duration
	}{
		"alone":                                 {lanes: 1, waiting: 1},
		"after another one":                     {lanes: 1, last: 1, waiting: 1},
		"after several":                         {lanes: 1, last: 3, waiting: 1, waits: took},
		"after several, some time ago":          {lanes: 1, last: 3, waiting: 1, idle: 21 * time.Millisecond},
		"after several that took long":          {lanes: 1, last: 3, waiting: 1, took: time.Second, waits: 20 * time.Millisecond},
		"as many as the last time":              {lanes: 1, last: 3, waiting: 3},
		"as many as the last time after 2 ms":   {lanes: 1, last: 3, waiting: 1, later: 2, waits: 2 * time.Millisecond},
		"fewer than the last time after 2 ms":   {lanes: 1, last: 4, waiting: 1, later: 2, waits: took},
		"nobody":                                {lanes: 1, last: 9},
		"many":                                  {lanes: 1, last: 99, waiting: 25},
		"in one of two lanes":                   {lanes: 2, last: 9, waiting: 1},
		"in one of two while the other works":   {lanes: 2, last: 9, waiting: 1, others: 1, waits: pauses},
		"many in one of two, the other at work": {lanes: 2, waiting: 128, others: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lane := fn.NewLane(c.lanes, c.last, cmp.Or(c.took, took))
				lane.Join(c.waiting)
				time.Sleep(c.idle)
				if c.later > 0 {
					time.AfterFunc(2*time.Millisecond, func() { lane.Join(c.later) })
				}
				started := time.Now()
				lane.Gather(c.others)
				require.Equal(t, c.waits, time.Since(started))
				time.Sleep(time.Second) // whoever comes later has come
			})
		})
	}
}
