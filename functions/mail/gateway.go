package mail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
)

const gatewaySystem = "mail-gateway"

// KeyLifetime is how long the gateway remembers an idempotency key
// (resend.com/docs/dashboard/emails/idempotency-keys).
const KeyLifetime = 24 * time.Hour

// keyMargin is kept from the end of that life, for clocks that differ and calls that take time.
const keyMargin = time.Hour

// Gateway sends mail through an HTTP gateway that speaks Resend's API. It is safe for concurrent
// use.
type Gateway struct {
	calls *outside.Client
	url   string
}

// NewGateway makes a gateway's client. With o.Authorize nil, the API key is read from c.APIKeyFile
// before every attempt.
func NewGateway(c config.MailGateway, o outside.Options) *Gateway {
	o.System = gatewaySystem
	o.Tries = cmp.Or(o.Tries, c.Tries)
	o.AttemptTimeout = cmp.Or(o.AttemptTimeout, c.Timeout)
	o.AllowPlainHTTP = o.AllowPlainHTTP || c.AllowPlainHTTP
	o.AllowPrivateNetwork = o.AllowPrivateNetwork || c.AllowPrivateNetwork
	if o.Authorize == nil {
		o.Authorize = outside.Bearer(outside.FromFile(c.APIKeyFile))
	}
	base := strings.TrimRight(cmp.Or(c.BaseURL, "https://api.resend.com"), "/")
	return &Gateway{calls: outside.New(o), url: base + "/emails"}
}

// Resendable implements Sender: inside the key's life the gateway delivers a mail once, however
// often it is sent.
func (g *Gateway) Resendable(age time.Duration) bool { return age >= 0 && age < KeyLifetime-keyMargin }

// email is the body of POST /emails.
type email struct {
	From        string       `json:"from"`
	To          []string     `json:"to"`
	Subject     string       `json:"subject"`
	Text        string       `json:"text,omitempty"`
	HTML        string       `json:"html,omitempty"`
	Attachments []attachment `json:"attachments,omitempty"`
}

type attachment struct {
	Filename    string `json:"filename"`
	ContentType string `json:"content_type,omitempty"`
	Content     []byte `json:"content"` // base64 in JSON, as the gateway takes it
}

// Send implements Sender.
func (g *Gateway) Send(ctx context.Context, m Message) (Receipt, error) {
	if problem := m.check(); problem != nil {
		return refused(gatewaySystem, problem), nil
	}
	body := email{From: m.From, To: m.To, Subject: m.Subject, Text: m.Text, HTML: m.HTML}
	for _, a := range m.Attachments {
		body.Attachments = append(body.Attachments, attachment(a))
	}
	payload, err := json.Marshal(body)
	if err != nil {
		return Receipt{}, g.calls.Unknown("send", fmt.Errorf("%w: %w", ErrNotSent, err))
	}
	answer, err := g.calls.Do(ctx, outside.Call{
		Op: "send", Method: http.MethodPost, URL: g.url, Body: payload, Key: m.Key,
		Header: http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}},
	})
	if err != nil {
		return Receipt{}, err
	}
	return g.read(answer)
}

// read turns an answer into an outcome. Only a 200 that names the mail is a confirmation, only a no
// to this very mail is a refusal.
func (g *Gateway) read(answer outside.Answer) (Receipt, error) {
	var said struct {
		ID   string `json:"id"`
		Name string `json:"name"` // of an error, for example "validation_error"
	}
	readable := json.Unmarshal(answer.Body, &said) == nil
	cause := fmt.Errorf("status %d, %q", answer.Status, clip(said.Name))
	switch answer.Status {
	case http.StatusOK, http.StatusCreated:
		if readable && said.ID != "" {
			return Receipt{ProviderID: said.ID}, nil
		}
		cause = errors.New("answer does not name the mail")
	case http.StatusBadRequest, http.StatusUnprocessableEntity, http.StatusRequestEntityTooLarge:
		if readable && said.Name != "" {
			return Receipt{Refusal: &outside.Refusal{
				System: gatewaySystem, Code: clip(said.Name), Reason: fmt.Sprintf("status %d", answer.Status),
			}}, nil // without the message: it may quote the recipient
		}
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed:
		// A wrong key, a sender whose domain is not verified, a wrong address.
		cause = turnedAway(answer, fmt.Errorf("%w: %w", outside.ErrMisconfigured, cause))
	case http.StatusConflict:
		if said.Name == "invalid_idempotent_request" {
			cause = fmt.Errorf("%w: %w", ErrKeyReused, cause)
		}
	case http.StatusTooManyRequests:
		cause = turnedAway(answer, cause)
	}
	u := g.calls.Unknown("send", cause)
	u.RetryAfter, _ = outside.RetryAfter(answer.Header, time.Now())
	return Receipt{}, u
}

// turnedAway marks a cause as ErrNotSent, unless an earlier attempt of the same call may have got in.
func turnedAway(answer outside.Answer, cause error) error {
	if answer.Attempts > 1 {
		return cause
	}
	return fmt.Errorf("%w: %w", ErrNotSent, cause)
}

// clip keeps a word of the other side short and on one line.
func clip(word string) string {
	word = strings.Join(strings.Fields(word), "_")
	if len(word) > 60 {
		word = strings.ToValidUTF8(word[:60], "")
	}
	return word
}
