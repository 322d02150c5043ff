package query_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"quittance.dev/events"
	"quittance.dev/functions/pgtest"
	"quittance.dev/functions/query"
)

// said puts an event into the archive, as whoever says it does before anybody
// hears it.
func said(t *testing.T, db execer, at time.Time, list ...events.Data) {
	t.Helper()
	for _, d := range list {
		data, err := json.Marshal(d)
		require.NoError(t, err)
		_, err = db.Exec(context.Background(), `insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id,
			causation_id, traceparent, broker, data, created_at) values ($1, '/functions/x', $2, '', $3, '', '', '', 'money', $4, $5)`,
			uuid.NewString(), d.Type(), d.PartitionKey(), string(data), at)
		require.NoError(t, err)
	}
}

type execer = query.Execer

// ownerOf is a connection of the owner, as a rebuild has it.
func ownerOf(t *testing.T, db *pgtest.DB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), db.ConnString(""))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// dump is every row of the projections, as text; which transaction wrote a line is
// no part of it.
func dump(t *testing.T, db query.Querier) []string {
	t.Helper()
	rows, err := db.Query(context.Background(), `
		select 'account ' || row_to_json(a) from query.account_projection a
		union all select 'balance ' || row_to_json(b) from query.balance b
		union all select 'transaction ' || row_to_json(x) from query.transaction x
		union all select 'refusal ' || row_to_json(r) from query.refusal r
		union all select 'line ' || (to_jsonb(l) - 'xid')::text from query.report_line l
		order by 1`)
	require.NoError(t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	return lines
}

// aBank is the story of two accounts, in the archive and in the projections.
func aBank(t *testing.T, db *pgtest.DB) (first, second string) {
	t.Helper()
	owner, writer := db.Pool(""), db.Pool("quittance_query")
	first, second = uuid.NewString(), uuid.NewString()
	customer := uuid.NewString()
	now := time.Now().UTC().Truncate(time.Microsecond)
	for i, d := range []events.Data{
		events.AccountOpened{AccountID: first, CustomerID: customer, Product: events.Current, Currency: "EUR"},
		events.AccountOpened{AccountID: second, CustomerID: customer, Product: events.SimpleSavings, Currency: "EUR"},
		events.DepositCompleted{OperationID: uuid.NewString(), AccountID: first, AmountMinor: 900, Currency: "EUR", BalanceMinor: 900, AccountSeq: 1},
		events.WithdrawalRejected{OperationID: uuid.NewString(), AccountID: first, AmountMinor: 9000, Currency: "EUR", Reason: events.InsufficientFunds},
		events.TransferCompleted{TransactionID: uuid.NewString(), SrcAccountID: second, DstAccountID: first, Direction: events.Credit, AmountMinor: 300, Currency: "EUR",
			SrcBalanceMinor: 300, SrcAccountSeq: 1, DstBalanceMinor: 600, DstAccountSeq: 2},
		events.TransferRejected{TransactionID: uuid.NewString(), SrcAccountID: first, DstAccountID: second, Direction: events.Debit, AmountMinor: 1, Currency: "EUR", Reason: events.OneDepositOnly},
		events.BankTransactionCompleted{TransactionID: uuid.NewString(), DstAccountID: first, Direction: events.Debit, AmountMinor: 100, Currency: "EUR", BalanceMinor: 500, AccountSeq: 3},
		events.WithdrawalCompleted{OperationID: uuid.NewString(), AccountID: second, AmountMinor: 300, Currency: "EUR", AccountSeq: 2, Closing: true},
		events.ClosureStarted{ClosureID: uuid.NewString(), AccountID: second},
		events.AccountClosed{AccountID: second, ClosureID: uuid.NewString()},
	} {
		at := now.Add(time.Duration(i-60) * time.Second)
		said(t, owner, at, d)
		hear(t, writer, d, at)
	}
	return first, second
}

// hear projects one event, as the live function does.
func hear(t *testing.T, db execer, d events.Data, at time.Time) {
	t.Helper()
	var err error
	switch d := d.(type) {
	case events.AccountOpened:
		err = query.Opened(context.Background(), db, []query.Account{query.OfOpening(d, at)})
	case events.ClosureStarted:
		err = query.Closing(context.Background(), db, []string{d.AccountID})
	case events.AccountClosed:
		err = query.Closed(context.Background(), db, []query.Account{{ID: d.AccountID, ClosedAt: at}})
	default:
		m, ok := query.Of(d, at)
		require.True(t, ok)
		err = query.Moved(context.Background(), db, []query.Movement{m})
	}
	require.NoError(t, err)
}

// B13: whatever was done to the tables, a rebuild ends in those that the archive
// tells of.
func TestB13_ARebuildEndsInIdenticalTables(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]string{
		"nothing":              `select`,
		"everything gone":      `delete from query.account_projection; delete from query.balance; delete from query.transaction; delete from query.refusal; delete from query.report_line`,
		"another balance":      `update query.balance set balance_minor = balance_minor + 1`,
		"a balance too new":    `update query.balance set account_seq = account_seq + 10`,
		"miscounted":           `update query.balance set heard = heard - 1`,
		"postings lost":        `delete from query.transaction where account_seq = 2`,
		"another amount":       `update query.transaction set amount_minor = amount_minor + 1; update query.report_line set amount_minor = amount_minor + 1`,
		"postings of nobody's": `insert into query.transaction select gen_random_uuid(), 1, 'deposit', gen_random_uuid(), 5, 'EUR', 5, now(); insert into query.balance select gen_random_uuid(), 'EUR', 5, 1, 1`,
		"lines lost":           `delete from query.report_line where status = 'fail'`,
		"lines made up":        `insert into query.report_line select now() - interval '1 hour', gen_random_uuid(), 'deposit', null, gen_random_uuid(), 'credit', 5, 'EUR', 'success', null`,
		"lines moved":          `update query.report_line set occurred_at = occurred_at - interval '1 hour'`,
		"another server's":     `update query.report_line set xid = '9000000000'`,
		"a refusal forgotten":  `delete from query.refusal`,
		"a refusal made up":    `insert into query.refusal values (gen_random_uuid())`,
		"open again":           `update query.account_projection set status = 'open', closed_at = null`,
		"closed too soon":      `update query.account_projection set status = 'closed', closed_at = now()`,
		"another customer":     `update query.account_projection set customer_id = gen_random_uuid()`,
		"no customer":          `update query.account_projection set customer_id = null, product = null, currency = null, opened_at = null`,
		"an account made up":   `insert into query.account_projection (account_id) values (gen_random_uuid())`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			aBank(t, db)
			owner := ownerOf(t, db)
			want := dump(t, owner)
			_, err := owner.Exec(t.Context(), damage)
			require.NoError(t, err)
			done, err := query.Rebuild(t.Context(), owner)
			require.NoError(t, err)
			require.Equal(t, want, dump(t, owner))
			require.Equal(t, 10, done.Events)
			var foreign int
			require.NoError(t, owner.QueryRow(t.Context(), `select count(*) from query.report_line where xid >= pg_snapshot_xmax(pg_current_snapshot())`).Scan(&foreign))
			require.Zero(t, foreign)
			if name != "nothing" {
				require.Positive(t, done.Added+done.Removed)
			}
			done, err = query.Rebuild(t.Context(), owner)
			require.NoError(t, err)
			require.Zero(t, done.Added+done.Removed, "there is nothing left to mend")
		})
	}
}

