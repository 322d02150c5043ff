// Package projecting is the function "query": it keeps the tables that people
// read.
//
//	Hears    account.opened, deposit.completed, withdrawal.completed,
//	         invoice.credited, transfer.completed, bank-transaction.completed,
//	         closure.started, account.closed
//	Says     nothing
//	Changes  query: projections of accounts, balances and transactions
//	Reads    nothing else
//	Calls    nothing
//
// Every event is handled set-based: a group of any size costs one or two
// statements per event type. Order and repetition do not matter (package
// query says how), so the tables after a storm are those after a calm day, and
// those that query.Rebuild makes from the archive.
//
// Fails how: only when Postgres does; then it is tried again.
package projecting
