package ledger_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledger"
)

func TestOpenAgainChangesNothing(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := b.account(events.Current, "EUR")
	b.post(deposit(id, 5))
	require.NoError(t, in(b.db.Pool("quittance_api"), pgx.ReadCommitted, func(tx fn.Tx) error {
		return ledger.Open(context.Background(), tx, id, events.SimpleSavings, "USD")
	}))
	require.Equal(t, ledger.Account{ID: id, Product: events.Current, Currency: "EUR", Status: "open", BalanceMinor: 5, Seq: 1}, b.find(id))
}

func TestFindKnowsCustomersOnly(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	for _, id := range []string{uuid.NewString(), ledger.HouseAccount(ledger.Cash, "EUR")} {
		_, err := ledger.Find(context.Background(), b.pool, id)
		require.ErrorIs(t, err, ledger.ErrAccountNotFound)
		require.ErrorIs(t, in(b.owner, pgx.ReadCommitted, func(tx fn.Tx) error {
			_, _, err := ledger.Freeze(context.Background(), tx, id)
			return err
		}), ledger.ErrAccountNotFound)
	}
}

func TestFreezeAndClose(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	api, closureE := b.db.Pool("quittance_api"), b.db.Pool("quittance_closure_e")
	freeze := func(id string) (a ledger.Account, frozen bool) {
		require.NoError(t, in(api, pgx.ReadCommitted, func(tx fn.Tx) (err error) {
			a, frozen, err = ledger.Freeze(context.Background(), tx, id)
			return err
		}))
		return a, frozen
	}
	shut := func(id string) {
		require.NoError(t, in(closureE, pgx.ReadCommitted, func(tx fn.Tx) error { return ledger.Close(context.Background(), tx, id) }))
	}
	id := b.account(events.Current, "EUR")
	b.post(deposit(id, 5))

	a, frozen := freeze(id)
	require.False(t, frozen, "an account with money stays open")
	require.Equal(t, b.find(id), a)
	shut(id)
	require.Equal(t, "open", b.find(id).Status, "what is not closing is not closed")

	b.post(withdrawal(id, 5))
	a, frozen = freeze(id)
	require.True(t, frozen)
	require.Equal(t, "closing", a.Status)
	require.Equal(t, b.find(id), a)
	a, frozen = freeze(id)
	require.False(t, frozen, "one freezes it, once")
	require.Equal(t, "closing", a.Status)
	require.Equal(t, events.AccountIsClosing, b.post(deposit(id, 1))[0].Reason)

	shut(id)
	closedAt := b.rows(`select closed_at::text from ledger.account where id = $1`, id)
	shut(id)
	require.Equal(t, closedAt, b.rows(`select closed_at::text from ledger.account where id = $1`, id), "again changes nothing")
	require.Equal(t, events.AccountIsClosed, b.post(deposit(id, 1))[0].Reason)
	a, frozen = freeze(id)
	require.False(t, frozen)
	require.Equal(t, "closed", a.Status)
}

// TestFreezeAndDepositAtOnce: whichever comes first, the other sees it.
func TestFreezeAndDepositAtOnce(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	api := b.db.Pool("quittance_api")
	for range 20 {
		id := b.account(events.Current, "EUR")
		start, done := make(chan struct{}), make(chan ledger.Outcome)
		go func() {
			<-start
			for {
				outcomes, err := b.try(deposit(id, 5))
				if code(err) != "40001" {
					if err != nil {
						t.Error(err)
						outcomes = make([]ledger.Outcome, 1)
					}
					done <- outcomes[0]
					return
				}
			}
		}()
		close(start)
		var frozen bool
		require.NoError(t, in(api, pgx.ReadCommitted, func(tx fn.Tx) (err error) {
			_, frozen, err = ledger.Freeze(context.Background(), tx, id)
			return err
		}))
		outcome := <-done
		require.Equal(t, frozen, outcome.Status == ledger.Failed, "%+v", outcome)
		require.Equal(t, map[bool]ledger.Account{
			true:  {ID: id, Product: events.Current, Currency: "EUR", Status: "closing"},
			false: {ID: id, Product: events.Current, Currency: "EUR", Status: "open", BalanceMinor: 5, Seq: 1},
		}[frozen], b.find(id))
	}
}
