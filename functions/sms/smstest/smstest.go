package smstest

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf16"

	"quittance.dev/functions/outside/outsidetest"
)

// Config says how the emulator behaves. The zero value keeps its book in memory and lets everybody
// in.
type Config struct {
	Path         string // of the book; "" keeps it in memory
	User, Secret string // that callers must show; "" takes any
	Clock        *outsidetest.Clock
}

// Text is one text in the books.
type Text struct {
	SID       string    `json:"sid"`
	At        time.Time `json:"at"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Body      string    `json:"body"`
	Status    string    `json:"status"` // queued, then what Settle says
	ErrorCode int       `json:"error_code,omitempty"`
}

// Emulator is an http.Handler for /2010-04-01/Accounts/{sid}/Messages.json.
type Emulator struct {
	Moods *outsidetest.Moods

	config  Config
	clock   *outsidetest.Clock
	journal *outsidetest.Journal[Text]
	handler http.Handler

	mu    sync.Mutex
	texts []Text // oldest first
}

// New opens the book.
func New(c Config) (*Emulator, error) {
	e := &Emulator{Moods: outsidetest.NewMoods(), config: c, clock: c.Clock}
	if e.clock == nil {
		e.clock = &outsidetest.Clock{}
	}
	var err error
	e.journal, err = outsidetest.OpenJournal(c.Path, func(t Text) error {
		e.clock.NotBefore(t.At)
		e.apply(t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2010-04-01/Accounts/{account}/Messages.json", e.send)
	mux.HandleFunc("GET /2010-04-01/Accounts/{account}/Messages.json", e.list)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
	})
	e.handler = e.Moods.Wrap(operation, e.authenticated(mux))
	return e, nil
}

func operation(r *http.Request) string {
	if r.Method == http.MethodPost {
		return "send"
	}
	return "find"
}

// ServeHTTP implements http.Handler.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.handler.ServeHTTP(w, r) }

// Close lets go of held calls and closes the book.
func (e *Emulator) Close() error {
	e.Moods.Close()
	return e.journal.Close()
}

// Texts gives a copy of the books, oldest first.
func (e *Emulator) Texts() []Text {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.texts)
}

// Settle changes the status of a text: sent, delivered, undelivered, failed. The code explains the
// last two.
func (e *Emulator) Settle(sid, status string, code int) error {
	e.mu.Lock()
	i := slices.IndexFunc(e.texts, func(t Text) bool { return t.SID == sid })
	if i < 0 {
		e.mu.Unlock()
		return fmt.Errorf("no text %s", sid)
	}
	t := e.texts[i]
	t.Status, t.ErrorCode = status, code
	err := e.commit(t)
	e.mu.Unlock()
	if err == nil {
		err = e.journal.Sync()
	}
	return err
}

// Admin serves GET /texts, POST /settle {"sid":"SM…","status":"undelivered","code":30003}, and the
// moods below /moods/.
func (e *Emulator) Admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /texts", func(w http.ResponseWriter, _ *http.Request) {
		outsidetest.WriteJSON(w, http.StatusOK, append([]Text{}, e.Texts()...))
	})
	mux.HandleFunc("POST /settle", func(w http.ResponseWriter, r *http.Request) {
		var want struct {
			SID, Status string
			Code        int
		}
		if !outsidetest.ReadJSON(w, r, &want) {
			return
		}
		if err := e.Settle(want.SID, want.Status, want.Code); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.Handle("/moods/", http.StripPrefix("/moods", e.Moods.Admin()))
	return mux
}

// commit writes a text and makes it so. The caller holds e.mu.
func (e *Emulator) commit(t Text) error {
	if err := e.journal.Write(t); err != nil {
		return err
	}
	e.apply(t)
	return nil
}

func (e *Emulator) apply(t Text) {
	if i := slices.IndexFunc(e.texts, func(have Text) bool { return have.SID == t.SID }); i >= 0 {
		e.texts[i] = t
		return
	}
	e.texts = append(e.texts, t)
}

func (e *Emulator) authenticated(next http.Handler) http.Handler {
	same := func(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, secret, ok := r.BasicAuth()
		if open := e.config.User == ""; !ok || (!open && (!same(user, e.config.User) || !same(secret, e.config.Secret))) {
			fail(w, http.StatusUnauthorized, 20003, "Authenticate")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// magic are the numbers of Twilio's test credentials (twilio.com/docs/iam/test-credentials).
var magic = map[string]int{
	"To+15005550001": 21211, "To+15005550002": 21612, "To+15005550003": 21408,
	"To+15005550004": 21610, "To+15005550009": 21614,
	"From+15005550001": 21212, "From+15005550007": 21606, "From+15005550008": 21611,
}

func (e *Emulator) send(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // what cannot be parsed is missing below
	t := Text{From: r.PostForm.Get("From"), To: r.PostForm.Get("To"), Body: r.PostForm.Get("Body"), Status: "queued"}
	mood := outsidetest.MoodOf(r)
	code := magic["To"+t.To] + magic["From"+t.From]
	switch {
	case mood.Kind == outsidetest.Refuse:
		var err error
		if code, err = strconv.Atoi(mood.Code); err != nil {
			code = 21610
		}
	case t.To == "":
		code = 21604
	case t.From == "":
		code = 21603
	case t.Body == "":
		code = 21602
	case len(utf16.Encode([]rune(t.Body))) > 1600:
		code = 21617
	}
	if code != 0 {
		fail(w, http.StatusBadRequest, code, "The message to "+t.To+" was not accepted.")
		return
	}
	e.mu.Lock()
	t.At = e.clock.Now()
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails
	t.SID = "SM" + hex.EncodeToString(random)
	err := e.commit(t)
	e.mu.Unlock()
	if err == nil {
		err = e.journal.Sync()
	}
	if err != nil {
		fail(w, http.StatusInternalServerError, 20500, err.Error())
		return
	}
	outsidetest.WriteJSON(w, http.StatusCreated, object(t, r.PathValue("account")))
}

// list shows the texts to one number, newest first, one page at a time.
func (e *Emulator) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	size, err := strconv.Atoi(query.Get("PageSize"))
	if err != nil || size < 1 || size > 1000 {
		size = 50
	}
	number, _ := strconv.Atoi(query.Get("Page"))
	var all []any
	for _, t := range slices.Backward(e.Texts()) {
		if to := query.Get("To"); to == "" || to == t.To {
			all = append(all, object(t, r.PathValue("account")))
		}
	}
	begin := min(max(number, 0)*size, len(all))
	end := min(begin+size, len(all))
	answer := map[string]any{
		"messages": append([]any{}, all[begin:end]...), "page": number, "page_size": size,
		"start": begin, "end": max(end-1, 0), "uri": r.URL.RequestURI(), "next_page_uri": nil,
	}
	if end < len(all) {
		next := url.Values{"To": {query.Get("To")}, "PageSize": {strconv.Itoa(size)}, "Page": {strconv.Itoa(number + 1)}, "PageToken": {"PA" + strconv.Itoa(end)}}
		answer["next_page_uri"] = r.URL.Path + "?" + next.Encode()
	}
	outsidetest.WriteJSON(w, http.StatusOK, answer)
}

// object renders a text as the API shows it. What waits in the queue has no date of sending.
func object(t Text, account string) map[string]any {
	at := t.At.UTC().Format(time.RFC1123Z)
	o := map[string]any{
		"sid": t.SID, "account_sid": account, "from": t.From, "to": t.To, "body": t.Body,
		"status": t.Status, "direction": "outbound-api", "num_segments": strconv.Itoa(1 + len(t.Body)/160),
		"num_media": "0", "price": nil, "price_unit": "USD", "error_code": nil, "error_message": nil,
		"date_created": at, "date_updated": at, "date_sent": nil, "api_version": "2010-04-01",
		"uri": "/2010-04-01/Accounts/" + account + "/Messages/" + t.SID + ".json",
	}
	if t.Status != "queued" {
		o["date_sent"] = at
	}
	if t.ErrorCode != 0 {
		o["error_code"] = t.ErrorCode
	}
	return o
}

func fail(w http.ResponseWriter, status, code int, message string) {
	outsidetest.WriteJSON(w, status, map[string]any{
		"code": code, "message": strings.TrimSpace(message), "status": status,
		"more_info": "https://www.twilio.com/docs/errors/" + strconv.Itoa(code),
	})
}
