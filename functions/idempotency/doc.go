// Package idempotency owns what became of requests that carried an
// Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the table of schema
// idempotency.
//
// A request is named by its caller, its route and its key. [Claim] is the first
// thing that its transaction does: it finds the answer of an earlier request of
// the name, or takes the name for this transaction. [Keep] is the last: it stores
// the answer. The effect stands between them, so claim, effect and answer commit
// together or not at all, and there is no state to clean up after a crash.
//
// A request that another function answers has two steps. [Ask] stores, together with
// the event that goes to that function, that somebody asked; [Answered] the answer,
// later and in a transaction of its own. Whoever comes with the key in between, or
// after a crash, asks the other function again, which says what it said before.
//
// Whether two requests are the same is decided by a [Fingerprint] over the path
// and the body's members, whatever their order and spelling: 100 and 100.00 are
// one number. Beside it a piece of a hash is kept for every member, so that a
// request that differs can be told where. The body itself is not kept: it may hold
// personal data.
//
// Answers are kept for thirty days ([Purge]). What a request made has an id that
// derives from its name, so that even a key that has been forgotten makes nothing
// twice.
package idempotency
