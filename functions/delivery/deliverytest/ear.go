package deliverytest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Ear is a broker or a consumer: a real HTTP server that remembers.
type Ear struct {
	URL    string
	mu     sync.Mutex
	heard  []Heard
	answer func(n int, h Heard) (status int, reason string)
	hold   chan struct{} // closed when nobody is to be held
	held   chan struct{}
}

// Heard is one request.
type Heard struct {
	Path   string
	Header http.Header
	Body   string
	At     time.Time
}

// ID is the CloudEvents id.
func (h Heard) ID() string { return h.Header.Get("Ce-Id") }

// NewEar listens until the test ends. It answers 202.
func NewEar(t testing.TB) *Ear {
	t.Helper()
	e := &Ear{hold: make(chan struct{}), held: make(chan struct{}, 1000)}
	close(e.hold)
	server := httptest.NewServer(e)
	e.URL = server.URL
	t.Cleanup(server.Close)
	return e
}

// Answers has the n-th request, from 1, of every event answered by f.
func (e *Ear) Answers(f func(n int, h Heard) (status int, reason string)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = f
}

// Holds keeps every request from now on waiting until release is called, or
// until the caller leaves.
func (e *Ear) Holds(t testing.TB) (release func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	hold := make(chan struct{})
	e.hold = hold
	release = sync.OnceFunc(func() { close(hold) })
	t.Cleanup(release)
	return release
}

// WaitHeld waits until n requests are being held.
func (e *Ear) WaitHeld(t testing.TB, n int) {
	t.Helper()
	for range n {
		select {
		case <-e.held:
		case <-time.After(20 * time.Second):
			t.Fatal("no request came")
		}
	}
}

// ServeHTTP hears one request.
func (e *Ear) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h := Heard{Path: r.URL.Path, Header: r.Header.Clone(), Body: string(body), At: time.Now()}
	e.mu.Lock()
	e.heard = append(e.heard, h)
	n := 0
	for _, other := range e.heard {
		if other.ID() == h.ID() && other.Path == h.Path {
			n++
		}
	}
	answer, hold := e.answer, e.hold
	e.mu.Unlock()
	select {
	case <-hold:
	default:
		e.held <- struct{}{}
		select {
		case <-hold:
		case <-r.Context().Done():
			return
		}
	}
	status, reason := http.StatusAccepted, ""
	if answer != nil {
		status, reason = answer(n, h)
	}
	if to, ok := strings.CutPrefix(reason, "Location: "); ok {
		w.Header().Set("Location", to)
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, reason)
}

// Heard is everything so far.
func (e *Ear) Heard() []Heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Heard(nil), e.heard...)
}

// Times counts the requests of one event.
func (e *Ear) Times(id string) (n int) {
	for _, h := range e.Heard() {
		if h.ID() == id {
			n++
		}
	}
	return n
}

// Eventually waits until an event came n times.
func (e *Ear) Eventually(t testing.TB, n int, id string) {
	t.Helper()
	require.Eventually(t, func() bool { return e.Times(id) >= n }, 20*time.Second, 5*time.Millisecond)
}
