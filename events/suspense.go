package events

import "quittance.dev/events/money"

// Event types of suspense.
const (
	TypeSuspenseRecorded Type = "dev.quittance.suspense.recorded.v1"
)

// SuspenseRecorded says that money came in which its account could not take.
// It is in the bank's suspense account, and a case waits for a person.
type SuspenseRecorded struct {
	CaseID      string         `json:"case_id"`
	AccountID   string         `json:"account_id"`
	AmountMinor int64          `json:"amount_minor"`
	Currency    money.Currency `json:"currency"`
	Reason      Reason         `json:"reason"`
}

// Type is TypeSuspenseRecorded.
func (SuspenseRecorded) Type() Type { return TypeSuspenseRecorded }

// Subject is the case.
func (d SuspenseRecorded) Subject() string { return d.CaseID }

// PartitionKey is the account.
func (d SuspenseRecorded) PartitionKey() string { return d.AccountID }

// Validate checks ids, amount and reason.
func (d SuspenseRecorded) Validate() error {
	return first(id("case_id", d.CaseID), id("account_id", d.AccountID),
		positive("amount_minor", d.AmountMinor), currency(d.Currency), reason(d.Reason))
}
