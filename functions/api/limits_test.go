package api

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/identity"
)

// A8: ten times the burst at once. What is over is told so, with when to come
// again; others do not notice; nothing is written for what was refused.
func TestA8_TooManyRequests(t *testing.T) {
	t.Parallel()
	b := openBank(t)
	var mu sync.Mutex
	now := time.Now()
	b.api.limiter = newLimiter(Limits{PerSecond: 2, Burst: 10}, func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	})
	pass := func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(d)
	}
	eve, ada := b.as("eve", identity.Customer), b.as("ada", identity.Customer)
	before := b.rows()
	count := map[int]int{}
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			got := eve.post("/customers", "{}") // refused for its content, and counted all the same
			mu.Lock()
			count[got.status]++
			mu.Unlock()
		})
	}
	all.Wait()
	require.Equal(t, map[int]int{422: 10, 429: 90}, count)
	got := eve.post("/customers", "not even read")
	refused(t, got, tooMany)
	require.Equal(t, "1", got.header.Get("Retry-After"))
	require.Equal(t, `"caller";q=10;w=5`, got.header.Get("RateLimit-Policy"))
	require.Equal(t, `"caller";r=0;t=1`, got.header.Get("RateLimit"))
	require.Equal(t, before, b.rows())

	got = ada.get("/accounts")
	require.Equal(t, 200, got.status, "others are not affected")
	require.Equal(t, `"caller";r=9;t=1`, got.header.Get("RateLimit"))
	pass(time.Second)
	require.Equal(t, 200, eve.get("/accounts").status)
	require.Equal(t, 200, eve.get("/accounts").status)
	refused(t, eve.get("/accounts"), tooMany)
	for _, path := range []string{"/docs", "/openapi.json", "/readyz"} {
		require.Equal(t, 200, eve.get(path).status, "what is open to everybody is not counted")
	}
}

// A caller who has been away for long enough leaves nothing behind.
func TestCallersAreForgotten(t *testing.T) {
	t.Parallel()
	now := time.Now()
	l := newLimiter(Limits{PerSecond: 10, Burst: 20}, func() time.Time { return now })
	for i := range 1000 {
		l.take(strconv.Itoa(i))
	}
	require.Len(t, l.buckets, 1000)
	now = now.Add(61 * time.Second)
	ok, left, _ := l.take("somebody")
	require.True(t, ok)
	require.Equal(t, 19, left)
	require.Len(t, l.buckets, 1)
	require.Equal(t, defaultLimits, newLimiter(Limits{}, time.Now).limits)
}
