package report_test

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"quittance.dev/events"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/query"
	"quittance.dev/functions/report"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a bank as far as the report goes: its projection, and whoever reads.
type desk struct {
	t                     *testing.T
	owner, writer, reader *pgxpool.Pool
	now                   time.Time // the database's, when it was made
	caller                string
}

func open(t *testing.T) *desk {
	t.Helper()
	db := pgtest.New(t)
	d := &desk{t: t, owner: db.Pool(""), writer: db.Pool("quittance_query"), reader: db.Pool("quittance_api"), caller: uuid.NewString()}
	require.NoError(t, d.owner.QueryRow(t.Context(), `select now()`).Scan(&d.now))
	return d
}

// at is a time so long before the desk was opened.
func (d *desk) at(ago time.Duration) time.Time { return d.now.Add(-ago) }

// refusal is a transaction that leaves nothing but its line.
func refusal(account string, at time.Time) query.Movement {
	m, _ := query.Of(events.WithdrawalRejected{
		OperationID: uuid.NewString(), AccountID: account, AmountMinor: 100, Currency: "EUR", Reason: events.InsufficientFunds,
	}, at)
	return m
}

// heard has the projection hear of transactions, all in one.
func (d *desk) heard(movements ...query.Movement) {
	d.t.Helper()
	require.NoError(d.t, query.Moved(d.t.Context(), d.writer, movements))
}

// hearsMany makes n transactions of an account, a second apart, the last one now.
func (d *desk) hearsMany(account string, n int) {
	d.t.Helper()
	movements := make([]query.Movement, n)
	for i := range movements {
		movements[i] = refusal(account, d.at(time.Duration(i)*time.Second))
	}
	d.heard(movements...)
}

func (d *desk) question(limit int, accounts ...string) report.Question {
	return report.Question{Caller: d.caller, Accounts: accounts, Limit: limit, AtMost: 10, Hash: sha256.Sum256([]byte{byte(limit)})}
}

func (d *desk) open(q report.Question) report.Report {
	d.t.Helper()
	r, err := report.Open(d.t.Context(), d.reader, q)
	require.NoError(d.t, err)
	return r
}

func (d *desk) page(r report.Report, n int64) []query.Line {
	d.t.Helper()
	lines, err := r.Page(d.t.Context(), d.reader, n)
	require.NoError(d.t, err)
	return lines
}

// all reads every page.
func (d *desk) all(r report.Report) (lines []query.Line) {
	d.t.Helper()
	for n := int64(1); n <= r.Pages(); n++ {
		lines = append(lines, d.page(r, n)...)
	}
	return lines
}

func ids(lines []query.Line) []string {
	list := make([]string, len(lines))
	for i, l := range lines {
		list[i] = l.ID
	}
	return list
}

func ctx(t *testing.T) context { t.Helper(); return t.Context() }
