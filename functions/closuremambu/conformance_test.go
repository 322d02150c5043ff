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
	withdrawal := emptied(spent)
	withdrawal.OperationID = fn.DeriveID("the withdrawal")
	fntest.Conformance(t, fntest.Subject{
		New: func(t testing.TB) (fn.Function, func() string) {
			out := closuretest.NewOutside(t, nil)
			out.Put(t, asked)
			out.Put(t, spent)
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
			closuretest.PutAccount(t, owner, spent, "closing", 0)
		},
		Events: []events.Data{
			events.AccountCloseRequested{AccountID: asked},
			withdrawal,
			events.ClosureStarted{ClosureID: closure.ID(asked), AccountID: asked},
			events.ClosureStarted{ClosureID: closure.ID(spent), AccountID: spent},
		},
	})
}
