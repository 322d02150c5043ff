package fn_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

// brittle is a payload that is broken by being looked at.
type brittle struct{ events.PaymentSubmitted }

var whenValidated func()

func (b brittle) Validate() error {
	whenValidated()
	return b.PaymentSubmitted.Validate()
}

// TestPanics: wherever a function's own code panics, the process lives, the
// event is tried again and somebody is told. Not parallel: it reads the
// counters.
func TestPanics(t *testing.T) {
	before := counted(t, "quittance.alarms", "kind", "panic")
	r := newRig(t)
	var once sync.Once
	fall := func() { once.Do(func() { panic("a bug") }) }
	whenValidated = fall
	for place, f := range map[string]fn.Function{
		"apply": local(func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			fall()
			return nil, nil
		}),
		"after the commit": local(func(_ context.Context, tx fn.Tx, _ fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			tx.AfterCommit(fall)
			return nil, nil
		}),
		"saying": local(func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			var said []events.Data
			once.Do(func() { said = []events.Data{nil} })
			return said, nil
		}),
		"prepare": function("payment", fn.Remote(
			func(context.Context, fn.Tx, fn.In[events.PaymentValidated]) (fn.Plan[order], error) {
				fall()
				return fn.Done[order](), nil
			},
			func(context.Context, order) (string, error) { return "", nil },
			func(context.Context, fn.Tx, fn.In[events.PaymentValidated], order, string) ([]events.Data, error) {
				return nil, nil
			})),
		"call":   charging(&processor{before: func(context.Context, int) error { fall(); return nil }}),
		"settle": charging(&processor{settle: func(context.Context, fn.Tx, order) error { fall(); return nil }}),
		"validate": function("validation", fn.Local(
			func(context.Context, fn.Tx, fn.In[brittle]) ([]events.Data, error) { return nil, nil })),
		"log pairs": function("validation", fn.LogWith(fn.Local(
			func(context.Context, fn.Tx, fn.In[events.PaymentSubmitted]) ([]events.Data, error) { return nil, nil }),
			func(events.PaymentSubmitted) []any { fall(); return nil })),
	} {
		t.Run(place, func(t *testing.T) {
			once = sync.Once{}
			door := r.open(f, fn.Options{})
			var data events.Data = submitted()
			if f.Name == "payment" {
				data = validated(submitted())
			}
			e := fntest.Event(data)
			status, text := door.Post(t, e)
			require.Equal(t, http.StatusServiceUnavailable, status)
			require.NotContains(t, text, "bug")
			status, text = door.Post(t, e)
			require.Equal(t, http.StatusOK, status, text)
			require.Equal(t, 1, r.count(`from delivery.idempotency where id = $1 and state = 'done'`, e.ID))
			require.Equal(t, before+1, counted(t, "quittance.alarms", "kind", "panic"))
			before++
		})
	}
}

// TestF18_Deadline: the answer comes in time, whatever the work does, and the
// transaction does not stay open behind it.
func TestF18_Deadline(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door := r.open(local(func(ctx context.Context, tx fn.Tx, _ fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		_, err := tx.Exec(ctx, `select pg_sleep(60)`)
		return nil, err
	}), fn.Options{Deadline: 200 * time.Millisecond})
	started := time.Now()
	status, text := door.Post(t, fntest.Event(submitted()))
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, "not handled in time, try again", text)
	require.Less(t, time.Since(started), 20*time.Second)
	require.Eventually(t, func() bool {
		return r.count(`from pg_stat_activity where datname = current_database() and usename = 'quittance_validation' and state <> 'idle'`) == 0
	}, 20*time.Second, 10*time.Millisecond, "the statement was broken off")
	r.holds(0, 0, 0)

	slow := r.open(charging(&processor{before: func(ctx context.Context, call int) error {
		if call > 1 {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}}), fn.Options{Deadline: 300 * time.Millisecond})
	e := fntest.Event(validated(submitted()))
	status, _ = slow.Post(t, e)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Equal(t, 1, r.count(`from delivery.idempotency where state = 'claimed' and lease_until <= now()`), "given back, though the deadline is over")
	eventually(t, slow, e)
}

