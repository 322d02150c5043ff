package query

import (
	"time"

	"quittance.dev/events"
	"quittance.dev/events/money"
)

// LineStatus is what became of a transaction, in the spelling that clients of the
// API know.
type LineStatus string

// The statuses.
const (
	Success LineStatus = "success"
	Fail    LineStatus = "fail"
)

// Line is one transaction in the report, whatever became of it.
type Line struct {
	ID   string // the operation's, the payment's or the transaction's
	Kind Kind
	// Source is the account that a transfer names first; "" where the bank is the
	// other side, and Destination the customer's account.
	Source, Destination string
	Direction           events.Direction // seen from Source, or from Destination where there is none
	AmountMinor         int64            // positive
	Currency            money.Currency
	Status              LineStatus
	Reason              events.Reason // why it failed; "" otherwise
	OccurredAt          time.Time     // the ledger's instant
}

// Movement is a transaction with what it did to accounts: one posting, two if it
// is a transfer, none if it failed.
type Movement struct {
	Line     Line
	Postings []Transaction
}
