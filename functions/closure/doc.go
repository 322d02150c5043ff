// Package closure is the end of an account: closed in Mambu first, then in the
// external system E, then in the ledger; then the customer hears of it. It owns
// the tables of the Postgres schema "closure".
//
// One row of account_closure is one closure, and an account has at most one.
// The row's state is where the flow stands, so that it goes on after a crash
// from where it was:
//
//	OPEN -> CLOSING_MAMBU -> MAMBU_CLOSED -> CLOSING_E -> E_CLOSED -> CLOSED
//	             |    ^                        |    ^
//	             v    |                        v    |
//	             PARKED                        PARKED
//
// The room closuremambu takes it to MAMBU_CLOSED, the room closuree from there.
// OPEN and E_CLOSED last for part of a transaction only: they are seen in the
// history, account_closure_events, which a trigger writes.
//
// A CLOSING state means that the outside system may have been asked, and that
// nobody knows the outcome. It is asked again with the same request under the
// same key, and for that the row keeps everything the request is made of. The
// database holds what the code promises, each rule by a name:
//
//   - closure_moves_along: the edges above and no other;
//   - closing_mambu_is_unconfirmed, mambu_closed_has_time, mambu_before_e: E's
//     turn comes when Mambu has confirmed, not before;
//   - closure_request_is_frozen: what was sent once is sent again unchanged;
//   - confirmed_once: a confirmation is recorded with its transition, and stays;
//   - mail_only_after_closed: no mail has gone out before CLOSED;
//   - attempt_per_resumption: a refused request is never made again under its
//     old key.
//
// PARKED is a system's definitive no. Nothing goes on until a person has looked;
// then it may go back to the state it came from, as the next attempt. The table
// allows it; no code asks for it yet.
package closure
