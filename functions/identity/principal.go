package identity

import (
	"slices"

	"github.com/google/uuid"
)

// Scope is one thing that a token may allow.
type Scope string

// The scopes of the bank.
const (
	// Customer reads and moves what is the bearer's own.
	Customer Scope = "customer"
	// Operator reads everything, and what waits for a person.
	Operator Scope = "operator"
	// Treasury moves the bank's own money.
	Treasury Scope = "treasury"
	// Service is a program of an integrator: it reads and moves what it made, and
	// speaks in events.
	Service Scope = "service"
)

// Scopes lists every scope and what it allows, in a few words.
func Scopes() map[Scope]string {
	return map[Scope]string{
		Customer: "Read and move what is your own.",
		Operator: "Read everything, and what waits for a person.",
		Treasury: "Move the bank's own money.",
		Service:  "For programs: read and move what they made, and send events.",
	}
}

// Principal is who is asking.
type Principal struct {
	// ID is derived from issuer and subject; what the principal makes is owned by it.
	ID string
	// Scopes are those of the bank's that the token has.
	Scopes []Scope
}

// May tells whether the principal has one of the scopes.
func (p Principal) May(scopes ...Scope) bool {
	return slices.ContainsFunc(scopes, func(s Scope) bool { return slices.Contains(p.Scopes, s) })
}

// principals is the namespace of the ids of principals.
var principals = uuid.NewSHA1(uuid.NameSpaceURL, []byte("https://quittance.dev/principals"))

// ID is the id of the principal that issuer knows as subject.
func ID(issuer, subject string) string {
	return uuid.NewSHA1(principals, []byte(issuer+"\n"+subject)).String()
}
