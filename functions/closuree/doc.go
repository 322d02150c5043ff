// Package closuree is the room of the function closure-e: it closes the account
// in the external system E, once Mambu has confirmed, and with that ends the
// closure.
//
//	Hears    closure.mambu-closed    Mambu is done: E's turn
//	         notification.sent       when it is the mail about the closed account
//	Says     account.closed
//	         closure.refused         by E
//	Changes  closure (MAMBU_CLOSED to CLOSING_E; then E_CLOSED and CLOSED, or
//	         PARKED; email_sent_at)
//	         ledger.account (closing to closed)
//	Calls    E, to close the account: one key, one body, per attempt
//	Fails    an unknown outcome is an error and the same call is made again; a
//	         refusal parks the closure; an event that speaks of a closure that
//	         is not there, or not that far, is for a person
//
// E is asked in the state CLOSING_E only, and the database lets no closure be
// there without Mambu's confirmation.
package closuree
