package outside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/hashicorp/go-retryablehttp"
)

// Client calls one outside system. It is safe for concurrent use.
type Client struct {
	options Options
	retry   *retryablehttp.Client
}

// New makes the client of one outside system.
func New(o Options) *Client {
	o = o.withDefaults()
	return &Client{options: o, retry: NewClient(o)}
}

// Call is one request to an outside system.
type Call struct {
	Op     string      // what is asked, for people: "close"
	Method string      // GET if empty
	URL    string      // absolute
	Header http.Header // without credentials
	Body   []byte      // sent byte for byte on every attempt
	Key    string      // Idempotency-Key; empty sends none, and a POST is then not repeated
}

// Answer is what the outside system said last.
type Answer struct {
	Status   int
	Header   http.Header
	Body     []byte
	Attempts int // how often the request was sent
}

// Do sends the request until it is answered, the tries run out or the deadline
// is near. Any status is an answer, 429 and 5xx too. The error is always an
// [*Unknown]: no answer came, or it could not be read to its end.
func (c *Client) Do(ctx context.Context, call Call) (Answer, error) {
	ctx, seen := c.observe(ctx, call)
	answer, err := c.send(ctx, call)
	answer.Attempts = seen.attempts()
	if err != nil {
		err = c.Unknown(call.Op, err)
	}
	seen.end(answer.Status, err)
	return answer, err
}

func (c *Client) send(ctx context.Context, call Call) (Answer, error) {
	var body any // nil, not an empty reader: a GET then has no body at all
	if call.Body != nil {
		body = call.Body
	}
	req, err := retryablehttp.NewRequestWithContext(ctx, call.Method, call.URL, body)
	if err != nil {
		return Answer{}, misconfigured(err)
	}
	for name, values := range call.Header {
		req.Header[name] = values
	}
	if call.Key != "" {
		req.Header.Set("Idempotency-Key", call.Key)
	}
	resp, err := c.retry.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	read, err := io.ReadAll(resp.Body)
	if err != nil {
		return Answer{Status: resp.StatusCode}, fmt.Errorf("read answer: %w", err)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: read}, nil
}

// Unknown makes the error of an outcome that is not known from what went wrong
// in op. A client package uses it for answers that settle nothing, too.
func (c *Client) Unknown(op string, err error) *Unknown {
	var known *Unknown
	if errors.As(err, &known) {
		return known
	}
	var at *url.Error
	if errors.As(err, &at) {
		err = at.Err // its text repeats the address, query and all
	}
	return &Unknown{System: c.options.System, Op: op, Err: err, Misconfigured: errors.Is(err, ErrMisconfigured)}
}

// HTTP gives a standard client with the same policy, log line and span, for a
// vendor's own library. See [WithOp].
func (c *Client) HTTP() *http.Client {
	return &http.Client{
		Transport:     standard{c},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

type standard struct{ client *Client }

func (s standard) RoundTrip(r *http.Request) (*http.Response, error) {
	call := Call{Op: opOf(r), Method: r.Method, URL: r.URL.String(), Key: r.Header.Get("Idempotency-Key")}
	ctx, seen := s.client.observe(r.Context(), call)
	resp, err := (&retryablehttp.RoundTripper{Client: s.client.retry}).RoundTrip(r.WithContext(ctx))
	if err != nil {
		err = s.client.Unknown(call.Op, err)
		seen.end(0, err)
		return nil, err
	}
	seen.end(resp.StatusCode, nil)
	return resp, nil
}

type opKey struct{}

// WithOp names the operation of a call made through [Client.HTTP].
func WithOp(ctx context.Context, op string) context.Context {
	return context.WithValue(ctx, opKey{}, op)
}

func opOf(r *http.Request) string {
	if op, ok := r.Context().Value(opKey{}).(string); ok {
		return op
	}
	return r.Method
}
