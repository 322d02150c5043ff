package mambutest

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"quittance.dev/functions/outside/outsidetest"
)

// Options are the emulator's switches. The zero value rejects every call for
// want of credentials and keeps nothing on disk.
type Options struct {
	Journal string // file of the books; empty: memory only

	User, Password string // HTTP Basic, if User is set
	APIKey         string // the apikey header, if set

	// AdoptUnknown takes an account that was never put as an ACTIVE one with
	// a balance of zero.
	AdoptUnknown bool
	// ReplayRefusals keeps a 400 under its key, as Apache Fineract does.
	// Whether Mambu does is not documented.
	ReplayRefusals bool
	// EmptyAnswer answers a CLOSE with 200 and no body, as Mambu's reference
	// allows; otherwise with the deposit account, as its older swagger says.
	EmptyAnswer bool

	// Clock stamps the books. Share it with another emulator to compare.
	Clock *outsidetest.Clock
}

// Emulator stands in for Mambu. Its own handler is the API; see also Admin.
type Emulator struct {
	// Moods decides what goes wrong.
	Moods *outsidetest.Moods

	options Options
	clock   *outsidetest.Clock
	keys    outsidetest.Keys
	journal *outsidetest.Journal[entry]
	api     http.Handler

	mu       sync.Mutex // guards what follows; journal entries are in its order
	accounts map[string]Account
	closes   []Closed
	attempts []outsidetest.Attempt
}

// New starts an emulator, with the books of its journal if there are any.
func New(o Options) (*Emulator, error) {
	if o.Clock == nil {
		o.Clock = new(outsidetest.Clock)
	}
	e := &Emulator{Moods: outsidetest.NewMoods(), options: o, clock: o.Clock, accounts: map[string]Account{}}
	journal, err := outsidetest.OpenJournal(o.Journal, e.replay)
	if err != nil {
		return nil, err
	}
	e.journal = journal
	e.Moods.Seen = e.seen
	e.api = e.Moods.Wrap(opOf, http.HandlerFunc(e.serve))
	return e, nil
}

// Close lets go of held calls and closes the journal.
func (e *Emulator) Close() error {
	e.Moods.Close()
	return e.journal.Close()
}

// ServeHTTP is Mambu's API.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.api.ServeHTTP(w, r) }

// split finds the account and the operation in a path.
func split(r *http.Request) (id, op string) {
	path := strings.TrimPrefix(r.URL.Path, "/api")
	rest, ok := strings.CutPrefix(path, "/deposits/")
	if !ok || rest == "" || strings.Contains(rest, "/") {
		return "", ""
	}
	id, action, ok := strings.Cut(rest, ":")
	switch {
	case !ok && r.Method == http.MethodGet:
		return id, "read"
	case action == "changeState" && r.Method == http.MethodPost:
		return id, "close"
	}
	return id, ""
}

func opOf(r *http.Request) string {
	_, op := split(r)
	return op
}

