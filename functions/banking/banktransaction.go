package banking

import (
	"context"

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
	Reason  string
	AskedBy string // id of the principal
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
