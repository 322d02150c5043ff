package events

import "quittance.dev/events/money"

// Event types of bank transactions.
const (
	TypeBankTransactionRequested Type = "dev.quittance.bank-transaction.requested.v1"
	TypeBankTransactionCompleted Type = "dev.quittance.bank-transaction.completed.v1"
	TypeBankTransactionRejected  Type = "dev.quittance.bank-transaction.rejected.v1"
)

// BankTransactionRequested asks the ledger to move money between a customer's
// account and the bank's own: debit takes it from the customer, credit gives it.
//
// Why the bank does so is free text that a person wrote. It is in no event: it
// stands in banking.bank_transaction under the transaction's id, and whoever
// shows the transaction reads it there.
type BankTransactionRequested struct {
	TransactionID string         `json:"transaction_id"`
	DstAccountID  string         `json:"dst_account_id"`
	Direction     Direction      `json:"direction"`
	AmountMinor   int64          `json:"amount_minor"`
	Currency      money.Currency `json:"currency"`
}

// Type is TypeBankTransactionRequested.
func (BankTransactionRequested) Type() Type { return TypeBankTransactionRequested }

// Subject is the transaction.
func (d BankTransactionRequested) Subject() string { return d.TransactionID }

// PartitionKey is the customer's account.
func (d BankTransactionRequested) PartitionKey() string { return d.DstAccountID }

// Validate checks ids, the direction, a positive amount and a known currency.
func (d BankTransactionRequested) Validate() error {
	return first(bankTransaction(d)...)
}

// BankTransactionCompleted says that the bank transaction is in the ledger.
type BankTransactionCompleted struct {
	TransactionID string         `json:"transaction_id"`
	DstAccountID  string         `json:"dst_account_id"`
	Direction     Direction      `json:"direction"`
	AmountMinor   int64          `json:"amount_minor"`
	Currency      money.Currency `json:"currency"`
	BalanceMinor  int64          `json:"balance_minor"` // of the customer's account after this posting
	AccountSeq    int64          `json:"account_seq"`   // position of the posting in that account, from 1
	// Closing is true when a debit emptied an account whose product closes
	// itself; the ledger froze it in the same transaction.
	Closing bool `json:"closing"`
}

// Type is TypeBankTransactionCompleted.
func (BankTransactionCompleted) Type() Type { return TypeBankTransactionCompleted }

// Subject is the transaction.
func (d BankTransactionCompleted) Subject() string { return d.TransactionID }

// PartitionKey is the customer's account.
func (d BankTransactionCompleted) PartitionKey() string { return d.DstAccountID }

// Validate checks ids, amounts and the position.
func (d BankTransactionCompleted) Validate() error {
	return first(append(bankTransaction(BankTransactionRequested{d.TransactionID, d.DstAccountID, d.Direction, d.AmountMinor, d.Currency}),
		notNegative("balance_minor", d.BalanceMinor), positive("account_seq", d.AccountSeq),
		check{"closing", !d.Closing || d.Direction == Debit && d.BalanceMinor == 0, "closing needs a debit and a balance of 0"})...)
}

// BankTransactionRejected says that the ledger refused the bank transaction, and
// why.
type BankTransactionRejected struct {
	TransactionID string         `json:"transaction_id"`
	DstAccountID  string         `json:"dst_account_id"`
	Direction     Direction      `json:"direction"`
	AmountMinor   int64          `json:"amount_minor"`
	Currency      money.Currency `json:"currency"`
	Reason        Reason         `json:"reason"`
}

// Type is TypeBankTransactionRejected.
func (BankTransactionRejected) Type() Type { return TypeBankTransactionRejected }

// Subject is the transaction.
func (d BankTransactionRejected) Subject() string { return d.TransactionID }

// PartitionKey is the customer's account.
func (d BankTransactionRejected) PartitionKey() string { return d.DstAccountID }

// Validate checks ids, the amount and that a reason is given.
func (d BankTransactionRejected) Validate() error {
	return first(append(bankTransaction(BankTransactionRequested{d.TransactionID, d.DstAccountID, d.Direction, d.AmountMinor, d.Currency}),
		reason(d.Reason))...)
}

// bankTransaction are the rules of what every event of a bank transaction
// repeats.
func bankTransaction(d BankTransactionRequested) []check {
	return []check{
		id("transaction_id", d.TransactionID), id("dst_account_id", d.DstAccountID),
		direction(d.Direction), positive("amount_minor", d.AmountMinor), currency(d.Currency),
	}
}
