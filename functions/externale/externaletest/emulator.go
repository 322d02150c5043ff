package externaletest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/google/uuid"

	"quittance.dev/functions/outside/outsidetest"
)

// Options are the emulator's switches. The zero value rejects every call for
// want of a token and keeps nothing on disk.
type Options struct {
	Journal string   // file of the books; empty: memory only
	Tokens  []string // bearer tokens that are accepted; two during a rotation

	// RequireClientCertificate turns away connections that are not mutual TLS.
	RequireClientCertificate bool

	// AdoptUnknown takes an account that was never put as an open one.
	AdoptUnknown bool

	// Clock stamps the books. Share it with another emulator to compare.
	Clock *outsidetest.Clock
}

// Emulator stands in for E. Its own handler is the API; see also Admin.
type Emulator struct {
	// Moods decides what goes wrong.
	Moods *outsidetest.Moods

	options Options
	clock   *outsidetest.Clock
	keys    outsidetest.Keys
	journal *outsidetest.Journal[entry]
	api     http.Handler

	mu       sync.Mutex // guards what follows; journal entries are in its order
	tokens   []string
	accounts map[string]Account
	closes   []Closed
	attempts []outsidetest.Attempt
}

// New starts an emulator, with the books of its journal if there are any.
func New(o Options) (*Emulator, error) {
	if o.Clock == nil {
		o.Clock = new(outsidetest.Clock)
	}
	e := &Emulator{
		Moods: outsidetest.NewMoods(), options: o, clock: o.Clock,
		tokens: slices.Clone(o.Tokens), accounts: map[string]Account{},
	}
	journal, err := outsidetest.OpenJournal(o.Journal, e.replay)
	if err != nil {
		return nil, err
	}
	e.journal = journal
	e.Moods.Seen = e.seen
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/accounts/{id}/closure", e.closure)
	mux.HandleFunc("GET /v1/accounts/{id}", e.read)
	e.api = e.Moods.Wrap(opOf, e.door(mux))
	return e, nil
}

// Close lets go of held calls and closes the journal.
func (e *Emulator) Close() error {
	e.Moods.Close()
	return e.journal.Close()
}

// Accept replaces the tokens that are accepted.
func (e *Emulator) Accept(tokens ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tokens = slices.Clone(tokens)
}

// ServeHTTP is E's API.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.api.ServeHTTP(w, r) }

func opOf(r *http.Request) string {
	if r.Method == http.MethodGet {
		return "read"
	}
	return "close"
}

// seen writes an attempt down. It is not waited for: an attempt that dies with
// the machine was never answered.
func (e *Emulator) seen(r *http.Request, body []byte, mood outsidetest.Mood) {
	id, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/accounts/"), "/")
	a := outsidetest.Attempt{
		At: e.clock.Now(), Op: opOf(r), Object: id, Key: r.Header.Get("Idempotency-Key"),
		SHA256: outsidetest.SHA256(body), Mood: mood.Kind,
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.write(entry{Attempt: &a}) // a broken journal shows at the next effect
}

// door checks who calls, and answers in the moods that take E's own words.
func (e *Emulator) door(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		e.mu.Lock()
		ok = ok && token != "" && slices.Contains(e.tokens, token)
		e.mu.Unlock()
		mood := outsidetest.MoodOf(r)
		switch {
		case e.options.RequireClientCertificate && (r.TLS == nil || len(r.TLS.VerifiedChains) == 0):
			fail(w, http.StatusForbidden, "client_certificate_required", "this system takes mutual TLS only")
		case !ok:
			w.Header().Set("WWW-Authenticate", "Bearer")
			fail(w, http.StatusUnauthorized, "token_required", "the token is missing or not accepted")
		case mood.Kind == outsidetest.Refuse:
			status := http.StatusUnprocessableEntity
			if mood.Status != 0 {
				status = mood.Status
			}
			outsidetest.SetRetryAfter(w, mood)
			fail(w, status, mood.Code, "refused by the emulator's mood")
		case mood.Kind == outsidetest.InProgress:
			outsidetest.SetRetryAfter(w, mood)
			fail(w, http.StatusConflict, "in_progress", "a request with this key is still running")
		case mood.Kind == outsidetest.Locked:
			outsidetest.SetRetryAfter(w, mood)
			fail(w, http.StatusConflict, "account_locked", "something else holds the account")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func (e *Emulator) read(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	a, ok := e.Account(id)
	switch {
	case !ok && !e.options.AdoptUnknown:
		fail(w, http.StatusNotFound, "account_not_found", "no such account")
	case a.ClosedAt.IsZero():
		outsidetest.WriteJSON(w, http.StatusOK, map[string]any{"account_id": id, "state": "OPEN"})
	default:
		outsidetest.WriteJSON(w, http.StatusOK, map[string]any{"account_id": id, "state": "CLOSED", "closed_at": a.ClosedAt})
	}
}

// closure is the idempotent shell round close.
func (e *Emulator) closure(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var want ask
	switch {
	case err != nil || !want.read(body):
		fail(w, http.StatusBadRequest, "malformed_request", "the body is outside the contract")
		return
	case uuid.Validate(r.Header.Get("Idempotency-Key")) != nil:
		fail(w, http.StatusBadRequest, "idempotency_key_required", "the key is missing or not a UUID")
		return
	}
	key, fingerprint := r.Header.Get("Idempotency-Key"), outsidetest.Fingerprint(r, body)
	switch state, stored := e.keys.Begin(key, fingerprint); state {
	case outsidetest.KeyRunning:
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusConflict, "in_progress", "a request with this key is still running")
	case outsidetest.KeyReused:
		fail(w, http.StatusUnprocessableEntity, "idempotency_key_reused", "this key came with another request before")
	case outsidetest.KeyDone:
		send(w, stored, e.journal.Sync())
	default:
		e.Moods.Work(r)
		stored, err := e.close(r.PathValue("id"), key, fingerprint, want)
		if err != nil {
			e.keys.Forget(key)
		}
		send(w, stored, err)
	}
}

// ask is the body of a closure request.
type ask struct {
	ClosureID string `json:"closure_id"`
	Reason    string `json:"reason"`
}

var reasonWord = regexp.MustCompile(`^[a-z_]{1,64}$`)

func (a *ask) read(body []byte) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(a) == nil && uuid.Validate(a.ClosureID) == nil && reasonWord.MatchString(a.Reason)
}

// close applies one closure. What it returns as an answer is on disk, together
// with its effect.
func (e *Emulator) close(id, key, fingerprint string, want ask) (outsidetest.Stored, error) {
	e.mu.Lock()
	a, ok := e.accounts[id]
	var (
		en     entry
		answer outsidetest.Stored
	)
	switch {
	case !ok && !e.options.AdoptUnknown:
		answer = fault(http.StatusNotFound, "account_not_found", "no such account")
	case !a.ClosedAt.IsZero():
		answer = closed(a)
	default:
		en.Close = &Closed{At: e.clock.Now(), AccountID: id, ClosureID: want.ClosureID, Key: key, Reason: want.Reason}
		answer = closed(Account{ID: id, ClosureID: want.ClosureID, ClosedAt: en.Close.At})
	}
	en.Answer = &answered{Key: key, Fingerprint: fingerprint, Stored: answer}
	err := e.write(en)
	e.mu.Unlock()
	if err != nil {
		return outsidetest.Stored{}, err
	}
	return answer, e.journal.Sync()
}
