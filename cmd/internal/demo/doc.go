// Package demo plays the bank's two journeys through its API, as an integrator
// would: a card payment that ends in a receipt and an e-mail, and a withdrawal
// that empties an account, which is then closed in Mambu, in E and here, and
// the customer told once.
//
// Every request carries a key derived from the run, so a run that was cut off
// is played again from the start and takes up where it was.
package demo
