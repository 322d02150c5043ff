// Package operations is the function "banking": it writes down what became of
// what customers asked for.
//
//	Hears    deposit.completed, deposit.rejected, withdrawal.completed,
//	         withdrawal.rejected, account.opened, account.closed
//	Says     nothing
//	Changes  banking: operations move from PENDING to COMPLETED or FAILED, once;
//	         the projection of accounts
//	Reads    nothing else
//	Calls    nothing
//
// Every event is handled set-based: a group of any size costs one statement
// per event type.
//
// An outcome of an operation that was never requested through the api is
// recorded all the same, as a finished operation: commands may come in as
// events, and whoever asks for the operation by its id, customer or operator,
// gets the true answer. Its time of request is then the time of the event.
//
// Fails how: a second, different outcome of one operation, or an outcome for
// another account or amount than was asked for, cannot come from a sound
// ledger. It is permanent, the event becomes a dead letter, and the operation
// stays as it is. Everything else that fails is tried again.
package operations
