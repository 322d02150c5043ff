package validation

import (
	"testing"

	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/invoicing"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	type changed func(*invoicing.Payment, *invoicing.Invoice)
	for name, tt := range map[string]struct {
		change  changed
		unknown bool
		want    events.Reason
	}{
		"fits":             {},
		"no such invoice":  {unknown: true, want: events.InvoiceNotFound},
		"paid already":     {change: func(_ *invoicing.Payment, i *invoicing.Invoice) { i.State = invoicing.InvoicePaid }, want: events.InvoiceNotPayable},
		"cancelled":        {change: func(_ *invoicing.Payment, i *invoicing.Invoice) { i.State = invoicing.InvoiceCancelled }, want: events.InvoiceNotPayable},
		"one unit less":    {change: func(p *invoicing.Payment, _ *invoicing.Invoice) { p.AmountMinor-- }, want: events.AmountMismatch},
		"one unit more":    {change: func(p *invoicing.Payment, _ *invoicing.Invoice) { p.AmountMinor++ }, want: events.AmountMismatch},
		"other currency":   {change: func(p *invoicing.Payment, _ *invoicing.Invoice) { p.Currency = "USD" }, want: events.CurrencyMismatch},
		"unknown method":   {change: func(p *invoicing.Payment, _ *invoicing.Invoice) { p.Method = "cheque" }, want: events.MethodNotSupported},
		"card in capitals": {change: func(p *invoicing.Payment, _ *invoicing.Invoice) { p.Method = "CARD" }, want: events.MethodNotSupported},
		"several faults: the invoice comes first": {change: func(p *invoicing.Payment, i *invoicing.Invoice) {
			p.AmountMinor, p.Currency, p.Method, i.State = 1, "USD", "cheque", invoicing.InvoicePaid
		}, want: events.InvoiceNotPayable},
		"currency comes before amount": {change: func(p *invoicing.Payment, _ *invoicing.Invoice) {
			p.AmountMinor, p.Currency = 1, "USD"
		}, want: events.CurrencyMismatch},
	} {
		i := invoicing.Invoice{ID: "i", AmountMinor: 100, Currency: "EUR", State: invoicing.InvoiceOpen}
		p := invoicing.Payment{ID: "p", InvoiceID: "i", AmountMinor: 100, Currency: "EUR", Method: invoicing.Card}
		if tt.change != nil {
			tt.change(&p, &i)
		}
		require.Equal(t, tt.want, decide(p, i, !tt.unknown), name)
	}
}
