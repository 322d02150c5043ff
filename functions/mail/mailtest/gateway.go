package mailtest

import (
	"bytes"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"strings"

	"quittance.dev/functions/outside/outsidetest"
)

// GatewayConfig says how the gateway behaves. The zero value keeps its book in memory and takes any
// API key.
type GatewayConfig struct {
	Path   string // of the book; "" keeps it in memory
	APIKey string // that callers must show; "" takes any
	Clock  *outsidetest.Clock
}

// Gateway is an http.Handler for POST /emails.
type Gateway struct {
	Moods *outsidetest.Moods
	*book

	config  GatewayConfig
	keys    *outsidetest.Keys
	handler http.Handler
}

// NewGateway opens the book.
func NewGateway(c GatewayConfig) (*Gateway, error) {
	g := &Gateway{Moods: outsidetest.NewMoods(), config: c, keys: &outsidetest.Keys{}}
	var err error
	g.book, err = openBook(c.Path, c.Clock, func(line entry) {
		if line.Mail.Key != "" {
			g.keys.Restore(line.Mail.Key, line.Fingerprint, accepted(line.Mail.ID))
		}
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /emails", g.send)
	g.handler = g.Moods.Wrap(func(*http.Request) string { return "send" }, mux)
	return g, nil
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.handler.ServeHTTP(w, r) }

// Admin serves GET /mails and the moods below /moods/.
func (g *Gateway) Admin() http.Handler { return admin(g.book, g.Moods) }

// ForgetKeys drops the keys of all mails delivered so far, as the gateway does after a day.
func (g *Gateway) ForgetKeys() {
	for _, m := range g.Mails() {
		g.keys.Forget(m.Key)
	}
}

// Close lets go of held calls and closes the book.
func (g *Gateway) Close() error {
	g.Moods.Close()
	return g.journal.Close()
}

// request is the body of POST /emails. Single strings and lists are both allowed for "to".
type request struct {
	From        string          `json:"from"`
	To          json.RawMessage `json:"to"`
	Subject     string          `json:"subject"`
	Text        string          `json:"text"`
	HTML        string          `json:"html"`
	Attachments []struct {
		Filename    string `json:"filename"`
		Content     []byte `json:"content"`
		ContentType string `json:"content_type"`
	} `json:"attachments"`
}

func (g *Gateway) send(w http.ResponseWriter, r *http.Request) {
	mood := outsidetest.MoodOf(r)
	key, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	body, err := io.ReadAll(r.Body)
	switch {
	case !bearer || key == "":
		fail(w, http.StatusUnauthorized, "missing_api_key", "Missing API key in the authorization header.")
	case g.config.APIKey != "" && subtle.ConstantTimeCompare([]byte(key), []byte(g.config.APIKey)) != 1:
		fail(w, http.StatusForbidden, "invalid_api_key", "API key is invalid.")
	case mood.Kind == outsidetest.Refuse:
		name := mood.Code
		if name == "" {
			name = "validation_error"
		}
		fail(w, http.StatusUnprocessableEntity, name, "Invalid `to` field.")
	case mood.Kind == outsidetest.InProgress, mood.Kind == outsidetest.Locked:
		fail(w, http.StatusConflict, "concurrent_idempotent_requests", "Another request with this key is in progress.")
	case err != nil:
		fail(w, http.StatusBadRequest, "validation_error", "The body cannot be read.")
	default:
		g.once(w, r, body)
	}
}

// once delivers the mail, unless its key was there before.
func (g *Gateway) once(w http.ResponseWriter, r *http.Request, body []byte) {
	m, problem := parse(body)
	if problem != "" {
		fail(w, http.StatusUnprocessableEntity, "validation_error", problem)
		return
	}
	m.Key = r.Header.Get("Idempotency-Key")
	fingerprint := outsidetest.Fingerprint(r, body)
	if _, sent := r.Header["Idempotency-Key"]; sent {
		if m.Key == "" || len(m.Key) > 256 {
			fail(w, http.StatusBadRequest, "invalid_idempotency_key", "The key must be between 1-256 chars.")
			return
		}
		switch state, stored := g.keys.Begin(m.Key, fingerprint); state {
		case outsidetest.KeyDone:
			g.answer(w, stored, g.journal.Sync()) // the first answer may not be on the disk yet
			return
		case outsidetest.KeyRunning:
			fail(w, http.StatusConflict, "concurrent_idempotent_requests", "Same idempotency key used while original request is still in progress.")
			return
		case outsidetest.KeyReused:
			fail(w, http.StatusConflict, "invalid_idempotent_request", "Same idempotency key used with a different request payload.")
			return
		case outsidetest.KeyNew:
		}
	}
	g.Moods.Work(r)
	m.ID = strings.ToLower(rand.Text())
	err := g.deliver(entry{Mail: m, Fingerprint: fingerprint})
	if m.Key != "" {
		if err != nil {
			g.keys.Forget(m.Key)
		} else {
			g.keys.Finish(m.Key, accepted(m.ID))
		}
	}
	g.answer(w, accepted(m.ID), err)
}

func (g *Gateway) answer(w http.ResponseWriter, stored outsidetest.Stored, err error) {
	if err != nil {
		fail(w, http.StatusInternalServerError, "application_error", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(stored.Status)
	_, _ = io.WriteString(w, stored.Body)
}

func accepted(id string) outsidetest.Stored {
	return outsidetest.Stored{Status: http.StatusOK, Body: fmt.Sprintf(`{"id":%q}`, id)}
}

func fail(w http.ResponseWriter, status int, name, message string) {
	outsidetest.WriteJSON(w, status, map[string]any{"statusCode": status, "name": name, "message": message})
}

// parse checks a mail as the gateway does and says what is wrong with it.
func parse(body []byte) (Mail, string) {
	var q request
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&q); err != nil {
		return Mail{}, "The body is not a JSON object that we know: " + err.Error()
	}
	m := Mail{From: q.From, Subject: q.Subject, Text: q.Text, HTML: q.HTML}
	if json.Unmarshal(q.To, &m.To) != nil {
		var one string
		if json.Unmarshal(q.To, &one) != nil {
			return Mail{}, "Missing `to` field."
		}
		m.To = []string{one}
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		return Mail{}, "Invalid `from` field."
	}
	for _, to := range m.To {
		if _, err := mail.ParseAddress(to); err != nil {
			return Mail{}, "Invalid `to` field."
		}
	}
	switch {
	case len(m.To) == 0 || len(m.To) > 50:
		return Mail{}, "Invalid `to` field."
	case m.Subject == "":
		return Mail{}, "Missing `subject` field."
	case m.Text == "" && m.HTML == "":
		return Mail{}, "Missing `html` or `text` field."
	}
	for _, a := range q.Attachments {
		m.Attachments = append(m.Attachments, newAttachment(a.Filename, a.ContentType, a.Content))
	}
	return m, ""
}
