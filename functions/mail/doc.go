// Package mail hands e-mail over for delivery, through an HTTP gateway with idempotency keys or
// through an SMTP server without. It is the only code that speaks either protocol.
//
// # The life of a mail
//
// The notification function claims a notification, stores the Message with its key, commits, and
// calls Send. Confirmed and refused come back as a Receipt; anything else is an *outside.Unknown.
// Then the Sender itself says what is safe:
//
//   - The error matches ErrNotSent: nothing was delivered. Send it again.
//   - Resendable(age) is true: send the very same Message again; the gateway delivers it once.
//   - Otherwise the mail may lie in the customer's inbox or not. Policy decides: a second copy (it
//     has the same Message-ID, so many mail programs show one), or an operator.
//
// # Choosing the way
//
// The gateway speaks Resend's API: POST /emails, a bearer token, an Idempotency-Key that lives for
// a day. The same key with another body is ErrKeyReused, so attachments must be stored with the
// message and not rendered anew.
//
// SMTP goes through go-mail, with STARTTLS by default, one connection per mail. The Message-ID
// follows from the key alone. A connection that is lost before the final dot delivered nothing
// (RFC 5321, section 4.1.1.4); one that is lost after it is unknown.
//
// # What is refused here
//
// A line break or control character in a subject, address, name or file name never reaches a
// library or a server: whoever chose that text would be writing headers of their own. So are
// messages beyond the limits of message.go. The refusal's code is invalid_message.
//
// Nothing here logs or returns an address, a subject or a body.
//
// Package mailtest holds the emulators of both.
package mail
