package sms

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
)

const system = "twilio"

var (
	// ErrNotSent marks an unknown outcome that is known in one respect: no text went out and none
	// will. The same message may be sent again.
	ErrNotSent = errors.New("not sent")
	// ErrNotFound means that Twilio shows no such text, now; see the package comment.
	ErrNotFound = errors.New("twilio: no such message")
)

// Receipt is what became of a text that was handed over.
type Receipt struct {
	ProviderID string           // Twilio's SID, SM...; "" when it was refused at once
	Refusal    *outside.Refusal // set when the text will not be delivered, now or later
}

// Client sends texts. It is safe for concurrent use.
type Client struct {
	calls   *outside.Client
	base    string // with the account
	account string
	from    string
}

// New makes a client. What c leaves open, o may set: transport, logger, pauses between attempts.
// With o.Authorize nil, the secret is read from c.SecretFile before every attempt.
func New(c config.SMS, o outside.Options) *Client {
	o.System = system
	o.Tries = cmp.Or(o.Tries, c.Tries)
	o.AttemptTimeout = cmp.Or(o.AttemptTimeout, c.Timeout)
	o.AllowPlainHTTP = o.AllowPlainHTTP || c.AllowPlainHTTP
	o.AllowPrivateNetwork = o.AllowPrivateNetwork || c.AllowPrivateNetwork
	if o.Authorize == nil {
		o.Authorize = outside.Basic(cmp.Or(c.KeySID, c.AccountSID), outside.FromFile(c.SecretFile))
	}
	o.Logger = discreet(o.Logger)
	base := strings.TrimRight(cmp.Or(c.BaseURL, "https://api.twilio.com"), "/")
	return &Client{
		calls:   outside.New(o),
		base:    base + "/2010-04-01/Accounts/" + url.PathEscape(c.AccountSID),
		account: c.AccountSID,
		from:    c.From,
	}
}

// Resendable says whether a text whose fate is unknown may be sent again: never.
func (c *Client) Resendable(time.Duration) bool { return false }

// Send hands a text over. A refusal is a value. The error is always an *outside.Unknown: the text
// may have gone out, unless the error matches ErrNotSent.
func (c *Client) Send(ctx context.Context, m Message) (Receipt, error) {
	if problem := m.check(); problem != "" {
		return Receipt{Refusal: &outside.Refusal{System: system, Code: "invalid_message", Reason: problem}}, nil
	}
	if err := c.ready(); err != nil {
		return Receipt{}, c.calls.Unknown("send", fmt.Errorf("%w: %w", ErrNotSent, err))
	}
	form := url.Values{"To": {m.To}, "From": {c.from}, "Body": {m.body()}}
	// Without a key the connection repeats nothing that may have arrived.
	answer, err := c.calls.Do(ctx, outside.Call{
		Op: "send", Method: http.MethodPost, URL: c.base + "/Messages.json", Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Accept": {"application/json"}},
	})
	if err != nil {
		return Receipt{}, c.lost(err)
	}
	return c.read(answer)
}

func (c *Client) ready() error {
	if c.account == "" || c.from == "" {
		return fmt.Errorf("%w: account or sender is not configured", outside.ErrMisconfigured)
	}
	return nil
}

// lost adds to an error what it proves: where no connection came about, no text went out.
func (c *Client) lost(err error) error {
	u := c.calls.Unknown("send", err)
	var failed *net.OpError
	if errors.As(u.Err, &failed) && failed.Op == "dial" {
		u.Err = fmt.Errorf("%w: %w", ErrNotSent, u.Err)
	}
	return u
}

// resource is a message as Twilio shows it.
type resource struct {
	SID         string `json:"sid"`
	Body        string `json:"body"`
	To          string `json:"to"`
	Status      string `json:"status"`
	ErrorCode   *int   `json:"error_code"`
	DateCreated string `json:"date_created"` // RFC 2822
}

// receipt reads a message: only a status that says that it will never arrive is a refusal.
func (r resource) receipt() Receipt {
	out := Receipt{ProviderID: r.SID}
	switch r.Status {
	case "failed", "undelivered", "canceled":
		out.Refusal = &outside.Refusal{System: system, Code: r.Status, Reason: "message " + r.Status}
		if r.ErrorCode != nil {
			out.Refusal.Code = strconv.Itoa(*r.ErrorCode)
		}
	}
	return out
}

// read turns an answer to Send into an outcome.
func (c *Client) read(answer outside.Answer) (Receipt, error) {
	var made resource
	var said struct { // an error; its "status" is a number, a message's is a word
		Code int `json:"code"`
	}
	_ = json.Unmarshal(answer.Body, &said) // what cannot be read has no code
	cause := fmt.Errorf("status %d, code %d", answer.Status, said.Code)
	switch status := answer.Status; {
	case status == http.StatusOK || status == http.StatusCreated:
		if json.Unmarshal(answer.Body, &made) == nil && made.SID != "" {
			return made.receipt(), nil
		}
		cause = errors.New("answer does not name the message")
	case status == http.StatusBadRequest && said.Code != 0 && !ourFault[said.Code]:
		return Receipt{Refusal: &outside.Refusal{
			System: system, Code: strconv.Itoa(said.Code), Reason: "see twilio.com/docs/api/errors/" + strconv.Itoa(said.Code),
		}}, nil // without the message: it quotes the number
	case status == http.StatusBadRequest && said.Code != 0,
		status == http.StatusUnauthorized, status == http.StatusForbidden,
		status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		cause = fmt.Errorf("%w: %w: %w", ErrNotSent, outside.ErrMisconfigured, cause)
	case status == http.StatusTooManyRequests:
		cause = fmt.Errorf("%w: %w", ErrNotSent, cause)
	}
	u := c.calls.Unknown("send", cause)
	u.RetryAfter, _ = outside.RetryAfter(answer.Header, time.Now())
	return Receipt{}, u
}

// ourFault are the errors about the sender or the account (twilio.com/docs/api/errors): not this
// text is wrong but all of them, until somebody mends the configuration.
var ourFault = map[int]bool{
	20003: true, // authentication
	21212: true, // invalid From
	21603: true, // From missing
	21606: true, // From cannot send texts
	21611: true, // From has too many texts queued
	21659: true, // From is not a number of this account
	21660: true, // From belongs to another account
}
