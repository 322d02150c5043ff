// Package delivery owns what lies between a commit and the last consumer's
// commit: the archive of events, the queue of those that wait to be sent, redeliveries, dead letters and the
// subscriptions that say who is owed what. The idempotency table of the same
// Postgres schema belongs to the kernel (package fn), which alone writes it.
//
// Nothing here is ever claimed with a transaction held open: the relay claims
// rows by a lease, commits, and posts; if it dies, the rows are due again.
package delivery
