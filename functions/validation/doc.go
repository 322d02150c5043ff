// Package validation is the room of the function validation: it decides whether
// a payment fits its invoice, before anybody is charged.
//
//	Hears    payment.submitted
//	Says     payment.validated, payment.rejected
//	Changes  invoicing (the payment: submitted -> validated | rejected)
//	Reads    invoicing (the invoice)
//	Calls    nobody
//	Fails    a payment that does not fit is an event with its reason; an event
//	         whose payment is not in the books, or differs from it, is a dead
//	         letter at once
//
// The row decides, not the event: payment.submitted may come in from outside,
// and carries no means of payment. The row and the event are written by one
// transaction, so a row that is missing will not appear by waiting; a person
// looks, and may replay the event when the payment has been submitted.
package validation
