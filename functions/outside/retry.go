package outside

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/hashicorp/go-retryablehttp"
)

// retryAfterLimit bounds the pause that a system may ask for when the context
// has no deadline of its own.
const retryAfterLimit = 30 * time.Second

// NewClient makes the HTTP client with our retry policy, for those who need it
// bare. [New] is what a client package wants: it adds the log line, the span
// and the outcome. A last answer of 429 or 5xx is returned as an answer.
func NewClient(o Options) *retryablehttp.Client {
	o = o.withDefaults()
	p := policy{o}
	return &retryablehttp.Client{
		HTTPClient: &http.Client{
			Transport: newAttempter(o),
			// The last answer is returned as it is: 3xx is not followed.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Logger:       debugLogger{o},
		RetryMax:     o.Tries - 1,
		RetryWaitMin: o.WaitMin,
		RetryWaitMax: o.WaitMax,
		CheckRetry:   p.check,
		Backoff:      p.pause,
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}
}

type policy struct{ Options }

// check says whether another attempt is allowed and has time to finish.
func (p policy) check(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if ctx.Err() != nil || !repeatable(resp, err) {
		return false, nil
	}
	wait := p.longestPause(ctx, resp)
	deadline, ok := ctx.Deadline()
	if !ok {
		return wait <= retryAfterLimit, nil
	}
	return time.Until(deadline) >= wait+p.MinAttempt, nil
}

// repeatable says whether what happened may be tried again at all.
func repeatable(resp *http.Response, err error) bool {
	if err != nil {
		var failed *attemptError
		switch {
		case errors.Is(err, ErrMisconfigured), errors.Is(err, ErrInProgress):
			return false
		case !errors.As(err, &failed):
			return false // not from the wire: a malformed request
		}
		return failed.unsent || failed.replayable
	}
	switch code := resp.StatusCode; {
	case code == http.StatusTooManyRequests:
		return true // turned away at the door
	case code >= 500 && code != http.StatusNotImplemented:
		return replayable(resp.Request)
	}
	return false
}

// replayable says whether a request may arrive twice: by its method, or
// because it carries a key.
func replayable(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return r.Header.Get("Idempotency-Key") != ""
}

// longestPause is the upper bound of what pause will choose.
func (p policy) longestPause(ctx context.Context, resp *http.Response) time.Duration {
	if asked, ok := askedPause(resp); ok {
		return asked + p.WaitMin
	}
	if t := tallyOf(ctx); t != nil {
		return ceiling(p.WaitMin, p.WaitMax, int(t.attempts.Load())-1)
	}
	return p.WaitMax
}

// pause chooses the wait before attempt number n+1: what the system asked for
// plus a little, or between half and all of a doubling ceiling.
func (p policy) pause(low, high time.Duration, n int, resp *http.Response) time.Duration {
	if asked, ok := askedPause(resp); ok {
		return asked + rand.N(low)
	}
	top := ceiling(low, high, n)
	return top/2 + rand.N(top/2+1)
}

func ceiling(low, high time.Duration, n int) time.Duration {
	if n < 0 || n > 20 {
		return high
	}
	return min(low<<n, high)
}

func askedPause(resp *http.Response) (time.Duration, bool) {
	if resp == nil {
		return 0, false
	}
	return RetryAfter(resp.Header, time.Now())
}

// RetryAfter reads the Retry-After header in both its forms, seconds and date
// (RFC 9110, section 10.2.3). A date in the past is no wait.
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	value := h.Get("Retry-After")
	if value == "" {
		return 0, false
	}
	if n, err := strconv.ParseInt(value, 10, 32); err == nil {
		return time.Duration(max(n, 0)) * time.Second, true
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(at.Sub(now), 0), true
	}
	return 0, false
}

// debugLogger keeps the retry library's own messages, at debug level.
type debugLogger struct{ Options }

func (l debugLogger) debug(msg string, kv []any) {
	l.logger().Log(context.Background(), slog.LevelDebug, fmt.Sprintf("%s: %s", l.System, msg), kv...)
}
func (l debugLogger) Error(msg string, kv ...any) { l.debug(msg, kv) }
func (l debugLogger) Warn(msg string, kv ...any)  { l.debug(msg, kv) }
func (l debugLogger) Info(msg string, kv ...any)  { l.debug(msg, kv) }
func (l debugLogger) Debug(msg string, kv ...any) { l.debug(msg, kv) }
