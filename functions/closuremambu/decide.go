package closuremambu

import (
	"fmt"
	"strconv"

	"quittance.dev/events"
	"quittance.dev/functions/closure"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/ledger"
)

// decideStart asks the ledger's account whether its closure may start. A
// reason is why not; neither means that there is nothing left to do.
func decideStart(a ledger.Account, found bool) (may bool, reason events.Reason) {
	switch {
	case !found:
		return false, events.AccountNotFound
	case a.BalanceMinor != 0:
		return false, events.BalanceNotZero
	case a.Status == "closing":
		return true, ""
	case a.Status == "closed":
		return false, ""
	default:
		return false, events.AccountIsOpen
	}
}

// decideTurn tells whether it is Mambu's turn in a closure that was started.
func decideTurn(s closure.State) (bool, error) {
	switch {
	case s == closure.ClosingMambu:
		return true, nil
	case s == closure.Parked, s.After(closure.ClosingMambu):
		return false, nil
	default:
		return false, fn.Permanent(fmt.Errorf("a closure that was said to be started is %s", s))
	}
}

// key is the idempotency key of the closure's present attempt: the closure's
// own id for the first, derived from it for one that follows a refusal, which
// Mambu may keep under the old key.
func key(c closure.Closure) string {
	if c.Attempt == 1 {
		return c.ID
	}
	return fn.DeriveID(c.ID, "close", strconv.Itoa(c.Attempt))
}
