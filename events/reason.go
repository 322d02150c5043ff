package events

import "quittance.dev/events/money"

// Reason says why something was refused, in words that may be shown to the
// customer.
type Reason string

// The reasons that the bank gives.
const (
	InsufficientFunds  Reason = "Insufficient funds"
	AccountNotFound    Reason = "Account not found"
	AccountIsClosing   Reason = "Account is closing"
	AccountIsClosed    Reason = "Account is closed"
	AccountIsOpen      Reason = "Account is open"
	CurrencyMismatch   Reason = "Currency differs from the account's"
	OneDepositOnly     Reason = "The product takes one deposit only"
	InvoiceNotFound    Reason = "Invoice not found"
	InvoiceNotPayable  Reason = "Invoice is not payable"
	AmountMismatch     Reason = "Amount differs from the invoice's"
	BalanceTooLarge    Reason = "Balance would be too large"
	PaymentDeclined    Reason = "Payment was declined"
	BalanceNotZero     Reason = "Balance is not zero"
	MethodNotSupported Reason = "Payment method is not supported"
)

func reason(r Reason) check { return word("reason", string(r)) }

func currency(c money.Currency) check {
	return check{"currency", c.Known(), "must be a currency the bank keeps books in"}
}
