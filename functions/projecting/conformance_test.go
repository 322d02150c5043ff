package projecting_test

import (
	"testing"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/projecting"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	id := func(of string) string { return fn.DeriveID("projecting", of) }
	account := id("account")
	fntest.Conformance(t, fntest.Subject{
		New: func(testing.TB) (fn.Function, func() string) { return projecting.New(), nil },
		Events: []events.Data{
			events.AccountOpened{AccountID: account, CustomerID: id("customer"), Product: events.Current, Currency: "EUR"},
			events.DepositCompleted{OperationID: id("in"), AccountID: account, AmountMinor: 9, Currency: "EUR", BalanceMinor: 9, AccountSeq: 1},
			events.InvoiceCredited{InvoiceID: id("invoice"), PaymentID: id("payment"), AccountID: account, AmountMinor: 5, Currency: "EUR", BalanceMinor: 14, AccountSeq: 2},
			events.TransferCompleted{TransactionID: id("transfer"), SrcAccountID: account, DstAccountID: id("other"), Direction: events.Debit, AmountMinor: 3, Currency: "EUR",
				SrcBalanceMinor: 11, SrcAccountSeq: 3, DstBalanceMinor: 3, DstAccountSeq: 1},
			events.BankTransactionCompleted{TransactionID: id("bank"), DstAccountID: account, Direction: events.Credit, AmountMinor: 3, Currency: "EUR", BalanceMinor: 14, AccountSeq: 4},
			events.WithdrawalCompleted{OperationID: id("out"), AccountID: account, AmountMinor: 14, Currency: "EUR", AccountSeq: 5},
			events.DepositRejected{OperationID: id("refused in"), AccountID: account, AmountMinor: 5, Currency: "EUR", Reason: events.OneDepositOnly},
			events.WithdrawalRejected{OperationID: id("refused out"), AccountID: account, AmountMinor: 5, Currency: "EUR", Reason: events.InsufficientFunds},
			events.TransferRejected{TransactionID: id("refused transfer"), SrcAccountID: account, DstAccountID: id("other"), Direction: events.Debit, AmountMinor: 5, Currency: "EUR", Reason: events.InsufficientFunds},
			events.BankTransactionRejected{TransactionID: id("refused bank"), DstAccountID: account, Direction: events.Debit, AmountMinor: 5, Currency: "EUR", Reason: events.InsufficientFunds},
			events.ClosureStarted{ClosureID: id("closure"), AccountID: account},
			events.AccountClosed{AccountID: account, ClosureID: id("closure")},
		},
		AnyOrder: true,
	})
}
