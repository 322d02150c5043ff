package mambu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"quittance.dev/config"
	"quittance.dev/functions/outside"
)

// system is Mambu's name in refusals, errors, log lines and spans.
const system = "mambu"

// mediaType is version 2 of Mambu's API.
const mediaType = "application/vnd.mambu.v2+json"

// Config says how Mambu is reached and who we are there.
type Config struct {
	BaseURL string // https://<tenant>.mambu.com/api

	// APIKey is an API consumer's key. Without one, User and Password sign in.
	APIKey   outside.Secret
	User     string
	Password outside.Secret

	// HTTP bounds the calls and may replace the transport. System and
	// Authorize are set by New.
	HTTP outside.Options
}

// ConfigFrom reads a process's configuration.
func ConfigFrom(c config.Mambu) Config {
	return Config{
		BaseURL:  c.BaseURL,
		APIKey:   outside.FromFile(c.APIKeyFile),
		User:     c.User,
		Password: outside.FromFile(c.PasswordFile),
		HTTP: outside.Options{
			TLS:                 outside.TLSFiles{Cert: c.CertFile, Key: c.KeyFile, CA: c.CAFile, ServerName: c.ServerName},
			AttemptTimeout:      c.Timeout,
			Tries:               c.Tries,
			AllowPlainHTTP:      c.AllowPlainHTTP,
			AllowPrivateNetwork: c.AllowPrivateNetwork,
		},
	}
}

// Client speaks to one Mambu tenant. It is safe for concurrent use.
type Client struct {
	base string
	out  *outside.Client
}

// New makes a client. What is missing in the configuration shows at the first
// call, as a misconfigured outcome.
func New(c Config) *Client {
	c.HTTP.System = system
	switch {
	case !c.APIKey.IsZero():
		c.HTTP.Authorize = outside.Header("apikey", c.APIKey)
	default:
		c.HTTP.Authorize = outside.Basic(c.User, c.Password)
	}
	return &Client{base: strings.TrimRight(c.BaseURL, "/"), out: outside.New(c.HTTP)}
}

// CloseRequest asks to close one deposit account. A repeated request must be
// the same to the byte, so Notes has to be stored before the first.
type CloseRequest struct {
	AccountID string // Mambu's id or encoded key of the deposit account
	Key       string // idempotency key, a UUID
	Notes     string // kept by Mambu with the state change; no personal data
}

// CloseResult is a settled outcome: closed, or refused.
type CloseResult struct {
	ClosedAt time.Time        // when Mambu closed it; zero if Mambu did not say
	Refused  *outside.Refusal // nil: closed
}

// Confirmed reports whether the account is closed.
func (r CloseResult) Confirmed() bool { return r.Refused == nil }

// Close closes a deposit account, or finds it closed. An outcome that is not
// settled is an *outside.Unknown: call again with the same request.
func (c *Client) Close(ctx context.Context, q CloseRequest) (CloseResult, error) {
	const op = "close"
	if reason := q.invalid(); reason != "" {
		return refused("INVALID_REQUEST", reason), nil
	}
	body, err := json.Marshal(struct {
		Action string `json:"action"`
		Notes  string `json:"notes,omitempty"`
	}{"CLOSE", q.Notes})
	if err != nil {
		return CloseResult{}, c.out.Unknown(op, err)
	}
	answer, err := c.out.Do(ctx, outside.Call{
		Op:     op,
		Method: http.MethodPost,
		URL:    c.account(q.AccountID) + ":changeState",
		Header: http.Header{"Accept": {mediaType}, "Content-Type": {"application/json"}},
		Body:   body,
		Key:    q.Key,
	})
	if err != nil {
		unknown := c.out.Unknown(op, err)
		if unknown.Misconfigured || errors.Is(err, outside.ErrInProgress) {
			return CloseResult{}, unknown
		}
		return c.orFoundClosed(ctx, q, unknown)
	}
	return c.settle(ctx, q, answer)
}

