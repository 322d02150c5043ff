package relay_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/delivery/deliverytest"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/relay"
)

// TestPosts: one event in the binary mode of CloudEvents, at its own broker.
func TestPosts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start(relay.Options{})
	e := b.Commit(1)[0]
	b.Eventually(1, sent)
	heard := b.broker.Heard()
	require.Len(t, heard, 1)
	require.Equal(t, "/quittance/payments", heard[0].Path)
	require.JSONEq(t, string(e.Data), heard[0].Body)
	for name, want := range map[string]string{
		"Ce-Specversion": "1.0", "Ce-Id": e.ID, "Ce-Source": e.Source, "Ce-Type": string(e.Type), "Ce-Subject": e.Subject,
		"Ce-Time": e.Time.UTC().Format(time.RFC3339Nano), "Ce-Partitionkey": e.PartitionKey, "Ce-Correlationid": e.CorrelationID,
		"Ce-Causationid": e.CausationID, "Ce-Traceparent": e.TraceParent, "Traceparent": e.TraceParent, "Content-Type": "application/json",
	} {
		require.Equal(t, []string{want}, heard[0].Header[name], name)
	}

	other := deliverytest.Event()
	other.Broker, other.TraceParent, other.CausationID = events.Notices, "", ""
	b.Put(&other)
	b.Eventually(2, sent)
	last := b.broker.Heard()[1]
	require.Equal(t, "/quittance/notices", last.Path)
	require.NotContains(t, last.Header, "Ce-Traceparent")
	require.NotContains(t, last.Header, "Ce-Causationid")
}

// TestE08_E09_SentOnlyAfterTheBrokerTookIt: whatever else comes back, the event
// stays unsent and is posted again, later each time.
func TestE08_E09_SentOnlyAfterTheBrokerTookIt(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	elsewhere := deliverytest.NewEar(t)
	elsewhere.Answers(func(int, deliverytest.Heard) (int, string) { return http.StatusOK, "" })
	answers := []int{http.StatusServiceUnavailable, http.StatusBadRequest, http.StatusMovedPermanently, http.StatusOK}
	b.broker.Answers(func(n int, _ deliverytest.Heard) (int, string) {
		require.Equal(t, 0, b.Count(sent), "not before the broker has answered")
		if answers[n-1] == http.StatusMovedPermanently {
			return answers[n-1], "Location: " + elsewhere.URL
		}
		return answers[n-1], strings.Repeat("x", 5000)
	})
	b.start(relay.Options{})
	e := b.Commit(1)[0]
	b.Eventually(1, sent)
	heard := b.broker.Heard()
	require.Len(t, heard, len(answers))
	for n := 1; n < len(heard); n++ {
		// 0.5 s doubling, give or take half of it.
		wait, base := heard[n].At.Sub(heard[n-1].At), 500*time.Millisecond<<(n-1)
		require.GreaterOrEqual(t, wait, base/2, "wait %d", n)
		require.Equal(t, heard[0].Body, heard[n].Body)
	}
	require.Empty(t, elsewhere.Heard(), "a redirect is not followed: it would turn the POST into a GET")
	require.Equal(t, e.ID, heard[0].ID())
}

// TestTwoRelays share the rows: each event is posted once.
func TestTwoRelays(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	release := b.broker.Holds(t)
	for range 2 {
		b.start(relay.Options{InFlight: 4})
	}
	all := b.Commit(200)
	b.broker.WaitHeld(t, 8)
	require.Len(t, b.broker.Heard(), 8, "both have as many in flight as they may, and different ones")
	require.Equal(t, 8, b.Count(`from delivery.queue where attempts = 1`))
	release()
	b.Eventually(200, sent)
	for _, e := range all {
		require.Equal(t, 1, b.broker.Times(e.ID))
	}
}

// TestOneBrokerHangs: the others' events go on, though its own fill all its
// places.
func TestOneBrokerHangs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	hangs := make(chan struct{})
	t.Cleanup(func() { close(hangs) })
	b.broker.Answers(func(_ int, h deliverytest.Heard) (int, string) {
		if h.Path == "/quittance/payments" {
			<-hangs
		}
		return http.StatusAccepted, ""
	})
	b.start(relay.Options{InFlight: 2, Drain: time.Millisecond})
	b.Commit(5)
	b.Eventually(2, `from delivery.queue where attempts = 1`)
	for range 5 {
		e := deliverytest.Event()
		e.Broker = events.Notices
		b.Put(&e)
	}
	b.Eventually(5, sent)
	require.Equal(t, 3, b.Count(`from delivery.queue where attempts = 0`))
}

