package banking

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"quittance.dev/events"
	"quittance.dev/events/money"
	"quittance.dev/functions/fn"
)

// MaxReason is the longest reason, in characters.
const MaxReason = 500

// BankTransaction is what the bank was asked to take from a customer or to give,
// and why. What became of it is the ledger's to say.
type BankTransaction struct {
	ID          string
	AccountID   string
	Direction   events.Direction
	AmountMinor int64
	Currency    money.Currency
	// Reason is free text that a person wrote. It may hold anything, so it belongs
	// in no event and in no log.
	Reason      string
	AskedBy     string    // id of the principal
	RequestedAt time.Time // UTC; the database says when
}

// RecordBankTransaction stores what was asked. The same id again changes nothing,
// and recorded is false; the same id for anything else is ErrDiffers.
func RecordBankTransaction(ctx context.Context, tx fn.Tx, b BankTransaction) (recorded bool, err error) {
	return record(ctx, tx, b.ID, `
		insert into banking.bank_transaction (id, account_id, direction, amount_minor, currency, reason, asked_by, requested_at)
		values ($1, $2, $3, $4, $5, $6, $7, now()) on conflict on constraint bank_transaction_id do nothing`, `
		select from banking.bank_transaction where id = $1 and account_id = $2 and direction = $3
		and amount_minor = $4 and currency = $5 and reason = $6 and asked_by = $7`,
		b.ID, b.AccountID, b.Direction, b.AmountMinor, b.Currency, b.Reason, b.AskedBy)
}

// BankTransactionFilter says which are wanted, and where a list goes on.
type BankTransactionFilter struct {
	AccountID string // "": of every account
	// Words that the reason has, as a person types them for a search ("" for any):
	// each must be in it, in any order; "quoted" words in theirs; -words must not.
	Words string
	// BeforeTime and BeforeID are those of the last one of the page before; zero at
	// the beginning.
	BeforeTime time.Time
	BeforeID   string
}

// BankTransactions reads at most limit of what the bank was asked to take and to
// give, newest first, refused ones too.
func BankTransactions(ctx context.Context, q Querier, f BankTransactionFilter, limit int) ([]BankTransaction, error) {
	sql, arguments := f.query(limit)
	rows, err := q.Query(ctx, sql, arguments...)
	if err != nil {
		return nil, fmt.Errorf("list bank transactions: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[BankTransaction])
	if err != nil {
		return nil, fmt.Errorf("list bank transactions: %w", err)
	}
	for i := range found {
		found[i].RequestedAt = found[i].RequestedAt.UTC()
	}
	return found, nil
}

// query names only the filters that are set: a plan made for all cases would use the
// index of none. What has the words is found first, by their index.
func (f BankTransactionFilter) query(limit int) (sql string, arguments []any) {
	argument := func(value any) string {
		arguments = append(arguments, value)
		return "$" + strconv.Itoa(len(arguments))
	}
	with, from, where := "", "banking.bank_transaction", "true"
	if f.Words != "" {
		with = `with found as materialized (
			select * from banking.bank_transaction
			where to_tsvector('simple', reason) @@ websearch_to_tsquery('simple', ` + argument(f.Words) + `))`
		from = "found"
	}
	if f.AccountID != "" {
		where += " and account_id = " + argument(f.AccountID)
	}
	if f.BeforeID != "" {
		where += " and (requested_at, id) < (" + argument(f.BeforeTime) + ", " + argument(f.BeforeID) + ")"
	}
	return with + `
		select id::text, account_id::text, direction, amount_minor, currency, reason, asked_by::text, requested_at
		from ` + from + ` where ` + where + ` order by requested_at desc, id desc limit ` + argument(limit), arguments
}
