package outside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"sync/atomic"
	"time"
)

// tally counts the attempts of one call.
type tally struct{ attempts atomic.Int64 }

type tallyKey struct{}

func tallyOf(ctx context.Context) *tally {
	t, _ := ctx.Value(tallyKey{}).(*tally)
	return t
}

// attempter sends one attempt: it checks the scheme, adds the credentials,
// bounds the time and the answer, and tells a 102 from an answer to come. On a
// reused connection that turns out to be dead, net/http sends a request with an
// Idempotency-Key once more by itself; that counts as the same attempt.
type attempter struct {
	base      http.RoundTripper
	authorize func(*http.Request) error
	timeout   time.Duration
	plain     bool
}

func newAttempter(o Options) *attempter {
	a := &attempter{base: o.Transport, authorize: o.Authorize, timeout: o.AttemptTimeout, plain: true}
	if a.base == nil {
		a.base, a.plain = newTransport(o), o.AllowPlainHTTP
	}
	return a
}

// RoundTrip implements http.RoundTripper. Its errors are *attemptError.
func (a *attempter) RoundTrip(req *http.Request) (*http.Response, error) {
	if t := tallyOf(req.Context()); t != nil {
		t.attempts.Add(1)
	}
	fail := func(err error) (*http.Response, error) {
		return nil, &attemptError{err: err, replayable: replayable(req), unsent: neverSent(err)}
	}
	ctx, cancel := context.WithTimeout(req.Context(), a.timeout)
	r := req.Clone(httptrace.WithClientTrace(ctx, stopAt102))
	if err := a.prepare(r); err != nil {
		cancel()
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return fail(&unsentError{err})
	}
	resp, err := a.base.RoundTrip(r)
	if err != nil {
		cancel()
		return fail(err)
	}
	resp.Request = req
	resp.Body = &answerBody{from: resp.Body, left: AnswerLimit, cancel: cancel}
	if resp.StatusCode == http.StatusProcessing { // a transport that hands 1xx on
		_ = resp.Body.Close()
		return fail(ErrInProgress)
	}
	return resp, nil
}

// CloseIdleConnections is called by http.Client of the same name.
func (a *attempter) CloseIdleConnections() {
	if c, ok := a.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (a *attempter) prepare(r *http.Request) error {
	allowed := r.URL.Scheme == "https" || (a.plain && r.URL.Scheme == "http")
	switch {
	case r.URL.Host == "":
		return misconfigured(errors.New("no address configured"))
	case !allowed:
		return misconfigured(fmt.Errorf("scheme %q is not allowed", r.URL.Scheme))
	}
	if a.authorize == nil {
		return nil
	}
	return a.authorize(r)
}

// stopAt102 makes net/http give up on a request answered 102 Processing. By
// RFC 2518 it announces a later answer; the systems here send it as their
// last word, and net/http would wait for more until the deadline.
var stopAt102 = &httptrace.ClientTrace{
	Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
		if code == http.StatusProcessing {
			return ErrInProgress
		}
		return nil
	},
}

// attemptError is why an attempt got no answer.
type attemptError struct {
	err        error
	replayable bool // the request may arrive twice
	unsent     bool // the request cannot have arrived
}

func (e *attemptError) Error() string { return e.err.Error() }
func (e *attemptError) Unwrap() error { return e.err }

// Is adds the other side's TLS alerts to what is misconfigured: it speaks TLS
// and does not want ours, as when a client certificate is missing or expired.
func (e *attemptError) Is(target error) bool {
	var op *net.OpError
	return target == ErrMisconfigured && errors.As(e.err, &op) && op.Op == "remote error"
}

// unsentError marks an error from before the first byte of the request.
type unsentError struct{ err error }

func (e *unsentError) Error() string { return e.err.Error() }
func (e *unsentError) Unwrap() error { return e.err }

func neverSent(err error) bool {
	var unsent *unsentError
	return errors.As(err, &unsent)
}

// answerBody bounds an answer and frees the attempt's timer with it.
type answerBody struct {
	from   io.ReadCloser
	left   int64
	cancel context.CancelFunc
	once   sync.Once
}

func (b *answerBody) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrAnswerTooLarge
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one byte over tells "just full" from "too large"
	}
	n, err := b.from.Read(p)
	b.left -= int64(n)
	if b.left < 0 {
		return n - 1, ErrAnswerTooLarge
	}
	return n, err
}

func (b *answerBody) Close() error {
	err := b.from.Close()
	b.once.Do(b.cancel)
	return err
}
