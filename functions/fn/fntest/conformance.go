package fntest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/pgtest"
)

// Subject is one function in a world in which its events have an effect.
type Subject struct {
	// New makes the function with outside systems of its own. effects tells
	// what those systems have done, from their own books; nil if there are none.
	New func(t testing.TB) (f fn.Function, effects func() string)
	// Setup fills the database before the first event, as its owner.
	Setup func(t testing.TB, owner *pgxpool.Pool)
	// Events come in this order in a calm run; every type that the function
	// hears is among them.
	Events []events.Data
	// AnyOrder says that the events may come in any order and end in the same
	// state once each has been answered 2xx.
	AnyOrder bool
}

// Role is the database role of a function.
func Role(f fn.Function) string {
	return "quittance_" + strings.ReplaceAll(f.Name, "-", "_")
}

// world is one run of a subject.
type world struct {
	t       testing.TB
	door    *Door
	owner   *pgxpool.Pool
	effects func() string
	events  []fn.Envelope
}

// testLease is short, so that a claim left behind by a crash is soon taken over.
const testLease = 300 * time.Millisecond

func (s Subject) world(t testing.TB, hook func(string) error) *world {
	t.Helper()
	db := pgtest.New(t)
	f, effects := s.New(t)
	if effects == nil {
		effects = func() string { return "" }
	}
	w := &world{t: t, owner: db.Pool(""), effects: effects}
	if s.Setup != nil {
		s.Setup(t, w.owner)
	}
	w.door = Open(t, f, db.Pool(Role(f)), fn.Options{Deadline: 5 * time.Second, Lease: testLease, Failpoint: hook})
	for i, data := range s.Events {
		w.events = append(w.events, As(fn.DeriveID("conformance", fmt.Sprint(i)), data))
	}
	return w
}

// settle delivers e until it is answered 2xx, as a broker and the audit would.
func (w *world) settle(e fn.Envelope) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		status, body := w.door.Post(w.t, e)
		require.Contains(w.t, []int{http.StatusOK, http.StatusConflict, http.StatusServiceUnavailable}, status, body)
		return status == http.StatusOK
	}, 20*time.Second, 20*time.Millisecond, "%s never settled", e.Type)
}

func (w *world) state() string {
	return Snapshot(w.t, w.owner) + "\noutside: " + w.effects()
}

// Conformance is what every function must pass.
func Conformance(t *testing.T, s Subject) {
	t.Helper()
	calm := s.world(t, nil)
	before := calm.state()
	for _, e := range calm.events {
		calm.settle(e)
	}
	want := calm.state()
	require.NotEqual(t, before, want, "the events of the subject have no effect")
	requireEveryTypeHeard(t, calm.door.Host.Function(), s.Events)

	t.Run("F01 a second delivery changes nothing", func(t *testing.T) {
		for _, e := range calm.events {
			calm.settle(e)
		}
		require.Equal(t, want, calm.state())
	})
	t.Run("F02 twenty deliveries at once have one effect", func(t *testing.T) {
		w := s.world(t, nil)
		for _, e := range w.events {
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() { w.door.Post(t, e) })
			}
			wg.Wait()
			w.settle(e)
		}
		require.Equal(t, want, w.state())
	})
	if !takesEverything(calm.door.Host.Function()) {
		t.Run("F27 what cannot be decoded is 400 and leaves nothing", func(t *testing.T) { s.undecodable(t) })
	}
	t.Run("F11 a commit that fails is never a success", func(t *testing.T) { s.failingCommit(t, want) })
	for _, point := range []string{"before-commit", "after-commit", "before-call", "after-call", "before-reply"} {
		t.Run("F07-F10 dies once at each "+point, func(t *testing.T) { s.diesAt(t, point, want) })
	}
	t.Run("no transaction is open during an outside call", func(t *testing.T) { s.noOpenTransaction(t) })
	t.Run("no outside call is made inside a transaction", func(t *testing.T) { s.noCallInside(t) })
	if s.AnyOrder {
		t.Run("F03 the other way round it ends the same", func(t *testing.T) {
			w := s.world(t, nil)
			for i := len(w.events) - 1; i >= 0; i-- {
				w.settle(w.events[i])
			}
			require.Equal(t, want, w.state())
		})
	}
}

// takesEverything tells a sink, which reads no payload and claims nothing.
func takesEverything(f fn.Function) bool {
	return slices.Contains(f.Hears(), "")
}

