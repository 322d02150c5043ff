package events

import "slices"

// verifying are the functions that move money or close accounts. They handle an
// event only if it carries the bank's signature for them.
var verifying = []string{"ledger-posting", "payment", "closure-mambu", "closure-e"}

// Verifying lists the functions that handle signed events only, but for ticks:
// the clock is the platform's, and a tick says nothing but that time passes.
func Verifying() []string { return slices.Clone(verifying) }

// Verifies says whether the named function is one of them.
func Verifies(function string) bool { return slices.Contains(verifying, function) }

// Verifiers lists the hearers of e that check its signature.
func (e Entry) Verifiers() []string {
	var names []string
	for _, name := range e.Hears {
		if Verifies(name) {
			names = append(names, name)
		}
	}
	return names
}
