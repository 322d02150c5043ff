package operations_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"quittance.dev/events"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/operations"
	"quittance.dev/functions/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const role = "quittance_banking"

func TestTheFunctionIsWhatTheCatalogueSays(t *testing.T) {
	t.Parallel()
	var hears []events.Type
	for _, entry := range events.Catalogue() {
		for _, consumer := range entry.Hears {
			if consumer == operations.Name {
				hears = append(hears, entry.Type)
			}
		}
	}
	require.ElementsMatch(t, hears, operations.New(banking.Book{}).Hears())
}

func request(t *testing.T, db *pgtest.DB, op banking.Operation) {
	t.Helper()
	host := fn.NewHost(fn.Function{Name: "api"}, db.Pool("quittance_api"), fn.Options{})
	defer host.Close()
	_, err := host.Transact(context.Background(), op.ID, op.ID, func(ctx context.Context, tx fn.Tx) ([]events.Data, error) {
		_, err := banking.Request(ctx, tx, op)
		return nil, err
	})
	require.NoError(t, err)
}

// TestB15_B19_B20_EveryOutcomeEndsInItsState delivers one of each outcome, of
// operations that were requested and of ones that were not.
func TestB15_B19_B20_EveryOutcomeEndsInItsState(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	door := fntest.Open(t, operations.New(banking.Book{}), db.Pool(role), fn.Options{})
	id, account := uuid.NewString(), uuid.NewString()
	for name, c := range map[string]struct {
		heard events.Data
		want  banking.Operation
	}{
		"deposit completed": {
			events.DepositCompleted{OperationID: id, AccountID: account, AmountMinor: 100, Currency: "EUR", BalanceMinor: 100, AccountSeq: 1},
			banking.Operation{Kind: banking.Deposit, State: banking.Completed, BalanceMinor: 100}},
		"deposit rejected": {
			events.DepositRejected{OperationID: id, AccountID: account, AmountMinor: 100, Currency: "EUR", Reason: events.OneDepositOnly},
			banking.Operation{Kind: banking.Deposit, State: banking.Failed, Reason: events.OneDepositOnly}},
		"withdrawal completed": {
			events.WithdrawalCompleted{OperationID: id, AccountID: account, AmountMinor: 100, Currency: "EUR", BalanceMinor: 0, AccountSeq: 2, Closing: true},
			banking.Operation{Kind: banking.Withdrawal, State: banking.Completed}},
		"withdrawal rejected": {
			events.WithdrawalRejected{OperationID: id, AccountID: account, AmountMinor: 100, Currency: "EUR", Reason: events.InsufficientFunds},
			banking.Operation{Kind: banking.Withdrawal, State: banking.Failed, Reason: events.InsufficientFunds}},
	} {
		for _, requested := range []bool{true, false} {
			db := pgtest.New(t)
			door := fntest.Open(t, operations.New(banking.Book{}), db.Pool(role), fn.Options{})
			want := c.want
			want.ID, want.AccountID, want.AmountMinor, want.Currency = id, account, 100, "EUR"
			if requested {
				request(t, db, want)
			}
			status, body := door.Post(t, fntest.Event(c.heard))
			require.Equal(t, http.StatusOK, status, "%s: %s", name, body)
			got, err := banking.Find(context.Background(), db.Pool(role), id)
			require.NoError(t, err, name)
			want.RequestedAt, want.FinishedAt = got.RequestedAt, got.FinishedAt
			require.Equal(t, want, got, "%s, requested %t", name, requested)
			require.Empty(t, said(t, db.Pool("")))
		}
	}
	status, _ := door.Post(t, fntest.Event(events.DepositRequested{OperationID: id, AccountID: account, AmountMinor: 1, Currency: "EUR"}))
	require.Equal(t, http.StatusBadRequest, status, "what it does not hear")
}

