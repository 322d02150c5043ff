package stripetest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
)

// newID makes an id in Stripe's manner: pi_3..., ch_3....
func newID(kind string) string { return kind + "_3" + rand.Text()[:23] }

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
