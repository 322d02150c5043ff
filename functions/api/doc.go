// Package api is the function "api": the one door through which people and
// programs reach the bank. REST, described by an OpenAPI 3.1 document that is
// generated from this code; CloudEvents from integrators; webhooks of the card
// processor.
//
//	Hears     over POST /events: deposit.requested, withdrawal.requested;
//	          over POST /webhooks/stripe: processor.notified
//	Says      account.opened, account.close-requested, deposit.requested,
//	          withdrawal.requested, transfer.requested,
//	          bank-transaction.requested, payment.submitted, processor.notified
//	Changes   accounts (customers, accounts), ledger (opens an account, freezes
//	          one that is to be closed), banking (operations, transfers,
//	          bank transactions), invoicing (invoices, payments), idempotency
//	          (answers)
//	Reads     the same, query (balances, transactions), closure, and delivery
//	          for the journeys and dead letters
//	Calls     nothing outside; ledger-posting, straight, for transfers and bank
//	          transactions
//	Fails     with problem details (RFC 9457) of a fixed list of types: see
//	          problem.go. What passes is 503 with Retry-After; nothing is half
//	          done.
//
// # One request
//
// The way in, outermost first (New wires it): request id and security headers
// (headers.go); a panic becomes a 500; the route's span and duration
// (fn.Observe); who is asking, how much they ask for (limits.go),
// and whether the route is for them (access.go);
// unknown path and method as problems (notfound.go); the body, at
// most 64 KiB of strict JSON (body.go); huma, which checks it against the
// schema of the document; then the handler, one file per noun.
//
// Whatever changes something runs through fn.Host.Transact: its effect and the
// events it says commit together, with those of other requests that arrived in
// the same moment. The answer comes after the commit.
//
// # Whose it is
//
// What a principal makes is theirs (ownership.go). What is somebody else's is
// answered like what is not there. Operators read everything and move nothing.
//
// # Asking twice
//
// A client that does not know whether its request arrived sends it again under
// the same Idempotency-Key, and gets the answer that the first one got: claim,
// effect and answer are one transaction (command.go, package idempotency). The
// same key with other content is 422, without a key it is 400. Everything that a
// request makes has an id that derives from caller, route and key.
//
// A transfer and a bank transaction are answered by the ledger (asked.go): the key
// is claimed and the event said in one transaction, the event is then posted to the
// ledger as well as left to the relay, and the answer is stored in a second one.
// Where the ledger does not answer it is 503; the same key goes on from there.
//
// # Events from outside
//
// POST /events takes the public types of the catalogue in the binary,
// structured and batched modes of CloudEvents. The event goes through the
// kernel's door like any other, is deduplicated by source and id, recorded, and
// said again under this function's name in the same transaction: inside the
// bank nobody hears a source that is not the bank's own. payment.submitted is
// not public: it carries no means of payment (that never travels in an event),
// so there would be nothing to charge. Payments come in over
// POST /invoices/{invoice_id}/payments.
package api