// Lines that are right keep the transaction that wrote them, so reports that are
// open go on; if one has to go, they end.
func TestARebuildKeepsOpenReportsOrEndsThem(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	aBank(t, db)
	owner := ownerOf(t, db)
	count := func(sql string) (n int) {
		require.NoError(t, owner.QueryRow(t.Context(), sql).Scan(&n))
		return n
	}
	_, err := owner.Exec(t.Context(), `insert into query.report (id, caller, query, from_at, to_at, page_limit, step, snapshot, total, behind, opened_at, expires_at)
		values (gen_random_uuid(), gen_random_uuid(), sha256(''), now(), now(), 10, 100, pg_current_snapshot(), 0, 0, now(), now() + interval '1 hour')`)
	require.NoError(t, err)
	before := count(`select sum(xid::text::bigint) from query.report_line`)
	_, err = owner.Exec(t.Context(), `delete from query.balance`)
	require.NoError(t, err)
	_, err = query.Rebuild(t.Context(), owner)
	require.NoError(t, err)
	require.Equal(t, before, count(`select sum(xid::text::bigint) from query.report_line`))
	require.Equal(t, 1, count(`select count(*) from query.report`))
	_, err = owner.Exec(t.Context(), `update query.report_line set amount_minor = 1 where kind = 'deposit'`)
	require.NoError(t, err)
	_, err = query.Rebuild(t.Context(), owner)
	require.NoError(t, err)
	require.Zero(t, count(`select count(*) from query.report`))
}

