// Package notify is the function "notification": it tells customers what
// happened, once.
//
//	Hears    account.closed, receipt.issued, deposit.completed,
//	         withdrawal.completed, withdrawal.rejected, transfer.completed,
//	         bank-transaction.completed: what there is to tell;
//	         notification.requested: send it
//	Says     notification.requested, one per row that is new; then one of
//	         notification.sent, notification.failed, notification.expired
//	Changes  notification: one row per kind, subject and channel
//	Reads    accounts: whose account it is, and the address at the moment of
//	         sending; invoicing: whose invoice it was, and the receipt's file
//	Calls    a mail gateway or server, an SMS gateway
//
// # How often a message goes out
//
// The row is claimed, and the claim committed, before anything is sent. What
// then happens when a process dies between the two, or no answer comes,
// depends on what the other side can do:
//
//   - An HTTP mail gateway with idempotency keys: exactly once. The message is
//     sent again, unchanged, under the same key, as long as the gateway
//     remembers the key; after that it is parked.
//   - A plain mail server cannot compare. By default (Config.InDoubt "park")
//     such a message goes out at most once: it is parked, notification.failed
//     says so, and a person decides. With "resend" it goes out at least once:
//     the customer may get it twice, under the same Message-ID.
//   - An SMS gateway cannot compare either, but it can be asked, by a reference
//     that ends every text. What is found there is sent. What is still not found
//     after ten minutes is parked, or sent again, as above.
//   - An error that is certain to have sent nothing (no connection, "too many
//     requests") is not in doubt. The claim is taken back and the message
//     tried again until its time is over.
//
// A message that could not be sent within its time to live expires: it is not
// sent any more, and notification.expired says so. One whose fate is unknown
// at that time is parked instead, because nobody could vouch that it was not
// sent.
//
// Name, address and number of the customer are read from accounts in the
// transaction that claims, used, and forgotten. They are in no event, no log
// line and no other table. If the customer's address or name changes between
// two attempts under one key, the gateway sees another mail under a known key;
// that is in doubt, too, and parked.
//
// # Fails how
//
// Permanent (a person must look): an account or invoice that nobody knows, a
// notification without a row, a text that cannot be made. A withdrawal that was
// rejected because its account does not exist is for nobody, and is dropped.
// Everything else is tried again: first by the broker, then at due times, for
// as long as the message lives.
package notify
