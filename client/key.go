package client

import "crypto/rand"

// Key names a request, so that it can be sent again without being done again: the
// same key and the same content get the same answer for 30 days. 1 to 255 printable
// ASCII characters, unique among the caller's requests on a route.
type Key string

// NewKey is a key that nobody ever had.
func NewKey() Key { return Key(rand.Text()) }
