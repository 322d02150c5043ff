// Package events is the vocabulary of the bank: every event that one function
// says and another hears, with its payload, its validation and its place in
// the catalogue.
//
// An event states a fact in the past tense (a deposit was completed) or hands
// on a request (a deposit was requested). It travels as a CloudEvent:
//
//	type          dev.quittance.deposit.completed.v1   what happened, never changed once released
//	source        /functions/ledger-posting            who says so
//	id            UUIDv5 derived from the cause        a retry says the same thing again
//	subject       the entity's id                      what it is about
//	partitionkey  the account, invoice or payment      what must stay in order
//	correlationid the journey                          set at the door, handed on by everyone
//	causationid   the event before                     empty at the door
//
// Payloads carry ids and amounts only, never a name, an address or a number
// that a person could be known by: whoever needs those looks them up.
//
// One file per noun. To add an event, follow docs/checklists.md.
//
// The package imports the standard library and money, nothing else, so that
// anybody can import it.
package events