// TestSlowBroker: a synchronous broker may work for many leases; the claim is
// held all the while.
func TestSlowBroker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	release := b.broker.Holds(t)
	const lease = 600 * time.Millisecond
	for range 2 {
		b.start(relay.Options{Lease: lease})
	}
	e := b.Commit(1)[0]
	b.broker.WaitHeld(t, 1)
	due := map[string]bool{}
	require.Eventually(t, func() bool {
		due[deliverytest.One[string](b.Rows, `select leased_until::text from delivery.queue`)] = true
		return len(due) >= 10 // at least three leases
	}, 20*time.Second, 10*time.Millisecond)
	require.Equal(t, 1, b.broker.Times(e.ID))
	release()
	b.Eventually(1, sent)
	require.Equal(t, 1, b.broker.Times(e.ID))
}

var errDied = errors.New("the process died here")

// TestDiesRoundAPost: the event is sent again, as it was, and is marked then.
func TestDiesRoundAPost(t *testing.T) {
	t.Parallel()
	for point, posts := range map[string]int{"relay.before-publish": 1, "relay.after-publish": 2, "relay.before-mark": 2} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			hook, failed := failing(point, errDied)
			b.start(relay.Options{Failpoint: hook, Lease: 200 * time.Millisecond})
			e := b.Commit(1)[0]
			failed.Wait()
			b.Eventually(1, sent)
			heard := b.broker.Heard()
			require.Len(t, heard, posts)
			for _, h := range heard {
				require.Equal(t, heard[0].Header.Get("Ce-Time"), h.Header.Get("Ce-Time"))
				require.Equal(t, e.ID, h.ID())
				require.Equal(t, heard[0].Body, h.Body)
			}
		})
	}
}

// TestMarkIsTriedAgain: a database that cannot write for a moment costs no
// second post.
func TestMarkIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Exec(`create function delivery.no_mark() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`)
	b.Exec(`create trigger no_mark before delete on delivery.queue for each row execute function delivery.no_mark()`)
	b.start(relay.Options{Lease: time.Minute})
	all := b.Commit(5)
	for _, e := range all {
		b.broker.Eventually(t, 1, e.ID)
	}
	require.Equal(t, 5, b.Count(unsent))
	b.Exec(`drop trigger no_mark on delivery.queue`)
	b.Eventually(5, sent)
	require.Len(t, b.broker.Heard(), 5)
}

// TestClaimThatCannotBeHeld, or put off, runs out by itself: the event is sent
// twice rather than never.
func TestClaimThatCannotBeHeld(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.Exec(`create function delivery.no_hold() returns trigger language plpgsql as $$ begin raise exception 'not now'; end $$`)
	b.Exec(`create trigger no_hold before update on delivery.queue for each row
		when (new.attempts = old.attempts) execute function delivery.no_hold()`)
	release := b.broker.Holds(t)
	b.start(relay.Options{Lease: 300 * time.Millisecond})
	e := b.Commit(1)[0]
	b.broker.WaitHeld(t, 2)
	release()
	b.Eventually(1, sent)
	require.GreaterOrEqual(t, b.broker.Times(e.ID), 2)

	b.broker.Answers(func(n int, _ deliverytest.Heard) (int, string) {
		if n == 1 {
			return http.StatusServiceUnavailable, ""
		}
		return http.StatusAccepted, ""
	})
	e = b.Commit(1)[0]
	b.Eventually(2, sent)
	require.Equal(t, 2, b.broker.Times(e.ID))
}

// TestOwnClient: the bank in one process has a network of its own.
func TestOwnClient(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var through atomic.Int64
	client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		through.Add(1)
		return http.DefaultTransport.RoundTrip(r)
	})}
	b.start(relay.Options{Client: client})
	b.Commit(3)
	b.Eventually(3, sent)
	require.EqualValues(t, 3, through.Load())
	require.Nil(t, client.CheckRedirect, "the caller's client stays as it was")
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestBell: with a sweep that never comes, the bell alone wakes the relay.
func TestBell(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start(relay.Options{Sweep: time.Hour})
	b.listening()
	for n := range 3 {
		b.Commit(1)
		b.Eventually(n+1, sent)
	}
}

func (b *bench) listening() {
	b.t.Helper()
	b.Eventually(1, `from pg_stat_activity where datname = current_database() and query = 'listen `+fn.Doorbell+`' and state = 'idle'`)
}

