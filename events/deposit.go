package events

import "quittance.dev/events/money"

// Event types of deposits.
const (
	TypeDepositRequested Type = "dev.quittance.deposit.requested.v1"
	TypeDepositCompleted Type = "dev.quittance.deposit.completed.v1"
	TypeDepositRejected  Type = "dev.quittance.deposit.rejected.v1"
)

// DepositRequested asks the ledger to credit an account with money that came
// in over the counter.
type DepositRequested struct {
	OperationID string         `json:"operation_id"`
	AccountID   string         `json:"account_id"`
	AmountMinor int64          `json:"amount_minor"`
	Currency    money.Currency `json:"currency"`
}

// Type is TypeDepositRequested.
func (DepositRequested) Type() Type { return TypeDepositRequested }

// Subject is the operation.
func (d DepositRequested) Subject() string { return d.OperationID }

// PartitionKey is the account.
func (d DepositRequested) PartitionKey() string { return d.AccountID }

// Validate checks ids, a positive amount and a known currency.
func (d DepositRequested) Validate() error {
	return first(id("operation_id", d.OperationID), id("account_id", d.AccountID),
		positive("amount_minor", d.AmountMinor), currency(d.Currency))
}

// DepositCompleted says that the deposit is in the ledger.
type DepositCompleted struct {
	OperationID  string         `json:"operation_id"`
	AccountID    string         `json:"account_id"`
	AmountMinor  int64          `json:"amount_minor"`
	Currency     money.Currency `json:"currency"`
	BalanceMinor int64          `json:"balance_minor"` // after this posting
	AccountSeq   int64          `json:"account_seq"`   // position of the posting in the account, from 1
}

// Type is TypeDepositCompleted.
func (DepositCompleted) Type() Type { return TypeDepositCompleted }

// Subject is the operation.
func (d DepositCompleted) Subject() string { return d.OperationID }

// PartitionKey is the account.
func (d DepositCompleted) PartitionKey() string { return d.AccountID }

// Validate checks ids, amounts and the position.
func (d DepositCompleted) Validate() error {
	return first(id("operation_id", d.OperationID), id("account_id", d.AccountID),
		positive("amount_minor", d.AmountMinor), currency(d.Currency),
		positive("account_seq", d.AccountSeq))
}

// DepositRejected says that the ledger refused the deposit, and why.
type DepositRejected struct {
	OperationID string         `json:"operation_id"`
	AccountID   string         `json:"account_id"`
	AmountMinor int64          `json:"amount_minor"`
	Currency    money.Currency `json:"currency"`
	Reason      Reason         `json:"reason"`
}

// Type is TypeDepositRejected.
func (DepositRejected) Type() Type { return TypeDepositRejected }

// Subject is the operation.
func (d DepositRejected) Subject() string { return d.OperationID }

// PartitionKey is the account.
func (d DepositRejected) PartitionKey() string { return d.AccountID }

// Validate checks ids, the amount and that a reason is given.
func (d DepositRejected) Validate() error {
	return first(id("operation_id", d.OperationID), id("account_id", d.AccountID),
		positive("amount_minor", d.AmountMinor), currency(d.Currency), reason(d.Reason))
}
