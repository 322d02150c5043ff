// Package banking owns what customers asked the bank to do with their money,
// and what became of it: the tables of schema banking.
//
// An operation is a deposit or a withdrawal. The door (the api) records it
// with [Request], PENDING, in the transaction that also says the command; the
// ledger decides; and the outcome moves it, once, to COMPLETED with the
// balance it left, or to FAILED with the reason. Nothing moves it again: a
// trigger of the table holds that too.
//
// Who wrote the row first does not matter. A command may reach the ledger
// without passing the door's table (an event posted to the ingestion route),
// so [Book.Finish] inserts what it does not find: somebody who asks for the
// operation by its id gets the true answer and not a 404.
//
// Transfers and bank transactions are answered by the ledger, so only what was
// asked is kept here ([RecordTransfer], [RecordBankTransaction]): whose it is, and
// what its id stands for after the key was forgotten.
//
// The account projection is enough about accounts to show whose an operation
// is. Its rows may be written in any order: an account whose opening is heard
// last has no customer and no currency until then.
package banking
