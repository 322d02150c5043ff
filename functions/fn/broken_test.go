package fn_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// refuse has Postgres refuse one kind of statement on a table.
func (r *rig) refuse(what, table string) {
	r.exec(`create or replace function probe.refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$`)
	r.exec(`create or replace trigger refuse before ` + what + ` on ` + table + ` for each row execute function probe.refuse()`)
}

func (r *rig) allow(table string) { r.exec(`drop trigger refuse on ` + table) }

// TestTheKernelsOwnTablesFail: each of its statements, and none leaves half of
// anything or is taken for a success.
func TestTheKernelsOwnTablesFail(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ what, table string }{
		"claim":  {"insert", "delivery.idempotency"},
		"outbox": {"insert", "delivery.outbox"},
	} {
		r := newRig(t)
		door := r.open(local(nil), fn.Options{})
		e := fntest.Event(submitted())
		r.refuse(tt.what, tt.table)
		status, text := door.Post(t, e)
		require.Equal(t, http.StatusServiceUnavailable, status, name)
		require.NotContains(t, text, "refused")
		r.holds(0, 0, 0)
		r.allow(tt.table)
		eventually(t, door, e)
		r.holds(1, 1, 1)
	}
}

// TestSettlingFails: neither done, nor kept, nor deferred, nor given back; the
// lease runs out and the next delivery goes on.
func TestSettlingFails(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]*processor{
		"done":    {},
		"again":   {settle: func(context.Context, fn.Tx, order) error { return fn.Again(errors.New("burnt")) }},
		"unknown": {unknown: 100},
	} {
		r := newRig(t)
		door := r.open(charging(p), fn.Options{})
		e := fntest.Event(validated(submitted()))
		p.before = func(_ context.Context, call int) error {
			if call == 1 {
				r.refuse("update", "delivery.idempotency")
			}
			return nil
		}
		status, _ := door.Post(t, e)
		require.Equal(t, http.StatusServiceUnavailable, status, name)
		require.Equal(t, 1, r.count(`from delivery.idempotency where state = 'claimed' and fence = 1 and lease_until > now()`), name)
		require.NotContains(t, r.text(`select note from probe.effect`), "settled")
		r.allow("delivery.idempotency")
		status, _ = door.Post(t, e)
		require.Equal(t, http.StatusConflict, status, "%s: the lease holds", name)
	}
}

// TestKeepingAClaimFails after settle asked for another try.
func TestKeepingAClaimFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	p := &processor{settle: func(ctx context.Context, tx fn.Tx, _ order) error {
		_, err := tx.Exec(ctx, `select 1/0`) // what follows in this transaction fails
		require.Error(t, err)
		return fn.Again(errors.New("burnt"))
	}}
	door := r.open(charging(p), fn.Options{})
	status, _ := door.Post(t, fntest.Event(validated(submitted())))
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, r.text(`select last_error from delivery.failure`), "keep claim")
}

// TestDeferringFails: the broker is asked to try again, because nobody else
// will.
func TestDeferringFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(charging(&processor{unknown: 3}), fn.Options{})
	e := fntest.Event(validated(submitted()))
	r.refuse("insert", "delivery.redelivery")
	for range 3 {
		status, _ := door.Post(t, e)
		require.Equal(t, http.StatusServiceUnavailable, status)
		r.exec(`update delivery.idempotency set lease_until = now()`)
	}
	require.Contains(t, r.text(`select last_error from delivery.failure`), "defer after")
	require.Contains(t, r.text(`select last_error from delivery.failure`), "no answer")
	eventually(t, door, e)
}

