package events

import "quittance.dev/events/money"

// Event types of accounts.
const (
	TypeAccountOpened         Type = "dev.quittance.account.opened.v1"
	TypeAccountCloseRequested Type = "dev.quittance.account.close-requested.v1"
	TypeAccountClosed         Type = "dev.quittance.account.closed.v1"
)

// Product decides how an account behaves.
type Product string

// The products of the bank.
const (
	// SimpleSavings takes one deposit and closes itself when a withdrawal
	// leaves exactly nothing.
	SimpleSavings Product = "simple-savings"
	// Current takes any number of deposits and stays open at zero.
	Current Product = "current"
)

// Known reports whether the bank offers the product.
func (p Product) Known() bool { return p == SimpleSavings || p == Current }

// AccountOpened says that a customer has a new account, at a balance of 0.
type AccountOpened struct {
	AccountID  string         `json:"account_id"`
	CustomerID string         `json:"customer_id"`
	Product    Product        `json:"product"`
	Currency   money.Currency `json:"currency"`
}

// Type is TypeAccountOpened.
func (AccountOpened) Type() Type { return TypeAccountOpened }

// Subject is the account.
func (d AccountOpened) Subject() string { return d.AccountID }

// PartitionKey is the account.
func (d AccountOpened) PartitionKey() string { return d.AccountID }

// Validate checks ids, product and currency.
func (d AccountOpened) Validate() error {
	return first(id("account_id", d.AccountID), id("customer_id", d.CustomerID),
		check{"product", d.Product.Known(), "must be a product of the bank"}, currency(d.Currency))
}

// AccountCloseRequested says that the customer asked to close an account at
// balance 0, and that the ledger froze it in the same transaction.
type AccountCloseRequested struct {
	AccountID string `json:"account_id"`
}

// Type is TypeAccountCloseRequested.
func (AccountCloseRequested) Type() Type { return TypeAccountCloseRequested }

// Subject is the account.
func (d AccountCloseRequested) Subject() string { return d.AccountID }

// PartitionKey is the account.
func (d AccountCloseRequested) PartitionKey() string { return d.AccountID }

// Validate checks the id.
func (d AccountCloseRequested) Validate() error { return first(id("account_id", d.AccountID)) }

// AccountClosed says that the account is closed everywhere: in Mambu, in E
// and in the ledger.
type AccountClosed struct {
	AccountID string `json:"account_id"`
	ClosureID string `json:"closure_id"`
}

// Type is TypeAccountClosed.
func (AccountClosed) Type() Type { return TypeAccountClosed }

// Subject is the account.
func (d AccountClosed) Subject() string { return d.AccountID }

// PartitionKey is the account.
func (d AccountClosed) PartitionKey() string { return d.AccountID }

// Validate checks the ids.
func (d AccountClosed) Validate() error {
	return first(id("account_id", d.AccountID), id("closure_id", d.ClosureID))
}
