// Package money is an amount of one currency in integer minor units.
//
// A float never appears: decimal text is parsed digit by digit, and an amount
// finer than its currency allows is refused, not rounded. Amounts are held in
// an int64, far beyond anything a bank of this size holds; every operation
// that could overflow says so.
package money
