package closuremambu_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/closuremambu"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	asked, spent := fn.DeriveID("asked to be closed"), fn.DeriveID("emptied by a withdrawal")
	sent, taken := fn.DeriveID("emptied by a transfer"), fn.DeriveID("emptied by the bank")
	withdrawal := emptied(spent)
	withdrawal.OperationID = fn.DeriveID("the withdrawal")
	fntest.Conformance(t, fntest.Subject{
		New: func(t testing.TB) (fn.Function, func() string) {
			out := closuretest.NewOutside(t, nil)
			out.Put(t, asked)
			for _, id := range []string{spent, sent, taken} {
				out.Put(t, id)
			}
			count, _ := closuretest.NewCounters(t)
			return closuremambu.New(out.MambuClient, count), func() string {
				var closes []string
				for _, c := range out.Mambu.Book().Closes {
					closes = append(closes, c.AccountID+" "+c.Key+" "+c.Notes)
				}
				return fmt.Sprint(closes)
			}
		},
		Setup: func(t testing.TB, owner *pgxpool.Pool) {
			closuretest.PutAccount(t, owner, asked, "closing", 0)
			for _, id := range []string{spent, sent, taken} {
				closuretest.PutAccount(t, owner, id, "closing", 0)
			}
		},
		Events: []events.Data{
			events.AccountCloseRequested{AccountID: asked},
			withdrawal,
			events.TransferCompleted{
				TransactionID: fn.DeriveID("the transfer"), SrcAccountID: sent, DstAccountID: fn.DeriveID("another"), Direction: events.Debit,
				AmountMinor: 5, Currency: "EUR", SrcAccountSeq: 2, DstBalanceMinor: 5, DstAccountSeq: 1, Closing: true,
			},
			events.BankTransactionCompleted{
				TransactionID: fn.DeriveID("the bank's"), DstAccountID: taken, Direction: events.Debit, AmountMinor: 5, Currency: "EUR", AccountSeq: 2, Closing: true,
			},
			events.ClosureStarted{ClosureID: closure.ID(asked), AccountID: asked},
			events.ClosureStarted{ClosureID: closure.ID(spent), AccountID: spent},
		},
	})
}
