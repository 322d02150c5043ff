// Package books compares what the bank says with what really happened: its own
// tables with each other, and its tables with the books that the outside
// systems keep. It never asks a flag such as "sent" whether something was sent.
//
// The checks hold at rest: when nothing is waiting to be sent or handled.
package books
