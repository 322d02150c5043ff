package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// Product is what kind of account it is.
type Product string

// The products.
const (
	SimpleSavings Product = "simple-savings" // takes one deposit, and closes itself when a withdrawal empties it
	Current       Product = "current"        // does neither
)

// AccountStatus only ever moves on, in the order of the constants.
type AccountStatus string

// The statuses of an account.
const (
	AccountOpen    AccountStatus = "open"
	AccountClosing AccountStatus = "closing" // takes nothing any more
	AccountClosed  AccountStatus = "closed"  // everywhere
)

// NewAccount is the account that a customer wants.
type NewAccount struct {
	CustomerID string  `json:"customer_id"`
	Product    Product `json:"product"`
	Currency   string  `json:"currency"` // ISO 4217
}

// Account is an account as it stands in the ledger.
type Account struct {
	AccountID  string        `json:"account_id"` // for programs
	Number     int64         `json:"number"`     // for people; it never changes
	CustomerID string        `json:"customer_id"`
	Product    Product       `json:"product"`
	Currency   string        `json:"currency"`
	Status     AccountStatus `json:"status"`
	Balance    Amount        `json:"balance"`
	OpenedAt   time.Time     `json:"opened_at"`
}

// AccountList is a page of accounts, oldest first.
type AccountList struct {
	Accounts []Account `json:"accounts"`
	Next     string    `json:"next,omitempty"` // After of the next page, "" at the end
}

// AccountFilter says which accounts are meant; what is not set leaves none out.
type AccountFilter struct {
	CustomerID string
	Number     *int64
}

func (f AccountFilter) query(p Page) url.Values {
	q := p.query()
	set(q, "customer_id", f.CustomerID)
	if f.Number != nil {
		q.Set("number", strconv.FormatInt(*f.Number, 10))
	}
	return q
}

// Closing is the answer to CloseAccount.
type Closing struct {
	AccountID string        `json:"account_id"`
	Status    AccountStatus `json:"status"`
}

// OpenAccount opens an account. It is in the ledger, at balance 0, when the answer
// comes.
func (c *Client) OpenAccount(ctx context.Context, key Key, wanted NewAccount) (Answer[Account], error) {
	return change[Account](ctx, c, key, "/accounts", wanted)
}

// ListAccounts reads a page of the caller's accounts.
func (c *Client) ListAccounts(ctx context.Context, f AccountFilter, p Page) (AccountList, error) {
	return read[AccountList](ctx, c, "/accounts", f.query(p))
}

// Accounts goes through the caller's accounts.
func (c *Client) Accounts(ctx context.Context, f AccountFilter) iter.Seq2[Account, error] {
	return pages(ctx, Page{Limit: 100}, func(ctx context.Context, p Page) ([]Account, string, error) {
		list, err := c.ListAccounts(ctx, f, p)
		return list.Accounts, list.Next, err
	})
}

// GetAccount reads an account.
func (c *Client) GetAccount(ctx context.Context, accountID string) (Account, error) {
	return read[Account](ctx, c, in("/accounts/%s", accountID), nil)
}

// CloseAccount closes an empty account. It takes nothing from then on, and is closed
// in the outside systems one after the other; GetClosure shows how far it is.
func (c *Client) CloseAccount(ctx context.Context, key Key, accountID string) (Answer[Closing], error) {
	return change[Closing](ctx, c, key, in("/accounts/%s/close", accountID), struct{}{})
}

// ClosureState is how far a closure is.
type ClosureState string

// The states of a closure, in their order; ClosureParked waits for a person.
const (
	ClosureOpen         ClosureState = "OPEN"
	ClosureClosingMambu ClosureState = "CLOSING_MAMBU"
	ClosureMambuClosed  ClosureState = "MAMBU_CLOSED"
	ClosureClosingE     ClosureState = "CLOSING_E"
	ClosureEClosed      ClosureState = "E_CLOSED"
	ClosureClosed       ClosureState = "CLOSED"
	ClosureParked       ClosureState = "PARKED"
)

// Closure is the end of an account. Times are zero for what has not happened.
type Closure struct {
	AccountID     string       `json:"account_id"`
	ClosureID     string       `json:"closure_id"`
	State         ClosureState `json:"state"`
	Reason        string       `json:"reason,omitempty"` // why it is parked
	StartedAt     time.Time    `json:"started_at"`
	MambuClosedAt time.Time    `json:"mambu_closed_at,omitzero"`
	EClosedAt     time.Time    `json:"e_closed_at,omitzero"`
	ClosedAt      time.Time    `json:"closed_at,omitzero"`
	EmailSentAt   time.Time    `json:"email_sent_at,omitzero"`
	History       []Transition `json:"history"` // oldest first
}

// Transition is one step of a closure.
type Transition struct {
	From ClosureState `json:"from,omitempty"` // "" for the first
	To   ClosureState `json:"to"`
	At   time.Time    `json:"at"`
}

// GetClosure shows how far the closing of an account is.
func (c *Client) GetClosure(ctx context.Context, accountID string) (Closure, error) {
	return read[Closure](ctx, c, in("/closures/%s", accountID), nil)
}
