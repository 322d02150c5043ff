// Package coverage adds up what the tests of all modules covered, from the profiles
// that go test wrote, and says whether it is enough. A statement counts once, and is
// covered if any test ran it; packages without tests count as well.
package coverage
