// Package sms hands text messages over for delivery through Twilio's Messages API. It is the only
// code that speaks it; the client is written by hand, because two requests do not need the vendor's
// library of hundreds.
//
// # The life of a text message
//
// The notification function claims a notification, stores the Message with its key, commits, and
// calls Send. Confirmed and refused come back as a Receipt; anything else is an *outside.Unknown.
//
// Twilio knows no idempotency keys: the same request again is a second text. So a request that may
// have arrived is never repeated, neither here nor by the caller (Resendable is false), except when
// the error matches ErrNotSent. What is unknown is looked up instead.
//
// # Find
//
// The API keeps no reference of ours with a message. The only field that comes back as we wrote it
// is the text, so Send ends every text with a short reference that follows from the key, "Ref
// 7KQ2M4XH". It serves the customer, who can quote it, and Find, which reads the latest messages to
// the same number and looks for it. The list is not filtered by the date of sending, because a
// message that still waits in Twilio's queue has none.
//
// Found is certain. ErrNotFound is not: the request may still be on its way, so it counts only some
// minutes later and after a second look. What is then still unknown goes to an operator, or out
// again where a second text does no harm; that is policy, not protocol.
//
// Nothing here logs or returns a number or a text.
//
// Package smstest is the emulator.
package sms
