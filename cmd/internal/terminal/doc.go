// Package terminal is the bank at a terminal: what a customer does there, in words
// and as a table, through the API like any other client.
//
// [Teller] does one thing at a time and tells what became of it; [Session] asks a
// person, again and again; [Login] keeps who it is. Nothing here
// decides about money: an amount is judged by the bank.
package terminal
