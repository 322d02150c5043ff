package ledgerposting_test

import (
	"context"
	"io"
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
	"quittance.dev/functions/ledgerposting"
	"quittance.dev/functions/pgtest"
)

// replicas are n processes of the function on one database, as far as the
// database can tell.
func replicas(t *testing.T, n int) ([]*fntest.Door, *pgxpool.Pool) {
	t.Helper()
	db := pgtest.New(t)
	doors := make([]*fntest.Door, n)
	for i := range doors {
		doors[i] = fntest.Open(t, ledgerposting.New(), db.Pool(role), fn.Options{})
	}
	return doors, db.Pool("")
}

// deliver posts e once and returns the status; 0 when there was no answer.
func deliver(door *fntest.Door, e fn.Envelope) int {
	request, err := fntest.Signed(e).Request(context.Background(), door.URL)
	if err != nil {
		return 0
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body) // so that the connection can be used again
	return response.StatusCode
}

// settle delivers e as a broker does, until it is taken.
func settle(t *testing.T, door *fntest.Door, e fn.Envelope) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		status := deliver(door, e)
		if status == http.StatusOK {
			return
		}
		if status != http.StatusServiceUnavailable && status != http.StatusConflict || time.Now().After(deadline) {
			t.Errorf("%s of %s: %d", e.Type, e.Subject, status)
			return
		}
	}
}

func column(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) []string {
	t.Helper()
	return one[[]string](t, pool, `select coalesce(array_agg(c order by c), '{}') from (`+sql+`) t(c)`, args...)
}

// TestB08_PostingIsSerializable asks Postgres, from within the transactions that
// post, at which level they run.
func TestB08_PostingIsSerializable(t *testing.T) {
	t.Parallel()
	door, owner := open(t)
	_, err := owner.Exec(context.Background(), `
		create table public.seen (level text);
		create function public.look() returns trigger language plpgsql security definer as
			'begin insert into public.seen values (current_setting(''transaction_isolation'')); return null; end';
		create trigger look after insert on ledger.journal for each statement execute function public.look()`)
	require.NoError(t, err)
	id := account(t, owner, events.Current)
	for _, e := range []fn.Envelope{
		fntest.Event(deposit(id, 100)), fntest.Event(withdrawal(id, 60)), fntest.Event(withdrawal(id, 60)),
		fntest.Event(events.InvoicePaid{InvoiceID: uuid.NewString(), PaymentID: uuid.NewString(), AccountID: id, AmountMinor: 1, Currency: "EUR"}),
	} {
		settle(t, door, e)
	}
	require.Equal(t, []string{"serializable", "serializable", "serializable", "serializable"}, column(t, owner, `select level from public.seen`))
}

// TestB08_TwoWithdrawalsOfSixtyFromAHundred reach two replicas at the same
// moment: one goes through, the other is refused for what the customer has, and
// what Postgres asks to be tried again is never taken for a refusal.
func TestB08_TwoWithdrawalsOfSixtyFromAHundred(t *testing.T) {
	t.Parallel()
	doors, owner := replicas(t, 2)
	for range 15 {
		id := account(t, owner, events.Current)
		settle(t, doors[0], fntest.Event(deposit(id, 100)))
		gate := make(chan struct{})
		var wg sync.WaitGroup
		for _, door := range doors {
			e := fntest.Event(withdrawal(id, 60))
			wg.Go(func() {
				<-gate
				settle(t, door, e)
			})
		}
		close(gate)
		wg.Wait()
		require.Equal(t, []string{
			string(events.TypeWithdrawalCompleted) + " 40 ", string(events.TypeWithdrawalRejected) + "  Insufficient funds",
		}, column(t, owner, `
			select concat_ws(' ', type, coalesce(data->>'balance_minor', ''), coalesce(data->>'reason', ''))
			from delivery.outbox where data->>'account_id' = $1 and type like '%withdrawal%'`, id))
		require.EqualValues(t, 40, one[int64](t, owner, `select balance_minor from ledger.account where id = $1`, id))
	}
}

// TestCrossedTrafficOnTwoReplicasLosesNothing sends every kind of event for the
// same few accounts to two replicas, each event to both.
func TestCrossedTrafficOnTwoReplicasLosesNothing(t *testing.T) {
	t.Parallel()
	doors, owner := replicas(t, 2)
	ids := make([]string, 4)
	for i := range ids {
		ids[i] = account(t, owner, events.Current)
		settle(t, doors[0], fntest.Event(deposit(ids[i], 1000)))
	}
	var wg sync.WaitGroup
	for n := range 60 {
		id := ids[n%len(ids)]
		e := fntest.Event([]events.Data{
			deposit(id, 7), withdrawal(id, 5),
			events.InvoicePaid{InvoiceID: uuid.NewString(), PaymentID: uuid.NewString(), AccountID: id, AmountMinor: 3, Currency: "EUR"},
		}[n%3])
		for i := range doors {
			wg.Go(func() { settle(t, doors[(n+i)%2], e) })
		}
	}
	wg.Wait()
	require.Equal(t, []string{"1025", "1025", "1025", "1025"}, column(t, owner, `select balance_minor::text from ledger.account where kind = 'customer'`))
	require.Equal(t, 64, one[int](t, owner, `select count(*) from ledger.journal where status = 'posted'`))
	require.Equal(t, 64, one[int](t, owner, `select count(*) from delivery.outbox`))
	require.Equal(t, 64, one[int](t, owner, `select count(*) from delivery.idempotency where state = 'done'`))
}

// TestB05_OneKeyOnTwoReplicas: the same command under many event ids, for an
// account that nobody can lock because it is not there.
func TestB05_OneKeyOnTwoReplicas(t *testing.T) {
	t.Parallel()
	doors, owner := replicas(t, 2)
	command := deposit(uuid.NewString(), 5)
	var wg sync.WaitGroup
	for n := range 20 {
		e := fntest.Event(command)
		wg.Go(func() { settle(t, doors[n%2], e) })
	}
	wg.Wait()
	require.Equal(t, []string{"failed Account not found"}, column(t, owner, `select status || ' ' || reason from ledger.journal`))
	require.Equal(t, 20, said(t, owner, events.TypeDepositRejected), "who asks again is told again")
}

// TestAnOperationIsADepositOrAWithdrawal: an id that comes as both is nobody's
// business but a person's, also when both come in one transaction.
func TestAnOperationIsADepositOrAWithdrawal(t *testing.T) {
	t.Parallel()
	door, owner := open(t)
	id := account(t, owner, events.Current)
	settle(t, door, fntest.Event(deposit(id, 100)))
	for range 5 {
		in := deposit(id, 5)
		out := events.WithdrawalRequested(in)
		statuses := make([]int, 2)
		var wg sync.WaitGroup
		for i, e := range []fn.Envelope{fntest.Event(in), fntest.Event(out)} {
			wg.Go(func() { statuses[i] = deliver(door, e) })
		}
		wg.Wait()
		require.ElementsMatch(t, []int{http.StatusOK, http.StatusUnprocessableEntity}, statuses)
		require.Equal(t, 1, one[int](t, owner, `select count(*) from delivery.outbox where subject = $1`, in.OperationID))
	}
	require.Equal(t, []string{id + " 0"}, column(t, owner, `
		select account_id || ' ' || sum(amount_minor) + max(balance_minor) from ledger.entry e join ledger.account a on a.id = account_id
		where a.kind = 'customer' group by account_id`), "the balance is what its entries say")
}
