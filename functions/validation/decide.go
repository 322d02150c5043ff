package validation

import (
	"quittance.dev/events"
	"quittance.dev/functions/invoicing"
)

// decide says why a payment does not fit its invoice; "" when it does. A
// payment pays its invoice in full and exactly: parts and overpayments are not
// taken. known is false when there is no such invoice.
func decide(p invoicing.Payment, i invoicing.Invoice, known bool) events.Reason {
	switch {
	case !known:
		return events.InvoiceNotFound
	case i.State != invoicing.InvoiceOpen:
		return events.InvoiceNotPayable
	case p.Currency != i.Currency:
		return events.CurrencyMismatch
	case p.AmountMinor != i.AmountMinor:
		return events.AmountMismatch
	case p.Method != invoicing.Card:
		return events.MethodNotSupported
	}
	return ""
}
