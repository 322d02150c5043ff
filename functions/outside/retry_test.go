package outside_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"quittance.dev/functions/outside"
	"quittance.dev/functions/outside/outsidetest"
)

func TestRetryPolicy(t *testing.T) {
	const (
		get      = "GET"
		keyed    = "POST with key"
		unkeyed  = "POST"
		fineThen = 200
	)
	mood := func(k outsidetest.Kind, status int) outsidetest.Mood {
		return outsidetest.Mood{Kind: k, Status: status, Times: 2}
	}
	for _, c := range []struct {
		what     string
		mood     outsidetest.Mood
		attempts int // 3: repeated until fine; 1: not repeated
		status   int // 0: no answer
	}{
		{get, mood(outsidetest.Status, 500), 3, fineThen},
		{get, mood(outsidetest.Status, 503), 3, fineThen},
		{get, mood(outsidetest.TooMany, 0), 3, fineThen},
		{get, mood(outsidetest.CutBefore, 0), 3, fineThen},
		{get, mood(outsidetest.TimeoutBefore, 0), 3, fineThen},
		{keyed, mood(outsidetest.Status, 500), 3, fineThen},
		{keyed, mood(outsidetest.CutBefore, 0), 3, fineThen},
		{keyed, mood(outsidetest.TimeoutAfter, 0), 3, fineThen},

		// Without a key nobody may repeat what may have arrived.
		{unkeyed, mood(outsidetest.Status, 500), 1, 500},
		{unkeyed, mood(outsidetest.CutAfter, 0), 1, 0},
		{unkeyed, mood(outsidetest.TimeoutAfter, 0), 1, 0},
		{unkeyed, mood(outsidetest.TooMany, 0), 3, fineThen}, // turned away: did not arrive

		// Answers that a repetition does not change.
		{get, mood(outsidetest.Status, 400), 1, 400},
		{get, mood(outsidetest.Status, 401), 1, 401},
		{get, mood(outsidetest.Status, 404), 1, 404},
		{keyed, mood(outsidetest.Status, 409), 1, 409},
		{keyed, mood(outsidetest.Status, 422), 1, 422},
		{keyed, mood(outsidetest.Status, 501), 1, 501},
	} {
		name := c.what + " " + string(c.mood.Kind) + " " + http.StatusText(c.mood.Status)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			moods, transport := serve(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fine") })
			require.NoError(t, moods.Script(c.mood))
			var mu sync.Mutex
			var bodies, keys []string
			moods.Seen = func(r *http.Request, body []byte, _ outsidetest.Mood) {
				mu.Lock()
				defer mu.Unlock()
				bodies, keys = append(bodies, string(body)), append(keys, r.Header.Get("Idempotency-Key"))
			}
			o := fast()
			o.Transport = transport
			call := outside.Call{Op: "try", Method: "GET", URL: "http://there.invalid/x"}
			if c.what != get {
				call.Method, call.Body = "POST", []byte(`{"same":"bytes"}`)
			}
			if c.what == keyed {
				call.Key = "key-1"
			}
			answer, err := outside.New(o).Do(within(t, 5*time.Second), call)
			if c.status == 0 {
				var u *outside.Unknown
				require.ErrorAs(t, err, &u)
				require.False(t, u.Misconfigured)
			} else {
				require.NoError(t, err)
				require.Equal(t, c.status, answer.Status)
			}
			require.Equal(t, c.attempts, answer.Attempts)
			mu.Lock()
			defer mu.Unlock()
			for i := range bodies {
				require.Equal(t, string(call.Body), bodies[i])
				require.Equal(t, call.Key, keys[i])
			}
		})
	}
}

func TestRetryAfterIsHonouredInsideTheDeadline(t *testing.T) {
	moods, transport := serve(t, func(http.ResponseWriter, *http.Request) {})
	o := fast()
	o.Transport = transport
	c := outside.New(o)
	call := outside.Call{Op: "try", URL: "http://there.invalid/"}
	asked := outsidetest.Mood{Kind: outsidetest.TooMany, RetryAfter: outsidetest.Duration(time.Second)}

	require.NoError(t, moods.Script(asked))
	began := time.Now()
	answer, err := c.Do(within(t, 10*time.Second), call)
	require.NoError(t, err)
	require.Equal(t, 200, answer.Status)
	require.GreaterOrEqual(t, time.Since(began), time.Second)

	require.NoError(t, moods.Script(asked))
	began = time.Now()
	answer, err = c.Do(within(t, 900*time.Millisecond), call)
	require.NoError(t, err)
	require.Equal(t, 429, answer.Status)
	require.Less(t, time.Since(began), 800*time.Millisecond, "does not start a wait that it cannot finish")

	asked.RetryAfter = outsidetest.Duration(time.Hour)
	require.NoError(t, moods.Script(asked))
	answer, err = c.Do(context.WithoutCancel(t.Context()), call)
	require.NoError(t, err)
	require.Equal(t, 429, answer.Status, "without a deadline nobody waits for an hour")
}

