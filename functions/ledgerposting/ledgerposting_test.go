package ledgerposting_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/ledgerposting"
	"quittance.dev/functions/pgtest"
)

const role = "quittance_ledger_posting"

func open(t *testing.T) (*fntest.Door, *pgxpool.Pool) {
	db := pgtest.New(t)
	return fntest.Open(t, ledgerposting.New(), db.Pool(role), fn.Options{}), db.Pool("")
}

func account(t *testing.T, owner *pgxpool.Pool, product events.Product) string {
	t.Helper()
	id := uuid.NewString()
	_, err := owner.Exec(context.Background(), `
		insert into ledger.account (id, kind, product, currency, balance_minor, floor_minor)
		values ($1, 'customer', $2, 'EUR', 0, 0)`, id, product)
	require.NoError(t, err)
	return id
}

func deposit(account string, minor int64) events.DepositRequested {
	return events.DepositRequested{OperationID: uuid.NewString(), AccountID: account, AmountMinor: minor, Currency: "EUR"}
}

func withdrawal(account string, minor int64) events.WithdrawalRequested {
	return events.WithdrawalRequested{OperationID: uuid.NewString(), AccountID: account, AmountMinor: minor, Currency: "EUR"}
}

func one[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) (value T) {
	t.Helper()
	require.NoError(t, pool.QueryRow(context.Background(), sql, args...).Scan(&value))
	return value
}

func said(t *testing.T, owner *pgxpool.Pool, eventType events.Type) int {
	t.Helper()
	return one[int](t, owner, `select count(*) from delivery.outbox where type = $1`, eventType)
}

func TestDepositThenWithdrawalOfEverythingClosesASimpleSavingsAccount(t *testing.T) {
	t.Parallel()
	door, owner := open(t)
	id := account(t, owner, events.SimpleSavings)

	status, body := door.Post(t, fntest.Event(deposit(id, 1000)))
	require.Equal(t, 200, status, body)
	require.Empty(t, body)
	status, body = door.Post(t, fntest.Event(withdrawal(id, 999)))
	require.Equal(t, 200, status, body)
	require.Equal(t, "open", one[string](t, owner, `select status from ledger.account where id = $1`, id), "A03: one minor unit left")
	status, body = door.Post(t, fntest.Event(withdrawal(id, 1)), "Prefer", "return=representation")
	require.Equal(t, 200, status, body)
	require.JSONEq(t, `true`, one[string](t, owner, `select data->>'closing' from delivery.outbox where data->>'balance_minor' = '0'`))
	require.Contains(t, body, `"balance_minor":0`)
	require.Equal(t, "closing", one[string](t, owner, `select status from ledger.account where id = $1`, id))

	_, _ = door.Post(t, fntest.Event(deposit(id, 5)))
	require.Equal(t, string(events.AccountIsClosing), one[string](t, owner, `select data->>'reason' from delivery.outbox where type = $1`, events.TypeDepositRejected))
	require.Equal(t, int64(0), one[int64](t, owner, `select sum(amount_minor)::bigint from ledger.entry`))
}

func TestF02_TwentyCopiesAtOncePostOnce(t *testing.T) {
	t.Parallel()
	door, owner := open(t)
	id := account(t, owner, events.Current)
	event := fntest.Event(deposit(id, 1000))
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			status, body := door.Post(t, event)
			require.Equal(t, 200, status, body)
		})
	}
	wg.Wait()
	require.Equal(t, int64(1000), one[int64](t, owner, `select balance_minor from ledger.account where id = $1`, id))
	require.Equal(t, 1, said(t, owner, events.TypeDepositCompleted))
}

func TestB05_TheSameCommandUnderManyEventIDsPostsOnce(t *testing.T) {
	t.Parallel()
	door, owner := open(t)
	id := account(t, owner, events.Current)
	command := deposit(id, 700)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			status, body := door.Post(t, fntest.Event(command))
			require.Equal(t, 200, status, body)
		})
	}
	wg.Wait()
	require.Equal(t, int64(700), one[int64](t, owner, `select balance_minor from ledger.account where id = $1`, id))
	require.Equal(t, 1, one[int](t, owner, `select count(*) from ledger.journal`))
}

func TestE06_FiftyWithdrawalsOfTwentyFromFourHundredSixtyOne(t *testing.T) {
	t.Parallel()
	door, owner := open(t)
	id := account(t, owner, events.Current)
	door.Post(t, fntest.Event(deposit(id, 46100)))
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() { door.Post(t, fntest.Event(withdrawal(id, 2000))) })
	}
	wg.Wait()
	require.Equal(t, 23, said(t, owner, events.TypeWithdrawalCompleted))
	require.Equal(t, 27, said(t, owner, events.TypeWithdrawalRejected))
	require.Equal(t, int64(100), one[int64](t, owner, `select balance_minor from ledger.account where id = $1`, id))
}

func TestF32_MoneyForAClosingAccountGoesToSuspenseWithACase(t *testing.T) {
	t.Parallel()
	door, owner := open(t)
	id := account(t, owner, events.SimpleSavings)
	door.Post(t, fntest.Event(deposit(id, 100)))
	door.Post(t, fntest.Event(withdrawal(id, 100)))
	paid := events.InvoicePaid{InvoiceID: uuid.NewString(), PaymentID: uuid.NewString(), AccountID: id, AmountMinor: 5000, Currency: "EUR"}
	for range 3 { // under three event ids
		status, body := door.Post(t, fntest.Event(paid))
		require.Equal(t, 200, status, body)
	}
	require.Equal(t, 1, one[int](t, owner, `select count(*) from ledger.suspense_case where account_id = $1 and amount_minor = 5000 and status = 'open'`, id))
	require.Equal(t, int64(0), one[int64](t, owner, `select balance_minor from ledger.account where id = $1`, id))
	require.Equal(t, int64(0), one[int64](t, owner, `select sum(amount_minor)::bigint from ledger.entry`))
}
