package closuree

import (
	"fmt"
	"strconv"

	"quittance.dev/functions/closure"
	"quittance.dev/functions/fn"
)

// turn is how a closure stands to E.
type turn int

const (
	over   turn = iota // E has confirmed, or a person has to look
	begins             // Mambu has confirmed and E was not asked yet
	goesOn             // E may have been asked: again, in the same words
)

// decideTurn tells whether it is E's turn in a closure that Mambu is said to
// have confirmed.
func decideTurn(s closure.State) (turn, error) {
	switch {
	case s == closure.MambuClosed:
		return begins, nil
	case s == closure.ClosingE:
		return goesOn, nil
	case s == closure.Parked, s.After(closure.ClosingE):
		return over, nil
	default:
		return over, fn.Permanent(fmt.Errorf("a closure that Mambu is said to have confirmed is %s", s))
	}
}

// key is the idempotency key of the closure's present attempt in E. It is never
// Mambu's key, and a new one after each refusal.
func key(c closure.Closure) string {
	if c.Attempt == 1 {
		return fn.DeriveID(c.ID, "e")
	}
	return fn.DeriveID(c.ID, "e", strconv.Itoa(c.Attempt))
}
