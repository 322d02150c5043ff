package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Version is how the parts of a signature begin.
const Version = "v1"

// What can be wrong with a signature. The first two are for good, the others may
// pass.
var (
	ErrUnsigned   = errors.New("the event is not signed for this function")
	ErrForged     = errors.New("the event's signature is not the bank's, or the event was changed")
	ErrUnknownKey = errors.New("the event is signed with a key that this function does not have")
	ErrNoKeys     = errors.New("there are no keys for events")
)

// Verify checks the part of a signature that is meant for consumer.
func (r *Ring) Verify(consumer string, e Event, signature string) error {
	for part := range strings.SplitSeq(signature, " ") {
		version, rest, _ := strings.Cut(part, ",")
		name, rest, _ := strings.Cut(rest, ",")
		id, mac, ok := strings.Cut(rest, ",")
		if version != Version || !ok {
			continue
		}
		ring := r
		switch {
		case name == consumer:
		case name == consumer+direct && r != nil && r.direct != nil && r.source == e.Source:
			ring = r.direct
		default:
			continue
		}
		key, err := ring.find(id)
		if err != nil {
			return err
		}
		want := key.sum(name, &e)
		var got [sha256.Size]byte
		n, err := encoding.Decode(got[:], []byte(mac)[:min(len(mac), macLength)])
		if err != nil || n != len(got) || len(mac) != macLength || !hmac.Equal(got[:], want[:]) {
			return ErrForged
		}
		return nil
	}
	if _, err := r.keys(); err != nil { // without keys nothing is said about anybody
		return err
	}
	return ErrUnsigned
}

// direct stands behind a consumer's name in the part of who posts straight to it.
const direct = "/direct"

// SignDirect gives the signature of e for a consumer that it is posted to past the
// relay. The error matches ErrNoKeys.
func (r *Ring) SignDirect(consumer string, e Event) (string, error) {
	return r.sign(consumer+direct, e)
}

// sign gives the part of e's signature that is meant for consumer.
func (r *Ring) sign(consumer string, e Event) (string, error) {
	keys, err := r.keys()
	if err != nil {
		return "", fmt.Errorf("sign for %s: %w", consumer, err)
	}
	mac := keys[0].sum(consumer, &e)
	return Version + "," + consumer + "," + keys[0].id + "," + encoding.EncodeToString(mac[:]), nil
}

var (
	encoding  = base64.RawURLEncoding.Strict()
	macLength = encoding.EncodedLen(sha256.Size)
)

// Signer holds the keys of every consumer that checks signatures.
type Signer struct{ rings map[string]*Ring }

// Folder gives a signer with one file of keys per consumer in the folder at
// path, named like the consumer.
func Folder(path string, consumers ...string) *Signer {
	s := &Signer{rings: map[string]*Ring{}}
	for _, consumer := range consumers {
		s.rings[consumer] = File(filepath.Join(path, consumer))
	}
	return s
}

// Ring is the keys of one consumer, for one that lives in the same process.
func (s *Signer) Ring(consumer string) *Ring { return s.rings[consumer] }

// Sign gives the signature of e for consumers. The error matches ErrNoKeys.
func (s *Signer) Sign(e Event, consumers ...string) (string, error) {
	var parts []string
	for _, consumer := range consumers {
		var ring *Ring
		if s != nil {
			ring = s.rings[consumer]
		}
		part, err := ring.sign(consumer, e)
		if err != nil {
			return "", err
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " "), nil
}
