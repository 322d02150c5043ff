// Package payment is the room of the function payment: it charges cards, finds
// out what became of charges, and makes invoices paid.
//
//	Hears    payment.validated, processor.notified, the clock's tick
//	Says     payment.captured, payment.failed, payment.rejected, invoice.paid,
//	         processor.notified
//	Changes  invoicing (payments from validated on, invoices from open to paid)
//	Calls    the card processor: charge, read, look up
//	Fails    a refusal is an event; an unknown outcome is tried again under the
//	         same key and found out by reading back; what contradicts the books
//	         is a dead letter
//
// # One charge per payment
//
// payment.validated: prepare takes the payment to charging and freezes the key,
// the call charges under that key, settle records the answer. If the answer is
// lost, the same request goes out again under the same key, and at once the
// payment is also looked up at the processor; whichever knows decides. A key is
// used for as long as the processor surely remembers it; after that the payment
// is only looked up, and what stays unknown for three days is a dead letter for
// a person.
//
// # The webhook is a hint
//
// processor.notified says that something about a charge may have changed. It is
// believed in nothing: the charge is read back, and the payment moves by what
// was read. So a forged, stale, doubled or reordered webhook can cause a read
// and nothing else. A charge that no payment has as its reference yet, because
// the webhook overtook the answer, is read all the same and names its payment
// in its metadata.
//
// # The sweep
//
// Webhooks get lost. Each tick picks the payments that stand in charging or
// pending for longer than Config.SweepAfter, by state and age, and says
// processor.notified for each, in the payment's own journey. A payment that has
// no reference yet is named by "payment:" and its id in place of the
// reference: such a one is charged again under its frozen key, or looked up.
// Failed payments are looked at too, ever more rarely, for three days: a success
// may come late.
//
// # Late and contradicting answers
//
// A success after a failure is taken in. If the invoice is open, it is paid;
// if it was paid by another payment or cancelled, the payment is refund_due:
// payment.captured is said, invoice.paid is not, and a warning is logged; who
// gives the money back finds them by their state. A failure after a success changes nothing. A
// second charge for a payment that is captured already is a dead letter.
package payment
