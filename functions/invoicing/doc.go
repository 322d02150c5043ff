// Package invoicing owns invoices, the payments made for them, and receipts:
// the tables of the Postgres schema "invoicing".
//
// # The life of an invoice
//
// [CreateInvoice] writes it, open. Somebody wants to pay it: [SubmitPayment]
// writes a payment, submitted. The validation room makes that validated or
// rejected. The payment room takes a validated payment to charging, which
// freezes the key of the charge before the processor hears of it, and from
// there to what the processor says. A captured payment pays the invoice in the
// same transaction ([PayInvoice]); the receipt room then numbers and stores the
// receipt ([TakeNumber], [IssueReceipt]).
//
//	submitted -> validated -> charging -> captured
//	        \             \           \-> pending  -> captured | failed | refund_due
//	         \-> rejected <-/          \-> failed   -> captured | refund_due
//	                                    \-> refund_due
//
// A payment moves forward only. failed may still become captured: processors
// change their mind, and money that was taken must be found (a late success). A
// success that comes when the invoice is paid by another payment or cancelled
// is refund_due: the money is there, its reason is stored, and a person or a
// later function gives it back. Nothing leaves captured: a chargeback is an
// event of its own, not a change of the past.
//
// # What the database holds by itself
//
// The names are those of the constraints in 006_invoicing.sql. An invoice is
// paid by a payment of its own, in full (invoice_paid_by), that is captured
// (invoice_paid_by_captured_payment); there is one such payment
// (one_captured_payment_per_invoice); a charge belongs to one payment
// (charge_once) and has one key for ever (charge_key_once, charge_key_frozen);
// a receipt is of a paid invoice (receipt_of_paid_invoice), one per invoice
// (one_receipt_per_invoice), with a number of its own (receipt_number_once),
// and is never changed (receipt_stands). No card number is ever stored
// (card_number_not_stored).
//
// Locks are taken in one order: the payment, then its invoice, then the
// receipt counter.
package invoicing
