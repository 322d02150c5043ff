package externale

import (
	"cmp"
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

// system is E's name in refusals, errors, log lines and spans.
const system = "e"

// Config says how E is reached and who we are there.
type Config struct {
	BaseURL string         // without /v1
	Token   outside.Secret // bearer token

	// HTTP bounds the calls, names the TLS files and may replace the
	// transport. System and Authorize are set by New.
	HTTP outside.Options
}

// ConfigFrom reads a process's configuration.
func ConfigFrom(c config.ExternalE) Config {
	return Config{
		BaseURL: c.BaseURL,
		Token:   outside.FromFile(c.TokenFile),
		HTTP: outside.Options{
			TLS:                 outside.TLSFiles{Cert: c.CertFile, Key: c.KeyFile, CA: c.CAFile, ServerName: c.ServerName},
			AttemptTimeout:      c.Timeout,
			Tries:               c.Tries,
			AllowPlainHTTP:      c.AllowPlainHTTP,
			AllowPrivateNetwork: c.AllowPrivateNetwork,
		},
	}
}

// Client speaks to E. It is safe for concurrent use.
type Client struct {
	base string
	out  *outside.Client
}

// New makes a client. What is missing in the configuration shows at the first
// call, as a misconfigured outcome.
func New(c Config) *Client {
	c.HTTP.System = system
	c.HTTP.Authorize = outside.Bearer(c.Token)
	return &Client{base: strings.TrimRight(c.BaseURL, "/"), out: outside.New(c.HTTP)}
}

// CloseRequest asks to close one account. A repeated request must be the same
// in every field.
type CloseRequest struct {
	AccountID string
	ClosureID string // our number of the closure, a UUID
	Key       string // idempotency key, a UUID
	Reason    string // a word of a-z and _; "account_emptied" if empty
}

// CloseResult is a settled outcome: closed, or refused.
type CloseResult struct {
	ClosedAt time.Time        // when E closed it
	Refused  *outside.Refusal // nil: closed
}

// Confirmed reports whether the account is closed.
func (r CloseResult) Confirmed() bool { return r.Refused == nil }

// State is an account's state in E's words.
type State string

// The states of an account.
const (
	StateOpen   State = "OPEN"
	StateClosed State = "CLOSED"
)

// Account is an account as E has it.
type Account struct {
	ID       string    `json:"account_id"`
	State    State     `json:"state"`
	ClosedAt time.Time `json:"closed_at"` // zero: open
}

// ErrNoAccount says that E has no account with the id.
var ErrNoAccount = errors.New("e has no such account")

// Close closes an account, or finds it closed. An outcome that is not settled
// is an *outside.Unknown: call again with the same request.
func (c *Client) Close(ctx context.Context, q CloseRequest) (CloseResult, error) {
	const op = "close"
	q.Reason = cmp.Or(q.Reason, "account_emptied")
	if reason := q.invalid(); reason != "" {
		return refused("invalid_request", reason), nil
	}
	body, err := json.Marshal(struct {
		ClosureID string `json:"closure_id"`
		Reason    string `json:"reason"`
	}{q.ClosureID, q.Reason})
	if err != nil {
		return CloseResult{}, c.out.Unknown(op, err)
	}
	answer, err := c.out.Do(ctx, outside.Call{
		Op:     op,
		Method: http.MethodPost,
		URL:    c.account(q.AccountID) + "/closure",
		Header: http.Header{"Accept": {"application/json"}, "Content-Type": {"application/json"}},
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

// settle turns E's answer to a closure into an outcome.
func (c *Client) settle(ctx context.Context, q CloseRequest, answer outside.Answer) (CloseResult, error) {
	fault := parseFault(answer.Body)
	unknown := c.unknown("close", answer, fault)
	switch Classify(answer.Status, fault.Code) {
	case Closed:
		var got struct {
			AccountID string    `json:"account_id"`
			ClosedAt  time.Time `json:"closed_at"`
		}
		if json.Unmarshal(answer.Body, &got) == nil && got.AccountID == q.AccountID && !got.ClosedAt.IsZero() {
			return CloseResult{ClosedAt: got.ClosedAt.UTC()}, nil
		}
		unknown.Err = errors.New("status 200 with an answer outside the contract")
		return c.orFoundClosed(ctx, q, unknown)
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

// confirmRefusal believes a refusal only when the account is not closed after
// all: a key that was used with another body is refused after a success, too.
func (c *Client) confirmRefusal(ctx context.Context, q CloseRequest, f fault) (CloseResult, error) {
	account, err := c.Read(ctx, q.AccountID)
	switch {
	case errors.Is(err, ErrNoAccount):
		return refused(f.Code, "E knows no such account"), nil
	case err != nil:
		return CloseResult{}, err
	case account.State == StateClosed:
		return CloseResult{ClosedAt: account.ClosedAt}, nil
	}
	return refused(f.Code, f.Reason), nil
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

// Read gives the present state of an account. The error is [ErrNoAccount] or
// an *outside.Unknown.
func (c *Client) Read(ctx context.Context, id string) (Account, error) {
	const op = "read"
	if !accountID.MatchString(id) {
		return Account{}, ErrNoAccount
	}
	answer, err := c.out.Do(ctx, outside.Call{
		Op: op, Method: http.MethodGet, URL: c.account(id), Header: http.Header{"Accept": {"application/json"}},
	})
	if err != nil {
		return Account{}, err
	}
	if answer.Status == http.StatusOK {
		var account Account
		if err := json.Unmarshal(answer.Body, &account); err != nil {
			return Account{}, c.out.Unknown(op, fmt.Errorf("account: %w", err))
		}
		if account.ID != id || (account.State != StateOpen && account.State != StateClosed) {
			return Account{}, c.out.Unknown(op, errors.New("account: an answer outside the contract"))
		}
		account.ClosedAt = account.ClosedAt.UTC()
		return account, nil
	}
	fault := parseFault(answer.Body)
	meaning := Classify(answer.Status, fault.Code)
	if answer.Status == http.StatusNotFound && meaning == Refused {
		return Account{}, ErrNoAccount
	}
	unknown := c.unknown(op, answer, fault)
	unknown.Misconfigured = meaning == Misconfigured
	return Account{}, unknown
}

func (c *Client) unknown(op string, answer outside.Answer, f fault) *outside.Unknown {
	u := c.out.Unknown(op, fmt.Errorf("status %d: %s", answer.Status, cmp.Or(f.Code, "no code given")))
	u.RetryAfter, _ = outside.RetryAfter(answer.Header, time.Now())
	return u
}

func refused(code, reason string) CloseResult {
	return CloseResult{Refused: &outside.Refusal{System: system, Code: code, Reason: reason}}
}

func (c *Client) account(id string) string {
	return c.base + "/v1/accounts/" + url.PathEscape(id)
}

var (
	accountID = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$`)
	word      = regexp.MustCompile(`^[a-z_]{1,64}$`)
)

func (q CloseRequest) invalid() string {
	switch {
	case !accountID.MatchString(q.AccountID):
		return "the account id is outside the contract"
	case uuid.Validate(q.ClosureID) != nil || len(q.ClosureID) != 36:
		return "the closure id is not a UUID"
	case uuid.Validate(q.Key) != nil || len(q.Key) != 36:
		return "the idempotency key is not a UUID"
	case !word.MatchString(q.Reason):
		return "the reason is not a word of the contract"
	}
	return ""
}
