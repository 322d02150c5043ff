package events

import "quittance.dev/events/money"

// Event types of withdrawals.
const (
	TypeWithdrawalRequested Type = "dev.quittance.withdrawal.requested.v1"
	TypeWithdrawalCompleted Type = "dev.quittance.withdrawal.completed.v1"
	TypeWithdrawalRejected  Type = "dev.quittance.withdrawal.rejected.v1"
)

// WithdrawalRequested asks the ledger to debit an account with money that goes
// out over the counter.
type WithdrawalRequested struct {
	OperationID string         `json:"operation_id"`
	AccountID   string         `json:"account_id"`
	AmountMinor int64          `json:"amount_minor"`
	Currency    money.Currency `json:"currency"`
}

// Type is TypeWithdrawalRequested.
func (WithdrawalRequested) Type() Type { return TypeWithdrawalRequested }

// Subject is the operation.
func (d WithdrawalRequested) Subject() string { return d.OperationID }

// PartitionKey is the account.
func (d WithdrawalRequested) PartitionKey() string { return d.AccountID }

// Validate checks ids, a positive amount and a known currency.
func (d WithdrawalRequested) Validate() error {
	return first(id("operation_id", d.OperationID), id("account_id", d.AccountID),
		positive("amount_minor", d.AmountMinor), currency(d.Currency))
}

// WithdrawalCompleted says that the withdrawal is in the ledger.
type WithdrawalCompleted struct {
	OperationID  string         `json:"operation_id"`
	AccountID    string         `json:"account_id"`
	AmountMinor  int64          `json:"amount_minor"`
	Currency     money.Currency `json:"currency"`
	BalanceMinor int64          `json:"balance_minor"` // after this posting
	AccountSeq   int64          `json:"account_seq"`   // position of the posting in the account, from 1
	// Closing is true when this withdrawal emptied an account whose product
	// closes itself; the ledger froze the account in the same transaction.
	Closing bool `json:"closing"`
}

// Type is TypeWithdrawalCompleted.
func (WithdrawalCompleted) Type() Type { return TypeWithdrawalCompleted }

// Subject is the operation.
func (d WithdrawalCompleted) Subject() string { return d.OperationID }

// PartitionKey is the account.
func (d WithdrawalCompleted) PartitionKey() string { return d.AccountID }

// Validate checks ids, amounts and the position.
func (d WithdrawalCompleted) Validate() error {
	return first(id("operation_id", d.OperationID), id("account_id", d.AccountID),
		positive("amount_minor", d.AmountMinor), currency(d.Currency),
		notNegative("balance_minor", d.BalanceMinor), positive("account_seq", d.AccountSeq),
		check{"closing", !d.Closing || d.BalanceMinor == 0, "closing needs a balance of 0"})
}

// WithdrawalRejected says that the ledger refused the withdrawal, and why.
type WithdrawalRejected struct {
	OperationID string         `json:"operation_id"`
	AccountID   string         `json:"account_id"`
	AmountMinor int64          `json:"amount_minor"`
	Currency    money.Currency `json:"currency"`
	Reason      Reason         `json:"reason"`
}

// Type is TypeWithdrawalRejected.
func (WithdrawalRejected) Type() Type { return TypeWithdrawalRejected }

// Subject is the operation.
func (d WithdrawalRejected) Subject() string { return d.OperationID }

// PartitionKey is the account.
func (d WithdrawalRejected) PartitionKey() string { return d.AccountID }

// Validate checks ids, the amount and that a reason is given.
func (d WithdrawalRejected) Validate() error {
	return first(id("operation_id", d.OperationID), id("account_id", d.AccountID),
		positive("amount_minor", d.AmountMinor), currency(d.Currency), reason(d.Reason))
}
