package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledger"
	"quittance.dev/functions/pgtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// book is a ledger of a test's own, seen by who posts and by who owns it.
type book struct {
	testing.TB
	db    *pgtest.DB
	pool  *pgxpool.Pool // as ledger-posting
	owner *pgxpool.Pool
}

func newBook(t testing.TB) *book {
	db := pgtest.New(t)
	return &book{TB: t, db: db, pool: db.Pool("quittance_ledger_posting"), owner: db.Pool("")}
}

// account opens a customer's account as the api does.
func (b *book) account(product events.Product, currency money.Currency) string {
	b.Helper()
	id := uuid.NewString()
	require.NoError(b, in(b.db.Pool("quittance_api"), pgx.ReadCommitted, func(tx fn.Tx) error {
		return ledger.Open(context.Background(), tx, id, product, currency)
	}))
	return id
}

// post posts as the kernel does, which must succeed: all in one transaction, and
// if that fails one by one.
func (b *book) post(postings ...ledger.Posting) []ledger.Outcome {
	b.Helper()
	outcomes, err := b.try(postings...)
	if err == nil {
		return outcomes
	}
	outcomes = nil
	for _, p := range postings {
		alone, err := b.try(p)
		require.NoError(b, err)
		outcomes = append(outcomes, alone...)
	}
	return outcomes
}

// try posts in one transaction.
func (b *book) try(postings ...ledger.Posting) ([]ledger.Outcome, error) {
	return post(b.pool, postings...)
}

func post(pool *pgxpool.Pool, postings ...ledger.Posting) (outcomes []ledger.Outcome, err error) {
	err = in(pool, pgx.Serializable, func(tx fn.Tx) error {
		outcomes, err = ledger.Post(context.Background(), tx, postings)
		return err
	})
	return outcomes, err
}

// in runs work in a transaction like the kernel's.
func in(pool *pgxpool.Pool, level pgx.TxIsoLevel, work func(fn.Tx) error) error {
	ctx := context.Background()
	return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: level}, func(tx pgx.Tx) error {
		open := fn.NewTx(tx, time.Now())
		if err := work(open); err != nil {
			return err
		}
		return tx.SendBatch(ctx, open.Last()).Close()
	})
}

func code(err error) string {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return pgErr.Code
	}
	return ""
}

// rows reads one line of text per row.
func (b *book) rows(sql string, args ...any) []string {
	b.Helper()
	rows, err := b.owner.Query(context.Background(), sql, args...)
	require.NoError(b, err, sql)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(b, err, sql)
	return lines
}

func (b *book) find(id string) ledger.Account {
	b.Helper()
	a, err := ledger.Find(context.Background(), b.pool, id)
	require.NoError(b, err)
	return a
}

// everything is the whole book as text.
func (b *book) everything() []string {
	b.Helper()
	return b.rows(`
		select concat_ws('|', 'account', id, status, balance_minor, seq, deposits) from ledger.account where kind = 'customer'
		union all select concat_ws('|', 'journal', id, kind, business_key, status, reason, correlation_id) from ledger.journal
		union all select concat_ws('|', 'entry', journal_id, leg, account_id, currency, amount_minor, account_seq, balance_after_minor) from ledger.entry
		union all select concat_ws('|', 'case', id, journal_id, account_id, amount_minor, currency, reason, status) from ledger.suspense_case
		order by 1`)
}

func deposit(account string, minor int64) ledger.Posting {
	return posting(ledger.Deposit, account, minor)
}

func withdrawal(account string, minor int64) ledger.Posting {
	return posting(ledger.Withdrawal, account, minor)
}

func invoice(account string, minor int64) ledger.Posting {
	return posting(ledger.Invoice, account, minor)
}

func posting(kind ledger.Kind, account string, minor int64) ledger.Posting {
	return ledger.Posting{BusinessKey: "test:" + uuid.NewString(), Kind: kind, AccountID: account, AmountMinor: minor, Currency: "EUR", CorrelationID: "journey"}
}
