// Package ledger is the double-entry book: accounts, journals and their
// entries. It owns the tables of the Postgres schema "ledger".
//
// A debit is positive, a credit negative. A customer's account is money the
// bank owes, so what the customer calls a balance is minus the sum of the
// account's entries: a deposit of 10.00 is an entry of -1000 on the customer's
// account and one of +1000 on the bank's cash.
//
// [Post] takes a batch of postings through three steps: load the accounts,
// locked in the order of their ids; decide each posting in memory (decide.go,
// pure); store journals, entries and balances in one statement each. The
// rules are held twice, here and by the constraints of 003_ledger.sql:
//
//   - the entries of a journal sum to zero per currency, and there are at least two;
//   - a customer's balance does not go below the account's floor;
//   - one journal per business key, for ever;
//   - journals and entries are never changed or deleted;
//   - an account that is closing or closed holds nothing and takes nothing.
//
// The bank's own accounts have no balance row, so no posting waits for another
// because of them.
package ledger
