package fn_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// ear is a connection that hears the bell.
type ear struct{ *pgx.Conn }

func (r *rig) ear() ear {
	r.t.Helper()
	ctx := context.Background()
	conn, err := pgx.ConnectConfig(ctx, r.db.Config("").ConnConfig)
	require.NoError(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close(ctx) })
	_, err = conn.Exec(ctx, "listen "+fn.Doorbell)
	require.NoError(r.t, err)
	return ear{conn}
}

// hears waits for one ring.
func (e ear) hears(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := e.WaitForNotification(ctx)
	require.NoError(t, err)
}

// rings counts what has rung until now: Postgres tells a listener of it with the
// answer to its next statement.
func (e ear) rings(t *testing.T) (n int) {
	t.Helper()
	_, err := e.Exec(t.Context(), "select")
	require.NoError(t, err)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		_, err := e.WaitForNotification(ctx) // one that has come is handed over without waiting
		cancel()
		if err != nil {
			return n
		}
		n++
	}
}

// TestTheBellRingsAfterTheCommit, so that who hears it finds the event.
func TestTheBellRingsAfterTheCommit(t *testing.T) {
	t.Parallel()
	r, atCommit := newRig(t), newGate()
	door := r.open(local(nil), fn.Options{Failpoint: func(point string) error {
		if strings.HasSuffix(point, ".before-commit") {
			atCommit.pass()
		}
		return nil
	}})
	listener := r.ear()
	var a answers
	a.post(t, door, fntest.Event(submitted()))
	atCommit.waitFor(t, 1)
	require.Zero(t, listener.rings(t), "nothing is committed yet")
	atCommit.open()
	listener.hears(t)
	require.Equal(t, 1, r.count(`from delivery.outbox`))
	a.require(t, map[int]int{http.StatusOK: 1})
}

// TestTheBellIsSilentWhenNothingWasSaid.
func TestTheBellIsSilentWhenNothingWasSaid(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var rung atomic.Int64
	silent := function("validation", fn.Local(func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		return nil, nil
	}))
	eventually(t, r.open(silent, fn.Options{Ring: func() { rung.Add(1) }}), fntest.Event(submitted()))
	require.Zero(t, rung.Load())
	refusing := r.open(local(nil), fn.Options{Ring: func() { rung.Add(1) }, Failpoint: func(point string) error {
		if strings.HasSuffix(point, ".before-commit") {
			return errors.New("not now")
		}
		return nil
	}})
	status, _ := refusing.Post(t, fntest.Event(submitted()))
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Zero(t, rung.Load(), "nor when it was rolled back")
	eventually(t, r.open(local(nil), fn.Options{Ring: func() { rung.Add(1) }}), fntest.Event(submitted()))
	require.EqualValues(t, 1, rung.Load(), "in one process it rings directly, ")
	require.Zero(t, r.ear().rings(t), "and not through Postgres")
}

// TestOneRingStandsForMany: while the bell cannot ring, commits gather.
func TestOneRingStandsForMany(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	config := r.db.Config("quittance_validation")
	config.MaxConns = 1
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	listener := r.ear()
	held, err := pool.Acquire(t.Context())
	require.NoError(t, err)
	bell := fn.NewBell(pool)
	for range 1000 {
		bell.Ring(context.Background())
	}
	held.Release()
	bell.Wait()
	n := listener.rings(t)
	require.GreaterOrEqual(t, n, 1)
	require.LessOrEqual(t, n, 2, "the one that was under way, and one for all that came meanwhile")
	bell.Ring(context.Background())
	bell.Wait()
	require.Equal(t, 1, listener.rings(t), "and afterwards it rings again")
}
