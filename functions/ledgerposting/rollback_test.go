package ledgerposting_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn/fntest"
)

// E07: what fails after the debit takes the debit with it. The balance is as it was
// and nothing is said; delivered again once the fault is gone, it is done once.
func TestE07_AFailureAfterTheDebitLeavesNothing(t *testing.T) {
	t.Parallel()
	door, owner := open(t)
	id := account(t, owner, events.Current)
	status, body := door.Post(t, fntest.Event(deposit(id, 46100)))
	require.Equal(t, http.StatusOK, status, body)
	exec := func(sql string) {
		t.Helper()
		_, err := owner.Exec(context.Background(), sql)
		require.NoError(t, err)
	}
	exec(`create function public.refuse() returns trigger language plpgsql as $$ begin raise 'the outbox is broken'; end $$`)
	exec(`create trigger refuse before insert on delivery.outbox for each row execute function public.refuse()`)
	e := fntest.Event(withdrawal(id, 10000))
	for range 3 {
		status, body = door.Post(t, e)
		require.Equal(t, http.StatusServiceUnavailable, status, body)
		require.Equal(t, int64(46100), one[int64](t, owner, `select balance_minor from ledger.account where id = $1`, id))
		require.Equal(t, 1, one[int](t, owner, `select count(*) from ledger.journal`), "the deposit's")
		require.Equal(t, 1, one[int](t, owner, `select count(*) from delivery.outbox`), "the deposit's")
		require.Equal(t, 0, one[int](t, owner, `select count(*) from delivery.idempotency where id = $1`, e.ID))
	}
	exec(`drop trigger refuse on delivery.outbox`)
	status, body = door.Post(t, e)
	require.Equal(t, http.StatusOK, status, body)
	require.Equal(t, int64(36100), one[int64](t, owner, `select balance_minor from ledger.account where id = $1`, id))
	require.Equal(t, 1, said(t, owner, events.TypeWithdrawalCompleted))
}
