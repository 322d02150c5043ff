// Package projecting is the function "query": it keeps the tables that people
// read.
//
//	Hears    account.opened, closure.started, account.closed; completed and
//	         rejected of deposit, withdrawal, transfer and bank-transaction;
//	         invoice.credited
//	Says     nothing
//	Changes  query: projections of accounts, balances, transactions and the report's lines
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
