// Package ledgerposting is the room of the function ledger-posting: the only
// one that posts.
//
//	Hears    deposit.requested, withdrawal.requested, invoice.paid,
//	         transfer.requested, bank-transaction.requested
//	Says     deposit.completed, deposit.rejected,
//	         withdrawal.completed, withdrawal.rejected,
//	         invoice.credited, suspense.recorded,
//	         transfer.completed, transfer.rejected,
//	         bank-transaction.completed, bank-transaction.rejected
//	Changes  ledger (double entry, in batches, serializable)
//	Calls    nobody
//	Fails    a refusal is an event; anything else is an error and is tried again
package ledgerposting
