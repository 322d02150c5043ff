package client

import (
	"context"
	"iter"
	"time"
)

// Balance is what is in an account after its latest posting that the projection for
// reading has heard of. It may be a moment behind the ledger.
type Balance struct {
	AccountID string `json:"account_id"`
	Currency  string `json:"currency"`
	Balance   Amount `json:"balance"`
	Version   int64  `json:"version"` // position of that posting in the account; it only grows
}

// BalanceList is a page of balances, in the order in which the accounts were opened.
type BalanceList struct {
	Balances []Balance `json:"balances"`
	Next     string    `json:"next,omitempty"` // After of the next page, "" at the end
}

// TransactionKind is what money moved for.
type TransactionKind string

// The kinds of transaction.
const (
	TransactionDeposit    TransactionKind = "deposit"
	TransactionWithdrawal TransactionKind = "withdrawal"
	TransactionInvoice    TransactionKind = "invoice"
	TransactionTransfer   TransactionKind = "transfer"
	TransactionBank       TransactionKind = "bank-transaction"
)

// Transaction is one posting to an account.
type Transaction struct {
	Position     int64           `json:"position"` // place in the account, from 1, without gaps
	Kind         TransactionKind `json:"kind"`
	Reference    string          `json:"reference"` // the operation or the invoice
	Amount       Amount          `json:"amount"`    // negative out of the account
	Currency     string          `json:"currency"`
	BalanceAfter Amount          `json:"balance_after"`
	OccurredAt   time.Time       `json:"occurred_at"`
}

// TransactionList is a page of transactions, oldest first.
type TransactionList struct {
	AccountID    string        `json:"account_id"`
	Transactions []Transaction `json:"transactions"`
	Next         string        `json:"next,omitempty"` // After of the next page, "" at the end
}

// ListBalances reads a page of the balances of the caller's accounts.
func (c *Client) ListBalances(ctx context.Context, f AccountFilter, p Page) (BalanceList, error) {
	return read[BalanceList](ctx, c, "/balances", f.query(p))
}

// GetBalance reads the balance of an account.
func (c *Client) GetBalance(ctx context.Context, accountID string) (Balance, error) {
	return read[Balance](ctx, c, in("/balances/%s", accountID), nil)
}

// ListTransactions reads a page of an account's transactions.
func (c *Client) ListTransactions(ctx context.Context, accountID string, p Page) (TransactionList, error) {
	return read[TransactionList](ctx, c, in("/transactions/%s", accountID), p.query())
}

// Transactions goes through an account's transactions.
func (c *Client) Transactions(ctx context.Context, accountID string) iter.Seq2[Transaction, error] {
	return pages(ctx, Page{Limit: 100}, func(ctx context.Context, p Page) ([]Transaction, string, error) {
		list, err := c.ListTransactions(ctx, accountID, p)
		return list.Transactions, list.Next, err
	})
}
