// Package direct posts an event of a function's own straight to who hears it and
// returns what that said: for a caller who waits and cannot be told to wait for the
// broker.
//
// The event is in the outbox and committed before it is posted, so the relay
// delivers it as well; whichever copy comes second finds the other's row in the
// idempotency table. A post whose answer is lost therefore loses nothing, and
// doubles nothing: the outcome is unknown to the caller until it asks again.
package direct