// TestCallerThatLeaves: work that has begun is finished all the same, once;
// work that still waits is left to the next delivery.
func TestCallerThatLeaves(t *testing.T) {
	t.Parallel()
	r, c := newRig(t), crowded()
	var applied atomic.Int64
	door := r.open(function("validation", c.arriving(fn.Local(
		func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
			c.hold(in.ID)
			applied.Add(1)
			return []events.Data{validated(in.Data)}, note(ctx, tx, in.ID, "")
		}))), fn.Options{Deadline: 30 * time.Second})
	waits := fntest.Event(submitted())
	ctx, leave := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for _, e := range []fn.Envelope{c.first, waits} {
		request, err := fntest.Signed(e).Request(ctx, door.URL)
		require.NoError(t, err)
		callers.Go(func() {
			response, err := http.DefaultClient.Do(request)
			if err == nil {
				_ = response.Body.Close()
				t.Error("answered")
			}
		})
		<-c.arrived
		if e.ID == c.first.ID {
			c.busy.waitFor(t, 1)
		}
	}
	leave()
	callers.Wait()
	require.Eventually(t, func() bool { return r.count(`from delivery.failure`) == 2 }, 20*time.Second, 5*time.Millisecond, "the door has seen them leave")
	c.busy.open()
	require.Eventually(t, func() bool { return r.count(`from probe.effect`) == 1 }, 20*time.Second, 5*time.Millisecond)
	door.Host.Close()
	r.holds(1, 1, 1)
	again := r.open(door.Host.Function(), fn.Options{})
	eventually(t, again, c.first)
	eventually(t, again, waits)
	r.holds(2, 2, 2)
	require.EqualValues(t, 2, applied.Load())
}

// TestF12_NoDatabase: 503 while it is away, and all is well when it is back.
func TestF12_NoDatabase(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	door, remote := r.open(local(nil), fn.Options{}), r.open(charging(&processor{}), fn.Options{})
	before := fntest.Event(submitted())
	eventually(t, door, before)

	maintenance := r.db.Config("")
	maintenance.ConnConfig.Database = "postgres"
	server, err := pgx.ConnectConfig(t.Context(), maintenance.ConnConfig)
	require.NoError(t, err)
	defer server.Close(context.Background())
	run := func(sql string) {
		_, err := server.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	run(`alter database ` + r.db.Name() + ` allow_connections false`)
	run(`select pg_terminate_backend(pid) from pg_stat_activity where datname = '` + r.db.Name() + `'`)

	e, charge := fntest.Event(submitted()), fntest.Event(validated(submitted()))
	for range 3 {
		status, text := door.Post(t, e)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Equal(t, "not handled yet, try again", text)
		status, _ = remote.Post(t, charge)
		require.Equal(t, http.StatusServiceUnavailable, status)
	}
	run(`alter database ` + r.db.Name() + ` allow_connections true`)
	eventually(t, door, e)
	eventually(t, door, before)
	eventually(t, remote, charge)
	require.Eventually(t, func() bool { return r.owner.Ping(t.Context()) == nil }, 20*time.Second, time.Millisecond, "its old connections are dead")
	r.holds(3, 3, 3)
}

// TestF11_ConnectionLostAtTheCommit: nobody knows whether it was done, so it is
// never a success; the next delivery finds out.
func TestF11_ConnectionLostAtTheCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var cuts atomic.Int64
	door := r.open(local(nil), fn.Options{Failpoint: func(point string) error {
		if point == "validation.before-commit" && cuts.Add(1) == 1 {
			_, err := r.owner.Exec(context.Background(), `select pg_terminate_backend(pid) from pg_stat_activity
				where datname = current_database() and usename = 'quittance_validation'`)
			return err
		}
		return nil
	}})
	e := fntest.Event(submitted())
	status, _ := door.Post(t, e)
	require.Equal(t, http.StatusServiceUnavailable, status)
	eventually(t, door, e)
	r.holds(1, 1, 1)
}

