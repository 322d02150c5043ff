// Package closuretest sets closures up for tests: the outside systems as
// emulators behind their real clients, accounts in the ledger, and readers of
// what the tests assert.
package closuretest
