package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// TokenSource gives the access token for the next request. It is asked each time,
// from several goroutines, and may keep one while it is good.
type TokenSource func(context.Context) (string, error)

// StaticToken is a TokenSource of one token.
func StaticToken(token string) TokenSource {
	return func(context.Context) (string, error) { return token, nil }
}

// Options of a Client.
type Options struct {
	// Token is the caller's; required but for PostStripeWebhook.
	Token TokenSource
	// HTTP sends the requests. Default: a client that waits 30 s for an answer.
	HTTP *http.Client
	// Attempts is how often a request is sent at most. Default 8, with some 20 s of
	// pauses between them if the bank does not ask for more; the context may end them
	// earlier.
	Attempts int
	// Wait is the pause before the given attempt, from 2 on, where the bank does not
	// say how long. Default: 100 ms doubling to 5 s, half of it by chance.
	Wait func(attempt int) time.Duration
	// UserAgent names the program.
	UserAgent string
}

// Client calls one bank. It is safe for concurrent use.
type Client struct {
	base string
	o    Options
}

// New makes a client of the API at base, such as "https://bank.example".
func New(base string, o Options) (*Client, error) {
	u, err := url.Parse(base)
	switch {
	case err != nil:
		return nil, fmt.Errorf("client: address of the bank: %w", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, errors.New("client: address of the bank: an absolute http or https URL is needed")
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: 30 * time.Second}
	}
	if o.Attempts == 0 {
		o.Attempts = 8
	}
	if o.Wait == nil {
		o.Wait = backoff
	}
	if o.UserAgent == "" {
		o.UserAgent = "quittance-client/1"
	}
	return &Client{base: strings.TrimSuffix(base, "/"), o: o}, nil
}

// Answer is the answer to a request that changes something.
type Answer[T any] struct {
	Body T
	// Journey is the id of what was set going, "" if nothing was; GetJourney follows
	// it.
	Journey string
	// Location is the path of what was made, where it has one.
	Location string
	// Replayed: the request came before, and this is the answer that it got.
	Replayed bool
}
