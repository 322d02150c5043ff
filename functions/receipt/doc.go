// Package receipt is the room of the function receipt: it gives every paid
// invoice its numbered receipt.
//
//	Hears    invoice.paid
//	Says     receipt.issued
//	Changes  invoicing (the receipt and the issuer's counter)
//	Reads    invoicing (the invoice and the payment that paid it)
//	Calls    nobody
//	Fails    an invoice that is not paid as the event says is a dead letter;
//	         anything else is an error and is tried again
//
// Numbers have no gaps per issuer: the counter's row is held from before the
// number is taken until the receipt is committed with it, so receipts of one
// issuer are written one after the other, and what is rolled back leaves its
// number to the next. Events that arrive together share the transaction.
//
// The document is plain PDF made by [Render] from the rows alone: the same rows
// give the same bytes. It names nobody; it holds ids, the payee's reference and
// the amount. Whoever sends it knows whom to send it to.
package receipt
