package ledgerposting_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/ledgerposting"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	id := func(name string) string { return fn.DeriveID("test", name) }
	fntest.Conformance(t, fntest.Subject{
		New: func(testing.TB) (fn.Function, func() string) { return ledgerposting.New(), nil },
		Setup: func(t testing.TB, owner *pgxpool.Pool) {
			_, err := owner.Exec(context.Background(), `
				insert into ledger.account (id, kind, product, currency, balance_minor, floor_minor)
				values ($1, 'customer', 'current', 'EUR', 0, 0), ($2, 'customer', 'simple-savings', 'EUR', 0, 0),
				       ($3, 'customer', 'current', 'EUR', 0, 0)`,
				id("current"), id("savings"), id("other"))
			require.NoError(t, err)
		},
		Events: []events.Data{
			events.DepositRequested{OperationID: id("d1"), AccountID: id("current"), AmountMinor: 500, Currency: "EUR"},
			events.DepositRequested{OperationID: id("d2"), AccountID: id("savings"), AmountMinor: 700, Currency: "EUR"},
			events.WithdrawalRequested{OperationID: id("w1"), AccountID: id("savings"), AmountMinor: 700, Currency: "EUR"},
			events.WithdrawalRequested{OperationID: id("w2"), AccountID: id("current"), AmountMinor: 9999, Currency: "EUR"},
			events.InvoicePaid{InvoiceID: id("i1"), PaymentID: id("p1"), AccountID: id("current"), AmountMinor: 100, Currency: "EUR"},
			events.TransferRequested{TransactionID: id("t1"), SrcAccountID: id("current"), DstAccountID: id("other"), Direction: events.Debit, AmountMinor: 200, Currency: "EUR"},
			events.TransferRequested{TransactionID: id("t2"), SrcAccountID: id("current"), DstAccountID: id("other"), Direction: events.Credit, AmountMinor: 9999, Currency: "EUR"},
			events.BankTransactionRequested{TransactionID: id("b1"), DstAccountID: id("other"), Direction: events.Credit, AmountMinor: 50, Currency: "EUR"},
			events.BankTransactionRequested{TransactionID: id("b2"), DstAccountID: id("other"), Direction: events.Debit, AmountMinor: 9999, Currency: "EUR"},
			events.InvoicePaid{InvoiceID: id("i2"), PaymentID: id("p2"), AccountID: id("savings"), AmountMinor: 100, Currency: "EUR"},
		},
	})
}
