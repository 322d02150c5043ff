package ledgerposting_test

import (
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn/fntest"
)

func transfer(from, to string, minor int64) events.TransferRequested {
	return events.TransferRequested{TransactionID: uuid.NewString(), SrcAccountID: from, DstAccountID: to,
		Direction: events.Debit, AmountMinor: minor, Currency: "EUR"}
}

func total(t *testing.T, owner *pgxpool.Pool) int64 {
	t.Helper()
	return one[int64](t, owner, `select sum(balance_minor)::bigint from ledger.account where kind = 'customer'`)
}

// C01: both sides of a transfer are told, whichever field names the account that
// is debited.
func TestC01_BothSidesOfATransferAreTold(t *testing.T) {
	t.Parallel()
	door, owner := open(t)
	a, b := account(t, owner, events.Current), account(t, owner, events.SimpleSavings)
	door.Post(t, fntest.Event(deposit(a, 1000)))
	for _, c := range []struct {
		direction events.Direction
		minor     int64
		want      string
	}{
		{events.Debit, 300, `"src_balance_minor":700,"src_account_seq":2,"dst_balance_minor":300,"dst_account_seq":1,"closing":false`},
		{events.Credit, 301, `"reason":"Insufficient funds"`},
		{events.Credit, 300, `"src_balance_minor":1000,"src_account_seq":3,"dst_balance_minor":0,"dst_account_seq":2,"closing":true`},
		{events.Debit, 1, `"reason":"Account is closing"`},
	} {
		asked := transfer(a, b, c.minor)
		asked.Direction = c.direction
		status, body := door.Post(t, fntest.Event(asked), "Prefer", "return=representation")
		require.Equal(t, 200, status, body)
		require.Contains(t, body, c.want)
		again, repeated := door.Post(t, fntest.Event(asked), "Prefer", "return=representation") // under another event id
		require.Equal(t, 200, again)
		require.Equal(t, body, repeated, "what was decided once is said again")
	}
	require.Equal(t, int64(0), one[int64](t, owner, `select sum(amount_minor)::bigint from ledger.entry`))
	require.Equal(t, 2, one[int](t, owner, `select count(*) from ledger.journal where kind = 'transfer' and status = 'failed'`))
}

// C11: the bank's own account is the other side, and keeps no balance.
func TestC11_TheBankGivesAndTakes(t *testing.T) {
	t.Parallel()
	door, owner := open(t)
	id := account(t, owner, events.Current)
	for _, c := range []struct {
		direction events.Direction
		minor     int64
		want      string
	}{
		{events.Credit, 500, `"balance_minor":500,"account_seq":1`}, {events.Debit, 501, `"reason":"Insufficient funds"`}, {events.Debit, 500, `"balance_minor":0,"account_seq":2`},
	} {
		status, body := door.Post(t, fntest.Event(events.BankTransactionRequested{TransactionID: uuid.NewString(), DstAccountID: id,
			Direction: c.direction, AmountMinor: c.minor, Currency: "EUR"}), "Prefer", "return=representation")
		require.Equal(t, 200, status, body)
		require.Contains(t, body, c.want)
	}
	require.Equal(t, int64(0), one[int64](t, owner, `
		select sum(e.amount_minor)::bigint from ledger.entry e join ledger.account a on a.id = e.account_id where a.kind = 'treasury' and a.currency = 'EUR'`))
}

// F14: transfers that cross, whose accounts are in different lanes and whose
// requests come to two processes: nobody waits in a circle, nothing is lost, no
// balance was ever below zero.
func TestF14_CrossedTransfers(t *testing.T) {
	t.Parallel()
	doors, owner := replicas(t, 2)
	ids := make([]string, 6)
	for i := range ids {
		ids[i] = account(t, owner, events.Current)
		settle(t, doors[0], fntest.Event(deposit(ids[i], 100)))
	}
	var wg sync.WaitGroup
	for worker := range 12 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(7, uint64(worker)))
			for range 12 {
				pair := random.Perm(len(ids))
				settle(t, doors[worker%2], fntest.Event(transfer(ids[pair[0]], ids[pair[1]], 1+random.Int64N(60))))
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 600, total(t, owner))
	require.Equal(t, 144, one[int](t, owner, `select count(*) from ledger.journal where kind = 'transfer'`))
	require.Equal(t, 144, said(t, owner, events.TypeTransferCompleted)+said(t, owner, events.TypeTransferRejected))
	require.NotZero(t, said(t, owner, events.TypeTransferRejected), "somebody had not enough")
	require.Equal(t, []string{string(events.InsufficientFunds)}, column(t, owner, `select distinct data->>'reason' from delivery.outbox where type like '%.rejected.v1'`), "and nothing else was a reason")
	require.GreaterOrEqual(t, one[int64](t, owner, `select min(balance_after_minor) from ledger.entry where account_seq is not null`), int64(0))
	require.Zero(t, one[int](t, owner, `
		select count(*) from ledger.account a where kind = 'customer' and balance_minor <> (select -sum(amount_minor) from ledger.entry e where e.account_id = a.id)`))
}

// B05: the same command a hundred times at once, at two processes, under many
// event ids.
func TestB05_TheSameTransferUnderManyEventIDsPostsOnce(t *testing.T) {
	t.Parallel()
	doors, owner := replicas(t, 2)
	a, b := account(t, owner, events.Current), account(t, owner, events.Current)
	settle(t, doors[0], fntest.Event(deposit(a, 1000)))
	command := transfer(a, b, 700)
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { settle(t, doors[i%2], fntest.Event(command)) })
	}
	wg.Wait()
	require.Equal(t, "300 700", strings.Join(column(t, owner, `select balance_minor::text from ledger.account where kind = 'customer' order by balance_minor`), " "))
	require.Equal(t, 1, one[int](t, owner, `select count(*) from ledger.journal where kind = 'transfer'`))
}
