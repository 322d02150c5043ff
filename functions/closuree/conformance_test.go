package closuree_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/closure/closuretest"
	"quittance.dev/functions/closuree"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fn/fntest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	accountID := fn.DeriveID("an emptied account")
	mail := mailSent(accountID)
	mail.NotificationID = fn.DeriveID("the mail")
	fntest.Conformance(t, fntest.Subject{
		New: func(t testing.TB) (fn.Function, func() string) {
			out := closuretest.NewOutside(t, nil)
			out.Put(t, accountID)
			count, _ := closuretest.NewCounters(t)
			return closuree.New(out.EClient, count), func() string {
				var closes []string
				for _, c := range out.E.Book().Closes {
					closes = append(closes, c.AccountID+" "+c.ClosureID+" "+c.Key)
				}
				return fmt.Sprint(closes)
			}
		},
		Setup: func(t testing.TB, owner *pgxpool.Pool) {
			closuretest.PutAccount(t, owner, accountID, "closing", 0)
			for _, sql := range []string{
				`insert into closure.account_closure (account_id, closure_id, notes) values ($1, $2, 'a test')`,
				`update closure.account_closure set state = 'CLOSING_MAMBU' where account_id = $1 and closure_id = $2`,
				`update closure.account_closure set state = 'MAMBU_CLOSED', mambu_closed_at = now() where account_id = $1 and closure_id = $2`,
			} {
				_, err := owner.Exec(context.Background(), sql, accountID, closure.ID(accountID))
				require.NoError(t, err)
			}
		},
		Events: []events.Data{
			events.ClosureMambuClosed{ClosureID: closure.ID(accountID), AccountID: accountID},
			mail,
		},
	})
}
