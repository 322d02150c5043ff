package client

import (
	"context"
	"fmt"
	"time"
)

// Timestamp is an instant in the form that transactions carry: UTC, to the
// millisecond, as in 2023-07-11 12:01:27.053.
type Timestamp struct{ time.Time }

const timestampLayout = "2006-01-02 15:04:05.000"

// String is the form.
func (t Timestamp) String() string { return t.UTC().Format(timestampLayout) }

// MarshalJSON writes the form.
func (t Timestamp) MarshalJSON() ([]byte, error) { return []byte(`"` + t.String() + `"`), nil }

// UnmarshalJSON reads the form.
func (t *Timestamp) UnmarshalJSON(raw []byte) error {
	read, err := time.Parse(`"`+timestampLayout+`"`, string(raw))
	if err != nil {
		return fmt.Errorf("client: %w", err)
	}
	t.Time = read.UTC()
	return nil
}

// Direction says which way money goes.
type Direction string

// The directions: Debit takes from the account that is named first, Credit gives to
// it.
const (
	Debit  Direction = "debit"
	Credit Direction = "credit"
)

// TransactionStatus is what became of a transaction. Nothing has moved if it is Fail.
type TransactionStatus string

// The statuses of a transaction.
const (
	Succeeded TransactionStatus = "success"
	Fail      TransactionStatus = "fail"
)

// NewTransfer moves money between two accounts, of which the debited one is the
// caller's.
type NewTransfer struct {
	SrcAccountID string    `json:"src_account_id"`
	DstAccountID string    `json:"dst_account_id"`
	Amount       Amount    `json:"amount"`    // in the currency of the account that is debited
	Direction    Direction `json:"direction"` // Debit takes from src, Credit from dst
}

// Transfer is a transfer and what became of it.
type Transfer struct {
	TransactionID string            `json:"transaction_id"`
	Timestamp     Timestamp         `json:"transaction_timestamp"`
	SrcAccountID  string            `json:"src_account_id"`
	DstAccountID  string            `json:"dst_account_id"`
	Amount        Amount            `json:"amount"`
	Direction     Direction         `json:"direction"`
	Status        TransactionStatus `json:"status"`
	Reason        string            `json:"reason,omitempty"` // why it failed
}

// Transfer moves money between two accounts. A refusal is an answer with the status
// Fail, not an error, and the same key gives it again.
func (c *Client) Transfer(ctx context.Context, key Key, t NewTransfer) (Answer[Transfer], error) {
	return change[Transfer](ctx, c, key, "/api/v1/transaction", t)
}

// NewBankTransaction is what the bank takes from a customer or gives.
type NewBankTransaction struct {
	DstAccountID string    `json:"dst_account_id"`
	Amount       Amount    `json:"amount"`
	Direction    Direction `json:"direction"` // Debit takes from the customer, Credit gives
	Reason       string    `json:"reason"`    // why; it is kept, and told in no event
}

// BankTransaction is one and what became of it.
type BankTransaction struct {
	TransactionID string            `json:"transaction_id"`
	Timestamp     Timestamp         `json:"transaction_timestamp"`
	DstAccountID  string            `json:"dst_account_id"`
	Amount        Amount            `json:"amount"`
	Direction     Direction         `json:"direction"`
	Status        TransactionStatus `json:"status"`
	Reason        string            `json:"reason,omitempty"` // why it failed
}

// BankTransaction takes money from a customer for the bank, or gives it. For the
// treasury.
func (c *Client) BankTransaction(ctx context.Context, key Key, t NewBankTransaction) (Answer[BankTransaction], error) {
	return change[BankTransaction](ctx, c, key, "/api/v1/bank_transactions", t)
}

// AskedBankTransaction is what the bank was asked to take or give, and why. The report
// of transactions tells what became of it.
type AskedBankTransaction struct {
	TransactionID string    `json:"transaction_id"`
	RequestedAt   time.Time `json:"requested_at"`
	DstAccountID  string    `json:"dst_account_id"`
	Amount        Amount    `json:"amount"`
	Currency      string    `json:"currency"`
	Direction     Direction `json:"direction"`
	Reason        string    `json:"reason"`
	AskedBy       string    `json:"asked_by"` // id of the principal
}

// BankTransactionList is a page of bank transactions, newest first.
type BankTransactionList struct {
	BankTransactions []AskedBankTransaction `json:"bank_transactions"`
	Next             string                 `json:"next,omitempty"` // After of the next page, "" at the end
}

// BankTransactionFilter says which bank transactions are meant; what is not set
// leaves none out.
type BankTransactionFilter struct {
	AccountID string
	Reason    string // words that it has, in any order; "quoted" in this one; -word: not this
}

// ListBankTransactions reads a page of what the bank took and gave, refused ones too.
// For the treasury and operators.
func (c *Client) ListBankTransactions(ctx context.Context, f BankTransactionFilter, p Page) (BankTransactionList, error) {
	q := p.query()
	set(q, "account_id", f.AccountID)
	set(q, "reason", f.Reason)
	return read[BankTransactionList](ctx, c, "/api/v1/bank_transactions", q)
}
