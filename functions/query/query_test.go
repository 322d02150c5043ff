package query_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/query"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func opened(id, customer string) query.Account {
	return query.OfOpening(events.AccountOpened{AccountID: id, CustomerID: customer, Product: events.Current, Currency: "CHF"}, noon)
}

func TestAnAccountHeardOfBeforeItsOpeningIsNobodysYet(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	writer, reader := db.Pool("quittance_query"), db.Pool("quittance_api")
	id, customer := uuid.NewString(), uuid.NewString()

	require.NoError(t, query.Closing(ctx, writer, []string{id}))
	_, err := query.FindAccount(ctx, reader, id)
	require.ErrorIs(t, err, query.ErrNotFound)
	_, err = query.FindBalance(ctx, reader, id)
	require.ErrorIs(t, err, query.ErrNotFound)

	require.NoError(t, query.Opened(ctx, writer, []query.Account{opened(id, customer)}))
	account, err := query.FindAccount(ctx, reader, id)
	require.NoError(t, err)
	require.Equal(t, query.StatusClosing, account.Status)
	require.Equal(t, "closing", account.Version())
	balance, err := query.FindBalance(ctx, reader, id)
	require.NoError(t, err)
	require.Equal(t, query.Balance{AccountID: id, Currency: "CHF"}, balance)
	require.Equal(t, "0", balance.Version())
}

func TestTransactionsArePagedByTheirPosition(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	writer, reader := db.Pool("quittance_query"), db.Pool("quittance_api")
	id := uuid.NewString()
	var movements []query.Movement
	var postings []query.Transaction
	for seq := range int64(7) {
		m, ok := query.Of(events.DepositCompleted{
			OperationID: uuid.NewString(), AccountID: id, AmountMinor: 5, Currency: "CHF", BalanceMinor: 5 * (seq + 1), AccountSeq: seq + 1}, noon)
		require.True(t, ok)
		movements, postings = append(movements, m), append(postings, m.Postings...)
	}
	require.NoError(t, query.Moved(ctx, writer, movements))
	first, err := query.TransactionsOf(ctx, reader, id, 0, 4)
	require.NoError(t, err)
	rest, err := query.TransactionsOf(ctx, reader, id, first[3].AccountSeq, 4)
	require.NoError(t, err)
	require.Equal(t, postings, append(first, rest...))
}

// TestB13_OnlyTheQueryFunctionWrites: readers have no grant to.
func TestB13_OnlyTheQueryFunctionWrites(t *testing.T) {
	t.Parallel()
	reader := pgtest.New(t).Pool("quittance_api")
	err := query.Closing(context.Background(), reader, []string{uuid.NewString()})
	require.ErrorContains(t, err, "permission denied")
}
