package relay_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/relay"
)

// TestRedelivery: past the broker, to one consumer; what becomes of the row is
// what the consumer answers, by the kernel's table.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		end    string // "finish", "again" or "bury"
	}{
		"done":             {200, "finish"},
		"accepted":         {202, "finish"},
		"in flight":        {409, "again"},
		"not yet":          {503, "again"},
		"broken":           {500, "again"},
		"not there yet":    {404, "again"},
		"too slow":         {408, "again"},
		"too many":         {429, "again"},
		"malformed":        {400, "bury"},
		"refused":          {422, "bury"},
		"too large":        {413, "bury"},
		"redirected":       {308, "bury"},
		"method not known": {405, "bury"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			e := b.Sent(time.Minute)
			b.consumers.Answers(func(int, deliverytest.Heard) (int, string) { return tt.status, "because" })
			b.Again("closure-e", e)
			b.Owes("payment")
			b.start(relay.Options{})
			b.consumers.Eventually(t, 1, e.ID)
			switch tt.end {
			case "finish", "bury":
				b.Eventually(0, `from delivery.redelivery`)
			case "again":
				b.Eventually(1, `from delivery.redelivery where attempts >= 2`)
			}
			heard := b.consumers.Heard()
			require.Equal(t, "/closure-e", heard[0].Path)
			require.Equal(t, string(e.Type), heard[0].Header.Get("Ce-Type"))
			require.JSONEq(t, string(e.Data), heard[0].Body)
			require.Empty(t, b.broker.Heard())
			if tt.end != "bury" {
				require.Zero(t, b.Count(`from delivery.dead_letter`))
				return
			}
			require.Len(t, heard, 1)
			require.Equal(t, 1, b.Count(`from delivery.dead_letter where consumer = 'closure-e' and source = $1 and event_id = $2
				and error_code = $3 and reason = 'because' and status = 'open' and data = $4 and subject = $5 and correlation_id = $6`,
				e.Source, e.ID, tt.status, e.Data, e.Subject, e.CorrelationID))
		})
	}
}

// TestAfterThreeDaysOfRedelivery a person must look, whatever the consumer
// answers.
func TestAfterThreeDaysOfRedelivery(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.consumers.Answers(func(int, deliverytest.Heard) (int, string) { return http.StatusServiceUnavailable, "not yet" })
	old, young := b.Sent(time.Minute), b.Sent(time.Minute)
	for _, e := range []fn.Envelope{old, young} {
		b.Again("payment", e)
	}
	b.Exec(`update delivery.redelivery set created_at = now() - interval '73 hours' where id = $1`, old.ID)
	b.start(relay.Options{})
	b.Eventually(0, `from delivery.redelivery where id = $1`, old.ID)
	require.Equal(t, 1, b.Count(`from delivery.dead_letter where event_id = $1 and consumer = 'payment' and error_code = 503 and reason like '%not yet'`, old.ID))
	b.consumers.Eventually(t, 2, young.ID)
	require.Equal(t, 1, b.Count(`from delivery.redelivery where id = $1`, young.ID))
	require.Equal(t, 1, b.Count(`from delivery.dead_letter`))
}

// TestPutOffMeanwhile: a consumer that defers the event itself answers 2xx; its
// new date stands.
func TestPutOffMeanwhile(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.Sent(time.Minute)
	b.consumers.Answers(func(n int, _ deliverytest.Heard) (int, string) {
		if n == 1 { // what the kernel does after an unknown outcome
			b.Exec(`update delivery.redelivery set due_at = now() + interval '1 hour', lease = null, why = 'deferred'`)
		}
		return http.StatusOK, ""
	})
	b.Again("payment", e)
	r := b.start(relay.Options{})
	b.consumers.Eventually(t, 1, e.ID)
	r.end()
	require.Equal(t, 1, b.Count(`from delivery.redelivery where why = 'deferred' and due_at > now() + interval '50 minutes'`))

	b.Exec(`update delivery.redelivery set due_at = now()`)
	b.start(relay.Options{})
	b.Eventually(0, `from delivery.redelivery`)
	require.Equal(t, 2, b.consumers.Times(e.ID))
}

// TestD19_RedeliveriesAreBounded: an outage that is over is not followed by a
// flood, and a broker that hangs keeps no redelivery back.
func TestD19_RedeliveriesAreBounded(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.broker.Holds(t)
	release := b.consumers.Holds(t)
	b.start(relay.Options{InFlight: 2, Again: 3, Drain: time.Millisecond})
	b.Commit(5)
	b.broker.WaitHeld(t, 2)
	for range 20 {
		b.Again("payment", b.Sent(time.Minute))
	}
	b.consumers.WaitHeld(t, 3)
	b.Eventually(3, `from delivery.redelivery where attempts = 1`)
	require.Len(t, b.consumers.Heard(), 3)
	release()
	b.Eventually(0, `from delivery.redelivery`)
	require.Len(t, b.consumers.Heard(), 20)
	require.Len(t, b.broker.Heard(), 2)
}

// TestRedeliveryThatDied is due again after its lease, for any relay.
func TestRedeliveryThatDied(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	hook, failed := failing("relay.after-publish", errDied)
	e := b.Sent(time.Minute)
	b.Again("payment", e)
	b.start(relay.Options{Failpoint: hook})
	failed.Wait()
	b.Eventually(0, `from delivery.redelivery`)
	require.Equal(t, 2, b.consumers.Times(e.ID))
}

// TestSettlingFails: a row that cannot be removed stays, and is delivered again
// when its lease is over.
func TestSettlingFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	e := b.Sent(time.Minute)
	b.Exec(`create function delivery.no_end() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`)
	b.Exec(`create trigger no_end before delete on delivery.redelivery for each row execute function delivery.no_end()`)
	b.Again("payment", e)
	b.start(relay.Options{Timeout: 200 * time.Millisecond, Lease: 200 * time.Millisecond})
	b.consumers.Eventually(t, 2, e.ID)
	b.Exec(`drop trigger no_end on delivery.redelivery`)
	b.Eventually(0, `from delivery.redelivery`)
}
