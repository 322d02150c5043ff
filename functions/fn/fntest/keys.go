package fntest

import (
	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/signing"
)

// Keys are the event keys of this test's process, one for each consumer that
// checks signatures. Doors check with them, and Door.Post signs with them.
var Keys = signing.Ephemeral(events.Verifying()...)

// Signed is e as the relay would send it, unless it is signed already.
func Signed(e fn.Envelope) fn.Envelope {
	if e.Signature != "" {
		return e
	}
	signed, err := e.Signed(Keys)
	if err != nil {
		panic(err) // there are keys for everybody
	}
	return signed
}
