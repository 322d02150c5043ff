package signing

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"quittance.dev/functions/secret"
)

// minSecret is the least length of a key, in bytes.
const minSecret = 32

// maxKeyID bounds a key's id, so that a signature fits into an attribute.
const maxKeyID = 16

// key is one key of a file.
type key struct {
	id string
	// macs are MACs in use over and over: to key one costs as much as to use it,
	// and every event has two.
	macs sync.Pool
}

// mac is a keyed MAC with room for what it reads and says.
type mac struct {
	hash hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

func newKey(id string, secret []byte) *key {
	return &key{id: id, macs: sync.Pool{New: func() any { return &mac{hash: hmac.New(sha256.New, secret)} }}}
}

// sum is the MAC of e for one consumer.
func (k *key) sum(consumer string, e *Event) [sha256.Size]byte {
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	m.text = e.appendTo(m.text[:0], consumer)
	m.hash.Reset()
	m.hash.Write(m.text)
	m.hash.Sum(m.sum[:0])
	return m.sum
}

// parseKeys reads a file of keys. What is wrong is said by line, never by value.
func parseKeys(content []byte) ([]*key, error) {
	var keys []*key
	seen := map[string]bool{}
	n := 0
	for line := range bytes.Lines(content) {
		n++
		fields := bytes.Fields(line)
		if len(fields) == 0 || fields[0][0] == '#' {
			continue
		}
		if len(fields) != 2 {
			return nil, fmt.Errorf("line %d is not a key's id and its secret", n)
		}
		id := string(fields[0])
		if !validID(id) {
			return nil, fmt.Errorf("line %d: a key's id has up to %d letters, digits and hyphens", n, maxKeyID)
		}
		if seen[id] {
			return nil, fmt.Errorf("line %d: the key's id is there twice", n)
		}
		seen[id] = true
		value, err := base64.StdEncoding.DecodeString(string(fields[1]))
		if err != nil {
			return nil, fmt.Errorf("line %d: the secret is not base64", n)
		}
		if len(value) < minSecret {
			return nil, fmt.Errorf("line %d: the secret has less than %d bytes", n, minSecret)
		}
		keys = append(keys, newKey(id, value))
	}
	if len(keys) == 0 {
		return nil, errors.New("holds no key")
	}
	return keys, nil
}

func validID(id string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
	return id != "" && len(id) <= maxKeyID && strings.Trim(id, letters) == ""
}

// Ring is the keys of one consumer.
type Ring struct {
	get, now func() ([]*key, error) // the keys; the keys as the file has them at this moment
	// direct has the keys of who posts straight to the consumer, past the relay:
	// for events of source, and no others.
	direct *Ring
	source string
}

// Direct is r for a consumer that also takes what the function of that source
// posts to it itself, signed with one of keys.
func (r *Ring) Direct(source string, keys *Ring) *Ring {
	with := *r
	with.source, with.direct = source, keys
	return &with
}

// File gives the keys in the file at path. It may come later: until then
// everything fails with ErrNoKeys.
func File(path string) *Ring {
	file := secret.Watch(path, parseKeys)
	return &Ring{get: file.Get, now: file.Now}
}

func (r *Ring) keys() ([]*key, error) {
	if r == nil {
		return nil, ErrNoKeys
	}
	keys, err := r.get()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoKeys, err)
	}
	return keys, nil
}

// find is the key with an id. One that is not known may just have come.
func (r *Ring) find(id string) (*key, error) {
	keys, err := r.keys()
	for range 2 {
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			if k.id == id {
				return k, nil
			}
		}
		keys, err = r.now()
	}
	return nil, ErrUnknownKey
}

// Ephemeral gives a signer with a new key for each consumer, which is nowhere
// but in this process: for tests and measurements, where signer and consumers
// live and end together.
func Ephemeral(consumers ...string) *Signer {
	s := &Signer{rings: map[string]*Ring{}}
	for _, consumer := range consumers {
		keys := []*key{newKey("ephemeral", newSecret())}
		give := func() ([]*key, error) { return keys, nil }
		s.rings[consumer] = &Ring{get: give, now: give}
	}
	return s
}

func newSecret() []byte {
	value := make([]byte, minSecret)
	_, _ = rand.Read(value) // never fails
	return value
}

// Generate makes a file with one new key for each consumer that has none in
// folder, readable by its owner only. A laptop starts with it.
func Generate(folder string, consumers ...string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("folder of event keys: %w", err)
	}
	for _, consumer := range consumers {
		path := filepath.Join(folder, consumer)
		if _, err := os.Lstat(path); err == nil {
			continue
		}
		line := time.Now().UTC().Format("2006-01-02") + " " + base64.StdEncoding.EncodeToString(newSecret()) + "\n"
		// Whole or not at all, whenever the process is killed.
		if err := os.WriteFile(path+".new", []byte(line), 0o600); err != nil {
			return fmt.Errorf("write event keys: %w", err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			return fmt.Errorf("write event keys: %w", err)
		}
	}
	return nil
}
