package events

import (
	"maps"
	"slices"
)

// verifying are the functions that move money or close accounts. They handle an
// event only if it carries the bank's signature for them.
var verifying = []string{"ledger-posting", "payment", "closure-mambu", "closure-e"}

// Verifying lists the functions that handle signed events only, but for ticks:
// the clock is the platform's, and a tick says nothing but that time passes.
func Verifying() []string { return slices.Clone(verifying) }

// Verifies says whether the named function is one of them.
func Verifies(function string) bool { return slices.Contains(verifying, function) }

// calling are the functions that post events of their own straight to a verifying
// one, and which: for those who cannot wait for the broker.
var calling = map[string]string{"api": "ledger-posting"}

// Calling lists the functions that post straight to a verifying one. Each shares a
// key with it that is good for its own events and for nothing else.
func Calling() []string { return slices.Sorted(maps.Keys(calling)) }

// Caller is the function that posts straight to the named one; "" if none does.
func Caller(function string) string {
	for _, caller := range Calling() {
		if calling[caller] == function {
			return caller
		}
	}
	return ""
}

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
