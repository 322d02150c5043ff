package fntest

import (
	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/signing"
)

// Keys are the event keys of this test's process, one for each consumer that
// checks signatures. Doors check with them, and Door.Post signs with them.
var Keys = signing.Ephemeral(append(events.Verifying(), events.Calling()...)...)

// Ring is what the named function checks signatures with.
func Ring(function string) *signing.Ring {
	ring := Keys.Ring(function)
	if caller := events.Caller(function); caller != "" {
		ring = ring.Direct(fn.Source(caller), Keys.Ring(caller))
	}
	return ring
}

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