// seen writes an attempt down. It is not waited for: an attempt that dies with
// the machine was never answered.
func (e *Emulator) seen(r *http.Request, body []byte, mood outsidetest.Mood) {
	id, op := split(r)
	a := outsidetest.Attempt{
		At: e.clock.Now(), Op: op, Object: id, Key: r.Header.Get("Idempotency-Key"),
		SHA256: outsidetest.SHA256(body), Mood: mood.Kind,
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.write(entry{Attempt: &a}) // a broken journal shows at the next effect
}

func (e *Emulator) serve(w http.ResponseWriter, r *http.Request) {
	id, op := split(r)
	switch {
	case !e.known(r):
		fail(w, "INVALID_CREDENTIALS", http.StatusUnauthorized)
	case !strings.Contains(r.Header.Get("Accept"), "application/vnd.mambu.v2+json"):
		fail(w, "INVALID_PARAMETERS", http.StatusNotAcceptable)
	case op == "read":
		e.read(w, r, id)
	case op == "close":
		e.changeState(w, r, id)
	default:
		fail(w, "OBJECT_NOT_FOUND", http.StatusNotFound)
	}
}

func (e *Emulator) known(r *http.Request) bool {
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	if e.options.APIKey != "" && same(r.Header.Get("apikey"), e.options.APIKey) {
		return true
	}
	user, password, ok := r.BasicAuth()
	return ok && e.options.User != "" && same(user, e.options.User) && same(password, e.options.Password)
}

func (e *Emulator) read(w http.ResponseWriter, r *http.Request, id string) {
	if worded(e, w, r) {
		return
	}
	a, ok := e.Account(id)
	if !ok && e.options.AdoptUnknown {
		a, ok = e.adopted(id)
	}
	if !ok {
		fail(w, "OBJECT_NOT_FOUND", http.StatusNotFound)
		return
	}
	outsidetest.WriteJSON(w, http.StatusOK, wire(a))
}

func (e *Emulator) adopted(id string) (Account, bool) {
	a, err := Account{ID: id}.withDefaults()
	return a, err == nil
}

// changeState is the idempotent shell round a CLOSE.
func (e *Emulator) changeState(w http.ResponseWriter, r *http.Request, id string) {
	body, err := io.ReadAll(r.Body)
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		fail(w, "INVALID_PARAMETERS", http.StatusUnsupportedMediaType)
		return
	}
	if worded(e, w, r) {
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if key == "" { // Mambu does not insist on one
		e.Moods.Work(r)
		stored, err := e.close(id, "", "", body)
		send(w, stored, err)
		return
	}
	if uuid.Validate(key) != nil {
		fail(w, "INVALID_PARAMETERS", http.StatusBadRequest)
		return
	}
	fingerprint := outsidetest.Fingerprint(r, body)
	switch state, stored := e.keys.Begin(key, fingerprint); state {
	case outsidetest.KeyRunning:
		e.Moods.Final102(w)
	case outsidetest.KeyReused:
		fail(w, "INVALID_PARAMETERS", http.StatusBadRequest)
	case outsidetest.KeyDone:
		send(w, stored, e.journal.Sync())
	default:
		e.Moods.Work(r)
		stored, err := e.close(id, key, fingerprint, body)
		if err != nil || (stored.Status != http.StatusOK && !e.options.ReplayRefusals) {
			e.keys.Forget(key)
		}
		send(w, stored, err)
	}
}

// close applies one CLOSE, or says why not. What it returns as an answer is on
// disk, together with its effect.
func (e *Emulator) close(id, key, fingerprint string, body []byte) (outsidetest.Stored, error) {
	var want struct{ Action, Notes string }
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	badBody := d.Decode(&want) != nil || want.Action != "CLOSE"

	e.mu.Lock()
	a, ok := e.accounts[id]
	var en entry
	if !ok && e.options.AdoptUnknown && !badBody {
		if a, ok = e.adopted(id); ok {
			en.Account = &a
		}
	}
	var answer outsidetest.Stored
	if reason := refusal(a, ok, badBody); reason != "" {
		answer = refused(reason)
	} else {
		en.Close = &Closed{At: e.clock.Now(), AccountID: id, Key: key, Notes: want.Notes}
		a.State, a.ClosedAt = "CLOSED", en.Close.At
		answer = outsidetest.Stored{Status: http.StatusOK, Body: e.closedBody(a)}
	}
	if key != "" && (answer.Status == http.StatusOK || e.options.ReplayRefusals) {
		en.Answer = &answered{Key: key, Fingerprint: fingerprint, Stored: answer}
	}
	var err error
	if en != (entry{}) {
		err = e.write(en)
	}
	e.mu.Unlock()
	if err != nil {
		return outsidetest.Stored{}, err
	}
	return answer, e.journal.Sync()
}

// refusal is Mambu's reason not to close, or nothing.
func refusal(a Account, exists, badBody bool) string {
	switch {
	case badBody:
		return "INVALID_PARAMETERS"
	case !exists:
		return "INVALID_DEPOSIT_ACCOUNT_ID"
	case a.State == "CLOSED":
		return "ACCOUNT_ALREADY_CLOSED"
	case a.State != "ACTIVE" && a.State != "APPROVED" && a.State != "MATURED" && a.State != "DORMANT":
		return "INVALID_DEPOSIT_ACCOUNT_STATE"
	case !a.empty():
		return "ACCOUNT_HAS_REMAINING_BALANCE"
	}
	return ""
}

func (e *Emulator) closedBody(a Account) string {
	if e.options.EmptyAnswer {
		return ""
	}
	b, err := json.Marshal(wire(a))
	if err != nil {
		return ""
	}
	return string(b)
}

// wire is the part of Mambu's DepositAccount that is emulated.
func wire(a Account) map[string]any {
	out := map[string]any{
		"id":           a.ID,
		"accountState": a.State,
		"currencyCode": a.Currency,
		"balances":     map[string]any{"totalBalance": json.Number(a.Balance), "availableBalance": json.Number(a.Balance)},
	}
	if !a.ClosedAt.IsZero() {
		out["closedDate"] = a.ClosedAt.Format(time.RFC3339Nano)
	}
	return out
}
