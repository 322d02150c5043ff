// Package deliverytest fills the tables of package delivery for tests, as their
// owner, and has the other side of a delivery: an [Ear] that remembers what it
// was sent and answers as it is told.
package deliverytest