// TestBellLost: without the bell the sweep finds what is due, and the bell is
// hung up again.
func TestBellLost(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start(relay.Options{})
	b.listening()
	before := deliverytest.One[int](b.Rows, `select pid from pg_stat_activity where datname = current_database() and query like 'listen %'`)
	b.Exec(`select pg_terminate_backend($1)`, before)
	e := deliverytest.Event()
	b.Put(&e)
	b.Eventually(1, sent)
	b.Eventually(1, `from pg_stat_activity where datname = current_database() and query like 'listen %' and pid <> $1`, before)
}

// TestACommitWhoseBellNeverRang: a process that dies between its commit and the
// bell has said what it said; the sweep finds it.
func TestACommitWhoseBellNeverRang(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	validation := fn.Function{Name: "validation", Handlers: []fn.Handler{fn.Local(
		func(_ context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			return []events.Data{events.PaymentValidated(in.Data)}, nil
		})}}
	var rung atomic.Int64
	door := fntest.Open(t, validation, b.db.Pool(fntest.Role(validation)), fn.Options{
		Ring: func() { rung.Add(1) },
		Failpoint: func(point string) error {
			if point == "validation.after-commit" {
				return errors.New("dies")
			}
			return nil
		},
	})
	status, _ := door.Post(t, fntest.Event(events.PaymentSubmitted{
		PaymentID: fn.DeriveID("payment"), InvoiceID: fn.DeriveID("invoice"), AmountMinor: 1, Currency: "EUR"}))
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Zero(t, rung.Load())
	b.start(relay.Options{})
	b.Eventually(1, sent)
}

// TestShutdown: no more claims; what is in flight is held, ends and is marked
// before Run returns.
func TestShutdown(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	release := b.broker.Holds(t)
	r := b.start(relay.Options{InFlight: 3, Lease: 600 * time.Millisecond})
	b.Commit(10)
	b.broker.WaitHeld(t, 3)
	r.stop()
	first := deliverytest.One[string](b.Rows, `select max(leased_until)::text from delivery.queue where attempts = 1`)
	for range 4 { // the claims are held on
		require.Eventually(t, func() bool {
			now := deliverytest.One[string](b.Rows, `select max(leased_until)::text from delivery.queue where attempts = 1`)
			moved := now != first
			first = now
			return moved
		}, 20*time.Second, 10*time.Millisecond)
	}
	select {
	case <-r.done:
		t.Fatal("Run returned while posts were in flight")
	default:
	}
	require.Equal(t, 10, b.Count(unsent))
	release()
	<-r.done
	require.Equal(t, 3, b.Count(sent))
	require.Len(t, b.broker.Heard(), 3, "nothing more was claimed")
}

// TestShutdownDoesNotWaitForEver: what is not done within Drain is broken off,
// and due again.
func TestShutdownDoesNotWaitForEver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.broker.Holds(t)
	b.consumers.Holds(t)
	r := b.start(relay.Options{Drain: 100 * time.Millisecond, Lease: time.Hour, Timeout: time.Hour})
	e := b.Commit(1)[0]
	b.Again("payment", e)
	b.broker.WaitHeld(t, 1)
	b.consumers.WaitHeld(t, 1)
	r.end()
	require.Equal(t, 1, b.Count(`from delivery.queue where leased_until <= now() and due_at < now() + interval '1 minute'`))
	require.Equal(t, 1, b.Count(`from delivery.redelivery where due_at < now() + interval '1 minute'`))
}

// TestUnreachable: neither a broker that is not there, nor a post that takes too
// long, nor an address that is none.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	release := b.broker.Holds(t)
	b.start(relay.Options{Timeout: 100 * time.Millisecond})
	b.Commit(1)
	b.broker.WaitHeld(t, 2)
	require.Equal(t, 1, b.Count(unsent))
	release()
	b.Eventually(1, sent)

	nobody, nonsense := "http://127.0.0.1:1", ":not an address"
	b.moved.Store(&nobody)
	broken := deliverytest.Event()
	b.Put(&broken)
	b.Eventually(1, `from delivery.queue where id = $1 and attempts >= 2`, broken.ID)
	b.moved.Store(&nonsense)
	b.Eventually(1, `from delivery.queue where id = $1 and attempts >= 3`, broken.ID)
	require.Equal(t, 1, b.Count(unsent))
}

// TestDatabaseAway: the relay survives it and goes on.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.start(relay.Options{})
	b.listening()
	for n := range 3 {
		b.Exec(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = 'quittance_relay'`)
		b.Commit(5)
		b.Eventually(5*(n+1), sent)
	}
	require.Equal(t, 15, deliverytest.One[int](b.Rows, `select count(distinct id)::int from delivery.outbox`), fmt.Sprint(len(b.broker.Heard()), " posts"))
}
