package stripetest

import (
	"cmp"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"quittance.dev/functions/outside/outsidetest"
)

// Config says how the emulator behaves. The zero value is a processor that keeps its books in
// memory, takes any key, sends no webhooks and settles late payments only when told.
type Config struct {
	Path   string // of the book; "" keeps it in memory
	APIKey string // that callers must show; "" takes any

	WebhookURL    string        // where events are posted; "" posts none
	WebhookSecret string        // that signs them
	HTTP          *http.Client  // that posts them; a plain one if nil
	RetryMin      time.Duration // first pause after a failed delivery, doubled each time; 1 s if 0
	RetryMax      time.Duration // longest such pause; 1 min if 0
	RetryTimes    int           // deliveries of one event at most; 12 if 0

	SettleAfter time.Duration // how long a late payment stays processing; 0: until told
	SearchLag   time.Duration // how far the search is behind the books

	Clock  *outsidetest.Clock // shared with other emulators, so that books can be compared
	Logger *slog.Logger
}

// Emulator is the card processor. It is an http.Handler for the part of Stripe's API below
// /v1/payment_intents.
type Emulator struct {
	Moods *outsidetest.Moods

	config  Config
	clock   *outsidetest.Clock
	log     *slog.Logger
	handler http.Handler
	journal *outsidetest.Journal[entry]
	keys    *outsidetest.Keys

	mu    sync.Mutex
	books books

	sender *sender
	timer  *timer
}

// New opens the book and starts what was still under way in it: late payments, undelivered events.
func New(c Config) (*Emulator, error) {
	e := &Emulator{Moods: outsidetest.NewMoods(), config: c, clock: c.Clock, log: c.Logger, keys: &outsidetest.Keys{}}
	if e.clock == nil {
		e.clock = &outsidetest.Clock{}
	}
	if e.log == nil {
		e.log = slog.Default()
	}
	e.books = newBooks()
	var err error
	e.journal, err = outsidetest.OpenJournal(c.Path, func(line entry) error {
		e.clock.NotBefore(line.At)
		e.apply(line)
		return nil
	})
	if err != nil {
		return nil, err
	}
	e.handler = e.Moods.Wrap(operation, e.routes())
	e.sender = newSender(e)
	e.timer = newTimer(e)
	return e, nil
}

// Close lets go of held calls, stops the webhooks and the clock of late payments, and closes the
// book.
func (e *Emulator) Close() error {
	e.Moods.Close()
	e.timer.close()
	e.sender.close()
	return e.journal.Close()
}

// ServeHTTP implements http.Handler.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.handler.ServeHTTP(w, r) }

func (e *Emulator) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/payment_intents", e.create)
	mux.HandleFunc("GET /v1/payment_intents", e.list)
	mux.HandleFunc("GET /v1/payment_intents/search", e.search)
	mux.HandleFunc("GET /v1/payment_intents/{id}", e.read)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, problem{status: http.StatusNotFound, Type: "invalid_request_error",
			Message: fmt.Sprintf("Unrecognized request URL (%s: %s).", r.Method, r.URL.Path)})
	})
	return e.authenticated(mux)
}

// operation names a request for the moods.
func operation(r *http.Request) string {
	switch {
	case r.Method == http.MethodPost:
		return "charge"
	case strings.HasSuffix(r.URL.Path, "/search"):
		return "search"
	case strings.HasSuffix(r.URL.Path, "/payment_intents"):
		return "list"
	}
	return "read"
}

func (e *Emulator) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !bearer || key == "" {
			fail(w, problem{status: http.StatusUnauthorized, Type: "invalid_request_error",
				Message: "You did not provide an API key."})
			return
		}
		if want := e.config.APIKey; want != "" && subtle.ConstantTimeCompare([]byte(key), []byte(want)) != 1 {
			fail(w, problem{status: http.StatusUnauthorized, Type: "invalid_request_error",
				Message: "Invalid API Key provided."})
			return
		}
		w.Header().Set("Request-Id", "req_"+strconv.FormatInt(e.clock.Now().UnixMicro(), 36))
		w.Header().Set("Stripe-Version", cmp.Or(r.Header.Get("Stripe-Version"), apiVersion))
		if mood := outsidetest.MoodOf(r); !e.worded(w, mood) {
			next.ServeHTTP(w, r)
		}
	})
}
