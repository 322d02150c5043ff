package fn_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
)

// The functions of these tests have names of the catalogue, for its roles and
// for what it lets them say; what they do is the tests' own: rows in
// probe.effect.

// rig is a database in which a function leaves rows in probe.effect.
type rig struct {
	t     testing.TB
	db    *pgtest.DB
	owner *pgxpool.Pool
}

func newRig(t testing.TB) *rig {
	t.Helper()
	db := pgtest.New(t)
	r := &rig{t: t, db: db, owner: db.Pool("")}
	r.exec(`create schema probe`)
	r.exec(`create table probe.effect (event_id text not null, note text not null)`)
	r.exec(`grant usage on schema probe to public`)
	r.exec(`grant select, insert, update, delete on probe.effect to public`)
	return r
}

// open serves f under its own role.
func (r *rig) open(f fn.Function, o fn.Options) *fntest.Door {
	r.t.Helper()
	return fntest.Open(r.t, f, r.db.Pool(fntest.Role(f)), o)
}

func (r *rig) exec(sql string, args ...any) {
	r.t.Helper()
	_, err := r.owner.Exec(context.Background(), sql, args...)
	require.NoError(r.t, err)
}

func (r *rig) count(sql string, args ...any) (n int) {
	r.t.Helper()
	require.NoError(r.t, r.owner.QueryRow(context.Background(), "select count(*) "+sql, args...).Scan(&n))
	return n
}

func (r *rig) text(sql string, args ...any) (s string) {
	r.t.Helper()
	require.NoError(r.t, r.owner.QueryRow(context.Background(), sql, args...).Scan(&s))
	return s
}

// holds counts the rows of probe.effect, and of the two tables of the kernel.
func (r *rig) holds(effects, done, said int) {
	r.t.Helper()
	require.Equal(r.t, effects, r.count(`from probe.effect`), "effects")
	require.Equal(r.t, done, r.count(`from delivery.idempotency where state = 'done'`), "events that are done")
	require.Equal(r.t, said, r.count(`from delivery.outbox`), "events said")
}

func note(ctx context.Context, tx fn.Tx, eventID, text string) error {
	_, err := tx.Exec(ctx, `insert into probe.effect (event_id, note) values ($1, $2)`, eventID, text)
	return err
}

func submitted() events.PaymentSubmitted {
	return events.PaymentSubmitted{PaymentID: uuid.NewString(), InvoiceID: uuid.NewString(), AmountMinor: 100, Currency: "EUR"}
}

func validated(d events.PaymentSubmitted) events.PaymentValidated {
	return events.PaymentValidated(d)
}

type apply = func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) ([]events.Data, error)

// local is a function that leaves one row and says one event; before, if given,
// runs ahead of that.
func local(before apply) fn.Function {
	return fn.Function{Name: "validation", Handlers: []fn.Handler{fn.Local(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			if before != nil {
				if said, err := before(ctx, tx, in); said != nil || err != nil {
					return said, err
				}
			}
			return []events.Data{validated(in.Data)}, note(ctx, tx, in.ID, "applied")
		})}}
}

// gate holds whoever passes it until it is opened, and tells who came.
type gate struct {
	came   chan struct{}
	opened chan struct{}
	once   sync.Once
}

func newGate() *gate {
	return &gate{came: make(chan struct{}, 1000), opened: make(chan struct{})}
}

func (g *gate) pass() {
	g.came <- struct{}{}
	<-g.opened
}

func (g *gate) open() { g.once.Do(func() { close(g.opened) }) }

// waitFor waits until n have come.
func (g *gate) waitFor(t testing.TB, n int) {
	t.Helper()
	for range n {
		select {
		case <-g.came:
		case <-time.After(20 * time.Second):
			t.Fatal("nobody came to the gate")
		}
	}
}

// answers are the statuses of posts made in the background.
type answers struct {
	wg       sync.WaitGroup
	mu       sync.Mutex
	statuses map[int]int
}

func (a *answers) post(t testing.TB, door *fntest.Door, e fn.Envelope) {
	a.wg.Go(func() {
		status, _ := door.Post(t, e)
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.statuses == nil {
			a.statuses = map[int]int{}
		}
		a.statuses[status]++
	})
}

func (a *answers) require(t testing.TB, want map[int]int) {
	t.Helper()
	a.wg.Wait()
	require.Equal(t, want, a.statuses)
}

// eventually posts e until it is answered 200.
func eventually(t testing.TB, door *fntest.Door, e fn.Envelope) {
	t.Helper()
	require.Eventually(t, func() bool {
		status, _ := door.Post(t, e)
		return status == http.StatusOK
	}, 20*time.Second, 10*time.Millisecond)
}

// quiet is the log of a host whose lines nobody reads.
var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))