// TestOvertakenInPrepare: a claim that is lost before prepare has ended
// finishes nothing.
func TestOvertakenInPrepare(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(function("payment", fn.Remote(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentValidated]) (fn.Plan[order], error) {
			if _, err := tx.Exec(ctx, `update delivery.idempotency set fence = fence + 1`); err != nil {
				return fn.Plan[order]{}, err
			}
			return fn.Done[order](), note(ctx, tx, in.ID, "")
		},
		func(context.Context, order) (string, error) { return "", nil },
		func(context.Context, fn.Tx, fn.In[events.PaymentValidated], order, string) ([]events.Data, error) {
			return nil, nil
		},
	)), fn.Options{})
	status, _ := door.Post(t, fntest.Event(validated(submitted())))
	require.Equal(t, http.StatusServiceUnavailable, status)
	r.holds(0, 0, 0)
}

// TestFinishingFails: prepare found nothing to call, and that could not be
// recorded.
func TestFinishingFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(function("payment", fn.Remote(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentValidated]) (fn.Plan[order], error) {
			return fn.Done[order](), note(ctx, tx, in.ID, "")
		},
		func(context.Context, order) (string, error) { return "", nil },
		func(context.Context, fn.Tx, fn.In[events.PaymentValidated], order, string) ([]events.Data, error) {
			return nil, nil
		},
	)), fn.Options{})
	r.refuse("update", "delivery.idempotency")
	e := fntest.Event(validated(submitted()))
	status, _ := door.Post(t, e)
	require.Equal(t, http.StatusServiceUnavailable, status)
	r.holds(0, 0, 0)
	r.allow("delivery.idempotency")
	eventually(t, door, e)
	r.holds(1, 1, 0)
}

// TestConnectionLostInTheWork: not even the roll-back can be said; the database
// does it by itself, and the next delivery has another connection.
func TestConnectionLostInTheWork(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	lost := false
	door := r.open(local(func(_ context.Context, tx fn.Tx, _ fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		if lost {
			return nil, nil
		}
		lost = true
		r.exec(`select pg_terminate_backend($1)`, tx.Conn().PgConn().PID())
		return nil, errors.New("no")
	}), fn.Options{})
	e := fntest.Event(submitted())
	status, text := door.Post(t, e)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "not handled yet, try again", text)
	require.Contains(t, r.text(`select last_error from delivery.failure`), "no")
	eventually(t, door, e)
	r.holds(1, 1, 1)
}

// TestDiesBeforeTheCall: nothing was asked, and the claim is given back.
func TestDiesBeforeTheCall(t *testing.T) {
	t.Parallel()
	r, p := newRig(t), &processor{}
	died := false
	door := r.open(charging(p), fn.Options{Failpoint: func(point string) error {
		if point == "payment.before-call" && !died {
			died = true
			return errors.New("died")
		}
		return nil
	}})
	e := fntest.Event(validated(submitted()))
	status, _ := door.Post(t, e)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Empty(t, p.calls())
	eventually(t, door, e)
	require.Len(t, p.calls(), 1)
}

// TestExplainingFails: that a failure cannot be recorded changes no answer.
func TestExplainingFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.refuse("insert", "delivery.failure")
	door := r.open(local(func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		return nil, fn.Permanent(errors.New("no such invoice"))
	}), fn.Options{})
	status, text := door.Post(t, fntest.Event(submitted()))
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Equal(t, "no such invoice", text)

	r.exec(`revoke select on delivery.failure from quittance_validation`)
	reading := r.open(local(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		_, err := fn.LastFailure(ctx, tx, "validation", in.Source, in.ID)
		require.ErrorContains(t, err, "read last failure")
		return nil, err
	}), fn.Options{})
	status, _ = reading.Post(t, fntest.Event(submitted()))
	require.Equal(t, http.StatusServiceUnavailable, status)
}

// TestReasonsAreStorable: a reason may hold what Postgres does not take, and be
// of any length.
func TestReasonsAreStorable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, reason := range []string{"x" + strings.Repeat("ä", 2000), "a\x00b", "\xff\xfe odd", ""} {
		door := r.open(local(func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			return nil, errors.New(reason)
		}), fn.Options{})
		e := fntest.Event(submitted())
		status, _ := door.Post(t, e)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, 1, r.count(`from delivery.failure where id = $1 and octet_length(last_error) <= 2000`, e.ID), "%q", reason)
	}
}

