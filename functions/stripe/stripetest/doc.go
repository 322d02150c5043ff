// Package stripetest is a card processor that speaks the part of Stripe's API that our client uses,
// keeps its own books, and misbehaves on request. Tests use it, and so does the bank that runs in
// one process on a laptop.
//
//	emulator, err := stripetest.New(stripetest.Config{Path: "stripe.book"})
//	server := httptest.NewServer(emulator)
//	emulator.Moods.Script(stripetest.Decline("insufficient_funds"))
//
// # What it keeps to
//
// Requests are form-encoded, answers and errors are Stripe's JSON. The test payment methods do what
// Stripe documents (cards.go). An Idempotency-Key gives the stored answer again, a decline as well;
// with other parameters it is an idempotency_error; while the first request runs it is a 409; a
// request that fails validation leaves no trace under its key. The search is behind the list when
// Config.SearchLag says so. Every answer to a charge is on the disk before it goes out, together
// with the charge, the key and the webhook, in one line of the book: after kill -9 all of them are
// there or none.
//
// # What can go wrong
//
// The moods of outsidetest, and in Stripe's own words those of moods.go: declines, rate limits,
// locks, an error that sticks to its key, payments that are decided late. Webhooks are signed,
// retried until they are taken, and can be held, sent twice or newest first; a late success after a
// failure is Settle on a declined intent.
//
// # What it leaves out
//
// Customers, refunds, disputes, separate capture, redirects, API versions, Connect.
package stripetest
