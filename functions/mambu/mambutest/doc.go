// Package mambutest is an emulator of Mambu's API v2, as far as closing a
// deposit account needs it: an http.Handler with accounts of its own, a book
// of every CLOSE it applied, and moods.
//
// It answers, under / and under /api:
//
//	POST /deposits/{id}:changeState   {"action":"CLOSE","notes":"…"}
//	GET  /deposits/{id}
//
// and does what Mambu documents: HTTP Basic or an apikey header, the version 2
// media type, the error envelope, one idempotency key for one request, 102 as
// the last word while the first request with a key is running, 409 when
// something else holds the account. Where the documentation is silent there is
// a switch in [Options].
//
// Moods of operation "close" and "read" are set through [Emulator.Moods]:
// refuse with any errorReason, busy (works with the key claimed), in_progress
// (102), locked (409), and every fault that outsidetest plays.
package mambutest
