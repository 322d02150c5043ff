package query_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
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

// TestB21_ListsAreInPagesAndOfOneCustomer pages through accounts and balances.
func TestB21_ListsAreInPagesAndOfOneCustomer(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	writer, reader := db.Pool("quittance_query"), db.Pool("quittance_api")
	customer, other := uuid.NewString(), uuid.NewString()
	var all []query.Account
	for range 5 {
		all = append(all, opened(uuid.NewString(), customer), opened(uuid.NewString(), other))
	}
	require.NoError(t, query.Opened(ctx, writer, all))

	var seen []string
	for after := ""; ; {
		accounts, err := query.AccountsOf(ctx, reader, customer, after, 2)
		require.NoError(t, err)
		balances, err := query.BalancesOf(ctx, reader, customer, after, 2)
		require.NoError(t, err)
		require.Len(t, balances, len(accounts))
		if len(accounts) == 0 {
			break
		}
		for i, a := range accounts {
			require.Equal(t, customer, a.CustomerID)
			require.Equal(t, a.ID, balances[i].AccountID)
			seen, after = append(seen, a.ID), a.ID
		}
	}
	require.Len(t, seen, 5)
	require.IsIncreasing(t, seen)
}

func TestTransactionsArePagedByTheirPosition(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	writer, reader := db.Pool("quittance_query"), db.Pool("quittance_api")
	id := uuid.NewString()
	var postings []query.Transaction
	for seq := range int64(7) {
		postings = append(postings, query.OfDeposit(events.DepositCompleted{
			OperationID: uuid.NewString(), AccountID: id, AmountMinor: 5, Currency: "CHF", BalanceMinor: 5 * (seq + 1), AccountSeq: seq + 1}, noon))
	}
	require.NoError(t, query.Posted(ctx, writer, postings))
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

func TestRebuildWaitsForWritersAndKeepsWhatTheyWrite(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	writer, owner := db.Pool("quittance_query"), db.Pool("")
	id, customer := uuid.NewString(), uuid.NewString()
	_, err := owner.Exec(ctx, `insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id,
		causation_id, traceparent, broker, data, created_at)
		values ('1', '/functions/api', $1, $2, $2, '', '', '', 'money', json_build_object('account_id', $2::text,
			'customer_id', $3::text, 'product', 'current', 'currency', 'CHF'), $4)`,
		events.TypeAccountOpened, id, customer, noon)
	require.NoError(t, err)

	// A live transaction writes while the rebuild starts.
	tx, err := writer.Begin(ctx)
	require.NoError(t, err)
	require.NoError(t, query.Opened(ctx, tx, []query.Account{opened(id, customer)}))
	rebuilt := make(chan error, 1)
	go func() {
		_, err := query.Rebuild(ctx, writer)
		rebuilt <- err
	}()
	require.Eventually(t, func() bool { return waiting(t, db) }, 10*time.Second, time.Millisecond)
	require.NoError(t, tx.Commit(ctx))
	require.NoError(t, <-rebuilt)

	account, err := query.FindAccount(ctx, owner, id)
	require.NoError(t, err)
	require.Equal(t, opened(id, customer), account)
}

// waiting tells whether somebody waits for a lock on a projection.
func waiting(t *testing.T, db *pgtest.DB) bool {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), db.ConnString(""))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	var n int
	require.NoError(t, conn.QueryRow(context.Background(), `
		select count(*) from pg_locks l join pg_database d on d.oid = l.database
		where d.datname = current_database() and not l.granted`).Scan(&n))
	return n > 0
}

func TestRebuildRefusesAnArchiveItCannotRead(t *testing.T) {
	t.Parallel()
	ctx, db := context.Background(), pgtest.New(t)
	writer, owner := db.Pool("quittance_query"), db.Pool("")
	id := uuid.NewString()
	require.NoError(t, query.Opened(ctx, writer, []query.Account{opened(id, uuid.NewString())}))
	_, err := owner.Exec(ctx, `insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id,
		causation_id, traceparent, broker, data, created_at)
		values ('1', '/functions/api', $1, '', '', '', '', '', 'money', '{"account_id": 5}', $2)`, events.TypeAccountOpened, noon)
	require.NoError(t, err)
	_, err = query.Rebuild(ctx, writer)
	require.ErrorContains(t, err, "account.opened")
	_, err = query.FindAccount(ctx, owner, id)
	require.NoError(t, err, "a rebuild that fails leaves the old rows")
}

// TestB13_RebuildKnowsWhatTheFunctionHears: an event that is projected live is
// projected from the archive, too.
func TestB13_RebuildKnowsWhatTheFunctionHears(t *testing.T) {
	t.Parallel()
	var heard []events.Type
	for _, entry := range events.Catalogue() {
		if slices.Contains(entry.Hears, "query") {
			heard = append(heard, entry.Type)
		}
	}
	require.ElementsMatch(t, heard, query.Rebuilt())
}
