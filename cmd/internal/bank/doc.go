// Package bank is the whole bank in one process: an embedded Postgres, every
// function behind its own HTTP handler, the brokers of Knative reading the
// manifests that are deployed, the relay, the timers, and the outside world as
// emulators.
//
// Nothing in it is a short cut: functions meet through the broker, as their own
// database roles, over HTTP; only the wire between them is memory.
package bank
