package schema

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

// scramRounds is what Postgres itself uses.
const scramRounds = 4096

// scramVerifier is what Postgres keeps of a password (RFC 5803, as in
// pg_authid.rolpassword). Passwords are printable ASCII, for which SASLprep, the
// preparation that the protocol asks for, changes nothing.
func scramVerifier(password string) (string, error) {
	if password == "" {
		return "", errors.New("is empty")
	}
	for i := range len(password) {
		if password[i] < 0x20 || password[i] > 0x7e {
			return "", errors.New("is not printable ASCII")
		}
	}
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // never fails
	return scramWith(password, salt)
}

func scramWith(password string, salt []byte) (string, error) {
	salted, err := pbkdf2.Key(sha256.New, password, salt, scramRounds, sha256.Size)
	if err != nil {
		return "", err
	}
	mac := func(text string) []byte {
		h := hmac.New(sha256.New, salted)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := sha256.Sum256(mac("Client Key"))
	in := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramRounds, in(salt), in(stored[:]), in(mac("Server Key"))), nil
}
