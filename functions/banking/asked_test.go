package banking_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/pgtest"
)

// What an id stands for is recorded once and never becomes anything else.
func TestWhatWasAskedIsRecordedOnce(t *testing.T) {
	t.Parallel()
	api := open(t, pgtest.New(t), "quittance_api")
	transfer := banking.Transfer{
		ID: uuid.NewString(), SrcAccountID: uuid.NewString(), DstAccountID: uuid.NewString(), Direction: events.Debit, AmountMinor: 5, Currency: "EUR",
	}
	given := banking.BankTransaction{
		ID: uuid.NewString(), AccountID: uuid.NewString(), Direction: events.Credit, AmountMinor: 5, Currency: "EUR", Reason: "Gift", AskedBy: uuid.NewString(),
	}
	record := func(work func(context.Context, fn.Tx) (bool, error)) (recorded bool, err error) {
		err = within(api, func(ctx context.Context, tx fn.Tx) (err error) {
			recorded, err = work(ctx, tx)
			return err
		})
		return recorded, err
	}
	recordTransfer := func(as banking.Transfer) (bool, error) {
		return record(func(ctx context.Context, tx fn.Tx) (bool, error) { return banking.RecordTransfer(ctx, tx, as) })
	}
	recordGiven := func(as banking.BankTransaction) (bool, error) {
		return record(func(ctx context.Context, tx fn.Tx) (bool, error) { return banking.RecordBankTransaction(ctx, tx, as) })
	}
	for _, first := range []bool{true, false, false} {
		recorded, err := recordTransfer(transfer)
		require.NoError(t, err)
		require.Equal(t, first, recorded)
		recorded, err = recordGiven(given)
		require.NoError(t, err)
		require.Equal(t, first, recorded)
	}
	for field, change := range map[string]func(*banking.Transfer){
		"src": func(o *banking.Transfer) { o.SrcAccountID = uuid.NewString() }, "dst": func(o *banking.Transfer) { o.DstAccountID = uuid.NewString() },
		"direction": func(o *banking.Transfer) { o.Direction = events.Credit }, "amount": func(o *banking.Transfer) { o.AmountMinor++ },
		"currency": func(o *banking.Transfer) { o.Currency = "CHF" },
	} {
		other := transfer
		change(&other)
		_, err := recordTransfer(other)
		require.ErrorIs(t, err, banking.ErrDiffers, field)
	}
	for field, change := range map[string]func(*banking.BankTransaction){
		"account": func(o *banking.BankTransaction) { o.AccountID = uuid.NewString() }, "direction": func(o *banking.BankTransaction) { o.Direction = events.Debit },
		"amount": func(o *banking.BankTransaction) { o.AmountMinor++ }, "currency": func(o *banking.BankTransaction) { o.Currency = "CHF" },
		"reason": func(o *banking.BankTransaction) { o.Reason = "Fee" }, "who": func(o *banking.BankTransaction) { o.AskedBy = uuid.NewString() },
	} {
		other := given
		change(&other)
		_, err := recordGiven(other)
		require.ErrorIs(t, err, banking.ErrDiffers, field)
	}
	broken := transfer
	broken.ID, broken.AmountMinor = uuid.NewString(), 0
	_, err := recordTransfer(broken)
	require.ErrorContains(t, err, "transfer_amount_positive")
}

// C11: what the bank gave and took is found by an index, whatever is asked for, with
// the plans that functions use.
func TestC11_BankTransactionsAreFoundByAnIndex(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	api := open(t, db, "quittance_api")
	one := banking.BankTransaction{
		ID: uuid.NewString(), AccountID: uuid.NewString(), Direction: events.Credit, AmountMinor: 5, Currency: "EUR", Reason: "Advance week 1", AskedBy: uuid.NewString(),
	}
	require.NoError(t, within(api, func(ctx context.Context, tx fn.Tx) error {
		_, err := banking.RecordBankTransaction(ctx, tx, one)
		return err
	}))
	conn, err := db.Pool("quittance_api").Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	_, err = conn.Exec(t.Context(), `set plan_cache_mode = force_generic_plan; set enable_seqscan = off`)
	require.NoError(t, err)
	now := time.Now().Add(time.Hour)
	for index, filter := range map[string]banking.BankTransactionFilter{
		"bank_transaction_in_order": {}, "bank_transaction_of_account": {AccountID: one.AccountID},
		"bank_transaction_by_words": {Words: "week advance"},
	} {
		for _, page := range []banking.BankTransactionFilter{filter, {filter.AccountID, filter.Words, now, uuid.NewString()}} {
			plan := &planned{conn: conn.Conn()}
			found, err := banking.BankTransactions(t.Context(), plan, page, 10)
			require.NoError(t, err)
			require.Len(t, found, 1)
			require.WithinDuration(t, time.Now(), found[0].RequestedAt, time.Minute)
			one.RequestedAt = found[0].RequestedAt
			require.Equal(t, one, found[0])
			require.Contains(t, plan.text, index)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = banking.BankTransactions(ended, db.Pool("quittance_api"), banking.BankTransactionFilter{}, 1)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "list bank transactions")
}

// planned keeps the generic plan of what is asked.
type planned struct {
	conn *pgx.Conn
	text string
}

func (p *planned) Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error) {
	values := make([]string, len(arguments))
	for i, a := range arguments {
		if at, ok := a.(time.Time); ok {
			a = at.Format(time.RFC3339Nano)
		}
		values[i] = fmt.Sprintf("'%v'", a)
	}
	if _, err := p.conn.Exec(ctx, `prepare planned as `+sql); err != nil {
		return nil, err
	}
	rows, err := p.conn.Query(ctx, `explain execute planned(`+strings.Join(values, ", ")+`)`, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		return nil, err
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	p.text = strings.Join(lines, "\n")
	if _, err := p.conn.Exec(ctx, `deallocate planned`); err != nil {
		return nil, err
	}
	return p.conn.Query(ctx, sql, arguments...)
}