// TestErrorThatIsSwallowed: a statement failed, the function says that all is
// well, and Postgres rolls back on commit without an error. That is no success.
func TestErrorThatIsSwallowed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(function("validation", fn.Local(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			if err := note(ctx, tx, in.ID, ""); err != nil {
				return nil, err
			}
			_, _ = tx.Exec(ctx, `select 1/0`)
			return nil, nil
		})), fn.Options{})
	status, _ := door.Post(t, fntest.Event(submitted()))
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, r.text(`select last_error from delivery.failure`), "rolled back instead of committed")
	r.holds(0, 0, 0)
}

// TestNoRetryAfterTheDeadline: what Postgres asks to run again is not, when
// nobody waits for it any more.
func TestNoRetryAfterTheDeadline(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var tries atomic.Int64
	door := r.open(local(func(ctx context.Context, _ fn.Tx, _ fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		tries.Add(1)
		<-ctx.Done()
		return nil, &pgconn.PgError{Code: "40001"}
	}), fn.Options{Deadline: 100 * time.Millisecond})
	status, _ := door.Post(t, fntest.Event(submitted()))
	require.Equal(t, http.StatusServiceUnavailable, status)
	door.Host.Close()
	require.Less(t, tries.Load(), int64(5))
	fn.NewHost(local(nil), door.Host.Pool(), fn.Options{}).Close() // the defaults are enough
}

// TestRepresentationFails: what was said before cannot be read just now.
func TestRepresentationFails(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(nil), fn.Options{})
	e := fntest.Event(submitted())
	eventually(t, door, e)
	r.exec(`revoke select on delivery.outbox from quittance_validation`)
	status, _ := door.Post(t, e, "Prefer", "return=representation")
	require.Equal(t, http.StatusServiceUnavailable, status)
	eventually(t, door, e)
}

// unwritable is a payload that cannot be made JSON.
type unwritable struct{ events.PaymentValidated }

func (unwritable) MarshalJSON() ([]byte, error) { return nil, errors.New("no words") }

// TestUnwritable: a mistake in the code, so a person must look.
func TestUnwritable(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(func(_ context.Context, _ fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		return []events.Data{unwritable{validated(in.Data)}}, nil
	}), fn.Options{})
	status, text := door.Post(t, fntest.Event(submitted()))
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, text, "no words")
}

// TestConnectionThatBreaks in the middle of a body is nobody's fault: tried
// again.
func TestConnectionThatBreaks(t *testing.T) {
	t.Parallel()
	host := nowhere(t)
	request, err := fntest.Event(submitted()).Request(t.Context(), "http://door")
	require.NoError(t, err)
	request.Body = io.NopCloser(brokenBody{})
	_, err = host.Read(nil, request)
	answer, reason := fn.Verdict(err)
	require.Equal(t, fn.Unknown, answer)
	require.Equal(t, "not handled yet, try again", reason)
	_, err = fn.Envelope{}.Request(t.Context(), ":no address")
	require.Error(t, err)
}

type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// TestTxIsWhole: whatever pgx offers within a transaction works in the kernel's.
func TestTxIsWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		n, err := tx.CopyFrom(ctx, pgx.Identifier{"probe", "effect"}, []string{"event_id", "note"}, pgx.CopyFromRows([][]any{{in.ID, "copied"}, {in.ID, "too"}}))
		require.NoError(t, err)
		require.EqualValues(t, 2, n)
		_, err = tx.Prepare(ctx, "mine", `select count(*) from probe.effect where event_id = $1`)
		require.NoError(t, err)
		var rows int
		require.NoError(t, tx.QueryRow(ctx, "mine", in.ID).Scan(&rows))
		require.Equal(t, 2, rows)
		require.EqualValues(t, 'T', tx.Conn().PgConn().TxStatus())
		require.Zero(t, tx.LargeObjects(), "the bank has none")
		return nil, nil
	}), fn.Options{})
	eventually(t, door, fntest.Event(submitted()))
	r.holds(3, 1, 1)
}
