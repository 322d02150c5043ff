package closure

import "slices"

// State is where a closure stands.
type State string

// The states, in their order. Parked is beside them.
const (
	Open         State = "OPEN"
	ClosingMambu State = "CLOSING_MAMBU"
	MambuClosed  State = "MAMBU_CLOSED"
	ClosingE     State = "CLOSING_E"
	EClosed      State = "E_CLOSED"
	Closed       State = "CLOSED"
	Parked       State = "PARKED"
)

// order of the states of a closure that meets no refusal.
var order = []State{Open, ClosingMambu, MambuClosed, ClosingE, EClosed, Closed}

// After reports whether a closure in state s has passed state other. One that
// is parked has passed nothing for certain.
func (s State) After(other State) bool {
	return s != Parked && slices.Index(order, s) > slices.Index(order, other)
}

// Step names a part of the flow, in log lines and metrics.
type Step string

// The steps.
const (
	StepStart Step = "start" // asking the ledger, opening the closure
	StepMambu Step = "mambu" // closing in Mambu
	StepE     Step = "e"     // closing in E, and then in the ledger
	StepEmail Step = "email" // noting that the customer has been told
)
