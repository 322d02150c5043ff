// Package externaletest is an emulator of the external system E: an
// http.Handler that keeps the contract of docs/external-e.md, with accounts of
// its own, a book of every closure it applied, and moods.
//
// Moods of operation "close" and "read" are set through [Emulator.Moods]:
// refuse with any code, busy (works with the key claimed), in_progress and
// locked (409), and every fault that outsidetest plays.
//
// Give it the Clock of Mambu's emulator, and the two books can be put in
// order: an account is closed in E after it is closed in Mambu.
package externaletest