// A rebuild under traffic holds nobody up for as long as a statement of the live
// function waits for a lock, and nothing that is heard meanwhile is lost.
func TestARebuildUnderTrafficHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	aBank(t, db)
	owner, pool := ownerOf(t, db), db.Pool("")
	live := db.Config("quittance_query")
	live.ConnConfig.RuntimeParams["lock_timeout"] = "1000"
	accounts := make([]string, 8)
	var heard atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var group errgroup.Group
	for i := range accounts {
		accounts[i] = uuid.NewString()
		conn, err := pgx.ConnectConfig(t.Context(), live.ConnConfig)
		require.NoError(t, err)
		group.Go(func() error {
			defer func() { _ = conn.Close(context.Background()) }()
			for seq := int64(1); ctx.Err() == nil; seq++ {
				d := events.DepositCompleted{OperationID: uuid.NewString(), AccountID: accounts[i], AmountMinor: 5, Currency: "EUR", BalanceMinor: 5 * seq, AccountSeq: seq}
				at := time.Now().UTC().Truncate(time.Microsecond)
				said(t, pool, at, d)
				m, _ := query.Of(d, at)
				if err := query.Moved(context.Background(), conn, []query.Movement{m}); err != nil {
					return fmt.Errorf("the live function was held up: %w", err)
				}
				heard.Add(1)
			}
			return nil
		})
	}
	for range 5 {
		seen := heard.Load()
		require.Eventually(t, func() bool { return heard.Load() > seen+20 }, 30*time.Second, time.Millisecond)
		_, err := owner.Exec(t.Context(), `
			delete from query.transaction where account_seq % 3 = 0;
			update query.balance set balance_minor = 1, account_seq = 100000 where heard % 2 = 0;
			delete from query.report_line where amount_minor = 5 and random() < 0.3`)
		require.NoError(t, err)
		_, err = query.Rebuild(t.Context(), owner)
		require.NoError(t, err)
	}
	stop()
	require.NoError(t, group.Wait())
	_, err := query.Rebuild(t.Context(), owner)
	require.NoError(t, err)
	mended := dump(t, owner)
	_, err = owner.Exec(t.Context(), `delete from query.account_projection; delete from query.balance; delete from query.transaction; delete from query.refusal; delete from query.report_line`)
	require.NoError(t, err)
	_, err = query.Rebuild(t.Context(), owner)
	require.NoError(t, err)
	require.Equal(t, dump(t, owner), mended, "what was mended under traffic is what is made from nothing")
	for _, id := range accounts {
		balance, err := query.FindBalance(t.Context(), owner, id)
		require.NoError(t, err)
		require.Equal(t, 5*balance.AccountSeq, balance.BalanceMinor)
	}
}

func TestRebuildRefusesAnArchiveItCannotRead(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	first, _ := aBank(t, db)
	owner := ownerOf(t, db)
	_, err := owner.Exec(t.Context(), `insert into delivery.outbox (id, source, type, subject, partition_key, correlation_id,
		causation_id, traceparent, broker, data, created_at)
		values ('1', '/functions/api', $1, '', '', '', '', '', 'money', '{"account_id": 5}', now())`, events.TypeAccountOpened)
	require.NoError(t, err)
	before := dump(t, owner)
	_, err = query.Rebuild(t.Context(), owner)
	require.ErrorContains(t, err, "account.opened")
	require.Equal(t, before, dump(t, owner), "a rebuild that fails leaves the rows")
	_, err = query.FindAccount(t.Context(), owner, first)
	require.NoError(t, err)
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
	require.ElementsMatch(t, heard, query.Types())
}
