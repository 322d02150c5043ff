package banking

import (
	"context"
	"fmt"
	"time"

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
	RequestedAt time.Time // set by RecordBankTransaction
}

// RecordBankTransaction stores what was asked. The same id again changes nothing.
func RecordBankTransaction(ctx context.Context, tx fn.Tx, b BankTransaction) error {
	if _, err := tx.Exec(ctx, `
		insert into banking.bank_transaction (id, account_id, direction, amount_minor, currency, reason, asked_by, requested_at)
		values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict on constraint bank_transaction_id do nothing`,
		b.ID, b.AccountID, b.Direction, b.AmountMinor, b.Currency, b.Reason, b.AskedBy, tx.Now()); err != nil {
		return fmt.Errorf("record bank transaction: %w", err)
	}
	return nil
}
