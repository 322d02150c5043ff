// Package ledger is the double-entry book: accounts and journals. It owns the
// tables of the Postgres schema "ledger".
//
// A journal moves one amount from the account that is credited to the one that
// is debited, so debits equal credits by its shape; ledger.entry is a view of
// its two lines, in which a debit is positive and a credit negative. A
// customer's account is money the bank owes, so what the customer calls a
// balance is minus the sum of the account's entries: a deposit of 10.00 debits
// the bank's cash with 1000 and credits the customer's account, whose entry is
// -1000.
//
// [Post] takes a batch of postings through three steps: load the accounts,
// locked in the order of their ids; decide each posting in memory (decide.go,
// pure); store the journals, in one statement that goes out with the commit. The
// balances are not written from here: the database applies journals to accounts
// itself (ledger.apply_journals) and refuses those that do not fit. The rules are
// held twice, here and in 003_ledger.sql:
//
//   - a journal moves a positive amount between two accounts of its currency;
//   - in a customer's account it has the next position and the balance that
//     follows from the one before, which is not below the account's floor;
//   - one journal per business key, for ever: its id derives from the key;
//   - journals are never changed or deleted;
//   - an account that is closing or closed holds nothing and takes nothing.
//
// The bank's own accounts have no balance row, so no posting waits for another
// because of them.
package ledger
