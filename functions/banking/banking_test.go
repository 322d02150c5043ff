package banking_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"

	"quittance.dev/events"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open is a host as the given role: only the kernel makes a Tx.
func open(t *testing.T, db *pgtest.DB, role string) *fn.Host {
	t.Helper()
	host := fn.NewHost(fn.Function{Name: "api"}, db.Pool(role), fn.Options{})
	t.Cleanup(host.Close)
	return host
}

func within(host *fn.Host, work func(context.Context, fn.Tx) error) error {
	_, err := host.Transact(context.Background(), "test", "test", func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		return nil, work(ctx, tx)
	})
	return err
}

func request(host *fn.Host, op banking.Operation) error {
	return within(host, func(ctx context.Context, tx fn.Tx) error {
		_, err := banking.Request(ctx, tx, op)
		return err
	})
}

func finish(host *fn.Host, ops ...banking.Operation) error {
	return within(host, func(ctx context.Context, tx fn.Tx) error { return banking.Book{}.Finish(ctx, tx, ops) })
}

func deposit() banking.Operation {
	return banking.Operation{ID: uuid.NewString(), Kind: banking.Deposit, AccountID: uuid.NewString(), AmountMinor: 1230, Currency: "EUR"}
}

// neighbours change what was asked for, one field each.
func neighbours() map[string]func(*banking.Operation) {
	return map[string]func(*banking.Operation){
		"kind":     func(o *banking.Operation) { o.Kind = banking.Withdrawal },
		"account":  func(o *banking.Operation) { o.AccountID = uuid.NewString() },
		"amount":   func(o *banking.Operation) { o.AmountMinor++ },
		"currency": func(o *banking.Operation) { o.Currency = "CHF" },
	}
}

// TestB17_AnOperationIsPendingUntilItsOutcome follows one of each outcome.
func TestB17_AnOperationIsPendingUntilItsOutcome(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	api, room := open(t, db, "quittance_api"), open(t, db, "quittance_banking")
	ctx, reader := context.Background(), db.Pool("quittance_api")
	for name, outcome := range map[string]banking.Operation{
		"completed": {State: banking.Completed, BalanceMinor: 1230},
		"emptied":   {State: banking.Completed, BalanceMinor: 0},
		"failed":    {State: banking.Failed, Reason: events.InsufficientFunds},
	} {
		op := deposit()
		require.NoError(t, request(api, op), name)
		pending, err := banking.Find(ctx, reader, op.ID)
		require.NoError(t, err)
		require.Equal(t, banking.Pending, pending.State)
		require.True(t, pending.FinishedAt.IsZero())
		require.False(t, pending.RequestedAt.IsZero())

		op.State, op.Reason, op.BalanceMinor = outcome.State, outcome.Reason, outcome.BalanceMinor
		require.NoError(t, finish(room, op), name)
		done, err := banking.Find(ctx, reader, op.ID)
		require.NoError(t, err)
		require.False(t, done.FinishedAt.IsZero())
		op.RequestedAt, op.FinishedAt = pending.RequestedAt, done.FinishedAt
		require.Equal(t, op, done, name)
	}
	_, err := banking.Find(ctx, reader, uuid.NewString())
	require.ErrorIs(t, err, banking.ErrNotFound)
}

func TestB16_RequestingTwiceIsRequestingOnce(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	op := deposit()
	var group errgroup.Group
	var recordings atomic.Int64
	for range 20 {
		host := open(t, db, "quittance_api")
		group.Go(func() error {
			return within(host, func(ctx context.Context, tx fn.Tx) error {
				recorded, err := banking.Request(ctx, tx, op)
				if recorded {
					recordings.Add(1)
				}
				return err
			})
		})
	}
	require.NoError(t, group.Wait())
	require.EqualValues(t, 1, recordings.Load())
	var n int
	require.NoError(t, db.Pool("").QueryRow(context.Background(), "select count(*) from banking.operation").Scan(&n))
	require.Equal(t, 1, n)

	api, room := open(t, db, "quittance_api"), open(t, db, "quittance_banking")
	finished := op
	finished.State, finished.BalanceMinor = banking.Completed, 1230
	require.NoError(t, finish(room, finished))
	require.NoError(t, request(api, op), "also after it is finished")

	for field, other := range neighbours() {
		changed := op
		other(&changed)
		require.ErrorIs(t, request(api, changed), banking.ErrDiffers, field)
	}
}

func TestAFinishedOperationNeverMoves(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	room := open(t, db, "quittance_banking")
	op := deposit()
	op.State, op.BalanceMinor = banking.Completed, 1230
	require.NoError(t, finish(room, op), "nobody requested it here; it is recorded all the same")
	require.NoError(t, finish(room, op, op), "the same outcome again")

	failed, other := op, op
	failed.State, failed.Reason = banking.Failed, events.AccountIsClosed
	other.AccountID = uuid.NewString()
	require.ErrorIs(t, finish(room, failed), banking.ErrDiffers)
	require.ErrorIs(t, finish(room, other), banking.ErrDiffers)
	fresh := deposit()
	fresh.State, fresh.BalanceMinor = banking.Completed, 1
	contradiction := fresh
	contradiction.BalanceMinor = 2
	require.ErrorIs(t, finish(room, fresh, contradiction), banking.ErrDiffers)

	there, err := banking.Find(context.Background(), db.Pool("quittance_api"), op.ID)
	require.NoError(t, err)
	require.Equal(t, banking.Completed, there.State)

	pending := deposit()
	require.NoError(t, request(open(t, db, "quittance_api"), pending))
	for field, other := range neighbours() {
		stray := pending
		stray.State = banking.Completed
		other(&stray)
		require.ErrorIs(t, finish(room, stray), banking.ErrDiffers, field)
	}
	there, err = banking.Find(context.Background(), db.Pool("quittance_api"), pending.ID)
	require.NoError(t, err)
	require.Equal(t, banking.Pending, there.State, "an outcome of something else under its id")

	// The table holds it too, whoever writes.
	_, err = db.Pool("").Exec(context.Background(), "update banking.operation set state = 'PENDING', balance_minor = null, finished_at = null")
	require.ErrorContains(t, err, "a finished operation does not change")
}

// E11: what Go calls the states and kinds of an operation is what the database takes.
func TestE11_StatesAndKindsAreEnumerations(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t).Pool("")
	for constraint, want := range map[string][]string{
		"operation_state_known": {string(banking.Pending), string(banking.Completed), string(banking.Failed)},
		"operation_kind_known":  {string(banking.Deposit), string(banking.Withdrawal)},
	} {
		var values []string
		require.NoError(t, owner.QueryRow(t.Context(), `
			select array_agg(m[1] order by m[1]) from pg_constraint c, regexp_matches(pg_get_constraintdef(c.oid), '''([A-Za-z]+)''::text', 'g') m
			where conname = $1`, constraint).Scan(&values))
		require.ElementsMatch(t, want, values, constraint)
	}
}
