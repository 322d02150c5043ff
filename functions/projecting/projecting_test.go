package projecting_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sync/errgroup"
	"pgregory.net/rapid"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/projecting"
	"quittance.dev/functions/query"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const role = "quittance_query"

func TestTheFunctionIsWhatTheCatalogueSays(t *testing.T) {
	t.Parallel()
	var hears []events.Type
	for _, entry := range events.Catalogue() {
		for _, consumer := range entry.Hears {
			if consumer == projecting.Name {
				hears = append(hears, entry.Type)
			}
		}
	}
	require.ElementsMatch(t, hears, projecting.New().Hears())
}

// life is the story of one account, in the order in which it happened, and
// what the projections must show in the end.
type life struct {
	said     []fn.Envelope
	account  query.Account
	balance  query.Balance
	postings []query.Transaction
}

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func (l *life) say(d events.Data) time.Time {
	e := fntest.Event(d)
	e.Time = start.Add(time.Duration(len(l.said)) * time.Second)
	l.said = append(l.said, e)
	return e.Time
}

// live draws the story of an account.
func live(t *rapid.T, customer string) *life {
	id := uuid.NewString()
	l := &life{
		account: query.Account{ID: id, CustomerID: customer, Product: events.Current, Currency: "EUR", Status: query.StatusOpen},
		balance: query.Balance{AccountID: id, Currency: "EUR"},
	}
	l.account.OpenedAt = l.say(events.AccountOpened{AccountID: id, CustomerID: customer, Product: events.Current, Currency: "EUR"})
	for range rapid.IntRange(0, 5).Draw(t, "postings") {
		l.post(query.Kind(rapid.SampledFrom([]string{"deposit", "withdrawal", "invoice"}).Draw(t, "kind")))
	}
	closing := rapid.IntRange(0, 2).Draw(t, "closing")
	if closing > 0 {
		l.say(events.ClosureStarted{ClosureID: uuid.NewString(), AccountID: id})
		l.account.Status = query.StatusClosing
	}
	if closing > 1 {
		l.account.ClosedAt = l.say(events.AccountClosed{AccountID: id, ClosureID: uuid.NewString()})
		l.account.Status = query.StatusClosed
	}
	return l
}

func (l *life) post(kind query.Kind) {
	if kind == query.Withdrawal && l.balance.BalanceMinor < 30 {
		kind = query.Deposit
	}
	b := &l.balance
	b.AccountSeq++
	p := query.Transaction{AccountID: b.AccountID, AccountSeq: b.AccountSeq, Kind: kind, Reference: uuid.NewString(), AmountMinor: 100, Currency: "EUR"}
	if kind == query.Withdrawal {
		p.AmountMinor = -30
	}
	b.BalanceMinor += p.AmountMinor
	p.BalanceMinor = b.BalanceMinor
	switch kind {
	case query.Deposit:
		p.OccurredAt = l.say(events.DepositCompleted{OperationID: p.Reference, AccountID: p.AccountID, AmountMinor: 100, Currency: "EUR", BalanceMinor: b.BalanceMinor, AccountSeq: b.AccountSeq})
	case query.Withdrawal:
		p.OccurredAt = l.say(events.WithdrawalCompleted{OperationID: p.Reference, AccountID: p.AccountID, AmountMinor: 30, Currency: "EUR", BalanceMinor: b.BalanceMinor, AccountSeq: b.AccountSeq})
	case query.Invoice:
		p.OccurredAt = l.say(events.InvoiceCredited{InvoiceID: p.Reference, PaymentID: uuid.NewString(), AccountID: p.AccountID, AmountMinor: 100, Currency: "EUR", BalanceMinor: b.BalanceMinor, AccountSeq: b.AccountSeq})
	}
	l.postings = append(l.postings, p)
}

