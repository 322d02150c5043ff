package operations_test

import (
	"testing"

	"quittance.dev/events"
	"quittance.dev/functions/banking"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
	"quittance.dev/functions/operations"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	id := func(of string) string { return fn.DeriveID("operations", of) }
	account := id("account")
	fntest.Conformance(t, fntest.Subject{
		New: func(testing.TB) (fn.Function, func() string) { return operations.New(banking.Book{}), nil },
		Events: []events.Data{
			events.AccountOpened{AccountID: account, CustomerID: id("customer"), Product: events.SimpleSavings, Currency: "EUR"},
			events.DepositCompleted{OperationID: id("in"), AccountID: account, AmountMinor: 9, Currency: "EUR", BalanceMinor: 9, AccountSeq: 1},
			events.DepositRejected{OperationID: id("in again"), AccountID: account, AmountMinor: 9, Currency: "EUR", Reason: events.OneDepositOnly},
			events.WithdrawalRejected{OperationID: id("too much"), AccountID: account, AmountMinor: 10, Currency: "EUR", Reason: events.InsufficientFunds},
			events.WithdrawalCompleted{OperationID: id("out"), AccountID: account, AmountMinor: 9, Currency: "EUR", AccountSeq: 2, Closing: true},
			events.AccountClosed{AccountID: account, ClosureID: id("closure")},
		},
		AnyOrder: true,
	})
}
