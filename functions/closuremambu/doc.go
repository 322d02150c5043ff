// Package closuremambu is the room of the function closure-mambu: it starts the
// closure of an emptied account and closes the account in Mambu.
//
//	Hears    withdrawal.completed       when it left the account closing, at 0
//	         transfer.completed         likewise, the account that was debited
//	         bank-transaction.completed likewise
//	         account.close-requested    when a customer closes an empty account
//	         closure.started            its own: time to ask Mambu
//	Says     closure.started, closure.mambu-closed
//	         closure.refused            by the ledger or by Mambu
//	Changes  closure (OPEN to CLOSING_MAMBU; then MAMBU_CLOSED or PARKED)
//	Reads    ledger.account: the ledger has the last word on "empty"
//	Calls    Mambu, to close the deposit account: one key, one body, per attempt
//	Fails    an unknown outcome is an error and the same call is made again; a
//	         refusal parks the closure; an event that speaks of a closure that
//	         is not there is for a person
//
// Starting and calling are two events, so that the call's key is committed
// before the first call, and a crash between the two loses nothing.
package closuremambu