// TestF14_BoundedRetries: what Postgres asks to run again runs at most five
// times, and ends as 503, never as a refusal, whatever the function made of it.
func TestF14_BoundedRetries(t *testing.T) {
	t.Parallel()
	for code := range map[string]bool{"40001": true, "40P01": true} {
		for _, wrap := range []func(error) error{func(err error) error { return err }, fn.Permanent, func(err error) error { return fmt.Errorf("post: %w", err) }} {
			r := newRig(t)
			r.exec(`create function probe.fail() returns trigger language plpgsql as $$
				begin raise exception 'not now' using errcode = '` + code + `'; end $$`)
			r.exec(`create trigger fail before insert on probe.effect for each row execute function probe.fail()`)
			tries := 0
			door := r.open(function("validation", fn.Local(
				func(ctx context.Context, tx fn.Tx, in fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
					if tries++; tries == 8 {
						return nil, nil
					}
					return nil, wrap(note(ctx, tx, in.ID, ""))
				})), fn.Options{})
			e := fntest.Event(submitted())
			status, text := door.Post(t, e)
			require.Equal(t, http.StatusServiceUnavailable, status)
			require.Equal(t, "not handled yet, try again", text)
			require.Equal(t, 5, tries)
			r.holds(0, 0, 0)
			status, _ = door.Post(t, e)
			require.Equal(t, http.StatusOK, status, "the third try of the second delivery")
			require.Equal(t, 8, tries)
			r.holds(0, 1, 0)
		}
	}
}

// TestF14_WriteSkew: two replicas each see the other's account as it was, and
// would both pay out; one of them runs again and sees better (B08).
func TestF14_WriteSkew(t *testing.T) {
	t.Parallel()
	r, read := newRig(t), newGate()
	r.exec(`create table probe.account (id text primary key, balance bigint not null)`)
	r.exec(`insert into probe.account values ('a', 60), ('b', 60)`)
	r.exec(`grant select, update on probe.account to public`)
	var tries atomic.Int64
	withdraw := func(account string) fn.Function {
		f := function("ledger-posting", fn.Local(
			func(ctx context.Context, tx fn.Tx, in fn.In[events.WithdrawalRequested]) ([]events.Data, error) {
				var total int64
				if err := tx.QueryRow(ctx, `select sum(balance)::bigint from probe.account`).Scan(&total); err != nil {
					return nil, err
				}
				if tries.Add(1) <= 2 {
					read.pass()
				}
				if total < 100 {
					return nil, note(ctx, tx, in.ID, "refused")
				}
				if _, err := tx.Exec(ctx, `update probe.account set balance = balance - 100 where id = $1`, account); err != nil {
					return nil, err
				}
				return nil, note(ctx, tx, in.ID, "paid")
			}))
		f.Serializable = true
		return f
	}
	var a answers
	for _, account := range []string{"a", "b"} {
		a.post(t, r.open(withdraw(account), fn.Options{}), fntest.Event(events.WithdrawalRequested{
			OperationID: fn.DeriveID("o", account), AccountID: fn.DeriveID("a", account), AmountMinor: 100, Currency: "EUR"}))
	}
	read.waitFor(t, 2)
	read.open()
	a.require(t, map[int]int{http.StatusOK: 2})
	require.Equal(t, 1, r.count(`from probe.effect where note = 'paid'`))
	require.Equal(t, 1, r.count(`from probe.effect where note = 'refused'`))
	require.GreaterOrEqual(t, tries.Load(), int64(3))
}

// TestTxIsTheKernels: nobody inside opens or ends the transaction.
func TestTxIsTheKernels(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var refused []error
	door := r.open(local(func(ctx context.Context, tx fn.Tx, _ fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		_, begin := tx.Begin(ctx)
		refused = []error{begin, tx.Commit(ctx), tx.Rollback(ctx)}
		return nil, nil
	}), fn.Options{})
	eventually(t, door, fntest.Event(submitted()))
	require.Len(t, refused, 3)
	for _, err := range refused {
		require.ErrorContains(t, err, "the kernel owns this transaction")
	}
	r.holds(1, 1, 1)
}

// TestAfterCommit: counted once per commit, and not for what was rolled back.
func TestAfterCommit(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var tried, committed atomic.Int64
	door := r.open(local(func(_ context.Context, tx fn.Tx, _ fn.In[events.PaymentSubmitted]) ([]events.Data, error) {
		tx.AfterCommit(func() { committed.Add(1) })
		if tried.Add(1) == 1 {
			return nil, errors.New("no")
		}
		return nil, nil
	}), fn.Options{})
	e := fntest.Event(submitted())
	status, _ := door.Post(t, e)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Zero(t, committed.Load())
	eventually(t, door, e)
	eventually(t, door, e)
	require.EqualValues(t, 1, committed.Load())
	fn.Tx{}.AfterCommit(func() { t.Error("without a kernel there is no commit to wait for") })
}
