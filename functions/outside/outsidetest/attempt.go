package outsidetest

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// Attempt is one call as it arrived, whatever became of it.
type Attempt struct {
	At     time.Time `json:"at"`
	Op     string    `json:"op"`
	Object string    `json:"object,omitempty"` // what the call was about, such as an account id
	Key    string    `json:"key,omitempty"`    // Idempotency-Key
	SHA256 string    `json:"sha256"`           // of the body, in hex
	Mood   Kind      `json:"mood"`
}

// SHA256 gives the digest of a body as an Attempt has it.
func SHA256(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}
