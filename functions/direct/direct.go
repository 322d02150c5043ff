package direct

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"quittance.dev/events"
	"quittance.dev/functions/fn"
	"quittance.dev/functions/fp"
	"quittance.dev/functions/outside"
	"quittance.dev/functions/signing"
)

// ErrUnknown means that nobody answered what became of the event. It may have been
// handled, or will be.
var ErrUnknown = errors.New("what became of the event is not known yet")

// Options say who is posted to.
type Options struct {
	// Consumer is the function's name, URL its door.
	Consumer, URL string
	// Keys are those that the two functions share.
	Keys *signing.Ring
	// Transport is http.DefaultTransport's kind when nil.
	Transport http.RoundTripper
	Logger    *slog.Logger // default slog.Default
	// Deadline bounds one call with all its attempts. Default 6 s.
	Deadline time.Duration
}

// Caller posts to one function. It is safe for concurrent use.
type Caller struct {
	options Options
	client  *retryablehttp.Client
}

// connections that are kept open to the consumer.
const connections = 64

// New makes a caller.
func New(o Options) *Caller {
	if o.Transport == nil {
		o.Transport = &http.Transport{MaxIdleConnsPerHost: connections, IdleConnTimeout: time.Minute}
	}
	if o.Deadline == 0 {
		o.Deadline = 6 * time.Second
	}
	return &Caller{options: o, client: outside.NewClient(outside.Options{
		System: o.Consumer, Transport: o.Transport, Logger: o.Logger,
		Tries: 3, WaitMin: 20 * time.Millisecond, WaitMax: 200 * time.Millisecond, AttemptTimeout: o.Deadline,
	})}
}

// Ask posts e, which must be committed, and returns what its consumer said because
// of it. An error that fn.Permanent marks is a refusal to handle it, which no
// repetition mends; any other matches ErrUnknown.
func (c *Caller) Ask(ctx context.Context, e fn.Envelope) (fn.Envelope, error) {
	if err := fp.Hit(ctx, "direct.before-post"); err != nil {
		return fn.Envelope{}, errors.Join(ErrUnknown, err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Deadline)
	defer cancel()
	e, err := e.SignedDirect(c.options.Consumer, c.options.Keys)
	if err != nil {
		return fn.Envelope{}, errors.Join(ErrUnknown, err)
	}
	plain, err := e.Request(ctx, c.options.URL)
	if err != nil {
		return fn.Envelope{}, errors.Join(ErrUnknown, err)
	}
	plain.Header["Prefer"] = []string{"return=representation"}
	plain.Header["Idempotency-Key"] = []string{e.ID} // it may be posted again
	request, err := retryablehttp.FromRequest(plain)
	if err != nil {
		return fn.Envelope{}, errors.Join(ErrUnknown, err)
	}
	response, err := c.client.Do(request)
	if err != nil {
		return fn.Envelope{}, errors.Join(ErrUnknown, err)
	}
	defer func() { _ = response.Body.Close() }()
	said, err := read(response)
	if err != nil {
		return fn.Envelope{}, fmt.Errorf("%s: %w", c.options.Consumer, err)
	}
	if err := fp.Hit(ctx, "direct.after-post"); err != nil {
		return fn.Envelope{}, errors.Join(ErrUnknown, err)
	}
	return said, nil
}

// read takes the event out of an answer.
func read(response *http.Response) (fn.Envelope, error) {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return fn.Envelope{}, errors.Join(ErrUnknown, err)
	}
	switch response.StatusCode {
	case http.StatusOK:
	case int(fn.Malformed), int(fn.TooLarge), int(fn.Unsupported), int(fn.Refused):
		return fn.Envelope{}, fn.Permanent(fmt.Errorf("refused with %d: %s", response.StatusCode, body))
	default: // 401 too: the keys of the two may be on their way
		return fn.Envelope{}, fmt.Errorf("%w: %d: %s", ErrUnknown, response.StatusCode, body)
	}
	at, err := time.Parse(time.RFC3339Nano, response.Header.Get("Ce-Time"))
	if err != nil { // without Prefer's event
		return fn.Envelope{}, fmt.Errorf("%w: no event in the answer", ErrUnknown)
	}
	return fn.Envelope{
		ID: response.Header.Get("Ce-Id"), Source: response.Header.Get("Ce-Source"), Type: events.Type(response.Header.Get("Ce-Type")),
		Subject: response.Header.Get("Ce-Subject"), Time: at, Data: body,
	}, nil
}