func TestNoAttemptWithoutTimeForIt(t *testing.T) {
	moods, transport := serve(t, func(http.ResponseWriter, *http.Request) {})
	require.NoError(t, moods.Script(outsidetest.Mood{Kind: outsidetest.Status}))
	o := fast()
	o.Transport, o.MinAttempt = transport, time.Minute
	answer, err := outside.New(o).Do(within(t, 10*time.Second), outside.Call{Op: "try", URL: "http://there.invalid/"})
	require.NoError(t, err)
	require.Equal(t, 500, answer.Status)
	require.Equal(t, 1, answer.Attempts)
}

func TestCancelledCallEnds(t *testing.T) {
	moods, transport := serve(t, func(http.ResponseWriter, *http.Request) {})
	require.NoError(t, moods.Script(outsidetest.Mood{Kind: outsidetest.TimeoutBefore}))
	held := make(chan struct{})
	moods.Seen = func(*http.Request, []byte, outsidetest.Mood) { close(held) }
	o := fast()
	o.Transport, o.AttemptTimeout = transport, time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-held; cancel() }()
	_, err := outside.New(o).Do(ctx, outside.Call{Op: "try", URL: "http://there.invalid/"})
	require.ErrorIs(t, err, context.Canceled)
}

func TestRetryAfterForms(t *testing.T) {
	now := time.Date(2026, 10, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"0": 0, "120": 2 * time.Minute, "-5": 0,
		"Thu, 01 Oct 2026 12:00:30 GMT": 30 * time.Second,
		"Thu, 01 Oct 2026 11:00:00 GMT": 0,
	} {
		got, ok := outside.RetryAfter(http.Header{"Retry-After": {value}}, now)
		require.True(t, ok, value)
		require.Equal(t, want, got, value)
	}
	for _, value := range []string{"", "soon", "1.5", strings.Repeat("9", 40)} {
		_, ok := outside.RetryAfter(http.Header{"Retry-After": {value}}, now)
		require.False(t, ok, value)
	}
}

// roundTripper is a transport that is not net/http's.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestInProgressFromAnyTransport(t *testing.T) {
	moods := outsidetest.NewMoods()
	final102 := outsidetest.Listen(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { moods.Final102(w) }))
	defer func() { require.NoError(t, final102.Close()) }()
	for name, transport := range map[string]http.RoundTripper{
		"on the wire": final102.Transport(),
		"as an answer": roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 102, Body: http.NoBody}, nil
		}),
	} {
		o := fast()
		o.Transport = transport
		answer, err := outside.New(o).Do(within(t, 5*time.Second), outside.Call{
			Op: "try", Method: "POST", URL: "http://there.invalid/", Key: "k",
		})
		require.ErrorIs(t, err, outside.ErrInProgress, name)
		require.Equal(t, 1, answer.Attempts, name)
	}
}

func TestCredentialsThatCannotBeReadSendNothing(t *testing.T) {
	sent := false
	o := fast()
	o.Authorize = outside.Bearer(outside.FromFile("/does/not/exist"))
	o.Transport = roundTripper(func(*http.Request) (*http.Response, error) {
		sent = true
		return nil, errors.New("sent")
	})
	_, err := outside.New(o).Do(within(t, time.Second), outside.Call{Op: "try", Method: "POST", URL: "http://there.invalid/", Body: []byte("x")})
	require.ErrorIs(t, err, outside.ErrMisconfigured)
	require.False(t, sent)
}

// The bare client keeps the same policy, without an attempt count to go by.
func TestBareClient(t *testing.T) {
	moods, transport := serve(t, func(http.ResponseWriter, *http.Request) {})
	o := fast()
	o.Transport = transport
	c := outside.NewClient(o).StandardClient()
	for _, times := range []int{2, 9} {
		require.NoError(t, moods.Script(outsidetest.Mood{Kind: outsidetest.Status, Status: 502, Times: times}))
		r, err := http.NewRequestWithContext(within(t, 5*time.Second), "GET", "http://there.invalid/", nil)
		require.NoError(t, err)
		resp, err := c.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, map[int]int{2: 200, 9: 502}[times], resp.StatusCode)
		moods.Clear()
	}
}