// settle turns Mambu's answer to a CLOSE into an outcome.
func (c *Client) settle(ctx context.Context, q CloseRequest, answer outside.Answer) (CloseResult, error) {
	faults := ParseErrors(answer.Body)
	meaning, fault := Classify(answer.Status, faults)
	unknown := c.out.Unknown("close", fmt.Errorf("status %d: %s", answer.Status, fault))
	unknown.RetryAfter, _ = outside.RetryAfter(answer.Header, time.Now())

	switch meaning {
	case Closed:
		if account, err := parseAccount(answer.Body); err == nil && account.State == StateClosed {
			return CloseResult{ClosedAt: account.ClosedAt}, nil
		}
		return c.mustBeClosed(ctx, q)
	case AlreadyClosed:
		return c.mustBeClosed(ctx, q)
	case Refused:
		return c.confirmRefusal(ctx, q, fault)
	case Misconfigured:
		unknown.Misconfigured = true
		return CloseResult{}, unknown
	default: // Later
		if answer.Status < 500 {
			return CloseResult{}, unknown // turned away or waiting: nothing new to read
		}
		return c.orFoundClosed(ctx, q, unknown)
	}
}

// mustBeClosed reads back what Mambu says is closed. Closed in another way
// than ours, such as written off, is for a person.
func (c *Client) mustBeClosed(ctx context.Context, q CloseRequest) (CloseResult, error) {
	account, err := c.Read(ctx, q.AccountID)
	switch {
	case errors.Is(err, ErrNoAccount):
		return CloseResult{}, c.out.Unknown("close", errors.New("said to be closed, not found when read back"))
	case err != nil:
		return CloseResult{}, err
	case account.State == StateClosed:
		return CloseResult{ClosedAt: account.ClosedAt}, nil
	case account.State.final():
		return refused("ACCOUNT_ALREADY_CLOSED", "the account ended as "+string(account.State)), nil
	}
	return CloseResult{}, c.out.Unknown("close", fmt.Errorf("said to be closed, but its state is %s", account.State))
}

// confirmRefusal believes a refusal only when the account is not closed after
// all: the words for "already in that state" differ between versions, and a
// key that was used with other notes is refused after a success, too.
func (c *Client) confirmRefusal(ctx context.Context, q CloseRequest, fault Fault) (CloseResult, error) {
	account, err := c.Read(ctx, q.AccountID)
	switch {
	case errors.Is(err, ErrNoAccount):
		return refused(fault.Reason, "Mambu knows no such deposit account"), nil
	case err != nil:
		return CloseResult{}, err
	case account.State == StateClosed:
		return CloseResult{ClosedAt: account.ClosedAt}, nil
	}
	return refused(fault.Reason, fmt.Sprintf("account is %s with a balance of %s", account.State, account.Balance)), nil
}

// orFoundClosed looks once whether a request whose answer was lost had its
// effect. Only "closed" settles anything.
func (c *Client) orFoundClosed(ctx context.Context, q CloseRequest, unknown *outside.Unknown) (CloseResult, error) {
	if ctx.Err() != nil {
		return CloseResult{}, unknown
	}
	account, err := c.Read(ctx, q.AccountID)
	if err == nil && account.State == StateClosed {
		return CloseResult{ClosedAt: account.ClosedAt}, nil
	}
	return CloseResult{}, unknown
}

func refused(code, reason string) CloseResult {
	return CloseResult{Refused: &outside.Refusal{System: system, Code: code, Reason: reason}}
}

func (c *Client) account(id string) string {
	return c.base + "/deposits/" + url.PathEscape(id)
}

// accountID is what Mambu's id templates and encoded keys are made of. Nothing
// that means something in a path gets through.
var accountID = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`)

// notesLimit bounds the notes, in bytes; our own, well under Mambu's.
const notesLimit = 1000

func (q CloseRequest) invalid() string {
	switch {
	case !accountID.MatchString(q.AccountID):
		return "the account id is not one of Mambu's"
	case uuid.Validate(q.Key) != nil || len(q.Key) != 36:
		return "the idempotency key is not a UUID"
	case len(q.Notes) > notesLimit:
		return "the notes are too long"
	}
	return ""
}