func requireEveryTypeHeard(t *testing.T, f fn.Function, sent []events.Data) {
	t.Helper()
	heard := map[events.Type]bool{}
	for _, data := range sent {
		heard[data.Type()] = true
	}
	for _, hears := range f.Hears() {
		if hears != "" {
			require.True(t, heard[hears], "the subject of %s sends no %s", f.Name, hears)
		}
	}
}

func (s Subject) undecodable(t *testing.T) {
	w := s.world(t, nil)
	before := w.state()
	for _, e := range w.events {
		if e.Type == events.TypeTick {
			continue // a tick's payload is not read
		}
		for _, body := range []string{``, `{`, `null`, `[]`, `"text"`, string(e.Data) + `{}`, `{"a":1,"a":2}`, `{}`, "\xff"} {
			broken := e
			broken.ID, broken.Data = fn.DeriveID(body), []byte(body)
			status, answer := w.door.Post(t, broken)
			require.Equal(t, http.StatusBadRequest, status, "%s with body %q: %s", e.Type, body, answer)
			require.LessOrEqual(t, len(answer), 512)
		}
	}
	require.Equal(t, before, w.state())
}

// failingCommit makes Postgres itself refuse the commit, by a constraint that
// is only checked there, of the claim and, for a sink, of what it says.
func (s Subject) failingCommit(t *testing.T, want string) {
	w := s.world(t, nil)
	ctx := context.Background()
	_, err := w.owner.Exec(ctx, `
		create function delivery.no_commit() returns trigger language plpgsql as $$ begin raise exception 'no commit today'; end $$;
		create constraint trigger no_commit after insert on delivery.idempotency
			deferrable initially deferred for each row execute function delivery.no_commit();
		create constraint trigger no_commit after insert on delivery.outbox
			deferrable initially deferred for each row execute function delivery.no_commit()`)
	require.NoError(t, err)
	before := w.state()
	for _, e := range w.events {
		status, body := w.door.Post(t, e)
		// 422 where the event builds on one before it, which has left nothing.
		require.Contains(t, []int{http.StatusServiceUnavailable, http.StatusUnprocessableEntity}, status, body)
	}
	require.Equal(t, before, w.state())
	_, err = w.owner.Exec(ctx, `drop trigger no_commit on delivery.idempotency; drop trigger no_commit on delivery.outbox`)
	require.NoError(t, err)
	for _, e := range w.events {
		w.settle(e)
	}
	require.Equal(t, want, w.state())
}

var errDied = errors.New("the process died here")

// diesAt lets the n-th passage of the point fail, for every n that occurs.
func (s Subject) diesAt(t *testing.T, point, want string) {
	for n := int64(1); ; n++ {
		var passed atomic.Int64
		w := s.world(t, func(p string) error {
			if strings.HasSuffix(p, "."+point) && passed.Add(1) == n {
				return errDied
			}
			return nil
		})
		for _, e := range w.events {
			w.settle(e)
		}
		require.Equal(t, want, w.state(), "after dying at passage %d of %s", n, point)
		if passed.Load() < n {
			return // the point is passed less often than n: every passage has failed once
		}
	}
}

func (s Subject) noOpenTransaction(t *testing.T) {
	var w *world
	calls := 0
	w = s.world(t, func(p string) error {
		if !strings.HasSuffix(p, ".before-call") {
			return nil
		}
		calls++
		var open int
		err := w.owner.QueryRow(context.Background(), `
			select count(*) from pg_stat_activity
			where datname = current_database() and usename = $1 and state like 'idle in transaction%'`,
			Role(w.door.Host.Function())).Scan(&open)
		if err == nil && open > 0 {
			err = fmt.Errorf("%d transactions open during a call", open)
		}
		if err != nil {
			t.Error(err)
		}
		return nil
	})
	for _, e := range w.events {
		w.settle(e)
	}
	t.Logf("%d calls", calls)
}

// noCallInside compares the outside systems' books at the end of every
// transaction with what they were when none was open.
func (s Subject) noCallInside(t *testing.T) {
	var w *world
	var outside string
	w = s.world(t, func(p string) error {
		switch {
		case strings.HasSuffix(p, ".after-call"):
			outside = w.effects()
		case strings.HasSuffix(p, ".before-commit"):
			if now := w.effects(); now != outside {
				t.Errorf("the outside systems were changed inside a transaction: %s, before it %s", now, outside)
			}
		}
		return nil
	})
	for _, e := range w.events {
		outside = w.effects()
		w.settle(e)
	}
}
