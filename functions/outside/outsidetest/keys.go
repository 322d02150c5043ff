package outsidetest

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"
)

// Stored is an answer kept under an idempotency key, so that the same request
// gets the same answer.
type Stored struct {
	Status int    `json:"status"`
	Body   string `json:"body,omitempty"`
}

// KeyState is what an emulator finds when a request brings a key.
type KeyState int

// A key is new, being worked on, done, or was used for another request.
const (
	KeyNew KeyState = iota
	KeyRunning
	KeyDone
	KeyReused
)

// Keys remembers idempotency keys. The zero Keys is ready for use. It is kept
// in memory; an emulator restores it from its journal with Restore.
type Keys struct {
	mu   sync.Mutex
	byID map[string]*keyEntry
}

type keyEntry struct {
	fingerprint string
	done        bool
	answer      Stored
}

// Fingerprint sums up a request: method, path and body.
func Fingerprint(r *http.Request, body []byte) string {
	h := sha256.New()
	h.Write([]byte(r.Method + " " + r.URL.Path + "\n"))
	h.Write(body)
	return hex.EncodeToString(h.Sum(nil))
}

// Begin claims a key. On KeyNew the caller works on the request and must end
// with Finish or Forget; on KeyDone the answer is the stored one.
func (k *Keys) Begin(key, fingerprint string) (KeyState, Stored) {
	k.mu.Lock()
	defer k.mu.Unlock()
	have := k.byID[key]
	switch {
	case have == nil:
		k.put(key, &keyEntry{fingerprint: fingerprint})
		return KeyNew, Stored{}
	case have.fingerprint != fingerprint:
		return KeyReused, Stored{}
	case !have.done:
		return KeyRunning, Stored{}
	}
	return KeyDone, have.answer
}

// Finish stores the answer of a key.
func (k *Keys) Finish(key string, answer Stored) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if have := k.byID[key]; have != nil {
		have.done, have.answer = true, answer
	}
}

// Forget frees a key whose answer is not to be kept.
func (k *Keys) Forget(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.byID, key)
}

// Restore puts a finished key back, from the journal.
func (k *Keys) Restore(key, fingerprint string, answer Stored) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put(key, &keyEntry{fingerprint: fingerprint, done: true, answer: answer})
}

func (k *Keys) put(key string, e *keyEntry) {
	if k.byID == nil {
		k.byID = make(map[string]*keyEntry)
	}
	k.byID[key] = e
}