// TestAnOutcomeThatContradictsIsForAPerson: 422 makes a dead letter.
func TestAnOutcomeThatContradictsIsForAPerson(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	door := fntest.Open(t, operations.New(banking.Book{}), db.Pool(role), fn.Options{})
	id, account := uuid.NewString(), uuid.NewString()
	completed := events.WithdrawalCompleted{OperationID: id, AccountID: account, AmountMinor: 100, Currency: "EUR", AccountSeq: 2}
	status, _ := door.Post(t, fntest.Event(completed))
	require.Equal(t, http.StatusOK, status)

	status, reason := door.Post(t, fntest.Event(events.WithdrawalRejected{OperationID: id, AccountID: account, AmountMinor: 100, Currency: "EUR", Reason: events.InsufficientFunds}))
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, reason, id)
	elsewhere := completed
	elsewhere.AccountID = uuid.NewString()
	status, _ = door.Post(t, fntest.Event(elsewhere))
	require.Equal(t, http.StatusUnprocessableEntity, status, "somebody else's account under a known operation id")

	got, err := banking.Find(context.Background(), db.Pool(role), id)
	require.NoError(t, err)
	require.Equal(t, banking.Completed, got.State)
	require.Equal(t, account, got.AccountID)
}

// TestB21_AccountsMoveForwardInAnyOrder delivers openings and closings
// shuffled, with copies under ids of their own.
func TestB21_AccountsMoveForwardInAnyOrder(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	door := fntest.Open(t, operations.New(banking.Book{}), db.Pool(role), fn.Options{})
	owner := db.Pool("")
	rapid.Check(t, func(rt *rapid.T) {
		id, customer := uuid.NewString(), uuid.NewString()
		heard := []events.Data{events.AccountOpened{AccountID: id, CustomerID: customer, Product: events.SimpleSavings, Currency: "CHF"}}
		status := "open"
		if rapid.Bool().Draw(rt, "closed") {
			heard, status = append(heard, events.AccountClosed{AccountID: id, ClosureID: uuid.NewString()}), "closed"
		}
		heard = append(heard, heard...)
		for _, d := range rapid.Permutation(heard).Draw(rt, "order") {
			code, body := door.Post(t, fntest.Event(d))
			require.Equal(rt, http.StatusOK, code, body)
		}
		var got [3]string
		require.NoError(rt, owner.QueryRow(context.Background(), `
			select customer_id::text, currency, status from banking.account_projection where account_id = $1`, id).Scan(&got[0], &got[1], &got[2]))
		require.Equal(rt, [3]string{customer, "CHF", status}, got)
	})
}

func said(t *testing.T, owner *pgxpool.Pool) []string {
	t.Helper()
	rows, err := owner.Query(context.Background(), "select type from delivery.outbox")
	require.NoError(t, err)
	defer rows.Close()
	var types []string
	for rows.Next() {
		var eventType string
		require.NoError(t, rows.Scan(&eventType))
		types = append(types, eventType)
	}
	require.NoError(t, rows.Err())
	return types
}

// E04, E05, E10: the outcome of an operation is one line in the log: a warning with
// its reason if it failed.
func TestE04_E05_OutcomesAreLogged(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	door := fntest.Open(t, operations.New(banking.Book{}), pgtest.New(t).Pool(role), fn.Options{Logger: slog.New(slog.NewJSONHandler(&log, nil))})
	account, good, bad := uuid.NewString(), uuid.NewString(), uuid.NewString()
	for _, d := range []events.Data{
		events.WithdrawalCompleted{OperationID: good, AccountID: account, AmountMinor: 10000, Currency: "EUR", BalanceMinor: 89600, AccountSeq: 2},
		events.WithdrawalRejected{OperationID: bad, AccountID: account, AmountMinor: 99999, Currency: "EUR", Reason: events.InsufficientFunds},
	} {
		status, body := door.Post(t, fntest.Event(d))
		require.Equal(t, http.StatusOK, status, body)
	}
	door.Host.Close()
	lines := map[string]string{}
	for line := range strings.Lines(log.String()) {
		for _, id := range []string{good, bad} {
			if strings.Contains(line, `"operation_id":"`+id) {
				lines[id] += line
			}
		}
	}
	require.Equal(t, 1, strings.Count(lines[good], "\n"))
	require.Contains(t, lines[good], `"level":"INFO","msg":"operation completed"`)
	require.Contains(t, lines[good], `"operation":"withdrawal"`)
	require.Equal(t, 1, strings.Count(lines[bad], "\n"))
	require.Contains(t, lines[bad], `"level":"WARN","msg":"operation failed"`)
	require.Contains(t, lines[bad], `"status":"FAILED","reason":"Insufficient funds"`)
}