// TestB13_B14_AnyOrderAndAnyNumberOfCopiesGiveTheSameRows delivers whole lives
// of accounts shuffled, with copies, several at a time; the rows must be those
// of the lives in order. Then everything is made again from the archive, and
// must be the same.
func TestB13_B14_AnyOrderAndAnyNumberOfCopiesGiveTheSameRows(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	door := fntest.Open(t, projecting.New(), db.Pool(role), fn.Options{})
	owner, reader := db.Pool(""), db.Pool("quittance_api")
	rapid.Check(t, func(rt *rapid.T) {
		customer := uuid.NewString()
		var lives []*life
		var deliveries []fn.Envelope
		for range rapid.IntRange(1, 3).Draw(rt, "accounts") {
			l := live(rt, customer)
			lives = append(lives, l)
			for _, e := range l.said {
				for range rapid.IntRange(1, 3).Draw(rt, "copies") {
					deliveries = append(deliveries, e)
				}
			}
			archive(t, owner, l.said)
		}
		deliver(t, door, rapid.Permutation(deliveries).Draw(rt, "order"), rapid.SampledFrom([]int{1, 4}).Draw(rt, "at once"))
		for _, l := range lives {
			l.requireIn(rt, reader)
		}
	})
	live := dump(t, owner)
	conn, err := pgx.Connect(context.Background(), db.ConnString(""))
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	done, err := query.Rebuild(context.Background(), conn)
	require.NoError(t, err)
	require.Positive(t, done.Events)
	require.Zero(t, done.Added+done.Removed, "nothing to mend")
	require.Equal(t, live, dump(t, owner))
}

// deliver posts the events, so many at once. A conflict is what the broker
// answers to by delivering again.
func deliver(t *testing.T, door *fntest.Door, deliveries []fn.Envelope, atOnce int) {
	t.Helper()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, e := range deliveries {
		group.Go(func() error {
			for {
				r, err := e.Request(context.Background(), door.URL)
				if err != nil {
					return err
				}
				response, err := http.DefaultClient.Do(r)
				if err != nil {
					return err
				}
				_ = response.Body.Close()
				switch response.StatusCode {
				case http.StatusOK:
					return nil
				case http.StatusConflict:
				default:
					return fmt.Errorf("%s: %s", e.Type, response.Status)
				}
			}
		})
	}
	require.NoError(t, group.Wait())
}

func (l *life) requireIn(t require.TestingT, reader *pgxpool.Pool) {
	ctx := context.Background()
	account, err := query.FindAccount(ctx, reader, l.account.ID)
	require.NoError(t, err)
	require.Equal(t, l.account, account)
	balance, err := query.FindBalance(ctx, reader, l.account.ID)
	require.NoError(t, err)
	require.Equal(t, l.balance, balance)
	postings, err := query.TransactionsOf(ctx, reader, l.account.ID, 0, 100)
	require.NoError(t, err)
	require.ElementsMatch(t, l.postings, postings)
	for i, p := range postings {
		require.EqualValues(t, i+1, p.AccountSeq)
	}
}

// archive puts events where the functions that say them put them.
func archive(t *testing.T, owner *pgxpool.Pool, said []fn.Envelope) {
	t.Helper()
	batch := &pgx.Batch{}
	for _, e := range said {
		batch.Queue(`insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id,
			causation_id, traceparent, broker, data, created_at) values ($1, $2, $3, $4, $5, $6, '', '', 'money', $7, $8)`,
			e.ID, e.Source, e.Type, e.Subject, e.PartitionKey, e.CorrelationID, string(e.Data), e.Time)
	}
	require.NoError(t, owner.SendBatch(context.Background(), batch).Close())
}

// dump is every row of the projections, as text.
func dump(t *testing.T, owner *pgxpool.Pool) []string {
	t.Helper()
	rows, err := owner.Query(context.Background(), `
		select 'account ' || row_to_json(a) from query.account_projection a
		union all select 'balance ' || row_to_json(b) from query.balance b
		union all select 'transaction ' || row_to_json(x) from query.transaction x
		union all select 'line ' || (to_jsonb(l) - 'xid')::text from query.report_line l
		order by 1`)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return lines
}
