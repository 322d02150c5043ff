package api

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of one caller. They hold per replica: with n of them a caller may get n
// times as much, and never less.
type Limits struct {
	PerSecond float64 // requests in the long run
	Burst     int     // requests at once
}

// defaultLimits are those of an API that was told nothing.
var defaultLimits = Limits{PerSecond: 50, Burst: 100}

// limiter holds a bucket of tokens per caller.
type limiter struct {
	limits Limits
	now    func() time.Time

	mu      sync.Mutex
	buckets map[string]*bucket
	swept   time.Time
}

type bucket struct {
	*rate.Limiter
	used time.Time
}

func newLimiter(l Limits, now func() time.Time) *limiter {
	if l.PerSecond <= 0 || l.Burst <= 0 {
		l = defaultLimits
	}
	return &limiter{limits: l, now: now, buckets: map[string]*bucket{}}
}

// refill is how long an empty bucket takes to be full. One that was left alone for
// so long is like a new one, and is forgotten.
func (l *limiter) refill() time.Duration {
	return time.Duration(float64(l.limits.Burst) / l.limits.PerSecond * float64(time.Second))
}

// take takes one request from the caller's bucket. left is what remains in it, and
// wait how long until there is one more, in whole seconds, when none was left.
func (l *limiter) take(caller string) (ok bool, left int, wait int) {
	now := l.now()
	l.mu.Lock()
	b := l.buckets[caller]
	if b == nil {
		b = &bucket{Limiter: rate.NewLimiter(rate.Limit(l.limits.PerSecond), l.limits.Burst)}
		l.buckets[caller] = b
	}
	b.used = now
	if now.Sub(l.swept) > time.Minute {
		l.swept = now
		for who, b := range l.buckets {
			if now.Sub(b.used) > l.refill() {
				delete(l.buckets, who)
			}
		}
	}
	l.mu.Unlock()
	ok = b.AllowN(now, 1)
	tokens := b.TokensAt(now)
	if !ok {
		wait = max(1, int(math.Ceil((1-tokens)/l.limits.PerSecond)))
	}
	return ok, max(0, int(tokens)), wait
}

// limit counts the request against its caller and says in the headers how it
// stands (draft-ietf-httpapi-ratelimit-headers). It answers when it is too much.
func (a *api) limit(w http.ResponseWriter, r *http.Request, caller string) (ok bool) {
	ok, left, wait := a.limiter.take(caller)
	seconds := max(1, int(a.limiter.refill().Seconds()))
	w.Header().Set("RateLimit-Policy", fmt.Sprintf(`"caller";q=%d;w=%d`, a.limiter.limits.Burst, seconds))
	w.Header().Set("RateLimit", fmt.Sprintf(`"caller";r=%d;t=%d`, left, max(1, wait)))
	if !ok {
		w.Header().Set("Retry-After", strconv.Itoa(wait))
		writeProblem(w, r, tooMany.problem())
	}
	return ok
}
