// Package stripe takes card payments through Stripe's PaymentIntents. It is the only code that
// speaks to Stripe; the vendor's library gives the wire format, package outside the connection, the
// retries and the outcomes.
//
// # The life of a payment
//
// The caller stores a ChargeRequest with its key, commits, and calls Charge. One of four things
// comes back:
//
//   - Captured: the money is taken. AmountMinor and Currency are what Stripe received; the caller
//     compares them with what was due.
//   - Refused: the card was declined, or Stripe could not make sense of the request. Final for this
//     key; another attempt is another payment with another key.
//   - Pending: the bank takes its time, or the customer must confirm. A webhook will say how it
//     ended, and Read tells at any time. The caller asks again by the state and age of the payment,
//     because a webhook may never come.
//   - An *outside.Unknown: nobody can tell. Charge again with the same request while the key is
//     younger than KeyLifetime; after that, or when it stays unknown, Find.
//
// # Webhooks
//
// VerifyWebhook accepts what Stripe signed within five minutes with one of our secrets, before it
// parses anything. A notification is a doorbell: it repeats, comes late and out of order, so the
// receiver keeps EventID and asks Read what is true. A declined payment may still succeed later;
// a captured one never becomes refused again (refunds and disputes are other objects).
//
// # What is not sent
//
// No card number ever reaches us: the customer's browser gives it to Stripe and us a token. No
// telemetry, and not the vendor library's description of this machine. Metadata holds our ids only.
//
// Package stripetest is the emulator.
package stripe
