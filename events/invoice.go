package events

import "quittance.dev/events/money"

// Event types of invoices and receipts.
const (
	TypeInvoicePaid     Type = "dev.quittance.invoice.paid.v1"
	TypeInvoiceCredited Type = "dev.quittance.invoice.credited.v1"
	TypeReceiptIssued   Type = "dev.quittance.receipt.issued.v1"
)

// InvoicePaid says that the invoice is covered; the payee's account is owed
// the money.
type InvoicePaid struct {
	InvoiceID   string         `json:"invoice_id"`
	PaymentID   string         `json:"payment_id"`
	AccountID   string         `json:"account_id"` // the payee's account
	AmountMinor int64          `json:"amount_minor"`
	Currency    money.Currency `json:"currency"`
}

// Type is TypeInvoicePaid.
func (InvoicePaid) Type() Type { return TypeInvoicePaid }

// Subject is the invoice.
func (d InvoicePaid) Subject() string { return d.InvoiceID }

// PartitionKey is the invoice.
func (d InvoicePaid) PartitionKey() string { return d.InvoiceID }

// Validate checks ids, a positive amount and a known currency.
func (d InvoicePaid) Validate() error {
	return first(id("invoice_id", d.InvoiceID), id("payment_id", d.PaymentID),
		id("account_id", d.AccountID), positive("amount_minor", d.AmountMinor), currency(d.Currency))
}

// InvoiceCredited says that the money of a paid invoice is in the payee's
// account.
type InvoiceCredited struct {
	InvoiceID    string         `json:"invoice_id"`
	PaymentID    string         `json:"payment_id"`
	AccountID    string         `json:"account_id"`
	AmountMinor  int64          `json:"amount_minor"`
	Currency     money.Currency `json:"currency"`
	BalanceMinor int64          `json:"balance_minor"` // after this posting
	AccountSeq   int64          `json:"account_seq"`   // position of the posting in the account, from 1
}

// Type is TypeInvoiceCredited.
func (InvoiceCredited) Type() Type { return TypeInvoiceCredited }

// Subject is the invoice.
func (d InvoiceCredited) Subject() string { return d.InvoiceID }

// PartitionKey is the account.
func (d InvoiceCredited) PartitionKey() string { return d.AccountID }

// Validate checks ids, amounts and the position.
func (d InvoiceCredited) Validate() error {
	return first(id("invoice_id", d.InvoiceID), id("payment_id", d.PaymentID),
		id("account_id", d.AccountID), positive("amount_minor", d.AmountMinor), currency(d.Currency),
		positive("account_seq", d.AccountSeq))
}

// ReceiptIssued says that the receipt of a paid invoice exists.
type ReceiptIssued struct {
	ReceiptID     string `json:"receipt_id"`
	ReceiptNumber string `json:"receipt_number"` // without gaps per issuer
	InvoiceID     string `json:"invoice_id"`
	PaymentID     string `json:"payment_id"`
}

// Type is TypeReceiptIssued.
func (ReceiptIssued) Type() Type { return TypeReceiptIssued }

// Subject is the receipt.
func (d ReceiptIssued) Subject() string { return d.ReceiptID }

// PartitionKey is the invoice.
func (d ReceiptIssued) PartitionKey() string { return d.InvoiceID }

// Validate checks ids and number.
func (d ReceiptIssued) Validate() error {
	return first(id("receipt_id", d.ReceiptID), word("receipt_number", d.ReceiptNumber),
		id("invoice_id", d.InvoiceID), id("payment_id", d.PaymentID))
}
