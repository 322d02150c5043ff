// Package query owns the projections for reading: accounts, balances and
// transactions, the tables of schema query.
//
// They are made of what other functions said and of nothing else, so they can
// be thrown away and made again: [Rebuild] does, from the archive of events.
// Each write here gives the same rows whatever the order in which the events
// are heard, and however often:
//
//   - the balance is the one after the posting with the highest position in
//     the account (account_seq); a posting heard late changes nothing;
//   - a transaction is known by account and position;
//   - an account's status moves open, closing, closed, and never back;
//   - an account that is heard of before its opening has no customer, product
//     or currency until then, and is in no customer's list.
//
// Reading is what the api does, as its own role: [FindBalance], [Balances],
// [TransactionsOf]; [FindAccount] is for whoever compares. What they return may be a
// moment behind the ledger. An account and a balance have a Version, which
// changes when, and only when, what is read changes: a cache may keep what it
// read for as long as the version stays (it serves as an ETag). A transaction
// never changes.
package query
