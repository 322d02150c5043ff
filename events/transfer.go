package events

import "quittance.dev/events/money"

// Event types of transfers.
const (
	TypeTransferRequested Type = "dev.quittance.transfer.requested.v1"
	TypeTransferCompleted Type = "dev.quittance.transfer.completed.v1"
	TypeTransferRejected  Type = "dev.quittance.transfer.rejected.v1"
)

// TransferRequested asks the ledger to move money between two accounts of
// customers: debit takes it from the source, credit from the destination.
type TransferRequested struct {
	TransactionID string         `json:"transaction_id"`
	SrcAccountID  string         `json:"src_account_id"`
	DstAccountID  string         `json:"dst_account_id"`
	Direction     Direction      `json:"direction"`
	AmountMinor   int64          `json:"amount_minor"`
	Currency      money.Currency `json:"currency"`
}

// Type is TypeTransferRequested.
func (TransferRequested) Type() Type { return TypeTransferRequested }

// Subject is the transaction.
func (d TransferRequested) Subject() string { return d.TransactionID }

// PartitionKey is the account that is debited.
func (d TransferRequested) PartitionKey() string { return d.DebitedAccountID() }

// DebitedAccountID is the account that the money is taken from.
func (d TransferRequested) DebitedAccountID() string {
	return debited(d.Direction, d.SrcAccountID, d.DstAccountID)
}

// CreditedAccountID is the account that the money is given to.
func (d TransferRequested) CreditedAccountID() string {
	return debited(d.Direction, d.DstAccountID, d.SrcAccountID)
}

// Validate checks ids, two accounts, the direction, a positive amount and a
// known currency.
func (d TransferRequested) Validate() error {
	return first(transfer(d)...)
}

// TransferCompleted says that the transfer is in the ledger.
type TransferCompleted struct {
	TransactionID   string         `json:"transaction_id"`
	SrcAccountID    string         `json:"src_account_id"`
	DstAccountID    string         `json:"dst_account_id"`
	Direction       Direction      `json:"direction"`
	AmountMinor     int64          `json:"amount_minor"`
	Currency        money.Currency `json:"currency"`
	SrcBalanceMinor int64          `json:"src_balance_minor"` // after this posting
	SrcAccountSeq   int64          `json:"src_account_seq"`   // position of the posting in the account, from 1
	DstBalanceMinor int64          `json:"dst_balance_minor"`
	DstAccountSeq   int64          `json:"dst_account_seq"`
	// Closing is true when this transfer emptied the debited account and its
	// product closes itself; the ledger froze it in the same transaction.
	Closing bool `json:"closing"`
}

// Type is TypeTransferCompleted.
func (TransferCompleted) Type() Type { return TypeTransferCompleted }

// Subject is the transaction.
func (d TransferCompleted) Subject() string { return d.TransactionID }

// PartitionKey is the account that was debited.
func (d TransferCompleted) PartitionKey() string { return d.DebitedAccountID() }

// DebitedAccountID is the account that the money was taken from.
func (d TransferCompleted) DebitedAccountID() string {
	return debited(d.Direction, d.SrcAccountID, d.DstAccountID)
}

// CreditedAccountID is the account that the money was given to.
func (d TransferCompleted) CreditedAccountID() string {
	return debited(d.Direction, d.DstAccountID, d.SrcAccountID)
}

// Validate checks ids, amounts and positions.
func (d TransferCompleted) Validate() error {
	left := debited(d.Direction, d.SrcBalanceMinor, d.DstBalanceMinor)
	return first(append(transfer(TransferRequested{d.TransactionID, d.SrcAccountID, d.DstAccountID, d.Direction, d.AmountMinor, d.Currency}),
		notNegative("src_balance_minor", d.SrcBalanceMinor), positive("src_account_seq", d.SrcAccountSeq),
		notNegative("dst_balance_minor", d.DstBalanceMinor), positive("dst_account_seq", d.DstAccountSeq),
		check{"closing", !d.Closing || left == 0, "closing needs a balance of 0"})...)
}

// TransferRejected says that the ledger refused the transfer, and why.
type TransferRejected struct {
	TransactionID string         `json:"transaction_id"`
	SrcAccountID  string         `json:"src_account_id"`
	DstAccountID  string         `json:"dst_account_id"`
	Direction     Direction      `json:"direction"`
	AmountMinor   int64          `json:"amount_minor"`
	Currency      money.Currency `json:"currency"`
	Reason        Reason         `json:"reason"`
}

// Type is TypeTransferRejected.
func (TransferRejected) Type() Type { return TypeTransferRejected }

// Subject is the transaction.
func (d TransferRejected) Subject() string { return d.TransactionID }

// PartitionKey is the account that was to be debited.
func (d TransferRejected) PartitionKey() string {
	return debited(d.Direction, d.SrcAccountID, d.DstAccountID)
}

// Validate checks ids, the amount and that a reason is given.
func (d TransferRejected) Validate() error {
	return first(append(transfer(TransferRequested{d.TransactionID, d.SrcAccountID, d.DstAccountID, d.Direction, d.AmountMinor, d.Currency}),
		reason(d.Reason))...)
}

// transfer are the rules of what every event of a transfer repeats.
func transfer(d TransferRequested) []check {
	return []check{
		id("transaction_id", d.TransactionID), id("src_account_id", d.SrcAccountID), id("dst_account_id", d.DstAccountID),
		{"dst_account_id", d.SrcAccountID != d.DstAccountID, "must be another account"},
		direction(d.Direction), positive("amount_minor", d.AmountMinor), currency(d.Currency),
	}
}

// debited picks the side that the money is taken from.
func debited[T any](d Direction, src, dst T) T {
	if d == Credit {
		return dst
	}
	return src
}
