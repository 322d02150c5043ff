// Package accounts owns who the customers are and which accounts they have:
// the tables of schema accounts. They are the only ones with personal data;
// everything else in the bank knows a customer by an id.
//
// What an account holds and whether it is open is the ledger's to say. Here
// stand the facts that never change: whose it is, of which product, in which
// currency, since when, and the number by which people call it. A customer has an owner, the principal who registered it
// (package identity); whatever belongs to the customer is the owner's.
//
// [Register] and [Open] insert under an id that the caller chose. The same id
// again with the same facts changes nothing and says so; with other facts it is
// [ErrDiffers]. That is what makes a repeated request harmless.
package accounts
